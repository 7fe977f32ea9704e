"""The page of one reconciliation run: state, counts, compared files and differences."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QStackedWidget, QWidget

from console.domain.exports.tables import ExportRequest, ListName
from console.domain.payments.records import Payment
from console.domain.payments.states import CONFIRMED_PAID_STATES
from console.domain.reconciliation.service_results import (
    PART_ALL,
    PART_ONLY_OURS,
    PART_REFUSED,
    VERDICTS_OF_PART,
    DifferenceItem,
    ReconciliationRunDetails,
    RunState,
)
from console.domain.records import WorkReason
from console.views.exports import list_export
from console.views.exports.list_export import ListExporter
from console.views.pages.base import Page, find_focused_widget, set_tab_order
from console.views.pages.column_preferences import ColumnWidthStorage
from console.views.pages.fitted_table import MAX_TRAIL_ROWS_PER_DIRECTION, FittedTable
from console.views.pages.permission_buttons import DisabledReasonsLabel, bind_button_to_right
from console.views.pages.whole_text_line import add_whole_text_line
from console.views.presenters import reconciliation as words
from console.views.reconciliation import columns as reconcile_rows
from console.views.reconciliation.actions import RECONCILE_RIGHT, ReconciliationActions
from console.views.reconciliation.header import DifferenceFooter, RunHeader, can_resume_run, make_run_state_bar
from console.views.records.actions import RecordActionHandlers
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import PaymentRoute, ReconcileRoute, ReconcileRunsRoute, RecordRef
from console.views.runtime.tasks import Failure
from console.views.tables.paged_model import PagedModel
from console.views.theme.design_tokens import tokens
from console.views.widgets.base import Surface, make_column, make_row
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.controls.tabs import TabBar
from console.views.widgets.display.placeholders import EmptyState, replace_by_empty_state
from console.views.widgets.layout.flow_layout import make_flow_widget
from console.wording.sentences import catalogue as wording

_REFUSAL_WORDING_KEY_BY_SHORTCUT = {
    "G": "reconcile.not_broken_off",
    "[": "act.no_neighbour",
    "]": "act.no_neighbour",
    "P": "reconcile.nothing_to_ask",
    "O": "reconcile.no_payment_here",
    "N": "reconcile.no_payment_here",
}
"""Wording key of the reason for which a hidden button of the page does nothing, by the button's shortcut."""


_WORK_REASONS_OF_UNPAID_ORDER = (WorkReason.MOVE_ORDER, WorkReason.NOT_MOVED)
"""Reasons of the work on a paid payment whose order is known to be still unpaid. The line of shortcuts names the key
that sets the order to paid only for a difference whose payment has one of these reasons. For any other difference the
page doesn't know the state of the order; the key works for such a difference, too, and the service decides about the
order.
"""


