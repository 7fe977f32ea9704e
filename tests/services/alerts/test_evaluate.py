"""Tests of the alerts about orders: each alert is raised once, with an event in the same transaction, acknowledged by
people, and closed when the facts match again.
"""

import json
from datetime import timedelta
from typing import Any

import pytest

from console.domain.alerts.queue_age import AGE_LIMITS
from console.domain.alerts.rules import LONGEST_GRACE_PERIOD
from console.services.alerts import evaluate as alerting
from console.services.alerts.evaluate import AlertRuleEvaluator
from console.services.alerts.inbox import AlertService
from console.services.guarded.request_ids import RequestIdService
from console.services.process.context import WORKER, act_as
from console.services.refunds.spooled_refunds import LostRefundProber
from console.services.tasks import due_tasks
from console.services.tasks.cancellation import stop_when_false
from console.store.alerts import alerts
from console.store.database import unreadable_rows
from console.store.operations.idempotency_cache import IdempotencyCache
from tests.support.desks import MovedClock
from tests.support.payment_desks import PaymentDesk
from tests.support.refusals import call_for_refusal


class AlertRulesDesk:
    """A desk that takes payments and runs the due task of the alert rules, with helpers that move its clock and read
    its alerts and events.
    """

    def __init__(self, scene: PaymentDesk, clock: MovedClock) -> None:
        self.scene, self.clock = scene, clock
        self.rules, self.desk = (
            AlertRuleEvaluator(scene.context),
            AlertService(
                scene.context,
                RequestIdService(scene.context, IdempotencyCache()),
                scene.readers.complete_records,
                LostRefundProber(scene.context, scene.providers).is_reported_refund_acknowledged,
            ),
        )

    def run_alert_rules(self) -> int:
        """Run the alert rules once; return the number of raised and closed alerts."""
        with act_as(WORKER):
            return self.rules.update_alerts()

    def run_after_grace(self) -> int:
        """Move the clock forward by the longest grace period and run the alert rules. Return the number of raised and
        closed alerts."""
        self.clock.offset += self.scene.context.scale.scale_duration(LONGEST_GRACE_PERIOD)
        return self.run_alert_rules()

    def list_open_alerts(self) -> list[tuple[str, str | None]]:
        """Return the rule and the order number of each open alert about an order."""
        return [
            (one.alert.rule_id, one.alert.order_no) for one in self.desk.list_open_alert_items() if one.alert.order_no
        ]

    def list_events(self) -> list[dict[str, Any]]:
        """Return the bodies of all events in the outbox, oldest first. Check that each has the topic of the alerts,
        and that its body contains the event id and, as order number, the key of its row.
        """
        rows = self.scene.place.sql("SELECT body, event_id, record_key, topic FROM outbox ORDER BY id")
        for body, event_id, key, topic in rows:
            facts = json.loads(body)
            assert (facts["event_id"], facts["order_no"]) == (event_id, key)
            assert topic == "alerts.order_payment_inconsistency.v1"
        return [json.loads(body) for body, *_ in rows]

    def start_payment(self) -> int:
        """Start a payment of a new order ORD-1 of 3,300 yen and return the payment's id."""
        return self.scene.payments.start(self.scene.insert_order("ORD-1", 3300), "paypay").payment.id

    def pay_and_probe(self, payment_id: int) -> None:
        """Let the provider report that ORD-1 is paid, and probe its payment."""
        self.scene.money.change_payment_state("paypay", "ORD-1", "paid")
        self.scene.payments.probe(payment_id)

    def pay_too_little(self) -> int:
        """Pay 3,300 yen for an order whose total is now 4,400 yen, so that the order stays pending. Return the id of
        the payment.
        """
        payment = self.start_payment()
        self.change_order_as_shop("total_amount = 4400")
        self.pay_and_probe(payment)
        return payment

    def pay_cancelled_order(self) -> int:
        """Pay an order that the shop has cancelled before, and return the id of the payment."""
        payment = self.start_payment()
        self.change_order_as_shop("status = 'cancelled'")
        self.pay_and_probe(payment)
        return payment

    def change_order_as_shop(self, change: str) -> None:
        """Change the order's row by SQL, as the shop does, without calling a service of the console. `change` are
        the SQL assignments.
        """
        self.scene.place.sql(f"UPDATE orders SET {change} WHERE merch_txn_id = 'ORD-1'")


@pytest.fixture
def rules_desk(scene: PaymentDesk, clock: MovedClock) -> AlertRulesDesk:
    """An AlertRulesDesk on the desk of the fixture `scene`."""
    return AlertRulesDesk(scene, clock)


