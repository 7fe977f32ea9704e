"""The page of the queue of changed companies: corporations with live records here whose facts in the corporation
registry have changed. The person looks at the change and acknowledges it, or renews the credit check."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from console.domain.exports.tables import ExportRequest, ListName
from console.domain.queue_names import COMPANIES_QUEUE_NAME
from console.domain.registry.corporations import ChangedFact
from console.domain.registry.watched_facts import CORPORATION_KIND
from console.domain.tasks.records import AlertItem
from console.domain.views.changed_companies import ChangedCompanyItem
from console.views.alerts.acknowledge_dialog import AcknowledgeAlertsDialog
from console.views.alerts.incident_dialogs import ReopenIncidentDialog
from console.views.exports import list_export
from console.views.exports.list_export import ListExporter
from console.views.pages.base import KeyHint, Page, set_tab_order
from console.views.pages.column_preferences import ColumnWidthStorage
from console.views.pages.permission_buttons import (
    DisabledReasonsLabel,
    bind_button_to_right,
    block_button_while_read_only,
)
from console.views.pages.static_table import StaticTable, TableOrEmptyState
from console.views.presenters import credit_checks as words
from console.views.presenters.columns import measure_column_width
from console.views.queues.tabs import QueueTabs, list_queue_descriptions
from console.views.records.actions import RecordActionHandlers
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import LookupRoute
from console.views.tables.columns import Column, StateCell
from console.views.widgets.base import Surface, TextLabel, make_column, make_row
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.display.placeholders import EmptyState
from console.wording.registry import format_registry_publisher
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console

_MAX_READ_CHANGES = 1_000
_MIN_VISIBLE_TABLE_ROWS = 4
"""The minimum number of visible rows of the list, also if the texts below the list are long."""
_ICON_BY_CHANGED_FACT = {
    ChangedFact.DELETED: "cross",
    ChangedFact.REOPENED: "ring_check",
    ChangedFact.SUCCESSOR: "ring_arrow",
    ChangedFact.CLOSED: "ring_slash",
    ChangedFact.NAME: "not_equal",
    ChangedFact.ADDRESS: "not_equal",
}
"""Icon of the change of a company, by the changed fact. If several facts have changed, the first of them in this
sequence gives the change its icon and its name.
"""


class ChangedCompaniesPage(Page):
    """The page of the queue of changed companies: the open changes, the oldest one first. The Enter key opens the
    lookup of the current company, the S key the lookup of its successor. The A key opens the dialog that acknowledges
    the change, the B key the dialog that renews the company's credit check; each of these two actions removes the
    entry from the queue. The C key shows or hides the acknowledged changes, which are below the open ones and never
    exported. For an acknowledged change, the A key opens the dialog that reopens it with a reason."""

    sidebar_key = "queues"
    help_key = "help.companies"
    key_hints = (
        (("↓", "↑"), "key.move"),
        (("Enter",), "key.open"),
        (("S",), "key.successor"),
        (("B",), "key.renew"),
        (("A",), "key.acknowledge"),
        (("C",), "key.acknowledged"),
        (("Ctrl+C",), "key.copy"),
        *list_export.EXPORT_KEY_HINTS,
        (("Esc",), "key.back"),
    )

    def __init__(self, context: WindowContext) -> None:
        super().__init__(context)
        translate = context.translate
        self.action_handlers = RecordActionHandlers(context, self)
        self._is_acknowledged_requested = self._has_listed_acknowledged = (
            False  # the person's choice, and the list that was last read
        )
        self.head = self.make_page_head(translate("screen.queues"), translate("queue.companies.hint"))
        self.head.alternative_sentences = list_queue_descriptions(context)
        self.exporter = ListExporter(
            context, self, lambda: ExportRequest(ListName.QUEUE, COMPANIES_QUEUE_NAME), self.head
        )
        self.tabs = QueueTabs(context, COMPANIES_QUEUE_NAME)
        tab_line = Surface(edge="bottom")
        self.acknowledged_button = KeyButton(translate("queue.companies.show_acknowledged"), "C", binds_key=False)
        self.head.add_button(self.acknowledged_button)  # beside the tabs it would take their room
        tab_line.setLayout(make_column(self.tabs))
        title = translate("queue.companies.title")
        self.table = StaticTable(
            context, _make_change_columns(context), _get_alert_id, title, hideable_columns=("number",)
        )
        ColumnWidthStorage(context, self.table, "queues.companies")
        empty_state = EmptyState(translate("queue.companies.empty"), translate("queue.companies.empty_hint"))
        self.table_or_empty_state = TableOrEmptyState(self.table, empty_state)
        self.table_or_empty_state.setMinimumHeight(self.table.compute_height_for_rows(_MIN_VISIBLE_TABLE_ROWS))
        self.add_content(self.head)
        self.add_content(tab_line)
        self.add_content(self.table_or_empty_state, 1)
        self.add_content(self._make_footer())
        self.add_key_hints(self.table)
        self._connect_signals()
        set_tab_order(*self.head.focus_stops, self.tabs, self.table, *self._buttons)

    def _make_footer(self) -> Surface:
        translate = self.context.translate
        self.explanation_label = TextLabel("", "body", wraps_lines=True, is_selectable=True)
        self.next_step_label = TextLabel("", "body", wraps_lines=True)
        self.source_label = TextLabel("", "small", "muted", wraps_lines=True)
        self.open_button = KeyButton(translate("alerts_screen.action.look_up"), "Enter", "primary", binds_key=False)
        self.successor_button = KeyButton(translate("corporation.open_successor"), "S", binds_key=False)
        button = KeyButton(translate("alerts_screen.acknowledge"), "A", binds_key=False)
        self.acknowledge_button = bind_button_to_right(self.context, button, "note")
        self.renew_button = block_button_while_read_only(
            self.context, KeyButton(translate("action.renew"), "B", binds_key=False), "purchase"
        )
        self._buttons = (self.open_button, self.successor_button, self.renew_button, self.acknowledge_button)
        reasons = DisabledReasonsLabel(self.renew_button, self.acknowledge_button)
        footer_widgets = (
            self.explanation_label,
            self.next_step_label,
            make_row(*self._buttons, None, gap_px=8),
            reasons,
            self.source_label,
        )
        self.footer = Surface(is_raised=True, edge="top")
        self.footer.setLayout(make_column(*footer_widgets, gap_px=6, margins=(24, 10, 24, 10)))
        return self.footer

    def _connect_signals(self) -> None:
        self.table.opened.connect(self._open_company)
        self.table.current_changed.connect(self._show_change)
        self.table.rows.page_applied.connect(self._go_to_first_row)
        self.open_button.clicked.connect(self._open_current_company)
        self.successor_button.clicked.connect(self._open_successor)
        self.acknowledge_button.clicked.connect(self._acknowledge_or_reopen)
        self.acknowledged_button.clicked.connect(self._toggle_acknowledged_changes)
        self.renew_button.clicked.connect(self._renew_credit_check)
        context = self.context
        for signal in (context.people_changed, context.person_changed, context.connection_state_changed):
            signal.connect(self._update_renew_button)
        self.bind_shortcut("S", self._open_successor_by_shortcut)
        self.bind_shortcut("A", self._acknowledge_by_shortcut)
        self.bind_shortcut("B", self._renew_by_shortcut)
        self.bind_shortcut("C", partial(self.press_button, self.acknowledged_button))
        self.bind_shortcut("Ctrl+C", self._copy_corporation_number)

    # -- reading

    def show_route(self, route: object) -> None:
        self.refresh("entered")

    def list_focus_targets(self) -> Sequence[QWidget | None]:
        return self.table, self.tabs

    def is_affected_by(self, changes: frozenset[tuple[str, int]]) -> bool:
        return any(kind == "alert" for kind, _ in changes)

    def read_data(self, reason: str) -> None:
        shows_acknowledged = self._is_acknowledged_requested

        def read_items(services: "Console") -> tuple[ChangedCompanyItem, ...]:
            queue = services.alerts.read_company_queue(_MAX_READ_CHANGES, with_related=False)
            return queue.items + (services.alerts.list_acknowledged_changes() if shows_acknowledged else ())

        self.context.run_read(
            read_items,
            partial(
                self._show_items,
                lists_acknowledged=shows_acknowledged,
                is_automatic=reason == "changed",
                after_action=reason == "acted",
            ),
            self.show_reading_failure,
            caller=self,
            key="companies",
        )

    def _show_items(
        self,
        items: Sequence[ChangedCompanyItem],
        *,
        lists_acknowledged: bool,
        is_automatic: bool = False,
        after_action: bool = False,
    ) -> None:
        """Show the changes `items` in the table. `lists_acknowledged` is True if `items` also contains the
        acknowledged changes; if its value differs from that of the last read, show a toast. `is_automatic` is True if
        the person has not requested this update, and `after_action` if the person has just acted on the current row
        (see StaticTable.show_rows).
        """
        self.mark_data_read()
        if lists_acknowledged != self._has_listed_acknowledged:
            self._has_listed_acknowledged = lists_acknowledged
            sentence_key = "acknowledged_shown" if lists_acknowledged else "acknowledged_hidden"
            self.context.show_toast(self.context.translate(f"queue.companies.{sentence_key}"), subject_title="")
        self.table_or_empty_state.show_rows(items, is_automatic=is_automatic, after_action=after_action)
        if not lists_acknowledged and len(items) < _MAX_READ_CHANGES:
            self.context.correct_queue_count(COMPANIES_QUEUE_NAME, len(items))
        self._show_change(self.table.current_item)

    # -- current row

    @property
    def current_change(self) -> ChangedCompanyItem | None:
        row = self.table.current_item
        return row if isinstance(row, ChangedCompanyItem) else None

    @Slot()
    def _go_to_first_row(self) -> None:
        if self.table.current_item is None:
            self.table.go_to_first_row()
        self._show_change(self.table.current_item)

    @Slot(object)
    def _show_change(self, row: object) -> None:
        """Show below the list the changed facts of the current company, the next step for a person, and the source
        of the facts. If `row` isn't a ChangedCompanyItem, hide this area."""
        self.footer.setVisible(isinstance(row, ChangedCompanyItem))
        if not isinstance(row, ChangedCompanyItem):
            self.hide_key_hints({"key.successor", "key.renew", "key.acknowledge", "key.copy"})
            return
        translate, explanation = self.context.translate, row.explanation
        self.explanation_label.show_text(translate(explanation.why, **explanation.facts))
        alert = row.alert
        self.next_step_label.show_text(
            translate("queue.companies.acknowledged", who=alert.acknowledged_by, at=alert.acknowledged_at)
            if row.is_acknowledged
            else translate(explanation.next_step.code, **explanation.next_step.facts)
        )
        self.acknowledge_button.show_text(
            translate("incident.action.reopen" if row.is_acknowledged else "alerts_screen.acknowledge")
        )
        self.source_label.show_text(format_registry_publisher(translate))
        self.successor_button.setVisible(row.change.after.successor is not None)
        self.hide_key_hints({"key.successor"} if row.change.after.successor is None else ())
        self._update_renew_button()

    @Slot()
    def _update_renew_button(self) -> None:
        """Enable the button that renews the current company's credit check, or disable it with the reason."""
        item = self.current_change
        if item is None:
            return
        translate, renewal = self.context.translate, item.renewal
        reason = translate(renewal.reason, **renewal.facts) if renewal.reason else ""
        disabled_reason = reason or self.context.find_disabled_reason("purchase")
        if disabled_reason:
            self.renew_button.disable_with_reason(translate("queue.companies.not_renewable", reason=disabled_reason))
        else:
            self.renew_button.enable_button()

    # -- actions

    @Slot()
    def _open_current_company(self) -> None:
        if self.current_change is not None:
            self._open_company(self.current_change)

    @Slot(object)
    def _open_company(self, changed_company: ChangedCompanyItem) -> None:
        self.context.navigate(LookupRoute(changed_company.change.corporation_number))

    @Slot()
    def _open_successor(self) -> None:
        successor = self.current_change and self.current_change.change.after.successor
        if successor:
            self.context.navigate(LookupRoute(successor))

    def _open_successor_by_shortcut(self) -> None:
        """Press the button that opens the successor, because its shortcut was typed; if the button is hidden, show
        the reason: no change is selected, or the company has no successor."""
        key = "act.none_selected" if self.current_change is None else "queue.companies.no_successor"
        self.press_button(self.successor_button, self.context.translate(key))

    def _acknowledge_by_shortcut(self) -> None:
        """Press the button that acknowledges or reopens the current change, because its shortcut was typed; if the
        button is hidden, show that nothing is selected."""
        self.press_button(self.acknowledge_button, self.context.translate("act.none_selected"))

    @Slot()
    def _toggle_acknowledged_changes(self) -> None:
        """Show the acknowledged changes below the open changes, or hide them if they are shown; read the list again
        for this."""
        self._is_acknowledged_requested = not self._is_acknowledged_requested
        translate = self.context.translate
        name = "hide_acknowledged" if self._is_acknowledged_requested else "show_acknowledged"
        self.acknowledged_button.show_text(translate(f"queue.companies.{name}"))
        self._update_key_hints()
        self.refresh("asked")

    @property
    def hinted_shortcuts(self) -> Sequence[KeyHint]:
        """The page's shortcuts. While the acknowledged changes are shown, the key C is the key that hides them."""
        names = {"key.acknowledged": "queue.companies.hide_acknowledged"} if self._is_acknowledged_requested else {}
        return [(keys, names.get(wording_key, wording_key)) for keys, wording_key in self.key_hints]

    @Slot()
    def _acknowledge_or_reopen(self) -> None:
        item = self.current_change
        if item is None or not self.acknowledge_button.isEnabled():
            return
        if item.is_acknowledged:
            self.read_for_dialog(
                lambda services: services.incidents.read_incident(item.alert.id),
                lambda incident: self.open_acting_dialog(ReopenIncidentDialog(self.context, incident, self.window())),
                self.show_reading_failure,
            )
        else:
            subject = AlertItem(
                item.alert, "look_up", CORPORATION_KIND, item.alert.subject_id, number=item.change.corporation_number
            )
            self.open_acting_dialog(AcknowledgeAlertsDialog(self.context, subject, self.window()))

    def _renew_by_shortcut(self) -> None:
        """Press the button that renews the credit check, because its shortcut was typed; if the button is hidden,
        show that nothing is selected."""
        self.press_button(self.renew_button, self.context.translate("act.none_selected"))

    @Slot()
    def _renew_credit_check(self) -> None:
        item = self.current_change
        if item is not None and self.renew_button.isEnabled():
            self.action_handlers.open_purchase_dialog(item.change.corporation_number, item.renewal.client_id)

    def _copy_corporation_number(self) -> None:
        if self.current_change is None:
            self.show_key_refusal(self.context.translate("act.none_selected"))
        else:
            corporation_number = self.current_change.change.corporation_number
            QGuiApplication.clipboard().setText(corporation_number)
            self.context.show_toast(
                self.context.translate("action.copied", text=corporation_number), subject_title=""
            )


