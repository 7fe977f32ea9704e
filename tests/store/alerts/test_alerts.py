"""Tests of the tables of alerts and cases. A record has one open alert for each rule, however many processes find the
mismatch, and the alert keeps the first person's acknowledgement."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from console.domain.tasks.records import Alert, AlertRule
from console.store.alerts import alerts, cases
from console.store.database import change_feed
from console.store.database.engine import Database
from tests.store.concurrent_transactions import run_at_once
from tests.store.money_rows import NOW

ONE_HOUR_LATER = NOW + timedelta(hours=1)
RULE_A, RULE_B = AlertRule.PAID_UNNOTICED.value, AlertRule.PAID_WITHOUT_PAYMENT.value


def raise_order_alert(conn: Connection, order: int = 1, rule: str = RULE_A) -> Alert:
    alert = alerts.raise_alert(conn, rule, "order", order, f"ORD-{order}", "pending", "paid", NOW)
    assert alert is not None
    return alert


def test_a_record_has_one_open_alert_per_rule(person_connection: Connection) -> None:
    """While an alert is open, the same rule adds no second alert for the record. A new alert is added for another
    rule, for another record, and for the same mismatch after the first alert was resolved."""
    first = raise_order_alert(person_connection)
    assert (
        alerts.raise_alert(person_connection, RULE_A, "order", 1, "ORD-1", "other", "words", ONE_HOUR_LATER) is None
    )
    assert alerts.find(person_connection, first.id) == first
    assert first == Alert(first.id, RULE_A, "order", 1, "ORD-1", "pending", "paid", NOW)
    others = (raise_order_alert(person_connection, rule=RULE_B), raise_order_alert(person_connection, order=2))
    assert alerts.resolve(person_connection, first.id, ONE_HOUR_LATER)
    assert raise_order_alert(person_connection).id > others[1].id


def test_a_resolved_alert_keeps_its_first_end(person_connection: Connection) -> None:
    """A resolved alert keeps the time at which it was first resolved."""
    alert = raise_order_alert(person_connection)
    assert alerts.resolve(person_connection, alert.id, NOW)
    assert not alerts.resolve(person_connection, alert.id, ONE_HOUR_LATER)
    settled = alerts.find(person_connection, alert.id)
    assert settled is not None
    assert settled.resolved_at == NOW


def test_an_alert_keeps_its_first_acknowledgement(person_connection: Connection, acting_person: str) -> None:
    """The first acknowledgement stores the person, the time and the note; a later one changes none of them. The alert
    stays open."""
    alert = raise_order_alert(person_connection)
    assert alerts.acknowledge(person_connection, alert.id, acting_person, "asked the provider", NOW)
    assert not alerts.acknowledge(person_connection, alert.id, acting_person, "never mind", ONE_HOUR_LATER)
    stored_alert = alerts.find(person_connection, alert.id)
    assert stored_alert is not None
    assert (stored_alert.acknowledged_by, stored_alert.acknowledged_at, stored_alert.note) == (
        acting_person,
        NOW,
        "asked the provider",
    )
    assert alerts.list_open_alerts(person_connection, 5) == (stored_alert,)


def test_pages_of_alerts_have_their_order(person_connection: Connection) -> None:
    """Open alerts, and the open alerts of one rule, are listed from the oldest on; all alerts from the newest on. The
    alerts of one record can be listed too.
    """
    one, two, three = (raise_order_alert(person_connection, order) for order in (1, 2, 3))
    other = raise_order_alert(person_connection, rule=RULE_B)
    alerts.resolve(person_connection, two.id, NOW)
    settled = alerts.find(person_connection, two.id)
    assert alerts.list_open_alerts(person_connection, 2) == (one, three)
    assert alerts.list_open_alerts(person_connection, 2, three.id) == (other,)
    assert alerts.list_open_alerts_of_rule(person_connection, RULE_A, 9) == (one, three)
    assert alerts.list_open_alerts_of_rule(person_connection, RULE_A, 9, one.id) == (three,)
    assert alerts.list_alerts(person_connection, 2) == (other, three)
    assert alerts.list_alerts(person_connection, 9, three.id) == (settled, one)
    assert alerts.find_by_subject(person_connection, "order", 1) == (one, other)


def test_each_change_of_an_alert_is_in_the_change_feed(person_connection: Connection, acting_person: str) -> None:
    """The change feed has an entry for each alert that opens, is acknowledged or is resolved. A call that changed
    nothing adds no entry."""
    mark, _ = change_feed.list_changes_since(person_connection, None)
    alert = raise_order_alert(person_connection)
    mark, changes = change_feed.list_changes_since(person_connection, mark)
    assert changes == (("alert", alert.id),)
    alerts.raise_alert(person_connection, RULE_A, "order", 1, None, "x", "y", NOW)
    mark, changes = change_feed.list_changes_since(person_connection, mark)
    assert changes == ()
    alerts.acknowledge(person_connection, alert.id, acting_person, "asked the provider", NOW)
    mark, changes = change_feed.list_changes_since(person_connection, mark)
    assert changes == (("alert", alert.id),)
    alerts.resolve(person_connection, alert.id, NOW)
    assert change_feed.list_changes_since(person_connection, mark)[1] == (("alert", alert.id),)


def test_a_decision_leaves_the_alert_of_a_rule_open(person_connection: Connection) -> None:
    """When a person's decision closes the cases of an order, an alert of a rule about the same order stays open. That
    alert closes only when the facts match again."""
    alert = raise_order_alert(person_connection)
    assert cases.open_case(person_connection, "contradicted", "order", 1, "a", "b", NOW)
    assert not cases.open_case(person_connection, "contradicted", "order", 1, "a", "b", NOW)
    assert cases.list_rules_of_open_cases(person_connection, "order", 1) == ("contradicted",)
    cases.close_cases(person_connection, "order", 1, ONE_HOUR_LATER)
    assert cases.list_rules_of_open_cases(person_connection, "order", 1) == ()
    assert alerts.list_open_alerts(person_connection, 9) == (alert,)


@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_simultaneous_findings_open_one_alert(databases: tuple[Database, ...]) -> None:
    """Several workers find the mismatch of one order at the same moment: one worker opens the alert, and the call of
    each other worker returns None."""
    raised_alerts = run_at_once(
        databases, lambda tx, _: alerts.raise_alert(tx.conn, RULE_A, "order", 1, None, "a", "b", NOW)
    )
    assert sum(alert is not None for alert in raised_alerts) == 1
    with databases[0].read() as conn:
        assert len(alerts.list_open_alerts(conn, 9)) == 1