def test_a_pending_order_of_a_paid_payment_raises_rule_a(rules_desk: AlertRulesDesk) -> None:
    """An order that stays pending although its payment is paid gets one alert of rule A, but only after the grace
    period. The alert closes when the order is paid.
    """
    payment = rules_desk.pay_too_little()
    assert (rules_desk.run_alert_rules(), rules_desk.list_open_alerts()) == (0, [])
    assert (rules_desk.run_after_grace(), rules_desk.list_open_alerts()) == (1, [("A", "ORD-1")])
    assert (rules_desk.run_alert_rules(), rules_desk.run_after_grace(), rules_desk.list_open_alerts()) == (
        0,
        0,
        [("A", "ORD-1")],
    )
    item = rules_desk.desk.list_open_alert_items()[-1]
    assert (item.action, item.kind, item.id) == ("open", "payment", payment), "the order isn't covered"
    assert rules_desk.scene.read_order("ORD-1").work.reason == "not_moved"
    rules_desk.change_order_as_shop("total_amount = 3300")
    rules_desk.scene.payments.set_order_paid(payment)
    assert (rules_desk.run_alert_rules(), rules_desk.list_open_alerts()) == (1, [])
    assert rules_desk.scene.read_order("ORD-1").work.reason is None
    assert (
        rules_desk.scene.count_audit_entries("alert.raised")
        == rules_desk.scene.count_audit_entries("alert.resolved")
        == 1
    )


def test_the_outbox_has_one_event_per_alert_change(rules_desk: AlertRulesDesk) -> None:
    """The outbox has one event for the raised alert and one for the closed alert, each with its own id and with the
    facts of the alert.
    """
    payment = rules_desk.pay_too_little()
    rules_desk.run_after_grace()
    raised = rules_desk.desk.list_alerts()[0]
    rules_desk.change_order_as_shop("total_amount = 3300")
    rules_desk.scene.payments.set_order_paid(payment)
    rules_desk.run_alert_rules()
    first, second = rules_desk.list_events()
    assert {name: first[name] for name in ("event", "alert_id", "order_no", "rule_id", "observed", "expected")} == {
        "event": "AlertRaised",
        "alert_id": raised.id,
        "order_no": "ORD-1",
        "rule_id": "A",
        "observed": raised.observed,
        "expected": "order=paid",
    }
    assert (second["event"], second["alert_id"]) == ("AlertResolved", raised.id)
    assert first["event_id"] != second["event_id"]
    assert first["detected_at"] == second["detected_at"] <= second["resolved_at"]
    assert [one.resolved_at is not None for one in rules_desk.desk.list_alerts() if one.rule_id == "A"] == [True]


def test_a_paid_order_without_a_paid_payment_raises_rule_b(rules_desk: AlertRulesDesk) -> None:
    """The shop's order is paid but its payment isn't (rule B): the advised step is to probe the payment. The alert
    closes when the probe finds that the payment was paid.
    """
    payment = rules_desk.start_payment()
    rules_desk.change_order_as_shop("status = 'paid'")
    assert (rules_desk.run_after_grace(), rules_desk.list_open_alerts()) == (1, [("B", "ORD-1")])
    (item,) = rules_desk.desk.list_open_alert_items()
    assert (item.action, item.id) == ("ask_payment", payment)
    rules_desk.run_alert_rules()
    assert rules_desk.list_open_alerts() == [("B", "ORD-1")], (
        "writing down that a person is needed is no news of the order"
    )
    rules_desk.pay_and_probe(payment)
    assert (rules_desk.run_alert_rules(), rules_desk.list_open_alerts()) == (1, [])


def test_an_expired_payment_paid_later_raises_rule_c(rules_desk: AlertRulesDesk) -> None:
    """If a payment that has expired in our database is paid later, an alert of rule C is raised at once. It closes
    when the shop ships the order.
    """
    scene, payment = rules_desk.scene, rules_desk.start_payment()
    scene.place.sql("UPDATE payments SET status = 'expired', version = version + 1")
    assert rules_desk.run_alert_rules() == 0
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    paid = scene.payments.probe(payment)
    assert (paid.state, paid.late_after, scene.read_order("ORD-1").state) == ("completed", "expired", "paid")
    assert (rules_desk.run_alert_rules(), rules_desk.list_open_alerts()) == (1, [("C", "ORD-1")])
    assert "after=expired" in rules_desk.desk.list_alerts()[0].observed
    rules_desk.change_order_as_shop("status = 'shipped'")
    assert (rules_desk.run_alert_rules(), rules_desk.list_open_alerts()) == (1, []), "whoever shipped has decided"


