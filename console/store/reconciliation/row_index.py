"""A temporary index of the rows of a provider's history that a reconciliation has read so far. It is on the disk,
so that the used memory doesn't grow with the history."""

import sqlite3
from datetime import datetime

from console.domain.payments.states import PaymentState, RefundState
from console.domain.reconciliation.provider_rows import HistoryRow

_CACHE_KIB = 1_024
_KIND_OF_PAID_ROWS = "paid"
_CREATE_INDEX_TABLE_STATEMENT = """
    CREATE TABLE history (payment TEXT, refund TEXT, minor INTEGER, at TEXT, own_number TEXT,
    PRIMARY KEY (payment, refund, minor, at)) WITHOUT ROWID"""
_INSERT_ROW_STATEMENT = "INSERT OR IGNORE INTO history VALUES (?, ?, ?, ?, ?)"
_HAS_PAYMENT_QUERY = "SELECT 1 FROM history WHERE payment = ? AND refund = ? LIMIT 1"
_CREATE_OWN_NUMBER_INDEX_STATEMENT = "CREATE INDEX IF NOT EXISTS history_own_number ON history (own_number)"
_HAS_OWN_NUMBER_QUERY = "SELECT 1 FROM history WHERE own_number = ? AND refund = ? LIMIT 1"
_REFUND_TIMES_QUERY = "SELECT at FROM history WHERE payment = ? AND refund = ? AND minor = ? ORDER BY at"


class HistoryIndex:
    """A temporary SQLite database with the rows of a provider's history, which is compared with our records; `close`
    deletes it. Only one thread may use it at a time."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for statement in (
            "PRAGMA journal_mode = OFF",
            f"PRAGMA cache_size = -{_CACHE_KIB}",
            _CREATE_INDEX_TABLE_STATEMENT,
            "BEGIN",
        ):
            self._connection.execute(statement)

    def add_row_if_new(self, row: HistoryRow) -> bool:
        """Add a row of the history. Return False, without a write, if a row of the same event was added before. Two
        rows about a payment report the same event if their payment and state are the same, even if their amounts
        differ. Two rows about a refund report the same event if their payment, amount, state and time are the same.
        """
        payment = row.provider_payment_id or f"ours:{row.merchant_payment_id}"
        row_identity: tuple[str, int, str] = (_get_row_kind(row), 0, "")
        if row.refund_state is not None:
            row_identity = (row.refund_state.value, row.amount.minor, row.at.isoformat())
        insert_result = self._connection.execute(
            _INSERT_ROW_STATEMENT, (payment, *row_identity, row.merchant_payment_id)
        )
        return insert_result.rowcount == 1

    def has_successful_payment(self, provider_payment_id: str | None, merchant_payment_id: str) -> bool:
        """True if an added row reports that the provider has completed a payment. The payment is the one to which the
        provider gave the id `provider_payment_id`; if that is None, the one with our payment number
        `merchant_payment_id`.
        """
        query, number = _HAS_PAYMENT_QUERY, provider_payment_id
        if provider_payment_id is None:  # Few payments have no provider's id, so most histories need no second index.
            self._connection.execute(_CREATE_OWN_NUMBER_INDEX_STATEMENT)
            query, number = _HAS_OWN_NUMBER_QUERY, merchant_payment_id
        return self._connection.execute(query, (number, _KIND_OF_PAID_ROWS)).fetchone() is not None

    def list_refund_times(
        self, provider_payment_id: str, amount_minor: int, state: RefundState
    ) -> tuple[datetime, ...]:
        """Return the times, sorted, at which refunds of `amount_minor` (minor units) of this payment reached the
        state `state`."""
        rows = self._connection.execute(_REFUND_TIMES_QUERY, (provider_payment_id, state.value, amount_minor))
        return tuple(datetime.fromisoformat(at) for (at,) in rows)

    def close(self) -> None:
        """Close and delete the temporary database."""
        self._connection.close()


def _get_row_kind(row: HistoryRow) -> str:
    return _KIND_OF_PAID_ROWS if row.state is PaymentState.PAYMENT_SUCCESS else row.state.value
