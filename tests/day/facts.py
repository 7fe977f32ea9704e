"""Reads the state at the end of the day: the tables by plain SQL, the providers' ledgers, and the messages that the
receiver of alerts has got.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from console.domain.errors import ConsoleError
from tests.day.people import Diary
from tests.day.surroundings import DaySurroundings, call_with_retries

TableRow = Mapping[str, Any]
_TABLES: Mapping[str, str] = {
    "orders": "id, merch_txn_id, total_amount, currency, status, work_state, work_at, work_reason, state_since",
    "payments": "id, order_id, provider, merchant_payment_id, status, certainty, work_state, work_at, work_reason,"
    " captured_minor, reserved_minor, refunded_minor, set_aside_minor, payment_expires_at, currency, booked_at",
    "refunds": "id, payment_id, refund_amount, status, certainty, work_state, work_at, work_reason, decide_by,"
    " provider_refund_key",
    "sagas": "id, subject_id, state, step, reason, next_at, ended_at",
    "stock_reservations": "id, order_id, item, quantity, status",
    "outbox": "id, event_id, record_key, body, attempts, next_at, published_at",
    "alerts": "id, rule_id, subject_kind, subject_id, order_no, detected_at, resolved_at",
    "operations": "id, action, state, subject_kind, subject_id",
    "payment_events": "id, source, payment_id, kind, done",
    "tasks": "name, next_at, trouble, failures",
    "requests": "id, who, action, subject_kind, subject_id, state, fence",
}
PLANNED_RULES = frozenset("ABC")
"""The ids of the alert rules that planned faults break: each order with a planned fault breaks one of these rules."""


@dataclass(frozen=True)
class DayFacts:
    """The state at the time `now`. `rows` has the rows of each table, `ledger` the providers' payments with their
    refunds, `messages` the correctly signed messages to the receiver of alerts. Three fields come from the diary:
    `broken_rule_by_order` has the rule that each faulty order breaks, `corrected_orders` the orders whose fault was
    removed, `stock` the item and quantity of each order. `audit_error` is the error of the audit trail's verification
    (None: undamaged).
    """

    now: datetime
    rows: Mapping[str, Sequence[TableRow]]
    ledger: Sequence[TableRow]
    messages: Sequence[TableRow]
    bad_signature_count: int
    broken_rule_by_order: Mapping[str, str]
    corrected_orders: frozenset[str]
    stock: Mapping[str, tuple[str, int]]
    audit_error: str | None
    audit_row_count: int
    grace: timedelta
    """Longest grace period of the alert rules, in real time."""

    def __getitem__(self, table: str) -> Sequence[TableRow]:
        return self.rows[table]

    def get_rows_by_id(self, table: str) -> dict[int, TableRow]:
        """Return the rows of the table by id."""
        return {int(row["id"]): row for row in self[table]}


def read_facts(surroundings: DaySurroundings, diary: Diary, *, verifies_audit_trail: bool = True) -> DayFacts:
    """Read the present state with the schema account. Without `verifies_audit_trail` the audit trail isn't
    verified."""
    (now,) = call_with_retries(lambda: surroundings.owner_sql.sql("SELECT UTC_TIMESTAMP(6)"))[0]
    messages = list(zip(surroundings.alert_receiver.events, surroundings.alert_receiver.signed, strict=False))
    error, verified = _verify_audit(surroundings) if verifies_audit_trail else (None, 0)
    return DayFacts(
        now=now,
        rows={table: _read_rows(surroundings, table, columns) for table, columns in _TABLES.items()},
        ledger=call_with_retries(surroundings.control.payments_control.read_ledger)["payments"],
        messages=[event for event, signed in messages if signed],
        bad_signature_count=sum(not signed for _, signed in messages),
        broken_rule_by_order=dict(diary.broken_rule_by_order),
        corrected_orders=frozenset(diary.corrected_orders),
        stock=dict(diary.orders),
        audit_error=error,
        audit_row_count=verified,
        grace=timedelta(seconds=surroundings.day.grace),
    )


def _read_rows(surroundings: DaySurroundings, table: str, columns: str) -> Sequence[TableRow]:
    names = [name.strip() for name in columns.split(",")]
    rows = call_with_retries(lambda: surroundings.owner_sql.sql(f"SELECT {columns} FROM {table}"))
    return [dict(zip(names, row, strict=True)) for row in rows]


def _verify_audit(surroundings: DaySurroundings) -> tuple[str | None, int]:
    """Verify the audit trail. Return its error (None if it is undamaged) and the number of verified rows."""
    try:
        return None, surroundings.auditor.audit.verify_chains()
    except ConsoleError as refusal:
        return f"{refusal.code}: {json.dumps(dict(refusal.detail), default=str)}", 0
