"""Tests of the tabs of a payment, an order and a refund. The timeline shows the events of the record and of its
related records, the newest first; the calls are those of these events that report a call to the provider.
"""

from datetime import timedelta

from console.domain.evidence.timeline import TimelineEvent, TimelineEventKind, TimelinePage
from console.views.money.tabs import MoneyTabs
from console.views.presenters import credit_checks as record_words
from tests.views.invented_checks import NOW, make_window_context
from tests.views.invented_payments import make_refund_details

TIMELINE_EVENTS = (
    TimelineEvent(
        NOW - timedelta(days=2),
        TimelineEventKind.BEGUN,
        "op-a",
        "payment.start",
        "payment",
        "5",
        "operations",
        "a",
        facts={"action": "payment.start"},
    ),
    TimelineEvent(
        NOW - timedelta(hours=1),
        TimelineEventKind.ALERT,
        "worker",
        "alert_raised",
        "order",
        "3",
        "alerts",
        "1",
        facts={"alert": 1, "rule": "C", "observed": "order=cancelled", "expected": "refund|compensation"},
    ),
    TimelineEvent(
        NOW,
        TimelineEventKind.DECISION,
        "lead-b",
        "refund.approved",
        "refund",
        "9",
        "audit_log",
        "7",
        facts={"given": 1, "needed": 1},
    ),
)
TIMELINE_PAGE = TimelinePage("refund", "9", TIMELINE_EVENTS)


def test_the_timeline_of_a_record_shows_events_of_related_records(appearance: object) -> None:
    """The timeline on a record's page has the newest event first. An event of a related record names that record; an
    event of the record itself names none.
    """
    at = make_window_context()
    tabs = MoneyTabs(at, ())
    payment_details = make_refund_details(newest_events=TIMELINE_PAGE)
    tabs.show_details(payment_details)
    lines = [tabs._timeline_list.get_line_at(row) for row in range(tabs._timeline_list.model().rowCount())]
    assert [line.actor_text for line in lines] == ["lead-b", record_words.get_actor_name("worker", at), "op-a"]
    assert [line.icon_name for line in lines] == ["ring_check", "warning", "arrow_right"]
    assert lines[0].time_text == "11-20 15:04"
    assert lines[1].action_text.startswith("Order: ")
    assert lines[2].action_text.startswith("Payment: ")
    assert not lines[0].action_text.startswith("Refund")
    assert tabs.tabs.accessibleTabName(0) == "Timeline 3"


def test_a_decision_with_an_audit_entry_is_one_line(appearance: object) -> None:
    """The timeline shows a decision once: the row of the stored approval is left out if the audit trail has the same
    decision of this person, and stays if it hasn't."""
    approval, audited = (
        TimelineEvent(NOW - timedelta(milliseconds=3), TimelineEventKind.DECISION, person, "approval", "refund", "9",
            "approvals", row)
        for person, row in (("lead-c", "1"), ("lead-b", "2"))
    )  # fmt: skip
    page = TimelinePage("refund", "9", (approval, audited, TIMELINE_EVENTS[-1]))
    assert record_words.list_shown_events(page) == [TIMELINE_EVENTS[-1], approval]
    tabs = MoneyTabs(make_window_context(), ())
    tabs.show_details(make_refund_details(newest_events=page))
    assert tabs.tabs.accessibleTabName(0) == "Timeline 2"


def make_event(event_kind: TimelineEventKind, what: str, source: str, **facts: object) -> TimelineEvent:
    return TimelineEvent(NOW, event_kind, "op-a", what, "refund", "9", source, "1", facts=facts)


def test_the_calls_are_the_calls_of_the_timeline(appearance: object) -> None:
    """The tab with the calls shows the begin, the answer and the end of each call in the timeline, and the audit
    entries about a call without an answer. It doesn't show decisions, alerts or changes of the record.
    """
    action = "refund.submit"
    events = (
        make_event(TimelineEventKind.DECISION, "refund.approved", "audit_log", given=1, needed=1),
        make_event(TimelineEventKind.BEGUN, action, "operations", action=action),
        make_event(TimelineEventKind.ANSWER, "paypay.refund", "evidence", outcome="SUCCESS", reason="", summary=""),
        make_event(TimelineEventKind.CHANGE, "refund.completed", "audit_log"),
        make_event(TimelineEventKind.ENDED, action, "operations:ended", action=action, state="done"),
        make_event(TimelineEventKind.CHANGE, "refund.submit.lapsed", "audit_log"),
        make_event(TimelineEventKind.CHANGE, "refund.probed", "audit_log"),
    )
    tabs = MoneyTabs(make_window_context(), ())
    number = [tabs.tabs.get_tab_data(index) for index in range(tabs.tabs.count())].index("attempts")
    tabs.show_details(make_refund_details(newest_events=TimelinePage("refund", "9", events)))
    timeline, calls = (
        [shown.get_line_at(row) for row in range(shown.model().rowCount())]
        for shown in (tabs._timeline_list, tabs._call_list)
    )
    assert calls == [timeline[row] for row in (0, 1, 2, 4, 5)]
    assert tabs.tabs.accessibleTabName(number) == "Calls 5"

    tabs.show_details(make_refund_details(newest_events=TimelinePage("refund", "9", events[:1])))
    assert tabs.tabs.accessibleTabName(number) == "Calls 0"


def test_the_title_of_the_answers_follows_their_masks(appearance: object) -> None:
    """While the answers are shown without masks, the title of their tab doesn't call them masked; the count stays."""
    tabs = MoneyTabs(make_window_context(), ())
    tabs.show_details(make_refund_details())
    number = [tabs.tabs.get_tab_data(index) for index in range(tabs.tabs.count())].index("evidence")
    masked_title = tabs.tabs.tabText(number)
    assert "(masked)" in masked_title
    tabs.show_unmasked_answers({1: "{}"})
    assert tabs.tabs.tabText(number) == masked_title.replace("(masked)", "(unmasked)")
    tabs.show_unmasked_answers({})
    assert tabs.tabs.tabText(number) == masked_title
