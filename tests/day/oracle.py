"""The conditions that must hold at the end of the day. They read the rows, the ledgers and the plan, never the
console.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from tests.day.books import check_books, check_cases, check_stock
from tests.day.facts import RULES, Facts, Row

SLACK = timedelta(seconds=20)
"""So long a step may be overdue: it has its turn within a task's interval, and the machine is busy."""
_ENDED = {
    "payments": frozenset({"completed", "payment_failed", "expired", "reversed"}),
    "refunds": frozenset({"completed", "failed", "rejected", "withdrawn", "expired"}),
    "orders": frozenset({"paid", "cancelled", "shipped", "delivered", "refunded"}),
}
_ENDED_REQUESTS = frozenset({"ended", "lapsed"})
_KIND = {"payments": "payment", "refunds": "refund", "orders": "order"}


@dataclass(frozen=True, slots=True)
class Score:
    """Alerts ever raised against what was planted."""

    planted: int
    raised: int
    right: int

    @property
    def precision(self) -> float:
        return self.right / self.raised if self.raised else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.planted if self.planted else 1.0


def judge(facts: Facts) -> list[str]:
    """Everything that is wrong, each in a sentence that names it."""
    return [
        *_Stuck(facts).all(),
        *check_books(facts),
        *check_stock(facts),
        *check_cases(facts),
        *check_alerts(facts),
        *check_messages(facts),
        *check_trail(facts),
    ]


# 1, 5: nothing is stuck


