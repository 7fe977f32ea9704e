"""Inserts rows for the tests of reports into an empty database, with SQL and without the triggers."""

from collections.abc import Mapping
from datetime import UTC, datetime

from tests.support.places import Place

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
"""The present time of these tests: noon in Japan on 2026-11-20."""
_FILLED_TABLES = (
    "orders",
    "payments",
    "refunds",
    "approvals",
    "operations",
    "alerts",
    "hansha_alarmbox_credit_checks",
)


class ReportRows:
    """Inserts rows into the tables that reports read. Columns for which no value is given get a valid default."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._count = 0
        for table in _FILLED_TABLES:
            place.drop_table_triggers(table)

    def insert_row(self, table: str, values: Mapping[str, object]) -> None:
        columns, texts = ", ".join(values), ", ".join(map(_make_sql_literal, values.values()))
        self._place.sql(f"INSERT INTO {table} ({columns}) VALUES ({texts})")

    def insert_payment(self, provider: str, status: str, begun_at: datetime | None, **other: object) -> None:
        self._count += 1
        values = {
            "provider": provider, "merchant_payment_id": f"P-{self._count}", "status": status, "begun_at": begun_at,
            "currency": "JPY", "asked_minor": 1_000, "created_at": NOW, "changed_at": NOW,
        }  # fmt: skip
        self.insert_row("payments", {**values, **other})

    def insert_refund(self, status: str, created_at: datetime, **other: object) -> None:
        self._count += 1
        values = {
            "payment_id": self._count, "refund_amount": 1_000, "currency": "JPY", "status": status, "maker": "op-a",
            "reason": "sent back", "saw": "{}", "radar": "[]", "checkers_needed": 1, "decide_by": NOW,
            "created_at": created_at, "changed_at": NOW,
        }  # fmt: skip
        self.insert_row("refunds", {**values, **other})

    def insert_operation(self, kind: str, action: str, state: str, started_at: datetime, **other: object) -> None:
        self._count += 1
        values = {
            "id": f"operation-{self._count}", "action": action, "subject_kind": kind, "subject_id": self._count,
            "state": state, "idempotency_key": f"key-{self._count}", "fingerprint": "", "operator": "op-a",
            "desk": "", "host": "", "process": 1, "session": "", "started_at": started_at, "lease_clock": "",
            "lease_expires": 0, "fence": 1,
        }  # fmt: skip
        self.insert_row("operations", {**values, **other})


def _make_sql_literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, datetime):
        return f"'{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"
