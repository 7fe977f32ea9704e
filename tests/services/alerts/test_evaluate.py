"""Alerts are raised once, told in the same transaction, acknowledged by people and resolved by the facts."""

import json
from datetime import timedelta
from typing import Any

import pytest

from console.domain.alerts.rules import LONGEST_GRACE_PERIOD
from console.services.alerts import evaluate as alerting
from console.services.alerts.evaluate import AlertRuleEvaluator
from console.services.alerts.inbox import AlertService
from console.services.guarded.request_ids import RequestIdService
from console.services.process.context import WORKER, act_as
from console.services.tasks.cancellation import stop_when_false
from console.store.alerts import alerts
from console.store.operations.idempotency_cache import IdempotencyCache
from tests.support.desks import MovedClock
from tests.support.payment_desks import Scene
from tests.support.refusals import refusal


class Looks:
    """The task on a desk that takes payments, and what it has told."""

    def __init__(self, scene: Scene, clock: MovedClock) -> None:
        self.scene, self.clock = scene, clock
        self.rules, self.desk = (
            AlertRuleEvaluator(scene.context),
            AlertService(
                scene.context, RequestIdService(scene.context, IdempotencyCache()), scene.readers.complete_records
            ),
        )

    def run(self) -> int:
        with act_as(WORKER):
            return self.rules.update_alerts()

    def after_grace(self) -> int:
        self.clock.offset += self.scene.context.scale.scale_delta(LONGEST_GRACE_PERIOD)
        return self.run()

    def open(self) -> list[tuple[str, str | None]]:
        return [(one.alert.rule_id, one.alert.order_no) for one in self.desk.list_open_items() if one.alert.order_no]

    def events(self) -> list[dict[str, Any]]:
        rows = self.scene.place.sql("SELECT body, event_id, record_key, topic FROM outbox ORDER BY id")
        for body, event_id, key, topic in rows:
            told = json.loads(body)
            assert (told["event_id"], told["order_no"]) == (event_id, key)
            assert topic == "alerts.order_payment_inconsistency.v1"
        return [json.loads(body) for body, *_ in rows]

    def begun(self) -> int:
        return self.scene.payments.start(self.scene.order("ORD-1", 3300), "paypay").payment.id

    def pay(self, payment_id: int) -> None:
        self.scene.money.move_payment("paypay", "ORD-1", "paid")
        self.scene.payments.probe(payment_id)

    def behind(self) -> int:
        """A payment that was paid, and its order waits for more."""
        payment = self.begun()
        self.shop("total_amount = 4400")
        self.pay(payment)
        return payment

    def late(self) -> int:
        """A payment that was paid though its order is cancelled."""
        payment = self.begun()
        self.shop("status = 'cancelled'")
        self.pay(payment)
        return payment

    def shop(self, change: str) -> None:
        """The shop writes its row, and tells nobody."""
        self.scene.place.sql(f"UPDATE orders SET {change} WHERE merch_txn_id = 'ORD-1'")


@pytest.fixture
def looks(scene: Scene, clock: MovedClock) -> Looks:
    return Looks(scene, clock)


def test_a_pending_order_of_a_paid_payment(looks: Looks) -> None:
    """A after the grace and not before, once however often it is looked at; gone when the order follows."""
    payment = looks.behind()
    assert (looks.run(), looks.open()) == (0, [])
    assert (looks.after_grace(), looks.open()) == (1, [("A", "ORD-1")])
    assert (looks.run(), looks.after_grace(), looks.open()) == (0, 0, [("A", "ORD-1")])
    item = looks.desk.list_open_items()[-1]
    assert (item.action, item.kind, item.id) == ("open", "payment", payment), "the order isn't covered"
    assert looks.scene.order_now("ORD-1").work.reason == "not_moved"
    looks.shop("total_amount = 3300")
    looks.scene.payments.set_order_paid(payment)
    assert (looks.run(), looks.open()) == (1, [])
    assert looks.scene.order_now("ORD-1").work.reason is None
    assert looks.scene.audited("alert.raised") == looks.scene.audited("alert.resolved") == 1


def test_what_is_told_to_other_programs(looks: Looks) -> None:
    """Raised and resolved, each once, with an id of its own and what was found."""
    payment = looks.behind()
    looks.after_grace()
    raised = looks.desk.list_alerts()[0]
    looks.shop("total_amount = 3300")
    looks.scene.payments.set_order_paid(payment)
    looks.run()
    first, second = looks.events()
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
    assert [one.resolved_at is not None for one in looks.desk.list_alerts() if one.rule_id == "A"] == [True]


def test_an_order_that_is_paid_by_nothing(looks: Looks) -> None:
    """B: the shop says paid, its payment isn't; asked about, the payment turns out to have been paid."""
    payment = looks.begun()
    looks.shop("status = 'paid'")
    assert (looks.after_grace(), looks.open()) == (1, [("B", "ORD-1")])
    (item,) = looks.desk.list_open_items()
    assert (item.action, item.id) == ("ask_payment", payment)
    looks.run()
    assert looks.open() == [("B", "ORD-1")], "writing down that a person is needed is no news of the order"
    looks.pay(payment)
    assert (looks.run(), looks.open()) == (1, [])


