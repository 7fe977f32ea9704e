"""The page with the list of all reconciliation runs, the newest first, with state and counts."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QStackedWidget, QWidget

from console.domain.exports.tables import ExportRequest, ListName
from console.domain.reconciliation.service_results import ReconciliationRunItem
from console.views.exports import list_export
from console.views.exports.list_export import ListExporter
from console.views.pages.base import Page, set_tab_order
from console.views.pages.column_preferences import ColumnWidthStorage
from console.views.pages.fitted_table import FittedTable
from console.views.pages.permission_buttons import bind_button_to_right
from console.views.presenters.records import get_provider_name
from console.views.reconciliation import columns as reconcile_rows
from console.views.reconciliation.actions import RECONCILE_RIGHT, ReconciliationActions
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import ReconcileRoute
from console.views.tables.paged_model import PagedModel
from console.views.theme.design_tokens import tokens
from console.views.widgets.base import IconLabel, Surface, TextLabel, make_row
from console.views.widgets.controls.buttons import KeyButton, ReasonLabel
from console.views.widgets.controls.inputs import FilterChip
from console.views.widgets.display.placeholders import EmptyState


class ReconcileRunsPage(Page):
    """The page with the list of all reconciliation runs. Enter opens the page with the differences of the current
    run."""

    sidebar_key = "reconcile"
    help_key = "help.reconcile"
    key_hints = (
        (("↓", "↑"), "key.move"),
        (("Enter",), "key.open"),
        (("S",), "key.reconcile"),
        (("Ctrl+F",), "key.filter"),
        *list_export.EXPORT_KEY_HINTS,
        (("Esc",), "key.back"),
    )

    def __init__(self, context: WindowContext) -> None:
        super().__init__(context)
        translate = context.translate
        self.run_actions = ReconciliationActions(context, self)
        self.head = self.make_page_head(translate("screen.reconcile_runs"), translate("reconcile.runs_sentence"))
        self.exporter = ListExporter(context, self, self._make_export_request, self.head)
        self.provider_list = FilterChip(translate("reconcile.provider"))
        self.provider_list.addItem(translate("reconcile.every_provider"))
        self._provider_names: tuple[str, ...] = ()
        self.begin_button = bind_button_to_right(
            context, KeyButton(translate("reconcile.begin"), "S", binds_key=False), RECONCILE_RIGHT
        )
        self.rows = PagedModel(
            reconcile_rows.make_run_columns(context),
            reconcile_rows.get_difference_or_run_id,
            context.runner,
            parent=self,
        )
        self.table = FittedTable(
            self.rows, translate("screen.reconcile_runs"), hideable_columns=reconcile_rows.HIDEABLE_RUN_COLUMN_NAMES
        )
        ColumnWidthStorage(context, self.table, "reconcile_runs")
        self.empty_state = EmptyState(
            translate("reconcile.never"), translate("reconcile.never_hint"), icon_name="swap"
        )
        self.table_stack = QStackedWidget()
        self.table_stack.addWidget(self.table)
        self.table_stack.addWidget(self.empty_state)
        self._build_layout()
        self._connect_signals()

    def _build_layout(self) -> None:
        margin = tokens().px("spacing", "page_margin")
        line = Surface(edge="bottom")
        label = TextLabel(self.context.translate("reconcile.provider"), "body", "muted")
        label.setBuddy(self.provider_list)
        line_widgets = (
            IconLabel("filter", "muted"),
            label,
            self.provider_list,
            16,
            self.begin_button,
            ReasonLabel(self.begin_button),
            None,
            self.head.make_reason_label(self.exporter.button),
        )
        line.setLayout(make_row(*line_widgets, gap_px=8, margins=(margin, 8, margin, 8)))
        self.add_content(self.head)
        self.add_content(line)
        self.add_content(self.table_stack, 1)
        self.add_key_hints(self.table)

    def _connect_signals(self) -> None:
        self.table.opened.connect(self._open_run)
        self.rows.page_applied.connect(self._show_rows)
        self.rows.failed.connect(self.show_reading_failure)
        self.begin_button.clicked.connect(self._begin_run)
        self.add_button_shortcut(self.begin_button)
        self.bind_shortcut("Ctrl+F", self._focus_filter)
        self.provider_list.currentIndexChanged.connect(self._read_runs_of_chosen_provider)
        set_tab_order(*self.head.focus_stops, self.provider_list, self.begin_button, self.table)

    def show_route(self, route: object) -> None:
        self.refresh("entered")

    def list_focus_targets(self) -> Sequence[QWidget | None]:
        return self.table, self.begin_button

    def is_affected_by(self, changes: frozenset[tuple[str, int]]) -> bool:
        return any(kind == "reconciliation" for kind, _ in changes)

    def read_data(self, reason: str) -> None:
        if not self._provider_names:
            self.context.run_read(
                lambda services: services.reconciliation.views.providers(),
                self._fill_providers,
                self.show_reading_failure,
                caller=self,
                key=("reconciliation", "providers"),
            )
        if reason in ("arrived", "person") or self.rows.rowCount() == 0:
            self._read_runs()
        else:
            self.rows.read_rows_again()

    def _fill_providers(self, names: tuple[str, ...]) -> None:
        if not self._provider_names:
            self._provider_names = names
            for name in names:
                self.provider_list.addItem(get_provider_name(name, self.context))

    @property
    def _has_no_run(self) -> bool:
        """True if the list has been read and is empty."""
        return self.rows.has_read_last_page and self.rows.row_count == 0

    def _make_export_request(self) -> ExportRequest | None:
        if self._has_no_run:
            return None
        return ExportRequest(ListName.RUNS, self.chosen_provider or "")

    @property
    def chosen_provider(self) -> str | None:
        index = self.provider_list.currentIndex()
        return self._provider_names[index - 1] if 0 < index <= len(self._provider_names) else None

    @Slot()
    def _read_runs(self) -> None:
        """Read the runs of the selected provider from the beginning of the list."""
        if self.context.is_ready:
            self.provider_list.updateGeometry()
            self.rows.read_query(self.context.make_page_reader(reconcile_rows.make_run_reader(self.chosen_provider)))

    @Slot()
    def _read_runs_of_chosen_provider(self) -> None:
        self.reset_read_state()
        self._read_runs()

    @Slot()
    def _show_rows(self) -> None:
        self.mark_data_read()
        self.exporter.update_button()
        self.hide_key_hints(() if self.exporter.can_export else ("key.print",))
        self.table_stack.setCurrentWidget(self.empty_state if self._has_no_run else self.table)
        if not self._has_no_run:
            if self.table.current_item is None:
                self.table.go_to_first_row()
            self.focus_list_after_read()
        self.restore_focus()

    @Slot(object)
    def _open_run(self, row: object) -> None:
        if isinstance(row, ReconciliationRunItem):
            self.context.navigate(ReconcileRoute(row.id))

    @Slot()
    def _focus_filter(self) -> None:
        self.provider_list.setFocus(Qt.FocusReason.ShortcutFocusReason)

    @Slot()
    def _begin_run(self) -> None:
        current = self.table.current_item
        self.run_actions.begin_run(
            self.chosen_provider or (current.provider if isinstance(current, ReconciliationRunItem) else "")
        )
