"""What a history has told so far, on the disk and not in memory, however many rows it has."""

import sqlite3
from datetime import datetime

from console.domain.history_records import HistoryRow
from console.domain.payment_states import PaymentState, RefundState

_CACHE_KIB = 1_024
_PAID = "paid"
_TABLE = """CREATE TABLE told (payment TEXT, refund TEXT, minor INTEGER, at TEXT,
    PRIMARY KEY (payment, refund, minor, at)) WITHOUT ROWID"""
_HOLDS = "SELECT 1 FROM told WHERE payment = ? AND refund = ? LIMIT 1"
_REFUNDS = "SELECT at FROM told WHERE payment = ? AND refund = ? AND minor = ? ORDER BY at"


class HistoryIndex:
    """A temporary database of its own: gone when it is closed, seen by nobody else. For one thread."""

    def __init__(self) -> None:
        self._line = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for statement in ("PRAGMA journal_mode = OFF", f"PRAGMA cache_size = -{_CACHE_KIB}", _TABLE, "BEGIN"):
            self._line.execute(statement)

    def add(self, row: HistoryRow) -> bool:
        """Take a row in; False when the same was told before. A payment ends in one way once, whatever the sum."""
        payment = row.provider_payment_id or f"ours:{row.merchant_payment_id}"
        told: tuple[str, int, str] = (_kind(row), 0, "")
        if row.refund is not None:
            told = (row.refund.value, row.amount.minor, row.at.isoformat())
        added = self._line.execute("INSERT OR IGNORE INTO told VALUES (?, ?, ?, ?)", (payment, *told))
        return added.rowcount == 1

    def holds(self, provider_payment_id: str) -> bool:
        """Whether it told that this payment was paid."""
        return self._line.execute(_HOLDS, (provider_payment_id, _PAID)).fetchone() is not None

    def refund_times(self, provider_payment_id: str, minor: int, state: RefundState) -> tuple[datetime, ...]:
        """When refunds of that sum (minor units) of the payment came into that state, in order."""
        rows = self._line.execute(_REFUNDS, (provider_payment_id, state.value, minor))
        return tuple(datetime.fromisoformat(at) for (at,) in rows)

    def close(self) -> None:
        self._line.close()


def _kind(row: HistoryRow) -> str:
    return _PAID if row.state is PaymentState.PAYMENT_SUCCESS else row.state.value