def test_a_payment_that_came_after_all(looks: Looks) -> None:
    """C for a payment that had expired here and was paid nevertheless, as soon as that is known."""
    scene, payment = looks.scene, looks.begun()
    scene.place.sql("UPDATE payments SET status = 'expired', version = version + 1")
    assert looks.run() == 0
    scene.money.move_payment("paypay", "ORD-1", "paid")
    paid = scene.payments.probe(payment)
    assert (paid.state, paid.late_after, scene.order_now("ORD-1").state) == ("completed", "expired", "paid")
    assert (looks.run(), looks.open()) == (1, [("C", "ORD-1")])
    assert "after=expired" in looks.desk.list_alerts()[0].observed
    looks.shop("status = 'shipped'")
    assert (looks.run(), looks.open()) == (1, []), "whoever shipped has decided"


def test_one_rule_follows_another(looks: Looks) -> None:
    """The old alert ends where the next begins, in one step."""
    looks.behind()
    looks.after_grace()
    looks.shop("status = 'cancelled'")
    assert (looks.run(), looks.open()) == (2, [("C", "ORD-1")])
    assert [event["event"] for event in looks.events()] == ["AlertRaised", "AlertResolved", "AlertRaised"]


@pytest.mark.engines("sqlite")
@pytest.mark.expects_log("the outbox is broken on purpose")
def test_what_is_not_written_whole_is_not_written(looks: Looks) -> None:
    """An alert without its event, or an event without its alert, is never there."""
    looks.late()
    broken = "CREATE TRIGGER broken BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'broken'); END"
    looks.scene.place.sql(broken)
    assert (looks.run(), looks.open(), looks.events()) == (0, [], [])
    looks.scene.place.sql("DROP TRIGGER broken")
    assert (looks.run(), looks.open(), len(looks.events())) == (1, [("C", "ORD-1")], 1)


def test_acknowledged_in_ones_own_name(looks: Looks) -> None:
    """With words or without, by the first who comes; the alert stays open until the facts fit."""
    looks.late()
    looks.run()
    (alert,) = (one for one in looks.desk.list_alerts() if one.rule_id == "C")
    assert looks.desk.count_unacknowledged() == 2, "the payment's own case is another"
    assert refusal(looks.desk.acknowledge, alert.id, "w" * 2_001).code == "usage"
    assert refusal(looks.desk.acknowledge, alert.id + 1, "seen").code == "not_found"
    taken = looks.desk.acknowledge(alert.id, " asked for the refund ")
    assert (taken.acknowledged_by or "").startswith("op-a")
    assert (taken.note, taken.resolved_at) == ("asked for the refund", None)
    assert looks.desk.acknowledge(alert.id, "again").note == "asked for the refund"
    with looks.scene.place.acting(looks.scene.console, "lead-b") as other:
        assert refusal(other.alerts.acknowledge, alert.id, "me too").code == "already_decided"
    assert (looks.desk.count_unacknowledged(), looks.open()) == (1, [("C", "ORD-1")])
    assert looks.scene.audited("alert.acknowledged") == 2  # done once, refused once


def test_cases_are_listed_too(looks: Looks) -> None:
    """Cases that other services have opened are listed too, each with its record."""
    now = looks.scene.context.now()
    looks.scene.context.write(
        lambda tx: alerts.raise_alert(tx.conn, "reversed", "payment", 7, None, "FAILED", "paid", now)
    )
    (item,) = looks.desk.list_open_items()
    assert (item.alert.rule_id, item.action, item.kind, item.id) == ("reversed", "open", "payment", 7)
    assert [alert.rule_id for alert in looks.desk.list_alerts()] == ["reversed"]
    assert (looks.run(), looks.events()) == (0, [])


def test_who_is_stopped_begins_there_again(looks: Looks) -> None:
    """A run of the alert rules that is stopped before it has judged all its orders doesn't store a new position, so
    the next run begins at the same place.
    """
    looks.run()
    looks.late()
    kept = looks.scene.place.sql("SELECT position FROM tasks WHERE name = 'alert_rules'")
    with stop_when_false(lambda: False):
        assert looks.run() == 0
    assert looks.scene.place.sql("SELECT position FROM tasks WHERE name = 'alert_rules'") == kept
    assert looks.run() == 1


def test_the_feed_alone_is_enough_for_what_we_write(looks: Looks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judged when it changes, and again when its grace has gone by, though nobody looks through all orders."""
    monkeypatch.setattr(alerting, "ORDER_IDS_PER_RUN", 0)
    monkeypatch.setattr(alerting, "NEWEST_ORDERS_PER_RUN", 0)
    looks.run()
    looks.behind()
    assert (looks.run(), looks.run()) == (0, 0)
    assert (looks.after_grace(), looks.open()) == (1, [("A", "ORD-1")])


@pytest.mark.engines("sqlite")  # a server's feed is read again a little, and finds it sooner
def test_all_orders_come_round(looks: Looks, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change that isn't in the change feed is found by reading all orders repeatedly, one range at a time."""
    monkeypatch.setattr(alerting, "ORDER_IDS_PER_RUN", 2)
    monkeypatch.setattr(alerting, "NEWEST_ORDERS_PER_RUN", 0)
    looks.begun()
    for number in range(2, 7):
        looks.scene.order(f"ORD-{number}", 100)
    looks.clock.offset += looks.scene.context.scale.scale_delta(LONGEST_GRACE_PERIOD) + timedelta(seconds=1)
    looks.run()  # begins at the first, and ends with what the feed knows
    looks.shop("status = 'paid'")
    assert [looks.run() for _ in range(3)] == [0, 0, 1]
