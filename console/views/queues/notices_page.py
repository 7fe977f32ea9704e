"""The page of the queue of unmatched notices. For each notice, the page shows the facts of the notice, the reason why
the notice belongs to no payment and no order, and similar records. A person acknowledges the notice on this page."""

from collections.abc import Mapping, Sequence
from functools import partial

from PySide6.QtCore import Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from console.domain.exports.tables import ExportRequest, ListName
from console.domain.payments.records import Payment
from console.domain.queue_names import NOTICES_QUEUE_NAME
from console.domain.tasks.records import AlertItem
from console.domain.views.unmatched_notices import (
    NoticeCandidate,
    NoticeProof,
    UnmatchedNoticeItem,
    UnmatchedNoticePage,
)
from console.views.alerts.acknowledge_dialog import AcknowledgeAlertsDialog
from console.views.exports import list_export
from console.views.exports.list_export import ListExporter
from console.views.pages.base import Page, set_tab_order
from console.views.pages.column_preferences import ColumnWidthStorage
from console.views.pages.permission_buttons import bind_button_to_right
from console.views.pages.static_table import StaticTable, TableOrEmptyState
from console.views.presenters import credit_checks as words
from console.views.presenters.columns import measure_column_width
from console.views.queues.tabs import QueueTabs, list_queue_descriptions
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import RecordPageRoute, make_route_to_record
from console.views.tables.columns import Column, StateCell
from console.views.theme.design_tokens import Tone
from console.views.widgets.base import Surface, TextLabel, clear_layout, make_column, make_row
from console.views.widgets.controls.buttons import KeyButton, LinkButton, ReasonLabel
from console.views.widgets.display.placeholders import EmptyState
from console.views.widgets.layout.flow_layout import make_flow_widget
from console.wording import notices as notice_words
from console.wording.sentences import catalogue as wording

_MAX_READ_NOTICES = 1_000
_MIN_VISIBLE_TABLE_ROWS = 4
"""The minimum number of visible rows of the list, also if the texts below the list are long."""
_ICON_AND_TONE_BY_NOTICE_PROOF: Mapping[NoticeProof, tuple[str, Tone]] = {
    NoticeProof.SIGNATURE: ("ring_check", "good"),
    NoticeProof.ADDRESS: ("question", "care"),
    NoticeProof.NONE: ("cross", "bad"),
}


