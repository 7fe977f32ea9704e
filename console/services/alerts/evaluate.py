"""The rules between orders and payments, looked after: alerts raised, told to other programs, and resolved again.

A due task. It judges what changed since it last looked, once more when the longest grace has gone by, whatever has an
open alert, the newest orders, and a stretch of all others: the shop writes its orders without telling the feed.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from sqlalchemy import Connection

from console.domain.alert_rules import LONGEST_GRACE, RULES, Finding, judge
from console.domain.clock import AHEAD
from console.domain.order_records import Order, OrderState
from console.domain.publishing import What, alert_message
from console.domain.records import Work, WorkState
from console.domain.task_intervals import interval_of
from console.domain.worker_records import Alert, Rule
from console.services.desk import Desk
from console.services.due import skipping
from console.services.going_on import going_on
from console.services.providers_away import ProvidersAway
from console.store import alerts, feed, orders, outbox, suspects, tasks
from console.store.engine import Transaction

NAME = "alert_rules"
KIND = alerts.KIND
CHANGES, ROUNDS = 2_000, 20
"""Rows of the feed that are read at once, and how often in one run."""
STRETCH, NEWEST = 20_000, 1_000
"""Orders that one run looks through, by id, and the newest that each run looks at."""
BATCH, OPEN = 200, 500

REASONS: Mapping[Rule, str] = {
    Rule.PAID_UNNOTICED: "not_moved",
    Rule.PAID_WITHOUT_PAYMENT: "paid_without_payment",
    Rule.PAID_TOO_LATE: "paid_late",
}
"""Why the order needs a person."""
_LATE = "paid_after_cancel"
_OURS = frozenset({*REASONS.values(), _LATE})


@dataclass(frozen=True, slots=True)
class Position:
    """How far the task got: in the feed, in the feed a grace later, in the orders, and in the open alerts (ids)."""

    fresh: int
    ripe: int
    order: int = 0
    alert: int = 0


class AlertRules:
    """Compares orders and payments with the rules, and the alerts with what is found."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._providers = ProvidersAway(desk)

    def run(self) -> int:
        """Do what is due now; how many alerts were raised or resolved."""
        self._desk.require("due_tasks")
        with self._desk.database.read() as conn:
            before = _read(conn)
            ids, after = self._candidates(conn, before)
        batches = _batches(sorted(ids))
        done = [self._judge(batch) for batch in going_on(batches)]
        if len(done) == len(batches):  # who was stopped before begins there again
            self._desk.write(lambda tx: self._keep(tx, before, after))
        return sum(done) + self._providers.look()

    def _keep(self, tx: Transaction, before: Position, after: Position) -> None:
        task = tasks.ensure(tx.conn, NAME, interval_of(NAME).seconds, self._desk.now())
        if after != before or task.position is None:
            tasks.keep_position(tx.conn, NAME, json.dumps(asdict(after)))

    # What is looked at

    def _candidates(self, conn: Connection, position: Position) -> tuple[frozenset[int], Position]:
        fresh, newest = self._fresh(conn, position), suspects.newest_order(conn)
        ripe = self._ripe(conn, position)
        upto = position.order + STRETCH
        stretch = suspects.within(conn, position.order, upto) | suspects.within(conn, newest - NEWEST, newest)
        told = alerts.open_ones(conn, OPEN, position.alert)
        ours = {alert.subject_id for alert in told if _is_ours(alert)}
        after = Position(
            fresh[1], ripe[1],
            order=upto if upto < newest else 0,
            alert=told[-1].id if len(told) == OPEN else 0,
        )  # fmt: skip
        return frozenset(fresh[0] | ripe[0] | stretch | ours), after

    def _fresh(self, conn: Connection, position: Position) -> tuple[frozenset[int], int]:
        """What changed since. On a server the last few are read again: ids are shown in the order of commits."""
        last, found = position.fresh, frozenset[int]()
        start = last if conn.dialect.name == "sqlite" else max(0, last - feed.LOOK_BACK)
        for rows in self._feed(conn, start):
            last, found = max(last, rows[-1].id), found | suspects.orders_of(conn, rows)
        return found, last

    def _ripe(self, conn: Connection, position: Position) -> tuple[frozenset[int], int]:
        """What changed a grace ago: what was too young to be told then. What comes from the future is old: a clock
        has jumped.
        """
        now = self._desk.now()
        until, soon = now - self._desk.scale.delta(LONGEST_GRACE), now + AHEAD
        last, found = position.ripe, frozenset[int]()
        for rows in self._feed(conn, last):
            young = next((place for place, one in enumerate(rows) if until < one.at <= soon), len(rows))
            found |= suspects.orders_of(conn, rows[:young])
            if young < len(rows):
                return found, rows[young].id - 1
            last = rows[-1].id
        return found, last

    @staticmethod
    def _feed(conn: Connection, after: int) -> Iterator[tuple[suspects.Changed, ...]]:
        for _ in range(ROUNDS):
            rows = suspects.changed(conn, after, CHANGES)
            if not rows:
                return
            yield rows
            after = rows[-1].id

    # Judging

    def _judge(self, ids: Sequence[int]) -> int:
        """First without a lock; only what has to be written is read again in a transaction of its own."""
        with self._desk.database.read() as conn:
            differing = [order.id for order, finding, told in self._judged(conn, ids) if _differs(finding, told)]
        done = 0
        for order_id in going_on(differing):
            with skipping(f"alert rules of order {order_id}"):
                done += self._desk.write(lambda tx, order_id=order_id: self._settle(tx, order_id))  # type: ignore[misc]  # of this turn
        return done

    def _judged(
        self, conn: Connection, ids: Sequence[int]
    ) -> Iterator[tuple[Order, Finding | None, tuple[Alert, ...]]]:
        now, scale = self._desk.now(), self._desk.scale
        told = alerts.open_of_subjects(conn, orders.KIND, ids)
        for order, payments in suspects.facts(conn, ids):
            ours = tuple(alert for alert in told.get(order.id, ()) if _is_ours(alert))
            yield order, judge(order, payments, now, scale, [alert.rule_id for alert in ours]), ours

    @orders.runs_again()
    def _settle(self, tx: Transaction, order_id: int) -> int:
        """Make the open alerts say what the facts say, in one transaction with what others are told of it."""
        done = 0
        for order, finding, told in self._judged(tx.conn, (order_id,)):
            for alert in told:
                if finding is None or alert.rule_id != finding.rule:
                    done += self._resolve(tx, alert)
            if finding is not None and all(alert.rule_id != finding.rule for alert in told):
                done += self._raise(tx, order, finding)
            if done:
                self._put_to_work(tx, order, finding)
        return done

    def _raise(self, tx: Transaction, order: Order, finding: Finding) -> int:
        desk = self._desk
        alert = alerts.raise_(
            tx.conn, finding.rule, orders.KIND, order.id, order.merch_txn_id, finding.observed, finding.expected,
            desk.now(),
        )  # fmt: skip
        if alert is None:
            return 0
        self._tell(tx, "AlertRaised", alert)
        return 1

    def _resolve(self, tx: Transaction, alert: Alert) -> int:
        now = self._desk.now()
        if not alerts.resolve(tx.conn, alert.id, now):
            return 0
        self._tell(tx, "AlertResolved", replace(alert, resolved_at=now))
        return 1

    def _tell(self, tx: Transaction, what: What, alert: Alert) -> None:
        desk = self._desk
        message = alert_message(what, alert, desk.database_id)
        outbox.add(tx.conn, message.topic, message.event_id, message.key, message.body, desk.now())
        verb = "raised" if what == "AlertRaised" else "resolved"
        facts = {"rule": alert.rule_id, "order": alert.order_no, "observed": alert.observed}
        desk.note(tx, f"alert.{verb}", alert.id, facts, kind=KIND, reason=alert.rule_id)

    def _put_to_work(self, tx: Transaction, order: Order, finding: Finding | None) -> None:
        """An order with an open alert needs a person; what others have planned for it stays."""
        work = order.work
        if finding is None:
            if work.state is not WorkState.NEEDS_REVIEW or work.reason not in _OURS:
                return
            wanted = Work()
        else:
            reason = _LATE if order.state is OrderState.CANCELLED else REASONS[finding.rule]
            if work.reason == reason or (work.state is WorkState.NEEDS_REVIEW and work.reason not in _OURS):
                return
            wanted = Work(WorkState.NEEDS_REVIEW, reason=reason)
        orders.plan(tx.conn, order, self._desk.now(), wanted)


def _read(conn: Connection) -> Position:
    """Where the last run ended; the first one begins with the feed's end and all orders."""
    kept = next((task.position for task in tasks.all_of(conn) if task.name == NAME), None)
    if kept:
        return Position(**json.loads(kept))
    latest = suspects.latest_change(conn)
    return Position(latest, max(0, latest - CHANGES))


def _batches(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]


def _is_ours(alert: Alert) -> bool:
    return alert.rule_id in RULES and alert.subject_kind == orders.KIND


def _differs(finding: Finding | None, told: tuple[Alert, ...]) -> bool:
    return {alert.rule_id for alert in told} != ({finding.rule.value} if finding else set())
