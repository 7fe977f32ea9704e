"""Evaluate the alert rules about orders and payments: raise and resolve alerts, and add an event for each change of
an alert to the outbox.

This is a due task. Each run evaluates the rules for five groups of orders: those that changed since the last run,
those that changed LONGEST_GRACE_PERIOD ago, those with an open alert, the newest ones, and the next range of all
orders by id. The groups of the newest orders and of the next range are necessary because the shop writes its orders
without an entry in the change feed (the table `changes`).
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from console.domain.alerts.events import EventName
from console.domain.alerts.rules import ALERT_RULES, LONGEST_GRACE_PERIOD, BrokenRule, find_broken_rule
from console.domain.audit.actions import AuditAction
from console.domain.batches import split_into_batches
from console.domain.clock import CLOCK_TOLERANCE
from console.domain.errors import ConsoleError
from console.domain.payments.records import Order, OrderState
from console.domain.records import Work, WorkReason, WorkState
from console.domain.tasks.intervals import get_interval
from console.domain.tasks.records import Alert, AlertRule
from console.services.alerts.clock_drift import ClockDriftAlerts
from console.services.alerts.provider_outage import ProviderOutageAlerts
from console.services.alerts.provider_slowness import ProviderSlownessAlerts
from console.services.alerts.queue_age import QueueAgeAlerts
from console.services.process.context import ServiceContext
from console.services.tasks.cancellation import iterate_until_stopped
from console.services.tasks.due_tasks import skip_failures
from console.store.alerts import alerts, candidates, outbox
from console.store.database import change_feed, unreadable_rows
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.payments import orders
from console.store.tasks import tasks

ALERT_RULES_TASK_NAME = "alert_rules"
ALERT_KIND = alerts.ALERT_KIND
ROWS_PER_FEED_READ = 2_000
"""Largest number of rows of the change feed in one read."""
MAX_FEED_READS = 20
"""Largest number of reads of the change feed in one run."""
ORDER_IDS_PER_RUN = 20_000
"""Size of the range of order ids that one run reads in its pass over all orders."""
NEWEST_ORDERS_PER_RUN = 1_000
"""Number of newest orders that each run reads."""
ORDERS_PER_BATCH = 200
OPEN_ALERTS_PER_RUN = 500
LARGEST_CHANGE_ID = 2**63 - 1

WORK_REASON_OF_ALERT_RULE: Mapping[AlertRule, str] = {
    AlertRule.PAID_UNNOTICED: WorkReason.NOT_MOVED,
    AlertRule.PAID_WITHOUT_PAYMENT: WorkReason.PAID_WITHOUT_PAYMENT,
    AlertRule.PAID_TOO_LATE: WorkReason.PAID_LATE,
}
"""By alert rule: the reason that is written into the work of an order when the rule sets the order to `needs_review`.
"""
_PAID_AFTER_CANCEL_REASON = WorkReason.PAID_AFTER_CANCEL
_REASONS_OF_ALERT_RULES = frozenset({*WORK_REASON_OF_ALERT_RULE.values(), _PAID_AFTER_CANCEL_REASON})
_log = logging.getLogger("console.worker")


@dataclass(frozen=True, slots=True)
class ChangeFeedPosition:
    """The stored position of the due task `alert_rules` in the change feed (the table `changes`), in the orders
    and in the alerts. `last_read_change_id`: id of the last row of the change feed that was read.
    `last_reread_change_id`: id of the last row that was read a second time, after the longest grace period.
    `last_order_id`: the last order id in the pass over all orders. `last_alert_id`: id of the last open alert
    that was read (0: the next run starts with the oldest open alert).
    """

    last_read_change_id: int
    last_reread_change_id: int
    last_order_id: int = 0
    last_alert_id: int = 0


_POSITION_FIELD_BY_STORED_KEY = {
    "fresh": "last_read_change_id",
    "ripe": "last_reread_change_id",
    "order": "last_order_id",
    "alert": "last_alert_id",
}
"""Field of `ChangeFeedPosition` by its key in the stored JSON."""


class AlertRuleEvaluator:
    """The due task that evaluates the alert rules for orders and their payments, raises an alert for a broken rule,
    and resolves the alert when the order no longer breaks the rule."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context
        self._checks = (
            ProviderOutageAlerts(context),
            ProviderSlownessAlerts(context),
            QueueAgeAlerts(context),
            ClockDriftAlerts(context),
        )

    def update_alerts(self) -> int:
        """Evaluate the alert rules for the orders of this run, and then run the checks that update the alerts about
        providers, queues and clocks. Return the number of alerts that were raised or resolved. Raises not_allowed if
        the acting person may not run due tasks.

        If the evaluation or one of the checks fails because it can't read a value, the remaining checks still run,
        and the first exception is raised after them. A ConsoleError, such as that of an unreachable database, ends
        the run at once.
        """
        self._context.require_right("due_tasks")
        count, failures = 0, list[Exception]()
        for update_alerts in (self._update_order_alerts, *(check.update_alerts for check in self._checks)):
            try:
                count += update_alerts()
            except ConsoleError:
                raise
            except Exception as failure:
                failures.append(failure)
        if failures:
            raise failures[0]
        return count

    def _update_order_alerts(self) -> int:
        """Evaluate the alert rules for the orders of this run. Return the number of alerts that were raised or
        resolved."""
        with self._context.database.read() as conn:
            position = _read_position(conn)
            ids, next_position = self._find_candidate_orders(conn, position)
        batches = tuple(split_into_batches(sorted(ids), ORDERS_PER_BATCH))
        change_counts = [self._evaluate_orders(batch) for batch in iterate_until_stopped(batches)]
        if len(change_counts) == len(
            batches
        ):  # a run that was stopped before its end begins at the same position again
            self._context.write(lambda tx: self._store_position(tx, next_position))
        return sum(change_counts)

    def _store_position(self, tx: Transaction, position: ChangeFeedPosition) -> None:
        task = tasks.find_or_insert_task(
            tx.conn, ALERT_RULES_TASK_NAME, get_interval(ALERT_RULES_TASK_NAME).seconds, self._context.now()
        )
        text = json.dumps({key: getattr(position, field) for key, field in _POSITION_FIELD_BY_STORED_KEY.items()})
        if task.position != text:
            tasks.store_task_position(tx.conn, ALERT_RULES_TASK_NAME, text)

    # Candidates

    def _find_candidate_orders(
        self, conn: Connection, position: ChangeFeedPosition
    ) -> tuple[frozenset[int], ChangeFeedPosition]:
        """Return the ids of the orders that this run evaluates (those that have changed, have an open alert, are new,
        or belong to the next range of all orders), and the position from which the next run continues."""
        changed_ids_and_position, newest_id = (
            self._find_changed_orders(conn, position),
            candidates.find_newest_order_id(conn),
        )
        aged_ids_and_position = self._find_orders_after_grace_period(conn, position)
        range_end_id = position.last_order_id + ORDER_IDS_PER_RUN
        order_ids_in_range = candidates.list_candidate_order_ids(
            conn, position.last_order_id, range_end_id
        ) | candidates.list_candidate_order_ids(conn, newest_id - NEWEST_ORDERS_PER_RUN, newest_id)
        open_alerts = alerts.list_open_alerts(conn, OPEN_ALERTS_PER_RUN, position.last_alert_id)
        order_ids_of_alerts = {alert.subject_id for alert in open_alerts if _is_about_order(alert)}
        next_position = ChangeFeedPosition(
            changed_ids_and_position[1],
            aged_ids_and_position[1],
            last_order_id=range_end_id if range_end_id < newest_id else 0,
            last_alert_id=open_alerts[-1].id if len(open_alerts) == OPEN_ALERTS_PER_RUN else 0,
        )
        return frozenset(
            changed_ids_and_position[0] | aged_ids_and_position[0] | order_ids_in_range | order_ids_of_alerts
        ), next_position

    def _find_changed_orders(self, conn: Connection, position: ChangeFeedPosition) -> tuple[frozenset[int], int]:
        """Return the ids of the orders that changed since the last run, and the id of the last row of the change
        feed (the table `changes`) that was read. On a server the last `change_feed.INITIAL_OPEN_ID_COUNT` ids of the
        feed are read again, because a row with a lower id may be committed later.
        """
        last_id, order_ids = position.last_read_change_id, frozenset[int]()
        start = last_id if conn.dialect.name == "sqlite" else max(0, last_id - change_feed.INITIAL_OPEN_ID_COUNT)
        for rows in self._read_change_feed(conn, start):
            last_id, order_ids = max(last_id, rows[-1].id), order_ids | candidates.find_changed_order_ids(conn, rows)
        return order_ids, last_id

    def _find_orders_after_grace_period(
        self, conn: Connection, position: ChangeFeedPosition
    ) -> tuple[frozenset[int], int]:
        """Return the ids of the orders with a change after `position` that is at least LONGEST_GRACE_PERIOD old, and
        the id of the last row of the change feed (the table `changes`) that this run has processed: younger rows are
        left to a later run. These orders are evaluated a second time, because some rules could not be evaluated
        directly after the change. A change time in the future was written by a wrong clock and counts as old.
        """
        now = self._context.now()
        grace_period_end, latest_credible_time = (
            now - self._context.scale.scale_duration(LONGEST_GRACE_PERIOD),
            now + CLOCK_TOLERANCE,
        )
        last_id, order_ids = position.last_reread_change_id, frozenset[int]()
        for rows in self._read_change_feed(conn, last_id):
            first_young_index = next(
                (
                    index
                    for index, change in enumerate(rows)
                    if grace_period_end < change.changed_at <= latest_credible_time
                ),
                len(rows),
            )
            order_ids |= candidates.find_changed_order_ids(conn, rows[:first_young_index])
            if first_young_index < len(rows):
                return order_ids, rows[first_young_index].id - 1
            last_id = rows[-1].id
        return order_ids, last_id

    @staticmethod
    def _read_change_feed(conn: Connection, after_id: int) -> Iterator[tuple[candidates.ChangedRow, ...]]:
        """Yield the changed rows after `after_id` in pages, at most MAX_FEED_READS pages."""
        for _ in range(MAX_FEED_READS):
            rows = candidates.list_changed_rows(conn, after_id, ROWS_PER_FEED_READ)
            if not rows:
                return
            yield rows
            after_id = rows[-1].id

    # Evaluation

    def _evaluate_orders(self, ids: Sequence[int]) -> int:
        """Evaluate the alert rules for the orders with these ids in one read. Then, in one transaction per order,
        update the alerts of each order whose open alerts differ from the result. Return the number of raised
        and resolved alerts.
        """
        with self._context.database.read() as conn:
            differing_ids = [
                order.id
                for order, broken_rule, alerts_of_order in self._evaluate_each_order(conn, ids)
                if _must_update_alerts(broken_rule, alerts_of_order)
            ]
        count = 0
        for order_id in iterate_until_stopped(differing_ids):
            with skip_failures(f"alert rules of order {order_id}"):
                count += self._context.write(lambda tx, order_id=order_id: self._update_alerts(tx, order_id))  # type: ignore[misc]  # of this iteration
        return count

    def _evaluate_each_order(
        self, conn: Connection, ids: Sequence[int]
    ) -> Iterator[tuple[Order, BrokenRule | None, tuple[Alert, ...]]]:
        """Yield each of these orders with the rule that it breaks (None: no rule) and its open alerts."""
        now, scale = self._context.now(), self._context.scale
        open_alerts = alerts.read_open_alerts_of_subjects(conn, orders.ORDER_KIND, ids)
        for order, payments in candidates.read_orders_with_payments(conn, ids):
            alerts_of_order = tuple(alert for alert in open_alerts.get(order.id, ()) if _is_about_order(alert))
            yield (
                order,
                find_broken_rule(order, payments, now, scale, [alert.rule_id for alert in alerts_of_order]),
                alerts_of_order,
            )

    @orders.run_again_if_stale()
    def _update_alerts(self, tx: Transaction, order_id: int) -> int:
        """Evaluate the alert rules for one order again in the transaction `tx`. Raise an alert for a newly broken
        rule, and resolve the alerts about rules that the order no longer breaks. Add an event for each of these
        alerts to the outbox. Return the number of changed alerts.
        """
        count = 0
        for order, broken_rule, alerts_of_order in self._evaluate_each_order(tx.conn, (order_id,)):
            for alert in alerts_of_order:
                if broken_rule is None or alert.rule_id != broken_rule.rule:
                    count += self._resolve_alert(tx, alert)
            if broken_rule is not None and all(alert.rule_id != broken_rule.rule for alert in alerts_of_order):
                count += self._raise_alert(tx, order, broken_rule)
            if count:
                self._update_order_work(tx, order, broken_rule)
        return count

    def _raise_alert(self, tx: Transaction, order: Order, broken_rule: BrokenRule) -> int:
        """Raise the alert about an order that breaks a rule. Return 1, or 0 if such an alert about the order is open
        already.
        """
        context = self._context
        alert = alerts.raise_alert(
            tx.conn,
            broken_rule.rule,
            orders.ORDER_KIND,
            order.id,
            order.merch_txn_id,
            broken_rule.observed,
            broken_rule.expected,
            context.now(),
        )
        if alert is None:
            return 0
        self._add_outbox_event(tx, "AlertRaised", alert)
        return 1

    def _resolve_alert(self, tx: Transaction, alert: Alert) -> int:
        """Resolve the alert. Return 1, or 0 if another process has resolved it already."""
        now = self._context.now()
        if not alerts.resolve(tx.conn, alert.id, now):
            return 0
        self._add_outbox_event(tx, "AlertResolved", replace(alert, resolved_at=now))
        return 1

    def _add_outbox_event(self, tx: Transaction, event_name: EventName, alert: Alert) -> None:
        context = self._context
        outbox.add_alert_event(tx.conn, event_name, alert, context.database_id, context.now())
        action = AuditAction.ALERT_RAISED if event_name == "AlertRaised" else AuditAction.ALERT_RESOLVED
        facts = {"rule": alert.rule_id, "order": alert.order_no, "observed": alert.observed}
        context.record_audit(tx, action, alert.id, facts, kind=ALERT_KIND, reason=alert.rule_id)

    def _update_order_work(self, tx: Transaction, order: Order, broken_rule: BrokenRule | None) -> None:
        """Set the column `work_state` of an order that breaks an alert rule to needs_review, or clear the column if
        the order breaks no rule (`broken_rule` is None). The value needs_review stays unchanged if its reason isn't
        one that alert rules set.
        """
        work = order.work
        if broken_rule is None:
            if work.state is not WorkState.NEEDS_REVIEW or work.reason not in _REASONS_OF_ALERT_RULES:
                return
            planned_work = Work()
        else:
            reason = (
                _PAID_AFTER_CANCEL_REASON
                if order.state is OrderState.CANCELLED
                else WORK_REASON_OF_ALERT_RULE[broken_rule.rule]
            )
            if work.reason == reason or (
                work.state is WorkState.NEEDS_REVIEW and work.reason not in _REASONS_OF_ALERT_RULES
            ):
                return
            planned_work = Work(WorkState.NEEDS_REVIEW, reason=reason)
        orders.write_order_work(tx.conn, order, self._context.now(), planned_work)


