"""The panel beside a corporation's credit checks. For the client of the selected row it shows the live credit
check (the one that blocks another purchase) and the earlier ones."""

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.domain.records import Certainty, CheckState, CreditCheck
from console.views.home.count_panels import CountLine, CountLineButton
from console.views.pages.permission_buttons import DisabledReasonsLabel, bind_button_to_right
from console.views.presenters import credit_checks as record_words
from console.views.presenters import records as case_words
from console.views.runtime.context import WindowContext
from console.views.widgets.base import IconLabel, Surface, TextLabel, make_column, make_row, make_scroll_area
from console.views.widgets.controls.buttons import KeyButton, LinkButton, PaintedButton
from console.views.widgets.display.badge import Badge
from console.views.widgets.display.record_parts import FactList
from console.wording.sentences import catalogue as wording

_PANEL_PADDING_PX = 16


class LiveCheckPanel(Surface):
    """The panel that shows a client's live credit check (`record`; None if the client has none) and the client's
    other credit checks, at most six.

    Signals:
    - record_requested(int): the person wants to open the page of the credit check with this id.
    - pdf_requested(int): the person wants to open the PDF of the credit check with this id.
    - refetch_requested: the person wants to re-fetch `record`.
    """

    record_requested = Signal(int)
    pdf_requested = Signal(int)
    refetch_requested = Signal()

    def __init__(self, context: WindowContext) -> None:
        super().__init__(is_raised=True, edge="left")
        self._context = context
        self.record: CreditCheck | None = None
        self._shown_key: tuple[object, ...] = ()
        self.setAccessibleName(context.translate("lookup.live"))
        self._scroll_area = make_scroll_area()
        box = QVBoxLayout(self)
        box.setContentsMargins(1, 0, 0, 0)
        box.addWidget(self._scroll_area)

    def show_records(self, selected_credit_check: CreditCheck | None, credit_checks: Sequence[CreditCheck]) -> None:
        """Show those credit checks of `credit_checks` that belong to the client of `selected_credit_check`, the
        selected credit check. If `selected_credit_check` is None, only show a text which says that no credit check is
        live. Do nothing if the panel already shows these credit checks.
        """
        client = selected_credit_check.client_id if selected_credit_check else None
        checks_of_client = [record for record in credit_checks if record.client_id == client]
        live_credit_check = next((record for record in checks_of_client if record.is_live), None)
        earlier_credit_checks = [record for record in checks_of_client if record is not live_credit_check]
        shown_key = (client, live_credit_check, tuple(earlier_credit_checks))
        if shown_key == self._shown_key:
            return
        self._shown_key, self.record = shown_key, live_credit_check
        content = Surface(is_raised=True)
        sections: list[QWidget] = [self._make_panel_head(live_credit_check, client)]
        if live_credit_check is not None:
            sections.append(self._make_live_check_section(live_credit_check))
        if earlier_credit_checks:
            sections.append(self._make_earlier_checks_section(earlier_credit_checks))
        content.setLayout(make_column(*sections, None, gap_px=0))
        self._scroll_area.setWidget(content)

    @property
    def focus_stops(self) -> list[QWidget]:
        """The buttons of the panel, in tab order."""
        return [*self._scroll_area.findChildren(PaintedButton)]

    def find_check_id(self, widget: QWidget) -> int | None:
        """Return the id of the credit check that `widget` of this panel belongs to: the credit check that the widget
        names or, if it names none, the live credit check. Return None for a widget outside the panel, or if there is
        no live credit check."""
        if not self.isAncestorOf(widget):
            return None
        id = widget.property("record")
        return int(id) if id is not None else self.record.id if self.record is not None else None

    def _make_panel_head(self, live_credit_check: CreditCheck | None, client: str | None) -> QWidget:
        translate = self._context.translate
        head = Surface(is_raised=True, edge="bottom")
        title_key = (
            "lookup.none_live" if live_credit_check is None else f"lookup.{_get_live_check_kind(live_credit_check)}"
        )
        title_text = translate(f"{title_key}_of", client=client) if client else translate(title_key)
        title, id_label = (
            TextLabel(title_text, "panel_title", wraps_lines=True),
            TextLabel(
                case_words.format_record_title(live_credit_check, self._context) if live_credit_check else "",
                "body",
                "muted",
            ),
        )
        head.setLayout(make_row(title, id_label, margins=(_PANEL_PADDING_PX, 8, _PANEL_PADDING_PX, 8)))
        return head

    def _make_live_check_section(self, record: CreditCheck) -> QWidget:
        context = self._context
        section = Surface(is_raised=True, edge="bottom")
        keys = [record_words.get_state_badge_key(record)]
        if case_words.get_most_specific_badge_key(record, context.now()) not in keys:
            keys.append(case_words.get_most_specific_badge_key(record, context.now()))
        badges = make_row(*(Badge.from_badge_key(badge_key, context.language) for badge_key in keys), None, gap_px=8)
        link = LinkButton(context.translate("action.open_record"), has_arrow=True)
        link.setProperty("record", record.id)
        link.clicked.connect(self._open_clicked_check)
        buttons = self._make_buttons(record)
        button_column = make_column(
            make_row(*buttons, link, None, gap_px=8), DisabledReasonsLabel(*buttons), gap_px=4
        )
        section.setLayout(
            make_column(
                badges,
                self._make_fact_list(record),
                button_column,
                gap_px=12,
                margins=(_PANEL_PADDING_PX, 14, _PANEL_PADDING_PX, 14),
            )
        )
        return section

    def _make_buttons(self, record: CreditCheck) -> list[KeyButton]:
        translate = self._context.translate
        if record.incomplete and record.state == "success":
            # Without a key cap: F means the credit check that has the focus, which may be another one.
            button = KeyButton(translate("action.refetch"))
            button.clicked.connect(self.refetch_requested)
            return [bind_button_to_right(self._context, button, "refetch")]
        if record.pdf_file_path:
            button = KeyButton(translate("action.open_pdf"), icon="document")
            button.setProperty("record", record.id)
            button.clicked.connect(self._open_pdf)
            return [button]
        return []

    def _make_fact_list(self, record: CreditCheck) -> FactList:
        context, missing_word = self._context, record_words.get_missing_value_word(record, self._context)
        translate = context.translate
        facts = FactList()
        result_word = record_words.get_result_word(record, context)
        facts.add_fact(translate("field.result"), TextLabel(result_word or missing_word, is_bold=bool(result_word)))
        facts.add_fact(
            translate("field.purchased_at"),
            TextLabel(record_words.format_purchase_day(record, context), wraps_lines=True),
        )
        expiry_text = wording.format_instant(record.expired_at, "until") if record.expired_at else missing_word
        facts.add_fact(translate("field.expired_at"), TextLabel(expiry_text))
        facts.add_fact(translate("column.document"), self._make_document_line(record))
        if record.work.at is not None:
            next_text = translate(f"record.planned.{record.work.reason}", attempt=record.work.attempt + 1)
            due_text = case_words.format_next_attempt_time(record, context)
            facts.add_fact(
                translate("record.label.next"),
                TextLabel(translate("lookup.next", at=due_text, what=next_text), wraps_lines=True),
            )
        return facts

    def _make_document_line(self, record: CreditCheck) -> QWidget:
        translate, has_pdf = self._context.translate, record.pdf_file_path is not None
        document_line = QWidget()
        if not has_pdf and record.state is not CheckState.SUCCESS:
            nothing_yet = TextLabel(translate("record.document.not_yet"), "body", "muted")
            document_line.setLayout(make_row(IconLabel("dash", "muted", 14), nothing_yet, None, gap_px=5))
            return document_line
        icon = IconLabel("check" if has_pdf else "cross", "good" if has_pdf else "bad", 14)
        document_label = TextLabel(
            translate("lookup.has_pdf" if has_pdf else "lookup.no_pdf"), "body", "text" if has_pdf else "bad"
        )
        document_line.setLayout(make_row(icon, document_label, None, gap_px=5))
        return document_line

    def _make_earlier_checks_section(self, records: Sequence[CreditCheck]) -> QWidget:
        context = self._context
        title = make_row(
            TextLabel(context.translate("lookup.earlier"), "small", "muted"),
            margins=(_PANEL_PADDING_PX, 0, _PANEL_PADDING_PX, 0),
        )
        buttons = []
        for record in records[:6]:
            badge = record_words.make_state_cell(record_words.get_state_badge_key(record), context.language)
            day = wording.format_instant(record.created_at or record.purchased_at, "day")
            word = context.translate("lookup.earlier_line", day=day, id=record.id)
            tone = "text" if badge.tone == "good" else badge.tone
            button = CountLineButton(
                CountLine(str(record.id), "", "text", word, "", badge.word, badge.icon_name, tone)
            )
            button.setProperty("record", record.id)
            button.clicked.connect(self._open_clicked_check)
            buttons.append(button)
        section = Surface(is_raised=True)
        section.setLayout(make_column(title, *buttons, gap_px=2, margins=(0, 12, 0, 8)))
        return section

    @Slot()
    def _open_clicked_check(self) -> None:
        self.record_requested.emit(int(self.sender().property("record")))

    @Slot()
    def _open_pdf(self) -> None:
        self.pdf_requested.emit(int(self.sender().property("record")))


def _get_live_check_kind(record: CreditCheck) -> str:
    """Return the kind of `record`, which decides the panel's title: `unknown` (the outcome of its purchase is
    unknown), `running` (it is being bought) or `live` (it is bought and valid)."""
    if record.certainty is Certainty.UNKNOWN:
        return "unknown"
    return "running" if record.state is CheckState.PENDING else "live"
