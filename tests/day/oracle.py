"""Checks the state at the end of the day from the database rows, the ledgers and the plan. It uses no code of the
console.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from tests.day.books import check_books, check_cases, check_stock
from tests.day.facts import PLANNED_RULES, DayFacts, TableRow

TOLERATED_DELAY = timedelta(seconds=20)
"""Longest time by which a step may be overdue, because the task that runs it has an interval and the machine is
busy.
"""
_END_STATES = {
    "payments": frozenset({"completed", "payment_failed", "expired", "reversed"}),
    "refunds": frozenset({"completed", "failed", "rejected", "withdrawn", "expired"}),
    "orders": frozenset({"paid", "cancelled", "shipped", "delivered", "refunded"}),
}
_END_STATES_OF_REQUESTS = frozenset({"ended", "lapsed"})
_KIND_BY_TABLE = {"payments": "payment", "refunds": "refund", "orders": "order"}


@dataclass(frozen=True, slots=True)
class AlertScore:
    """The numbers of planned faults, of raised alerts, and of alerts that were raised for a planned fault
    (`correct_count`).
    """

    planned_count: int
    raised_count: int
    correct_count: int

    @property
    def precision(self) -> float:
        """The share (0 to 1) of the raised alerts that are right; 1 if none was raised."""
        return self.correct_count / self.raised_count if self.raised_count else 1.0

    @property
    def recall(self) -> float:
        """The share (0 to 1) of the planned faults for which an alert was raised; 1 if none was planned."""
        return self.correct_count / self.planned_count if self.planned_count else 1.0


def find_errors(facts: DayFacts) -> list[str]:
    """Return a sentence for each error in the final state; empty if all is right. A planned fault is no error."""
    return [
        *_StuckRecords(facts).list_sentences(),
        *check_books(facts),
        *check_stock(facts),
        *check_cases(facts),
        *check_alerts(facts),
        *check_messages(facts),
        *check_audit_trail(facts),
    ]


# Stuck records


class _StuckRecords:
    """Finds records that have neither ended, nor a scheduled step, nor an open alert for a person."""

    def __init__(self, facts: DayFacts) -> None:
        self._facts = facts

    def list_sentences(self) -> Iterator[str]:
        """Yield a sentence for each stuck record."""
        for table in _END_STATES:
            for row in self._facts[table]:
                if not self._is_ended_or_continues(table, row):
                    yield f"stuck: {_KIND_BY_TABLE[table]} {dict(row)}"
        yield from (f"stuck: saga {dict(row)}" for row in self._facts["sagas"] if self._is_saga_stuck(row))
        yield from (
            f"stuck: event {row['event_id']} of {row['record_key']}"
            for row in self._facts["outbox"]
            if row["published_at"] is None and not self._is_in_future(row["next_at"])
        )
        yield from (f"stuck: operation {dict(row)}" for row in self._facts["operations"] if row["state"] == "calling")
        yield from (
            f"stuck: request {dict(row)}"
            for row in self._facts["requests"]
            if row["state"] not in _END_STATES_OF_REQUESTS
        )
        yield from (f"stuck: notice {dict(row)}" for row in self._facts["payment_events"] if row["done"] == "queued")
        yield from (
            f"stuck: task {dict(row)}"
            for row in self._facts["tasks"]
            if row["trouble"] is not None or not self._is_in_future(row["next_at"])
        )

    def _is_ended_or_continues(self, table: str, row: TableRow) -> bool:
        """True if the record has ended, will continue automatically at a scheduled time, or has an open alert for a
        person.
        """
        if row["work_state"] == "scheduled":
            return self._is_in_future(row["work_at"])
        if row["work_state"] == "needs_review":
            return self._has_open_alert(table, row)
        ended = row["status"] in _END_STATES[table] and row.get("certainty", "known") == "known"
        return ended or self._waits_for_other_step(table, row)

    def _waits_for_other_step(self, table: str, row: TableRow) -> bool:
        """True if something other than its own scheduled step continues the record: an order by its payment, a
        requested refund by its time limit, a payment that nobody has paid yet by the end of its payment code.
        """
        if table == "orders":
            return any(
                self._will_end_order(payment) for payment in self._group_payments_by_order.get(int(row["id"]), ())
            )
        if table == "refunds":
            return row["status"] == "requested" and self._is_in_future(row["decide_by"])
        known = row["certainty"] == "known" and row["status"] in ("initializing", "token_generated", "user_payment")
        return known and row["payment_expires_at"] is not None and self._is_in_future(row["payment_expires_at"])

    def _will_end_order(self, payment: TableRow) -> bool:
        """True if the payment will end its order, by its next step or by its saga."""
        unended = payment["status"] not in _END_STATES["payments"] or payment["certainty"] == "unknown"
        return (unended and self._is_ended_or_continues("payments", payment)) or int(
            payment["id"]
        ) in self._ids_of_payments_in_running_saga

    def _is_saga_stuck(self, row: TableRow) -> bool:
        """True if the saga has neither ended nor a next time in the future."""
        return row["ended_at"] is None and not self._is_in_future(row["next_at"])

    def _is_in_future(self, at: object) -> bool:
        """True if the time `at` is in the future, or at most TOLERATED_DELAY ago."""
        return at is not None and at > self._facts.now - TOLERATED_DELAY  # type: ignore[operator]  # an instant, as the rows have it

    def _has_open_alert(self, table: str, row: TableRow) -> bool:
        """True if the record, or the order of the payment, has an open alert."""
        if (_KIND_BY_TABLE[table], int(row["id"])) in self._list_subjects_of_open_alerts:
            return True
        return table == "payments" and ("order", int(row["order_id"] or 0)) in self._list_subjects_of_open_alerts

    @cached_property
    def _list_subjects_of_open_alerts(self) -> frozenset[tuple[str, int]]:
        """Return kind and id of each record that has an open alert."""
        return frozenset(
            (str(row["subject_kind"]), int(row["subject_id"]))
            for row in self._facts["alerts"]
            if row["resolved_at"] is None
        )

    @cached_property
    def _group_payments_by_order(self) -> dict[int, list[TableRow]]:
        """Return the payments by order id."""
        payments_by_order: dict[int, list[TableRow]] = {}
        for row in self._facts["payments"]:
            payments_by_order.setdefault(int(row["order_id"] or 0), []).append(row)
        return payments_by_order

    @cached_property
    def _ids_of_payments_in_running_saga(self) -> frozenset[int]:
        """Return the ids of the payments with a saga that has not ended."""
        return frozenset(int(row["subject_id"]) for row in self._facts["sagas"] if row["ended_at"] is None)


# Alerts, and the messages about them


def compute_score(facts: DayFacts) -> AlertScore:
    """Compare the raised alerts of PLANNED_RULES with the planned faults, by order and rule."""
    raised = {(row["order_no"], row["rule_id"]) for row in _list_raised_alerts(facts)}
    planned = set(facts.broken_rule_by_order.items())
    return AlertScore(len(planned), len(raised), len(planned & raised))


def _list_raised_alerts(facts: DayFacts) -> list[TableRow]:
    """Return the rows of the raised alerts of PLANNED_RULES. Alerts that were right only because the machine was busy
    are left out (see `_is_about_order_set_to_paid_late`).
    """
    rows = [row for row in facts["alerts"] if row["rule_id"] in PLANNED_RULES]
    return [
        row
        for row in rows
        if facts.broken_rule_by_order.get(row["order_no"]) == "A" or not _is_about_order_set_to_paid_late(facts, row)
    ]


def _is_about_order_set_to_paid_late(facts: DayFacts, alert: TableRow) -> bool:
    """True if the alert was about a paid order that the program set to paid only after the grace period. On a busy
    machine the few real seconds of the grace period can pass before the worker runs.
    """
    if alert["rule_id"] != "A" or alert["resolved_at"] is None:
        return False
    order = _index_orders_by_number(facts)[str(alert["order_no"])]
    known = [
        row["booked_at"]
        for row in facts["payments"]
        if row["order_id"] == order["id"] and row["booked_at"] is not None
    ]
    waited_long = bool(known) and alert["detected_at"] - min(known) >= facts.grace
    return waited_long and alert["detected_at"] < order["state_since"]


def _index_orders_by_number(facts: DayFacts) -> dict[str, TableRow]:
    """Return the rows of the orders by order number."""
    return {str(row["merch_txn_id"]): row for row in facts["orders"]}


def check_alerts(facts: DayFacts) -> Iterator[str]:
    """Yield a sentence for each wrong or missing alert: a planned fault without an alert, an alert without a planned
    fault, a fault with two alerts, an open alert whose fault was removed, and a resolved alert whose fault still
    exists.
    """
    rows = _list_raised_alerts(facts)
    times = Counter((str(row["order_no"]), str(row["rule_id"])) for row in rows)
    for order, rule in sorted(facts.broken_rule_by_order.items() - times.keys()):
        yield f"alert missing: {rule} of {order}"
    for order, rule in sorted(times.keys() - facts.broken_rule_by_order.items()):
        yield f"alert without a planned fault: {rule} of {order}"
    for (order, rule), much in times.items():
        if much > 1:
            yield f"alert raised {much} times: {rule} of {order}"
    resolved = {str(row["order_no"]) for row in rows if row["resolved_at"] is not None}
    for order in sorted((facts.corrected_orders - resolved) & facts.broken_rule_by_order.keys()):
        yield f"alert still open, though the facts fit: {facts.broken_rule_by_order[order]} of {order}"
    for order in sorted((resolved - facts.corrected_orders) & facts.broken_rule_by_order.keys()):
        yield f"alert resolved, though nobody mended it: {facts.broken_rule_by_order[order]} of {order}"


def check_messages(facts: DayFacts) -> Iterator[str]:
    """Yield a sentence for each error in the messages about alerts: an event that the receiver didn't get or that the
    outbox doesn't have, a wrong signature, events that don't fit the alerts, and events of an order in the wrong
    sequence.
    """
    if facts.bad_signature_count:
        yield f"messages with a bad signature: {facts.bad_signature_count}"
    stored_events = {str(row["event_id"]): row for row in facts["outbox"]}
    received_events = {str(event["event_id"]): event for event in facts.messages}
    yield from (
        f"never received: event {one} of {stored_events[one]['record_key']}"
        for one in sorted(stored_events.keys() - received_events.keys())
    )
    yield from (
        f"received, but not stored: event {one}" for one in sorted(received_events.keys() - stored_events.keys())
    )
    expected_counts = Counter[tuple[str, str, str]]()
    for row in facts["alerts"]:
        if row["rule_id"] in PLANNED_RULES:
            events = ("AlertRaised", "AlertResolved") if row["resolved_at"] is not None else ("AlertRaised",)
            expected_counts.update((event, str(row["order_no"]), str(row["rule_id"])) for event in events)
    received_counts = Counter(
        (str(one["event"]), str(one["order_no"]), str(one["rule_id"])) for one in received_events.values()
    )
    for event in sorted((expected_counts - received_counts) + (received_counts - expected_counts)):
        yield f"received {received_counts[event]} times instead of {expected_counts[event]}: {event}"
    yield from _find_wrong_sequences(facts.messages)


def _find_wrong_sequences(messages: Sequence[TableRow]) -> Iterator[str]:
    raised_alerts: set[tuple[str, str]] = set()
    for event in messages:
        key = (str(event["order_no"]), str(event["rule_id"]))
        if event["event"] == "AlertResolved" and key not in raised_alerts:
            yield f"an alert resolved before it was raised: {key}"
        raised_alerts.add(key)


# The audit trail


def check_audit_trail(facts: DayFacts) -> Iterator[str]:
    """Yield the error of the audit trail, if it is damaged."""
    if facts.audit_error is not None:
        yield f"audit trail: {facts.audit_error}"