class _Stuck:
    """Records that have neither ended nor a step to come nor a person who was asked."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def all(self) -> Iterator[str]:
        for table in _ENDED:
            for row in self._facts[table]:
                if not self._moves(table, row):
                    yield f"stuck: {_KIND[table]} {dict(row)}"
        yield from (f"stuck: saga {dict(row)}" for row in self._facts["sagas"] if not self._saga(row))
        yield from (
            f"stuck: event {row['event_id']} of {row['record_key']}"
            for row in self._facts["outbox"]
            if row["published_at"] is None and not self._to_come(row["next_at"])
        )
        yield from (f"stuck: operation {dict(row)}" for row in self._facts["operations"] if row["state"] == "calling")
        yield from (
            f"stuck: request {dict(row)}" for row in self._facts["requests"] if row["state"] not in _ENDED_REQUESTS
        )
        yield from (f"stuck: notice {dict(row)}" for row in self._facts["payment_events"] if row["done"] == "queued")
        yield from (
            f"stuck: task {dict(row)}"
            for row in self._facts["tasks"]
            if row["trouble"] is not None or not self._to_come(row["next_at"])
        )

    def _moves(self, table: str, row: Row) -> bool:
        """Return True if the record has ended, is scheduled to continue automatically, or waits for a person who has
        been told of it.
        """
        if row["work_state"] == "scheduled":
            return self._to_come(row["work_at"])
        if row["work_state"] == "needs_review":
            return self._is_told(table, row)
        ended = row["status"] in _ENDED[table] and row.get("certainty", "known") == "known"
        return ended or self._waits(table, row)

    def _waits(self, table: str, row: Row) -> bool:
        """Moved on by something else than its own plan: an order by its payment, a request by its limit."""
        if table == "orders":
            return any(self._leads_on(payment) for payment in self._of_order.get(int(row["id"]), ()))
        if table == "refunds":
            return row["status"] == "requested" and self._to_come(row["decide_by"])
        known = row["certainty"] == "known" and row["status"] in ("initializing", "token_generated", "user_payment")
        return known and row["payment_expires_at"] is not None and self._to_come(row["payment_expires_at"])

    def _leads_on(self, payment: Row) -> bool:
        """A payment that will end its order: by its own next step, or by the saga of its end."""
        unended = payment["status"] not in _ENDED["payments"] or payment["certainty"] == "unknown"
        return (unended and self._moves("payments", payment)) or int(payment["id"]) in self._in_saga

    def _saga(self, row: Row) -> bool:
        return row["ended_at"] is not None or (row["next_at"] is not None and self._to_come(row["next_at"]))

    def _to_come(self, at: object) -> bool:
        return at is not None and at > self._facts.now - SLACK  # type: ignore[operator]  # an instant, as the rows have it

    def _is_told(self, table: str, row: Row) -> bool:
        """An open case or alert about it, or (an alert of a rule is about the order) about its order."""
        if (_KIND[table], int(row["id"])) in self._open:
            return True
        return table == "payments" and ("order", int(row["order_id"] or 0)) in self._open

    @cached_property
    def _open(self) -> frozenset[tuple[str, int]]:
        return frozenset(
            (str(row["subject_kind"]), int(row["subject_id"]))
            for row in self._facts["alerts"]
            if row["resolved_at"] is None
        )

    @cached_property
    def _of_order(self) -> dict[int, list[Row]]:
        found: dict[int, list[Row]] = {}
        for row in self._facts["payments"]:
            found.setdefault(int(row["order_id"] or 0), []).append(row)
        return found

    @cached_property
    def _in_saga(self) -> frozenset[int]:
        return frozenset(int(row["subject_id"]) for row in self._facts["sagas"] if row["ended_at"] is None)


# 3: alerts, and what was told of them


def score(facts: Facts) -> Score:
    raised = {(row["order_no"], row["rule_id"]) for row in _raised(facts)}
    planted = set(facts.planted.items())
    return Score(len(planted), len(raised), len(planted & raised))


def _raised(facts: Facts) -> list[Row]:
    """The alerts of the rules, without those that were true because the machine was busy (_is_of_late_move)."""
    rows = [row for row in facts["alerts"] if row["rule_id"] in RULES]
    return [row for row in rows if facts.planted.get(row["order_no"]) == "A" or not _is_of_late_move(facts, row)]


def _is_of_late_move(facts: Facts, alert: Row) -> bool:
    """Return True if the alert was about a paid order that the program had not set to paid within the grace period,
    and has set since. On a busy machine the few real seconds of the grace period can pass before the worker runs.
    """
    if alert["rule_id"] != "A" or alert["resolved_at"] is None:
        return False
    order = _order_by_number(facts)[str(alert["order_no"])]
    known = [
        row["booked_at"]
        for row in facts["payments"]
        if row["order_id"] == order["id"] and row["booked_at"] is not None
    ]
    waited_long = bool(known) and alert["detected_at"] - min(known) >= facts.grace
    return waited_long and alert["detected_at"] < order["state_since"]


def _order_by_number(facts: Facts) -> dict[str, Row]:
    return {str(row["merch_txn_id"]): row for row in facts["orders"]}


def check_alerts(facts: Facts) -> Iterator[str]:
    """The set that was ever raised is the planted one; open are those that nobody has mended."""
    rows = _raised(facts)
    times = Counter((str(row["order_no"]), str(row["rule_id"])) for row in rows)
    for order, rule in sorted(facts.planted.items() - times.keys()):
        yield f"alert missing: {rule} of {order}"
    for order, rule in sorted(times.keys() - facts.planted.items()):
        yield f"alert that nobody planted: {rule} of {order}"
    for (order, rule), much in times.items():
        if much > 1:
            yield f"alert raised {much} times: {rule} of {order}"
    resolved = {str(row["order_no"]) for row in rows if row["resolved_at"] is not None}
    for order in sorted((facts.mended - resolved) & facts.planted.keys()):
        yield f"alert still open, though the facts fit: {facts.planted[order]} of {order}"
    for order in sorted((resolved - facts.mended) & facts.planted.keys()):
        yield f"alert resolved, though nobody mended it: {facts.planted[order]} of {order}"


def check_messages(facts: Facts) -> Iterator[str]:
    """Every event came at least once, whole and signed, those of an order in their order; nothing else came."""
    if facts.bad_signatures:
        yield f"messages with a bad signature: {facts.bad_signatures}"
    kept = {str(row["event_id"]): row for row in facts["outbox"]}
    came = {str(event["event_id"]): event for event in facts.messages}
    yield from (f"never told: event {one} of {kept[one]['record_key']}" for one in sorted(kept.keys() - came.keys()))
    yield from (f"told, but not kept: event {one}" for one in sorted(came.keys() - kept.keys()))
    wanted = Counter[tuple[str, str, str]]()
    for row in facts["alerts"]:
        if row["rule_id"] in RULES:
            events = ("AlertRaised", "AlertResolved") if row["resolved_at"] is not None else ("AlertRaised",)
            wanted.update((event, str(row["order_no"]), str(row["rule_id"])) for event in events)
    told = Counter((str(one["event"]), str(one["order_no"]), str(one["rule_id"])) for one in came.values())
    for event in sorted((wanted - told) + (told - wanted)):
        yield f"told {told[event]} times instead of {wanted[event]}: {event}"
    yield from _out_of_order(facts.messages)


def _out_of_order(messages: Sequence[Row]) -> Iterator[str]:
    seen: set[tuple[str, str]] = set()
    for event in messages:
        key = (str(event["order_no"]), str(event["rule_id"]))
        if event["event"] == "AlertResolved" and key not in seen:
            yield f"told that it is resolved before it was raised: {key}"
        seen.add(key)


# 4: the trail


def check_trail(facts: Facts) -> Iterator[str]:
    if facts.audit_trouble is not None:
        yield f"audit trail: {facts.audit_trouble}"
