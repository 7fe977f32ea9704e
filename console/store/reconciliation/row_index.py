"""Temporary index of the rows that a run has read so far from a provider's history. It is on disk, so that the used
memory doesn't grow with the history.
"""

import sqlite3
from datetime import datetime

from console.domain.payments.states import PaymentState, RefundState
from console.domain.reconciliation.provider_rows import HistoryRow

_CACHE_KIB = 1_024
_PAID = "paid"
_CREATE_TABLE = """CREATE TABLE told (payment TEXT, refund TEXT, minor INTEGER, at TEXT,
    PRIMARY KEY (payment, refund, minor, at)) WITHOUT ROWID"""
_HAS_PAYMENT_QUERY = "SELECT 1 FROM told WHERE payment = ? AND refund = ? LIMIT 1"
_REFUND_TIMES_QUERY = "SELECT at FROM told WHERE payment = ? AND refund = ? AND minor = ? ORDER BY at"


class HistoryIndex:
    """A temporary SQLite database of history rows, which is deleted when it is closed. Only one thread may use it at
    a time.
    """

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for statement in ("PRAGMA journal_mode = OFF", f"PRAGMA cache_size = -{_CACHE_KIB}", _CREATE_TABLE, "BEGIN"):
            self._connection.execute(statement)

    def add_row(self, row: HistoryRow) -> bool:
        """Add a row. Return False if an equal row was added before. Two rows without a refund are equal if they have
        the same payment and state, whatever their amounts. Two rows of refunds are equal if payment, amount, state
        and time are all the same.
        """
        payment = row.provider_payment_id or f"ours:{row.merchant_payment_id}"
        identity: tuple[str, int, str] = (_get_row_kind(row), 0, "")
        if row.refund is not None:
            identity = (row.refund.value, row.amount.minor, row.at.isoformat())
        added = self._connection.execute("INSERT OR IGNORE INTO told VALUES (?, ?, ?, ?)", (payment, *identity))
        return added.rowcount == 1

    def has_payment(self, provider_payment_id: str) -> bool:
        """True if an added row says that this payment succeeded."""
        return self._connection.execute(_HAS_PAYMENT_QUERY, (provider_payment_id, _PAID)).fetchone() is not None

    def refund_times(self, provider_payment_id: str, amount_minor: int, state: RefundState) -> tuple[datetime, ...]:
        """Return the times, sorted, at which refunds of this amount (`amount_minor`, minor units) of the payment
        reached the state.
        """
        rows = self._connection.execute(_REFUND_TIMES_QUERY, (provider_payment_id, state.value, amount_minor))
        return tuple(datetime.fromisoformat(at) for (at,) in rows)

    def close(self) -> None:
        """Close and delete the database."""
        self._connection.close()


def _get_row_kind(row: HistoryRow) -> str:
    return _PAID if row.state is PaymentState.PAYMENT_SUCCESS else row.state.value