class UnmatchedNoticesPage(Page):
    """The page of the queue of unmatched notices, the oldest notice first. The Enter key opens the most similar
    record. The A key opens the dialog that acknowledges the notice, which removes it from the queue. A person
    can't assign a notice to a payment here.
    """

    sidebar_key = "queues"
    help_key = "help.notices"
    key_hints = (
        (("↓", "↑"), "key.move"),
        (("Enter",), "key.open_similar"),
        (("A",), "key.acknowledge"),
        (("Ctrl+C",), "key.copy"),
        *list_export.EXPORT_KEY_HINTS,
        (("Esc",), "key.back"),
    )

    def __init__(self, context: WindowContext) -> None:
        super().__init__(context)
        translate = context.translate
        self.head = self.make_page_head(translate("screen.queues"), translate("queue.notices.hint"))
        self.head.alternative_sentences = list_queue_descriptions(context)
        self.exporter = ListExporter(
            context, self, lambda: ExportRequest(ListName.QUEUE, NOTICES_QUEUE_NAME), self.head
        )
        self.tabs = QueueTabs(context, NOTICES_QUEUE_NAME)
        tab_line = Surface(edge="bottom")
        tab_line.setLayout(make_row(self.tabs, None))
        title = translate("queue.notices.title")
        self.table = StaticTable(
            context, _make_notice_columns(context), _get_case_id, title, hideable_columns=("occurred", "type")
        )
        ColumnWidthStorage(context, self.table, "queues.notices")
        empty_state = EmptyState(translate("queue.notices.empty"), translate("queue.notices.empty_hint"))
        self.table_or_empty_state = TableOrEmptyState(self.table, empty_state)
        self.table_or_empty_state.setMinimumHeight(self.table.compute_height_for_rows(_MIN_VISIBLE_TABLE_ROWS))
        self.candidates: tuple[NoticeCandidate, ...] | None = None  # of the shown notice; None until they are read
        self._shown_notice_id: int | None = None
        self.add_content(self.head)
        self.add_content(tab_line)
        self.add_content(self.table_or_empty_state, 1)
        self.add_content(self._make_footer())
        self.add_key_hints(self.table)
        self._connect_signals()
        self._set_tab_order()

    def _make_footer(self) -> Surface:
        translate = self.context.translate
        self.explanation_label = TextLabel("", "body", wraps_lines=True, is_selectable=True)
        self.next_step_label = TextLabel("", "body", wraps_lines=True)
        self.fact_label = TextLabel("", "small", "muted", wraps_lines=True, is_selectable=True)
        self._similar_links_row = make_column(gap_px=4)
        acknowledge = KeyButton(translate("alerts_screen.acknowledge"), "A", binds_key=False)
        self.acknowledge_button = bind_button_to_right(self.context, acknowledge, "note")
        buttons = make_row(self.acknowledge_button, ReasonLabel(self.acknowledge_button), None, gap_px=8)
        footer = self.footer = Surface(is_raised=True, edge="top")
        footer.setLayout(
            make_column(
                self.explanation_label, self.next_step_label, self._similar_links_row, buttons, self.fact_label,
                gap_px=6, margins=(24, 10, 24, 10),
            )
        )  # fmt: skip
        footer.setVisible(False)
        return footer

    def _connect_signals(self) -> None:
        self.table.opened.connect(self._open_most_similar_record)
        self.table.current_changed.connect(self._show_notice)
        self.table.rows.page_applied.connect(self._go_to_first_row)
        self.acknowledge_button.clicked.connect(self._acknowledge_notice)
        self.bind_shortcut("A", self._acknowledge_by_shortcut)
        self.bind_shortcut("Ctrl+C", self._copy_order_number)

    def _set_tab_order(self) -> None:
        links = self.footer.findChildren(LinkButton)
        set_tab_order(*self.head.focus_stops, self.tabs, self.table, *links, self.acknowledge_button)

    # -- reading

    def show_route(self, route: object) -> None:
        self.refresh("entered")

    def list_focus_targets(self) -> Sequence[QWidget | None]:
        return self.table, self.tabs

    def is_affected_by(self, changes: frozenset[tuple[str, int]]) -> bool:
        return any(kind in ("alert", "payment", "order") for kind, _ in changes)

    def read_data(self, reason: str) -> None:
        self.context.run_read(
            lambda services: services.notices.read_page(_MAX_READ_NOTICES, with_candidates=False),
            partial(self._show_page, is_automatic=reason == "changed", after_action=reason == "acted"),
            self.show_reading_failure,
            caller=self,
            key="notices",
        )

    def _show_page(
        self, page: UnmatchedNoticePage, *, is_automatic: bool = False, after_action: bool = False
    ) -> None:
        """Show the notices of the first page of the queue in the table. If this page contains all notices, also
        correct the count of the queue. `is_automatic` is True if the person has not requested this update, and
        `after_action` if the person has just acted on the current row (see StaticTable.show_rows).
        """
        self.mark_data_read()
        self.table_or_empty_state.show_rows(page.items, is_automatic=is_automatic, after_action=after_action)
        if page.next_cursor is None:
            self.context.correct_queue_count(NOTICES_QUEUE_NAME, len(page.items))
        self._show_notice(self.table.current_item)

    # -- current row

    @property
    def current_notice(self) -> UnmatchedNoticeItem | None:
        row = self.table.current_item
        return row if isinstance(row, UnmatchedNoticeItem) else None

    @Slot()
    def _go_to_first_row(self) -> None:
        if self.table.current_item is None:
            self.table.go_to_first_row()
        self._show_notice(self.table.current_item)

    @Slot(object)
    def _show_notice(self, row: object) -> None:
        """Show below the list the reason why the notice `row` belongs to no record, the next step, and the notice's
        number and time; then read the similar records. Until the similar records are read, the links of the earlier
        read stay if they are the links of this notice; otherwise no links are shown. If `row` isn't an
        UnmatchedNoticeItem, hide this area.
        """
        self.footer.setVisible(isinstance(row, UnmatchedNoticeItem))
        if not isinstance(row, UnmatchedNoticeItem):
            self.candidates = self._shown_notice_id = None
            self.hide_key_hints({"key.open_similar", "key.acknowledge", "key.copy"})
            return
        if row.notice.id != self._shown_notice_id:
            self.candidates, self._shown_notice_id = None, row.notice.id
            self._show_similar_links(())
        translate, explanation = self.context.translate, row.explanation
        self.explanation_label.show_text(translate(explanation.why, **explanation.facts))
        self.next_step_label.show_text(translate(explanation.next_step.code, **explanation.next_step.facts))
        notice = row.notice
        self.fact_label.show_text(
            translate("notice.event", id=notice.event_id, type=notice.type, at=notice.received_at)
        )
        self.context.run_read(
            lambda services: services.notices.read_item(row.cases[0].id),
            self._show_similar_records,
            lambda failure: None,  # the notice has left the queue; the next reading of the list shows this
            caller=self,
            key="notice candidates",
        )

    def _show_similar_records(self, notice_item: UnmatchedNoticeItem) -> None:
        """Show links to the similar records of the notice `notice_item`. Do nothing if another notice has become the
        current one meanwhile, or if the records haven't changed: a link may have the focus."""
        item = self.current_notice
        if item is None or item.notice.id != notice_item.notice.id or self.candidates == notice_item.candidates:
            return
        self.candidates = notice_item.candidates or ()
        links = []
        for candidate in self.candidates:
            link = LinkButton(notice_words.format_notice_candidate(candidate, self.context.language))
            link.clicked.connect(partial(self.context.navigate, _make_candidate_route(candidate)))
            links.append(link)
        self._show_similar_links(links)
        self._set_tab_order()

    def _show_similar_links(self, links: Sequence[LinkButton]) -> None:
        """Replace the links to the similar records. If there are no links, say that the notice has no similar record,
        but only after the similar records have been read. Name the key that opens the most similar record only if
        there is one, and the key that copies the order number only if the notice has one."""
        clear_layout(self._similar_links_row)
        if self.candidates is not None and self.current_notice is not None and not links:
            sentence = notice_words.format_missing_candidates(self.current_notice.notice, self.context.language)
            self._similar_links_row.addWidget(TextLabel(sentence, "body", "muted", wraps_lines=True))
        elif links:
            label = TextLabel(self.context.translate("notice.candidates"), "body", "muted")
            self._similar_links_row.addWidget(make_flow_widget(label, *links, gap_px=12))
        hidden_hints = set() if links else {"key.open_similar"}
        if self.current_notice is None or not self.current_notice.notice.order_no:
            hidden_hints.add("key.copy")
        self.hide_key_hints(hidden_hints)

    # -- actions

    @Slot()
    def _open_most_similar_record(self) -> None:
        if self.candidates:
            self.context.navigate(_make_candidate_route(self.candidates[0]))
        elif self.current_notice is None or self.candidates is None:
            key = "act.none_selected" if self.current_notice is None else "screen.reading"
            self.show_key_refusal(self.context.translate(key))
        else:
            notice = self.current_notice.notice
            self.show_key_refusal(notice_words.format_missing_candidates(notice, self.context.language))

    def _acknowledge_by_shortcut(self) -> None:
        """Press the button that acknowledges the current notice, because its shortcut was typed; if the button is
        hidden, show that nothing is selected."""
        self.press_button(self.acknowledge_button, self.context.translate("act.none_selected"))

    @Slot()
    def _acknowledge_notice(self) -> None:
        item = self.current_notice
        if item is not None and self.acknowledge_button.isEnabled():
            case, *other_cases = item.cases
            subject = AlertItem(case, None, case.subject_kind, case.subject_id, number=item.notice.order_no)
            self.open_acting_dialog(AcknowledgeAlertsDialog(self.context, subject, self.window(), other_cases))

    def _copy_order_number(self) -> None:
        item = self.current_notice
        order_number = item.notice.order_no if item is not None else None
        if not order_number:
            key = "act.none_selected" if item is None else "notice.no_order_number"
            self.show_key_refusal(self.context.translate(key))
        else:
            QGuiApplication.clipboard().setText(order_number)
            self.context.show_toast(self.context.translate("action.copied", text=order_number), subject_title="")