class ReconcilePage(Page):
    """The page of one reconciliation run: the run of the route, or the newest run if the route names none. The
    keys [ and ] show the older and the newer run. The person deals with a difference on the page of its payment,
    not here.
    """

    sidebar_key = "reconcile"
    help_key = "help.reconcile"
    key_hints = (
        (("↓", "↑"), "key.move"),
        (("Enter", "O"), "key.open"),
        (("P",), "key.probe"),
        (("M",), "key.move_order"),
        (("N",), "key.note"),
        (("[",), "key.older_run"),
        (("]",), "key.newer_run"),
        (("L",), "key.runs"),
        (("S",), "key.reconcile"),
        (("G",), "reconcile.go_on"),
        *list_export.EXPORT_KEY_HINTS,
        (("Esc",), "key.back"),
    )

    def __init__(self, context: WindowContext) -> None:
        super().__init__(context)
        translate = context.translate
        self.action_handlers, self.run_actions = (
            RecordActionHandlers(context, self),
            ReconciliationActions(context, self),
        )
        self.run_details: ReconciliationRunDetails | None = None
        self.route = ReconcileRoute()
        self._read_run_id = 0  # of the run that the page shows or reads; 0 means the newest run
        self._shown_run_and_tab: tuple[int, str] | None = None
        self.head = self.make_page_head(translate("screen.reconcile"), translate("reconcile.sentence"))
        self.exporter = ListExporter(context, self, self._make_export_request, self.head)
        self._build_run_buttons()
        self.run_header = RunHeader(context)
        self.tabs = TabBar(translate("reconcile.parts"))
        for tab_name in VERDICTS_OF_PART:
            self.tabs.add_tab(translate(f"reconcile.tab.{tab_name}"), data=tab_name)
        self._build_list()
        self.footer = DifferenceFooter(context)
        self._build_layout()
        self._connect_signals()

    # -- construction

    def _build_run_buttons(self) -> None:
        translate = self.context.translate
        self.begin_button = bind_button_to_right(
            self.context, KeyButton(translate("reconcile.begin"), "S", binds_key=False), RECONCILE_RIGHT
        )
        self.resume_button = bind_button_to_right(
            self.context, KeyButton(translate("reconcile.go_on"), "G", "primary", binds_key=False), RECONCILE_RIGHT
        )
        self.list_runs_button = KeyButton(translate("reconcile.all_runs"), "L", binds_key=False)
        self.older_button = KeyButton(translate("reconcile.older"), "[", binds_key=False)
        self.newer_button = KeyButton(translate("reconcile.newer"), "]", binds_key=False)
        self.older_button.acts_on_double_click = self.newer_button.acts_on_double_click = True
        margin = tokens().px("spacing", "page_margin")
        self.run_toolbar = Surface(edge="bottom")
        buttons = make_flow_widget(
            self.resume_button, self.begin_button, self.list_runs_button, self.older_button, self.newer_button
        )
        button_row = make_row(buttons, gap_px=12)
        button_row.setStretch(0, 1)
        button_row.addWidget(self.head.make_reason_label(self.exporter.button), 0, Qt.AlignmentFlag.AlignTop)
        reasons = DisabledReasonsLabel(self.begin_button)
        self.run_toolbar.setLayout(make_column(button_row, reasons, gap_px=4, margins=(margin, 0, margin, 10)))

    def _build_list(self) -> None:
        columns = reconcile_rows.make_difference_columns(self.context)
        self.rows = PagedModel(columns, reconcile_rows.get_difference_or_run_id, self.context.runner, parent=self)
        self.table = FittedTable(
            self.rows,
            self.context.translate("screen.reconcile"),
            hideable_columns=reconcile_rows.HIDEABLE_DIFFERENCE_COLUMN_NAMES,
        )
        ColumnWidthStorage(self.context, self.table, "reconcile")
        self.table_stack = QStackedWidget()
        self.empty_state: QWidget = QWidget()
        self._table_pane = add_whole_text_line(self.table, ("verdict", "cause"))
        self.table_stack.addWidget(self._table_pane)
        self.table_stack.addWidget(self.empty_state)

    def _build_layout(self) -> None:
        for widget in (self.head, self.run_toolbar):
            self.add_content(widget)
        self.add_bar_container()
        self.add_content(self.run_header)
        self.tab_bar = Surface(edge="bottom")
        self.tab_bar.setLayout(make_column(self.tabs))
        self.add_content(self.tab_bar)
        self.add_content(self.table_stack, 1)
        self.add_content(self.footer)
        self.add_key_hints(self.table)
        self.table_stack.setMinimumHeight(self.table.horizontalHeader().height() + 4 * self.table.rowHeight(0) + 120)
        self._show_run_widgets(is_visible=False)

    def _connect_signals(self) -> None:
        self.tabs.currentChanged.connect(self._read_rows_of_selected_tab)
        self.tabs.currentChanged.connect(self.screen_state_changed)
        self.run_header.checksum_copied.connect(self.action_handlers.show_copied_toast)
        self.table.opened.connect(self.open_current_payment)
        self.table.current_changed.connect(self._show_current_difference)
        self.rows.page_applied.connect(self._show_rows)
        self.rows.failed.connect(self.show_reading_failure)
        for button, act in (
            (self.begin_button, self._begin_run),
            (self.resume_button, self._resume_run),
            (self.list_runs_button, self._open_runs_page),
            (self.footer.open_button, self.open_current_payment),
            (self.footer.probe_button, self._probe_current_payment),
            (self.footer.note_button, self._add_note),
            (self.older_button, partial(self._show_neighbour_run, -1)),
            (self.newer_button, partial(self._show_neighbour_run, 1)),
        ):
            button.clicked.connect(act)
            reason = self.context.translate(_REFUSAL_WORDING_KEY_BY_SHORTCUT.get(button.key, "act.none_selected"))
            self.bind_shortcut(button.key, partial(self.press_button, button, reason))
        self.bind_shortcut("M", self._set_order_paid)
        self._set_tab_order()

    def _set_tab_order(self) -> None:
        set_tab_order(
            *self.head.focus_stops, self.resume_button, self.begin_button, self.list_runs_button,
            self.older_button, self.newer_button,
            *self.run_header.focus_stops, self.tabs, self.table, *self.footer.buttons,
        )  # fmt: skip

    # -- which run

    def show_route(self, route: object) -> None:
        if isinstance(route, ReconcileRoute):
            is_other_run = route.run_id and (self.run_details is None or self.run_details.item.id != route.run_id)
            self.route = route
            if is_other_run:
                self._clear_run()
            self.refresh("entered")

    def get_screen_state(self) -> Mapping[str, Any]:
        return {"tab": self.tabs.get_tab_data(self.tabs.currentIndex())}

    def restore_screen_state(self, state: Mapping[str, Any]) -> None:
        for tab_index in range(self.tabs.count()):
            if self.tabs.get_tab_data(tab_index) == state.get("tab"):
                self.tabs.setCurrentIndex(tab_index)

    def _clear_run(self) -> None:
        """Remove the shown run and its bars from the page, because another run will be read."""
        self.run_details, self._shown_run_and_tab = None, None
        self.reset_read_state()
        self.hide_bars_of_contents()
        self._show_run_widgets(is_visible=False)

    def list_focus_targets(self) -> Sequence[QWidget | None]:
        return self.table, self.list_runs_button

    def is_affected_by(self, changes: frozenset[tuple[str, int]]) -> bool:
        return any(kind in ("reconciliation", "payment", "refund", "alert") for kind, _ in changes)

    def read_data(self, reason: str) -> None:
        """Read the run of the route. If the route names no run, read the newest run when the person opens the page
        or another person signs in; for any other `reason`, read the shown run again."""
        if reason in ("entered", "arrived", "person"):
            self._read_run_id = self.route.run_id
        run_id = self._read_run_id
        self.context.run_read(
            lambda services: services.reconciliation.views.read_run(run_id),
            lambda run_details: self._show_run_details(run_id, run_details),
            lambda failure: self._show_read_failure(run_id, failure),
            caller=self,
            key=("reconciliation", "show", run_id),
        )

    def _show_read_failure(self, run_id: int, failure: Failure) -> None:
        if run_id == self._read_run_id:  # the shown run isn't outdated because another one couldn't be read
            self.show_reading_failure(failure)

    def _show_run_details(self, run_id: int, run_details: ReconciliationRunDetails | None) -> None:
        """Show the run that the read of `run_id` has returned; None if there is no run. Do nothing if the person has
        opened another run meanwhile, whose answer may have been faster."""
        answered_run_id = run_id if run_details is None else run_details.item.id
        if self._read_run_id not in (run_id, answered_run_id):
            return
        self.mark_data_read()
        if run_details is None:
            self._show_no_run()
            return
        self.run_details, self._read_run_id = run_details, run_details.item.id
        self.run_header.show_run(run_details)
        for tab_index, tab_name in enumerate(VERDICTS_OF_PART):
            self.tabs.set_count(tab_index, words.format_difference_count_of_part(tab_name, run_details))
        self._show_run_widgets(is_visible=True)
        self.show_state_bar("run", make_run_state_bar(run_details, self.context), is_above_contents=True)
        self._read_rows(run_details)
        self._set_tab_order()

    def _show_run_widgets(self, *, is_visible: bool) -> None:
        """Show or hide the header and the tabs of the run, and show the buttons that are possible in its state."""
        run_details = self.run_details
        self.exporter.update_button()
        for widget in (self.run_header, self.tab_bar):
            widget.setVisible(is_visible)
        self.resume_button.setVisible(is_visible and can_resume_run(run_details))
        self.newer_button.setVisible(run_details is not None and run_details.newer_run_id is not None)
        self.older_button.setVisible(run_details is not None and run_details.older_run_id is not None)

    def _show_no_run(self) -> None:
        """Because no run exists yet, show a text that explains reconciliation."""
        self.run_details, self._shown_run_and_tab = None, None
        self._show_run_widgets(is_visible=False)
        translate = self.context.translate
        self._show_instead_of_rows(
            EmptyState(translate("reconcile.never"), translate("reconcile.never_hint"), icon_name="swap")
        )
        self._show_current_difference(None)

    # -- rows of the run

    def _make_export_request(self) -> ExportRequest | None:
        if self.run_details is None:
            return None
        return ExportRequest(ListName.DIFFERENCES, str(self.run_details.item.id), self.current_tab_name)

    @property
    def current_tab_name(self) -> str:
        return str(self.tabs.get_tab_data(self.tabs.currentIndex()) or PART_ALL)

    def _read_rows(self, run_details: ReconciliationRunDetails) -> None:
        run_part = (run_details.item.id, self.current_tab_name)
        if run_part == self._shown_run_and_tab:
            self.rows.read_rows_again()
        else:
            self._shown_run_and_tab = run_part
            self.table_stack.setCurrentWidget(self._table_pane)
            self.rows.read_query(self.context.make_page_reader(reconcile_rows.make_difference_reader(*run_part)))

    @Slot(int)
    def _read_rows_of_selected_tab(self, _number: int) -> None:
        if self.run_details is not None:
            self._read_rows(self.run_details)

    @Slot()
    def _show_rows(self) -> None:
        if self.rows.has_read_last_page and self.rows.row_count == 0:
            self._show_empty_state()
        else:
            self.table_stack.setCurrentWidget(self._table_pane)
            if self.table.current_item is None:
                self.table.go_to_first_row()
            self.focus_list_after_read()
        self._show_current_difference(self.table.current_item)

    def _show_empty_state(self) -> None:
        translate, run_details = self.context.translate, self.run_details
        if run_details is not None and run_details.item.state is not RunState.DONE:
            has_failed = run_details.item.state is RunState.FAILED
            key, icon_name = ("none_failed", "cross") if has_failed else ("none_so_far", "hourglass")
            self._show_instead_of_rows(EmptyState(translate(f"reconcile.{key}"), icon_name=icon_name))
        elif self.current_tab_name == PART_REFUSED:
            self._show_instead_of_rows(EmptyState(translate("reconcile.all_readable")))
        elif (
            self.current_tab_name == PART_ONLY_OURS
            and run_details is not None
            and run_details.item.is_missing_unknown
        ):
            self._show_instead_of_rows(EmptyState(translate("reconcile.missing_unknown"), icon_name="question"))
        elif self.current_tab_name != PART_ALL:
            key = "part_empty_readable" if run_details is not None and run_details.refused_row_count else "part_empty"
            self._show_instead_of_rows(
                EmptyState(translate(f"reconcile.{key}"), translate("reconcile.part_empty_hint"))
            )
        elif run_details is not None and run_details.item.compared_count == 0:
            self._show_instead_of_rows(EmptyState(translate("reconcile.none_compared"), icon_name="dash"))
        else:
            self._show_instead_of_rows(
                EmptyState(translate("reconcile.all_agree"), translate("reconcile.all_agree_hint"))
            )

    def _show_instead_of_rows(self, empty_state: EmptyState) -> None:
        """Show `empty_state` in place of the table. If the table has the focus, move the focus to a button, so that
        the shortcuts of the page still work."""
        if find_focused_widget(self.window()) is self.table:
            self.focus_substitute = self.list_runs_button
            self.list_runs_button.setFocus(Qt.FocusReason.OtherFocusReason)
        replace_by_empty_state(self.table_stack, self.empty_state, empty_state)
        self.empty_state = empty_state

    # -- current row

    @property
    def current_difference(self) -> DifferenceItem | None:
        row = self.table.current_item if self.table_stack.currentWidget() is self._table_pane else None
        return row if isinstance(row, DifferenceItem) else None

    @Slot(object)
    def _show_current_difference(self, _row: object) -> None:
        item = self.current_difference
        self.footer.show_difference(item)
        payment = item.payment if item is not None else None
        is_offered = {
            "key.open": payment is not None,
            "key.note": payment is not None,
            "key.probe": item is not None and item.action == "probe" and payment is not None,
            "key.move_order": payment is not None
            and _can_set_order_paid(payment)
            and payment.work.reason in _WORK_REASONS_OF_UNPAID_ORDER,
            "key.older_run": not self.older_button.isHidden(),
            "key.newer_run": not self.newer_button.isHidden(),
            "reconcile.go_on": not self.resume_button.isHidden(),
            "key.print": self.exporter.can_export,
        }
        self.hide_key_hints([hint for hint, is_hint_offered in is_offered.items() if not is_hint_offered])
        self._show_position()

    def _show_position(self) -> None:
        position, total = (
            self.table.current_row,
            self.run_details.count_differences(self.current_tab_name) if self.run_details else 0,
        )
        has_current = position >= 0 and self.current_difference is not None
        sentence = (
            self.context.translate("queue.position", position=position + 1, total=wording.format_count(total))
            if has_current
            else ""
        )
        self.hint_bar.status_label.show_text(sentence)

    @Slot()
    def open_current_payment(self) -> None:
        """Open the page of the payment of the current difference. If it has none, or if the current row is an
        unreadable line, only show a sentence which says that there is no payment."""
        item = self.current_difference
        if self.run_details is None:
            return
        if item is None or item.payment is None:
            self.show_key_refusal(self.context.translate("reconcile.no_payment_here"))
            return
        neighbour_rows = [
            row
            for row in self.table.list_rows_around_current(MAX_TRAIL_ROWS_PER_DIRECTION)
            if isinstance(row, DifferenceItem) and row.payment
        ]
        trail = tuple(dict.fromkeys(("payment", row.payment.id) for row in neighbour_rows if row.payment))
        if not self.route.run_id:  # "Back" then returns to this run, even if a newer one has begun
            self.context.route_replacement_requested.emit(ReconcileRoute(self.run_details.item.id))
        self.context.navigate(PaymentRoute(item.payment.id, trail, "reconcile"))

    def go_to_record(self, ref: RecordRef) -> None:
        current = self.current_difference
        if current is None or current.payment is None or ("payment", current.payment.id) != ref:
            self.table.go_to_item(
                lambda row: isinstance(row, DifferenceItem) and row.payment is not None and row.payment.id == ref[1]
            )

    @Slot()
    def _probe_current_payment(self) -> None:
        item = self.current_difference
        if item is not None and item.action == "probe" and item.payment is not None:
            self.action_handlers.probe_record(item.payment)

    @Slot()
    def _set_order_paid(self) -> None:
        """Set the order of the current difference's payment to paid. If the payment isn't paid or has no order, only
        show a sentence which says that a later run closes the difference. If the difference has no payment, only show
        a sentence which says that there is no payment."""
        item = self.current_difference
        if item is None or item.payment is None:
            key = "act.none_selected" if item is None else "reconcile.no_payment_here"
            self.show_key_refusal(self.context.translate(key))
        elif _can_set_order_paid(item.payment):
            self.action_handlers.set_order_paid(item.payment)
        else:
            self.show_key_refusal(self.context.translate("reconcile.not_by_hand"))

    @Slot()
    def _add_note(self) -> None:
        item = self.current_difference
        if item is None or item.payment is None or not self.footer.note_button.isEnabled():
            return
        from console.views.records.note_dialog import NoteDialog

        NoteDialog(self.context, "payment", item.payment.id, self.window()).open()

    # -- runs

    @Slot()
    def _begin_run(self) -> None:
        self.run_actions.begin_run(self.run_details.item.provider if self.run_details else "")

    @Slot()
    def _resume_run(self) -> None:
        if self.run_details is not None and can_resume_run(self.run_details):
            self.run_actions.resume_run(self.run_details.item)

    @Slot()
    def _open_runs_page(self) -> None:
        self.context.navigate(ReconcileRunsRoute())

    def _show_neighbour_run(self, offset: int) -> None:
        """Show the older (`offset` -1) or the newer (1) run; do nothing if there is none."""
        run_details = self.run_details
        run_id = None if run_details is None else run_details.newer_run_id if offset > 0 else run_details.older_run_id
        if run_id is not None:
            self.context.route_replacement_requested.emit(ReconcileRoute(run_id))


def _can_set_order_paid(payment: Payment) -> bool:
    return payment.state in CONFIRMED_PAID_STATES and payment.order_id is not None