def test_an_alert_of_one_rule_closes_for_another_rule(rules_desk: AlertRulesDesk) -> None:
    """A pending order with a paid payment has an alert of rule A, and is then cancelled. One run closes this alert
    and raises an alert of rule C, which is about money that was paid too late for its order.
    """
    rules_desk.pay_too_little()
    rules_desk.run_after_grace()
    rules_desk.change_order_as_shop("status = 'cancelled'")
    assert (rules_desk.run_alert_rules(), rules_desk.list_open_alerts()) == (2, [("C", "ORD-1")])
    assert [event["event"] for event in rules_desk.list_events()] == ["AlertRaised", "AlertResolved", "AlertRaised"]


@pytest.mark.engines("sqlite")
@pytest.mark.expects_log("the outbox is broken on purpose")
def test_an_alert_without_its_event_is_not_raised(rules_desk: AlertRulesDesk) -> None:
    """If the event of an alert cannot be written, the alert is not raised either; the next run writes the alert and
    the event.
    """
    rules_desk.pay_cancelled_order()
    broken = "CREATE TRIGGER broken BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'broken'); END"
    rules_desk.scene.place.sql(broken)
    assert (rules_desk.run_alert_rules(), rules_desk.list_open_alerts(), rules_desk.list_events()) == (0, [], [])
    rules_desk.scene.place.sql("DROP TRIGGER broken")
    assert (rules_desk.run_alert_rules(), rules_desk.list_open_alerts(), len(rules_desk.list_events())) == (
        1,
        [("C", "ORD-1")],
        1,
    )


def test_the_first_acknowledgement_is_stored_with_its_person(rules_desk: AlertRulesDesk) -> None:
    """The first person who acknowledges an alert is stored with the note, and a second person is refused. The alert
    stays open until the facts match.
    """
    rules_desk.pay_cancelled_order()
    rules_desk.run_alert_rules()
    (alert,) = (one for one in rules_desk.desk.list_alerts() if one.rule_id == "C")
    assert rules_desk.desk.count_unacknowledged_alerts() == 2, "the payment's own case is another"
    assert call_for_refusal(rules_desk.desk.acknowledge, alert.id, "w" * 2_001).code == "usage"
    assert call_for_refusal(rules_desk.desk.acknowledge, alert.id + 1, "seen").code == "not_found"
    taken = rules_desk.desk.acknowledge(alert.id, " asked for the refund ")
    assert (taken.acknowledged_by or "").startswith("op-a")
    assert (taken.note, taken.resolved_at) == ("asked for the refund", None)
    assert rules_desk.desk.acknowledge(alert.id, "again").note == "asked for the refund"
    with rules_desk.scene.place.open_console_of_person(rules_desk.scene.console, "lead-b") as other:
        assert call_for_refusal(other.alerts.acknowledge, alert.id, "me too").code == "already_decided"
    assert (rules_desk.desk.count_unacknowledged_alerts(), rules_desk.list_open_alerts()) == (1, [("C", "ORD-1")])
    assert rules_desk.scene.count_audit_entries("alert.acknowledged") == 2  # done once, refused once


def test_the_list_of_alerts_has_cases_too(rules_desk: AlertRulesDesk) -> None:
    """The list of alerts also contains cases that other services have opened, each with its record."""
    now = rules_desk.scene.context.now()
    rules_desk.scene.context.write(
        lambda tx: alerts.raise_alert(tx.conn, "reversed", "payment", 7, None, "FAILED", "paid", now)
    )
    (item,) = rules_desk.desk.list_open_alert_items()
    assert (item.alert.rule_id, item.action, item.kind, item.id) == ("reversed", "open", "payment", 7)
    assert [alert.rule_id for alert in rules_desk.desk.list_alerts()] == ["reversed"]
    assert (rules_desk.run_alert_rules(), rules_desk.list_events()) == (0, [])


def test_a_stopped_run_of_the_alert_rules_begins_again(rules_desk: AlertRulesDesk) -> None:
    """A run of the alert rules that is stopped before it has judged all its orders doesn't store a new position, so
    the next run begins with the same orders.
    """
    rules_desk.run_alert_rules()
    rules_desk.pay_cancelled_order()
    position_rows = rules_desk.scene.place.sql("SELECT position FROM tasks WHERE name = 'alert_rules'")
    with stop_when_false(lambda: False):
        assert rules_desk.run_alert_rules() == 0
    assert rules_desk.scene.place.sql("SELECT position FROM tasks WHERE name = 'alert_rules'") == position_rows
    assert rules_desk.run_alert_rules() == 1


