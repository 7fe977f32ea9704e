"""The home page: how long records wait, beside the counts; and the ages of all lists."""

from datetime import timedelta

from PySide6.QtCore import QEvent, QObject

from console.app import Console
from console.sandbox.server import Sandbox
from console.views.home.page import HomePage
from console.views.queues.page import QueuesPage
from console.views.reports.page import ReportsPage
from console.views.reports.section import ChartSection
from console.views.runtime.routes import QueuesRoute
from console.views.widgets.base import TextLabel
from console.wording.sentences.catalogue import translate
from tests.desk.conftest import Sit, buy_unknown
from tests.desk.seats import Seats
from tests.support.desks import NUMBERS, MovedClock


def test_the_waiting_times_of_home_are_those_of_the_report(seats: Seats, sit: Sit) -> None:
    """The bars count every record of the queue, and the link leads to the report with the same bars."""
    person = sit()
    person.press("Alt+1")
    page = person.page(HomePage)
    person.until(lambda: bool(page.age_panel.chart.content.strips))
    shown = [label.plain for label in page.views_panel.findChildren(TextLabel) if label.isVisible()]
    assert shown == [translate("home.views", "en"), translate("home.views_none", "en")]
    (strip,) = page.age_panel.chart.content.strips
    (review,) = seats.acting_desk.reports.read_queue_ages(("review",)).queues
    assert [bar.figure for bar in strip.bars] == [str(count) for count in review.counts]
    assert strip.title in page.age_panel.chart.accessibleDescription()
    page.age_panel.link.click()
    section = person.page(ReportsPage).section
    assert isinstance(section, ChartSection)
    person.until(lambda: bool(section.chart.content.strips))
    assert strip.bars in [other.bars for other in section.chart.content.strips]


def test_ages_grow_while_nothing_is_read(sit: Sit, console: Console, sandbox: Sandbox, clock: MovedClock) -> None:
    """With each minute of the window's clock; the counts are read more seldom."""
    buy_unknown(console, sandbox, NUMBERS[0])
    person = sit()
    person.frame.show_route(QueuesRoute("unknown"))
    queue = person.page(QueuesPage)
    person.press("Alt+1")
    home = person.page(HomePage)
    person.until(lambda: home.table.rows.rowCount() == 1)
    person.rest()
    painted = _PaintCounter()
    person.opening.context.store_work_counts = lambda work_counts: None  # type: ignore[method-assign]  # no counts come
    for key, table in (("Alt+1", home.table), ("Alt+2", queue.table)):
        person.press(key)
        person.until(table.isVisible)
        person.rest()
        table.viewport().installEventFilter(painted)
        clock.offset += timedelta(minutes=1)
        person.frame._show_clock()
        person.until(lambda: painted.count > 0)
        table.viewport().removeEventFilter(painted)
        painted.count = 0


class _PaintCounter(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Type.Paint
        return False
