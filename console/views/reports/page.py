"""The page with the reports: one tab per report. The page reads a report when the person opens its tab."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console.domain.exports.tables import ExportRequest, ListName
from console.views.exports import list_export
from console.views.exports.list_export import ListExporter
from console.views.pages.base import Page
from console.views.pages.static_table import StaticTable
from console.views.printing.print_job import PRINT_KEY_HINT
from console.views.reports import provider_success, queue_ages, refund_funnel, settlement, time_to_truth
from console.views.reports.daily_close import DailyCloseSection
from console.views.reports.section import CHART_SHORTCUT, ChartSection, ReportSection
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import ReportsRoute
from console.views.runtime.tasks import Failure
from console.views.widgets.base import Surface, make_row
from console.views.widgets.controls.tabs import TabBar
from console.views.widgets.layout.current_page_stack import CurrentPageStack

REPORT_SECTION_FACTORIES: Sequence[Callable[[WindowContext], ReportSection]] = (
    partial(ChartSection, definition=provider_success.REPORT_DEFINITION),
    partial(ChartSection, definition=queue_ages.REPORT_DEFINITION),
    partial(ChartSection, definition=refund_funnel.REPORT_DEFINITION),
    partial(ChartSection, definition=settlement.REPORT_DEFINITION),
    partial(ChartSection, definition=time_to_truth.REPORT_DEFINITION),
    DailyCloseSection,
)
"""Functions that create the sections of the page, in the order of their tabs."""


class ReportsPage(Page):
    """The page with the reports, one tab per report. The page reads the figures when the person opens a tab or
    presses F5; a change of a record doesn't update the figures.
    """

    sidebar_key = "reports"
    help_key = "help.reports"
    key_hints = (
        (("Ctrl+Tab", "Ctrl+Shift+Tab"), "key.tabs"),
        ((CHART_SHORTCUT,), "key.picture_or_table"),
        *list_export.EXPORT_KEY_HINTS,
        (("↓", "↑"), "key.move"),
        (("F5",), "key.reread"),
        (("F1",), "key.help"),
    )

    def __init__(self, context: WindowContext) -> None:
        super().__init__(context)
        translate = context.translate
        self.head = self.make_page_head(translate("screen.reports"), translate("reports.sentence"))
        self.exporter = ListExporter(
            context, self, self._make_export_request, self.head, self._find_daily_close_export
        )
        self.tabs = TabBar(translate("reports.tabs"))
        self.stack = CurrentPageStack()
        self.sections = [make(context) for make in REPORT_SECTION_FACTORIES]
        self._read_time_by_section: dict[ReportSection, datetime] = {}
        for section in self.sections:
            self.tabs.add_tab(translate(f"reports.{section.name}.tab"), data=section.name)
            self.stack.addWidget(section)
            section.figures_read.connect(partial(self._show_read_time, section))
            section.failed.connect(partial(self._show_section_failure, section))
        self.tabs.currentChanged.connect(self._show_section)
        self.add_content(self.head)
        tab_area = Surface(edge="bottom")
        tab_area.setLayout(make_row(self.tabs, None))
        self.add_content(tab_area)
        self.add_content(self.stack, 1)
        self.add_key_hints(*self.findChildren(StaticTable))
        for section in self.sections:
            if isinstance(section, ChartSection):
                section.stack.currentChanged.connect(self._update_key_hints)
        self.bind_shortcut(CHART_SHORTCUT, self._toggle_chart_and_table)

    @property
    def section(self) -> ReportSection:
        """The widget in the open tab, which shows one report with its chart or table."""
        return self.sections[self.tabs.currentIndex()]

    def show_route(self, route: object) -> None:
        section_names = [section.name for section in self.sections]
        if isinstance(route, ReportsRoute) and route.section_name in section_names:
            self.tabs.setCurrentIndex(section_names.index(route.section_name))
        self.refresh("entered")

    def get_screen_state(self) -> Mapping[str, Any]:
        return {"section": self.section.name}

    def restore_screen_state(self, state: Mapping[str, Any]) -> None:
        self.show_route(ReportsRoute(str(state.get("section", ""))))

    def list_focus_targets(self) -> Sequence[QWidget | None]:
        return (*self.section.list_focus_targets(), self.tabs)

    def is_affected_by(self, changes: frozenset[tuple[str, int]]) -> bool:
        return False  # figures that change under the reader's eyes can't be compared; F5 reads them again

    def read_data(self, reason: str) -> None:
        self.section.read_data()

    @Slot(int)
    def _show_section(self, section_index: int) -> None:
        self.stack.setCurrentIndex(section_index)
        _, print_hint = PRINT_KEY_HINT
        self.hide_key_hints(() if isinstance(self.section, ChartSection) else ("key.picture_or_table", print_hint))
        self._show_read_state()
        self.refresh("entered")
        self.screen_state_changed.emit()

    def _make_export_request(self) -> ExportRequest | None:
        """Return the export request for the table of the visible section; None for the daily close, which isn't a
        table."""
        if isinstance(self.section, DailyCloseSection):
            return None
        return ExportRequest(ListName.REPORT, self.section.name)

    def _find_daily_close_export(self) -> Callable[[], None] | None:
        """Return the function that asks for the path of a file and writes the shown daily close to it. Return None
        if the visible section is another one, or if it can't write the close at present."""
        section = self.section
        return (
            section.ask_path_and_write_close if isinstance(section, DailyCloseSection) and section.can_write else None
        )

    def _show_section_failure(self, section: ReportSection, failure: Failure) -> None:
        """Show that the figures of `section` could not be read, unless the person has opened another tab meanwhile:
        the figures of that tab are up to date."""
        if section is self.section:
            self.show_reading_failure(failure)

    def _show_read_time(self, section: ReportSection, at: datetime) -> None:
        self._read_time_by_section[section] = at
        if section is self.section:
            self._show_read_state()
            self.restore_focus()

    def _show_read_state(self) -> None:
        """Show when the figures of the visible section were read. For a section that was never read, show no time."""
        read_at = self._read_time_by_section.get(self.section)
        if read_at is not None:
            self.mark_data_read(read_at)
        else:
            self.reset_read_state()

    @Slot()
    def _toggle_chart_and_table(self) -> None:
        if isinstance(self.section, ChartSection):
            self.press_button(self.section.switch_button)