def _read_position(conn: Connection) -> ChangeFeedPosition:
    """Return the position of the last run that the due task `alert_rules` has stored. If no position is stored, or if
    the stored position can't be read, return the first position: the end of the change feed (the table `changes`),
    ROWS_PER_FEED_READ rows before the end for the second reading, and the first order.
    """
    stored_position = next(
        (task.position for task in tasks.list_tasks(conn) if task.name == ALERT_RULES_TASK_NAME), None
    )
    latest_change_id = candidates.find_latest_change_id(conn)
    if stored_position:
        try:
            return _parse_position(json.loads(stored_position), latest_change_id)
        except unreadable_rows.READ_ERRORS:
            _log.warning("task %s: its position can't be read; it begins anew", ALERT_RULES_TASK_NAME)
    return ChangeFeedPosition(latest_change_id, max(0, latest_change_id - ROWS_PER_FEED_READ))


def _parse_position(stored_position: dict[str, object], latest_change_id: int) -> ChangeFeedPosition:
    """Return the position of the due task `alert_rules` from its stored JSON object. Raises one of
    `unreadable_rows.READ_ERRORS` for malformed values and for a position after `latest_change_id`, the id of
    the last row of the change feed (the table `changes`).
    """
    numbers = {_POSITION_FIELD_BY_STORED_KEY[key]: int(str(number)) for key, number in stored_position.items()}
    position = ChangeFeedPosition(**numbers)
    if (
        min(numbers.values()) < 0
        or max(numbers.values()) > LARGEST_CHANGE_ID
        or max(position.last_read_change_id, position.last_reread_change_id) > latest_change_id
    ):
        raise ValueError("no such place")
    return position


def _is_about_order(alert: Alert) -> bool:
    return alert.rule_id in ALERT_RULES and alert.subject_kind == orders.ORDER_KIND


def _must_update_alerts(broken_rule: BrokenRule | None, alerts_of_order: tuple[Alert, ...]) -> bool:
    """True if an order's alerts must change. `broken_rule` is the rule that the order breaks, None if it breaks no
    rule. The alerts need no change in two cases: the only open alert is about the broken rule, or no rule is broken
    and no alert is open."""
    return {alert.rule_id for alert in alerts_of_order} != ({broken_rule.rule.value} if broken_rule else set())