def test_the_change_feed_alone_finds_our_changes(rules_desk: AlertRulesDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The alert rules judge an order when the change feed has its change, and again when its grace period has passed.
    They need not read all orders for that.
    """
    monkeypatch.setattr(alerting, "ORDER_IDS_PER_RUN", 0)
    monkeypatch.setattr(alerting, "NEWEST_ORDERS_PER_RUN", 0)
    rules_desk.run_alert_rules()
    rules_desk.pay_too_little()
    assert (rules_desk.run_alert_rules(), rules_desk.run_alert_rules()) == (0, 0)
    assert (rules_desk.run_after_grace(), rules_desk.list_open_alerts()) == (1, [("A", "ORD-1")])


@pytest.mark.engines("sqlite")  # a server's feed is read again a little, and finds it sooner
def test_repeated_reads_of_all_orders_find_foreign_changes(
    rules_desk: AlertRulesDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that the shop made, which isn't in the change feed, is found because the alert rules read all orders
    repeatedly, one range at a time.
    """
    monkeypatch.setattr(alerting, "ORDER_IDS_PER_RUN", 2)
    monkeypatch.setattr(alerting, "NEWEST_ORDERS_PER_RUN", 0)
    rules_desk.start_payment()
    for number in range(2, 7):
        rules_desk.scene.insert_order(f"ORD-{number}", 100)
    rules_desk.clock.offset += rules_desk.scene.context.scale.scale_duration(LONGEST_GRACE_PERIOD) + timedelta(
        seconds=1
    )
    rules_desk.run_alert_rules()  # begins at the first, and ends with what the feed knows
    rules_desk.change_order_as_shop("status = 'paid'")
    assert [rules_desk.run_alert_rules() for _ in range(3)] == [0, 0, 1]


@pytest.mark.parametrize("state", ["on hold", "PAID"])
@pytest.mark.expects_log("a row that can't be read is told")
def test_an_order_with_an_unknown_state_gets_a_case(rules_desk: AlertRulesDesk, state: str) -> None:
    """An order of the shop has a state that this program doesn't know, so it is in no queue: a case is opened about
    it, also if the order has no payment.
    """
    order = rules_desk.scene.insert_order("ORD-1", 3300)
    rules_desk.scene.place.drop_table_triggers("orders")
    rules_desk.scene.place.sql(f"UPDATE orders SET status = '{state}'")
    unreadable_rows._logged_rows.clear()
    assert rules_desk.run_after_grace() == 0
    due_tasks.open_cases_of_unreadable_rows(rules_desk.scene.context)
    (alert,) = rules_desk.scene.console.alerts.list_alerts()
    assert (alert.rule_id, alert.subject_kind, alert.subject_id) == ("row_unreadable", "order", order)


@pytest.mark.engines("sqlite")
def test_an_unreadable_change_stops_no_other_check(rules_desk: AlertRulesDesk) -> None:
    """If the rules about orders fail because of a row of the change feed, the alerts about old queues are still
    raised. The task fails afterwards, so that people get the alert about an overdue task.
    """
    rules_desk.start_payment()
    place = rules_desk.scene.place
    place.drop_table_triggers("changes")
    place.sql("UPDATE changes SET subject_id = 'of_a_newer_one'")
    rules_desk.clock.offset += rules_desk.scene.context.scale.scale_duration(2 * AGE_LIMITS["pending"])
    with pytest.raises(ValueError, match="of_a_newer_one"):
        rules_desk.run_alert_rules()
    assert place.sql("SELECT rule_id FROM alerts") == [("queue_age",)]


@pytest.mark.engines("sqlite")
@pytest.mark.expects_log("a row that can't be read is told")
def test_an_unreadable_order_hides_no_other_order(rules_desk: AlertRulesDesk) -> None:
    """The rules leave out an order whose work state is one of a newer program, and check the others."""
    rules_desk.pay_too_little()
    rules_desk.scene.payments.start(rules_desk.scene.insert_order("ORD-2", 3300), "paypay")
    place = rules_desk.scene.place
    place.drop_table_triggers("orders")
    place.sql("UPDATE orders SET work_state = 'of_a_newer_one' WHERE merch_txn_id = 'ORD-2'")
    assert (rules_desk.run_after_grace(), rules_desk.list_open_alerts()) == (1, [("A", "ORD-1")])
