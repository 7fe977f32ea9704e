"""The base class of the sections of the reports page, and the section that shows a report as a chart or as a
table."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from console.views.pages.static_table import StaticTable
from console.views.reports.chart import Chart, make_legend
from console.views.reports.chart_content import ChartContent
from console.views.runtime.context import WindowContext
from console.views.tables.columns import Column
from console.views.theme.design_tokens import tokens
from console.views.widgets.base import ParagraphLabel, Surface, TextLabel, clear_layout, make_column, make_row
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.display.placeholders import EmptyState
from console.views.widgets.layout.current_page_stack import CurrentPageStack
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from datetime import datetime

    from console.app import Console

CHART_SHORTCUT = "G"


class Report(Protocol):
    """The interface of a report that a service returns. `read_at` is the instant at which the service read the
    figures of the report."""

    @property
    def read_at(self) -> "datetime": ...


ReportT = TypeVar("ReportT", bound=Report)


@dataclass(frozen=True, slots=True)
class ReportDefinition(Generic[ReportT]):
    """The definition of a report: its name, and the functions that read and show the report.

    - `read_report`: reads the report from the services
    - `format_note`: returns the sentence above the chart, about the records that the report counts
    - `make_content`: returns the chart
    - `make_columns`, `list_rows`, `get_row_key`: return the columns of the report's table, its rows, and the key of a
      row
    - `has_no_figures`: returns True if the report has no figures to show
    """

    name: str
    read_report: "Callable[[Console], ReportT]"
    format_note: Callable[[ReportT, WindowContext], str]
    make_content: Callable[[ReportT, WindowContext], ChartContent]
    make_columns: Callable[[WindowContext], Sequence[Column]]
    list_rows: Callable[[ReportT], Sequence[object]]
    get_row_key: Callable[[object], Hashable]
    has_no_figures: Callable[[ReportT], bool]


def make_number_column(key: str, title: str, get_number: Callable[[Any], int], width_px: int) -> Column:
    """Return a table column of numbers; `key` is the name by which the table knows the column. `get_number` returns
    the number of a row; `width_px` is the width in px at text scale 1.0."""
    return Column(key, title, width_px, lambda row: wording.format_count(get_number(row)), "amount")


class ReportSection(QWidget):
    """Base class of the sections of the reports page. `name` is the name of the section and of its tab.

    Signals:
    - figures_read(object): the section shows figures that it has just read; the argument is the instant at which the
      service has read them.
    - failed(object): the service could not read the figures; the argument is the Failure. The section still shows the
      earlier figures.
    """

    figures_read = Signal(object)
    failed = Signal(object)
    name = ""

    def read_data(self) -> None:
        """Read the figures of the section and show them. The subclass implements this method."""

    def list_focus_targets(self) -> Sequence[QWidget]:
        """Return the widgets that may get the focus first. The subclass implements this method."""
        return ()


class ChartSection(ReportSection):
    """A section that shows a report as a chart. The person can switch between the chart and a table with a button
    or its shortcut."""

    def __init__(self, context: WindowContext, definition: ReportDefinition[Any]) -> None:
        super().__init__()
        self._context, self._definition, self.name = context, definition, definition.name
        title = context.translate(f"reports.{definition.name}.title")
        self.setAccessibleName(title)
        self.note_label = ParagraphLabel("small", "muted")
        self.switch_button = KeyButton(
            context.translate("reports.show_table"), CHART_SHORTCUT, icon="list", binds_key=False
        )
        self.switch_button.clicked.connect(self.toggle_chart_and_table)
        self.chart = Chart(title)
        self.table = StaticTable(context, definition.make_columns(context), definition.get_row_key, title)
        self.empty_state = EmptyState(
            context.translate("reports.empty"),
            context.translate(f"reports.{definition.name}.empty"),
            icon_name="dash",
        )
        self._shows_table = self._has_figures = False
        self._build_layout(title)

    def _build_layout(self, title: str) -> None:
        margin = tokens().px("spacing", "page_margin")
        self._chart_panel = QWidget()
        self._legend_column = make_column(gap_px=0, margins=(margin, 8, margin, 0))
        chart_row = make_row(self.chart, margins=(margin - 8, 4, margin - 8, 8))
        panel_layout = make_column(gap_px=0)
        panel_layout.addLayout(self._legend_column)
        panel_layout.addLayout(chart_row, 1)
        self._chart_panel.setLayout(panel_layout)
        self.stack = CurrentPageStack()
        for page in (self._chart_panel, self.table, self.empty_state):
            self.stack.addWidget(page)
        header = Surface(edge="bottom")
        title_and_note = make_column(TextLabel(title, "section", heading_level=2), self.note_label.row, gap_px=2)
        header_row = make_row(gap_px=12, margins=(margin, 8, margin, 8))
        header_row.addLayout(title_and_note, 1)
        header_row.addWidget(self.switch_button)
        header.setLayout(header_row)
        layout = make_column(header, gap_px=0)
        layout.addWidget(self.stack, 1)
        self.setLayout(layout)

    def list_focus_targets(self) -> Sequence[QWidget]:
        return self.table, self.chart, self.switch_button

    def read_data(self) -> None:
        self._context.run_read(
            self._definition.read_report, self._show_report, self.failed.emit, caller=self, key=("report", self.name)
        )

    def _show_report(self, report: Report) -> None:
        context, definition = self._context, self._definition
        self.note_label.show_text(definition.format_note(report, context))
        content = definition.make_content(report, context)
        self.chart.show_content(content)
        clear_layout(self._legend_column)
        self._legend_column.addWidget(make_legend(content.legend))
        self.table.show_rows(definition.list_rows(report))
        self._has_figures = not definition.has_no_figures(report)
        self._show_chart_or_table()
        self.figures_read.emit(report.read_at)

    @Slot()
    def toggle_chart_and_table(self) -> None:
        """Show the table in place of the chart, or the chart in place of the table, and give the newly shown widget
        the focus."""
        self._shows_table = not self._shows_table
        self._show_chart_or_table()
        shown_widget = self.stack.currentWidget()
        focus_target = self.table if shown_widget is self.table else self.chart
        if shown_widget is not self.empty_state:
            focus_target.setFocus()
            if self._shows_table and self.table.current_item is None:
                self.table.go_to_first_row()

    def _show_chart_or_table(self) -> None:
        key, icon_name = ("show_picture", "bars") if self._shows_table else ("show_table", "list")
        self.switch_button.setVisible(self._has_figures)
        self.switch_button.icon_name = icon_name
        self.switch_button.show_text(self._context.translate(f"reports.{key}"))
        shown_widget = self.table if self._shows_table else self._chart_panel
        self.stack.setCurrentWidget(shown_widget if self._has_figures else self.empty_state)
