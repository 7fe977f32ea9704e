"""The panel of the home page with a chart of the waiting times of the records for review."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console.domain.reports.queue_ages import QueueAgeReport
from console.views.reports.chart import Chart
from console.views.reports.queue_ages import make_chart_content
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import ReportsRoute
from console.views.runtime.tasks import Failure
from console.views.widgets.base import Surface, TextLabel, make_column, make_row
from console.views.widgets.controls.buttons import LinkButton

_CHART_QUEUE_NAME = "review"
"""Name of the queue whose records' ages the panel shows."""
_MIN_CHART_HEIGHT_PX = 24.0
_LINKED_REPORT_NAME = "queue_ages"
"""Name of the report that the panel opens."""


class QueueAgePanel(Surface):
    """A chart of the waiting times in the queue `review`, and a link to the report with the ages of all queues. If
    the times can't be read, the chart keeps the values that were read last."""

    def __init__(self, context: WindowContext, parent: QWidget) -> None:
        super().__init__(parent, edge="all")
        self._context = context
        title = context.translate(f"reports.{_LINKED_REPORT_NAME}.title")
        self.setAccessibleName(title)
        self.chart = Chart(title, _MIN_CHART_HEIGHT_PX)
        self.link = LinkButton(context.translate("home.ages_open"))
        self.link.clicked.connect(self._open_report)
        head = make_row(TextLabel(title, "panel_title"), None, self.link, margins=(16, 8, 16, 0))
        box = make_column(gap_px=0, margins=(1, 1, 1, 4))
        box.addLayout(head)
        box.addLayout(make_row(self.chart, margins=(8, 0, 8, 0)), 1)
        self.setLayout(box)

    @property
    def focus_stops(self) -> list[QWidget]:
        """The widgets of the panel that can have the focus, in tab order."""
        return [self.link, self.chart]

    def read_ages(self) -> None:
        """Read the waiting times of the records in the queue `review` from the service, and show the chart."""
        self._context.run_read(
            lambda services: services.reports.read_queue_ages((_CHART_QUEUE_NAME,)),
            self._show_ages,
            self._keep_shown_ages,
            caller=self,
            key="home ages",
        )

    def _show_ages(self, report: QueueAgeReport) -> None:
        self.chart.show_content(make_chart_content(report, self._context))

    def _keep_shown_ages(self, _failure: Failure) -> None:
        """Leave the last chart on the screen after a failed read. The home page shows the failure, because its table
        reads the same queue."""

    @Slot()
    def _open_report(self) -> None:
        self._context.navigate(ReportsRoute(_LINKED_REPORT_NAME))