def _make_candidate_route(candidate: NoticeCandidate) -> RecordPageRoute:
    kind = "payment" if isinstance(candidate.record, Payment) else "order"
    return make_route_to_record(kind, candidate.record.id, (), "queues")


def _get_case_id(notice_item: UnmatchedNoticeItem) -> int:
    """Return the id of the notice's first case (its alert), by which the table recognizes the row of the notice."""
    return notice_item.cases[0].id


def _make_notice_columns(context: WindowContext) -> list[Column]:
    translate = context.translate

    def format_source(notice_item: UnmatchedNoticeItem) -> str:
        return wording.get_provider_name(notice_item.notice.source, context.language)

    def make_sender_proof_cell(notice_item: UnmatchedNoticeItem) -> StateCell:
        icon_name, tone = _ICON_AND_TONE_BY_NOTICE_PROOF[notice_item.notice.proof]
        return StateCell(translate(f"notice.proof.{notice_item.notice.proof}"), icon_name, tone)

    def format_event_time(notice_item: UnmatchedNoticeItem) -> str:
        occurred_at = notice_item.notice.occurred_at
        return wording.format_short_instant(occurred_at, context.now()) if occurred_at else wording.NO_VALUE

    def format_type(notice_item: UnmatchedNoticeItem) -> str:
        return notice_words.format_notice_type(notice_item.notice.source, notice_item.notice.type, context.language)

    def format_unmatched_reason(notice_item: UnmatchedNoticeItem) -> str:
        return translate(notice_item.explanation.why, **notice_item.explanation.facts)

    longest_proof = max((translate(f"notice.proof.{proof}") for proof in NoticeProof), key=len)
    return [
        Column(
            "age", translate("column.age"), 84, lambda item: words.make_age_cell(item.since, context), "age",
            make_spoken_text=lambda item: words.format_spoken_age(item.since, context),
        ),
        Column("provider", translate("column.provider"), 96, format_source),
        Column("number", translate("column.order"), 150, lambda item: item.notice.order_no or wording.NO_VALUE,
               "data"),
        Column("amount", translate("column.amount"), 110,
               lambda item: notice_words.format_notice_amount(item.notice) or wording.NO_VALUE, "amount"),
        Column("type", translate("notice.column.type"), 170, format_type),
        Column("occurred", translate("notice.column.occurred"), 110, format_event_time, "data"),
        Column("proof", translate("notice.column.proof"), measure_column_width(longest_proof, 56),
               make_sender_proof_cell, "state"),
        Column("cause", translate("column.cause"), 220, format_unmatched_reason, is_stretched=True),
    ]  # fmt: skip