def _get_alert_id(changed_company: ChangedCompanyItem) -> int:
    return changed_company.alert.id


def _make_change_columns(context: WindowContext) -> list[Column]:
    translate = context.translate

    def format_name(changed_company: ChangedCompanyItem) -> str:
        return changed_company.change.after.name or translate("corporation.name_is_image")

    def format_observed_at(changed_company: ChangedCompanyItem) -> str:
        return wording.format_finding(changed_company.alert.observed, context.language)

    def make_change_cell(changed_company: ChangedCompanyItem) -> StateCell:
        if changed_company.is_acknowledged:
            return StateCell(translate("queue.companies.is_acknowledged"), "ring_check", "muted")
        fact = next(
            (fact for fact in _ICON_BY_CHANGED_FACT if fact in changed_company.change.changed_facts),
            ChangedFact.NAME,
        )
        is_void = fact is ChangedFact.SUCCESSOR and changed_company.change.after.successor is None
        word = translate(f"queue.companies.change.{'merger_void' if is_void else fact.value}")
        return StateCell(word, _ICON_BY_CHANGED_FACT[fact], "care")

    longest_change = max(
        (
            translate("queue.companies.is_acknowledged"),
            *(translate(f"queue.companies.change.{fact.value}") for fact in _ICON_BY_CHANGED_FACT),
        ),
        key=len,
    )
    return [
        Column(
            "age", translate("column.age"), 84, lambda item: words.make_age_cell(item.since, context), "age",
            make_spoken_text=lambda item: words.format_spoken_age(item.since, context),
        ),
        Column("company", translate("column.corporation"), 240, format_name),
        Column("number", translate("field.corporation_number"), 150,
               lambda item: wording.format_corporation_number(item.change.corporation_number), "data"),
        Column("change", translate("queue.companies.column.change"), measure_column_width(longest_change, 56),
               make_change_cell, "state"),
        Column("observed", translate("queue.companies.column.observed"), 300, format_observed_at, is_stretched=True),
    ]  # fmt: skip
