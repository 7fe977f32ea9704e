"""The tabs of a payment, an order and a refund: what happened to it and to those it belongs to, newest first."""

from datetime import timedelta

from console.domain.story import Chain, Event, Step
from console.views import record_words
from console.views.pages.money_tabs import MoneyTabs
from tests.views.pages.invented_checks import NOW, seat
from tests.views.pages.invented_payments import refund, view

EVENTS = (
    Event(NOW - timedelta(days=2), Step.BEGUN, "op-a", "payment.start", "payment", "5", "operations", "a",
          facts={"action": "payment.start"}),
    Event(NOW - timedelta(hours=1), Step.ALERT, "worker", "alert_raised", "order", "3", "alerts", "1",
          facts={"alert": 1, "rule": "C", "observed": "order=cancelled", "expected": "refund|compensation"}),
    Event(NOW, Step.DECISION, "lead-b", "refund.approved", "refund", "9", "audit_log", "7",
          facts={"given": 1, "needed": 1}),
)  # fmt: skip
STORY = Chain("refund", "9", EVENTS)


def test_the_timeline_tells_of_the_records_it_belongs_to(the_look: object) -> None:
    """Newest first; what happened to another record names it; own events don't."""
    at = seat()
    tabs = MoneyTabs(at, ())
    shown = view(story=STORY)
    tabs.show_view(refund(), shown)
    lines = [tabs._timeline.happening(row) for row in range(tabs._timeline.model().rowCount())]
    assert [one.who for one in lines] == ["lead-b", record_words.who("worker", at), "op-a"]
    assert [one.shape for one in lines] == ["ring_check", "warning", "arrow_right"]
    assert lines[0].time == "15:04:05"
    assert lines[1].what.startswith("Order 3: ")
    assert lines[2].what.startswith("Payment 5: ")
    assert not lines[0].what.startswith("Refund")
    assert tabs.tabs.accessibleTabName(0) == "Timeline 3"
