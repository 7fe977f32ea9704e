"""Tests of the event that other programs receive for an alert."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from console.domain.alerts.events import AlertMessage, make_alert_message
from console.domain.tasks.records import ALERT_TOPIC, Alert

NOW = datetime(2026, 11, 20, 3, 20, 1, tzinfo=UTC)
DATABASE_ID = "7d3a6f0e-52a4-4f4a-9d55-2d8f0f6d1c11"
OTHER_DATABASE_ID = "7d3a6f0e-52a4-4f4a-9d55-2d8f0f6d1c12"
ALERT = Alert(4, "A", "order", 3, "注文-1", "order=pending", "order=paid", NOW)
RESOLVED_ALERT = replace(ALERT, resolved_at=NOW + timedelta(minutes=5))


def test_the_event_of_a_raised_alert_has_its_facts() -> None:
    """The event of a new alert has the alert's facts and the order's number, in readable characters, and no end
    time.
    """
    raised = make_alert_message("AlertRaised", ALERT, DATABASE_ID)
    assert json.loads(raised.body) == {
        "event": "AlertRaised",
        "event_id": raised.event_id,
        "alert_id": 4,
        "order_no": "注文-1",
        "rule_id": "A",
        "observed": "order=pending",
        "expected": "order=paid",
        "detected_at": "2026-11-20T03:20:01Z",
    }
    assert (raised.topic, raised.key) == (ALERT_TOPIC, "注文-1")
    assert "注文-1" in raised.body
    assert raised.body not in repr(raised)


def test_the_event_of_a_resolved_alert_has_its_end_time() -> None:
    """The event of a resolved alert also states since when it is resolved."""
    facts = json.loads(make_alert_message("AlertResolved", RESOLVED_ALERT, DATABASE_ID).body)
    assert (facts["event"], facts["resolved_at"]) == ("AlertResolved", "2026-11-20T03:25:01Z")


def test_events_of_alerts_without_an_order_have_the_key_of_their_subject() -> None:
    """If alerts have no order, the events about one subject have the same key, so that they are sent in the sequence
    in which they happened.
    """
    of_payment = replace(ALERT, order_no=None, subject_kind="payment", subject_id=5)
    assert make_alert_message("AlertRaised", of_payment, DATABASE_ID).key == "payment-5"
    assert make_alert_message("AlertRaised", replace(of_payment, order_no=""), DATABASE_ID).key == "payment-5"


def test_an_event_keeps_its_id_in_repeated_publications() -> None:
    """An event has the same id however often it is published. The id differs for another alert, another kind of event
    and another database. It also differs for an alert in a restored database that has the number of a lost alert."""
    first = make_alert_message("AlertRaised", ALERT, DATABASE_ID).event_id
    assert make_alert_message("AlertRaised", replace(ALERT, observed="x"), DATABASE_ID).event_id == first
    others = {
        make_alert_message("AlertResolved", ALERT, DATABASE_ID).event_id,
        make_alert_message("AlertRaised", replace(ALERT, id=5), DATABASE_ID).event_id,
        make_alert_message(
            "AlertRaised", replace(ALERT, detected_at=NOW + timedelta(microseconds=1)), DATABASE_ID
        ).event_id,
        make_alert_message("AlertRaised", ALERT, OTHER_DATABASE_ID).event_id,
    }
    assert len(others | {first}) == 5


def test_messages_with_equal_contents_are_equal() -> None:
    """Two messages with the same contents compare as equal."""
    assert AlertMessage("t", "e", "k", "b") == AlertMessage("t", "e", "k", "b")
