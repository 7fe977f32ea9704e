"""The home page: how long records wait, beside the counts."""

from console.views.home.page import HomePage
from console.views.reports.page import ReportsPage
from console.views.reports.section import ChartSection
from console.views.widgets.base import TextLabel
from console.wording.catalogue import translate
from tests.desk.conftest import Sit
from tests.desk.seats import Seats


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
