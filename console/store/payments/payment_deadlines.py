"""Query of the payments whose payer didn't pay before `payment_expires_at`; it uses the index of that column."""

from datetime import datetime

from sqlalchemy import Connection, Integer, bindparam, select

from console.domain.payments.records import Payment
from console.domain.payments.states import WAITING_STATES
from console.domain.records import Certainty
from console.store.database.instants import convert_to_naive_utc
from console.store.payments.balances import PAYMENT_KIND
from console.store.payments.payments import get_all_rows_query, select_records
from console.store.schema.payments import payments
from console.store.schema.worker import sagas

_OPEN_SAGA_OF_PAYMENT_QUERY = select(sagas.c.id).where(
    sagas.c.kind == bindparam("saga_kind"),
    sagas.c.subject_kind == PAYMENT_KIND,
    sagas.c.open_subject == payments.c.id,
)
_OVERDUE_PAYMENTS_QUERY = (
    get_all_rows_query()
    .where(
        payments.c.status.in_(sorted(state.value for state in WAITING_STATES)),
        payments.c.certainty == Certainty.KNOWN.value,
        payments.c.payment_expires_at < bindparam("now"),
        ~_OPEN_SAGA_OF_PAYMENT_QUERY.exists(),
    )
    .order_by(payments.c.payment_expires_at, payments.c.id)
    .limit(bindparam("limit", type_=Integer))
)


def list_overdue_payments(conn: Connection, saga_kind: str, now: datetime, limit: int) -> tuple[Payment, ...]:
    """Return at most `limit` payments that wait for their payer, with a known outcome, and whose `payment_expires_at`
    is before `now`; the earliest comes first.

    Payments with an unfinished saga of the kind `saga_kind`, and rows that can't be read, are left out.
    """
    values = {"saga_kind": saga_kind, "now": convert_to_naive_utc(now), "limit": limit}
    return select_records(conn, _OVERDUE_PAYMENTS_QUERY, values, skips_unreadable=True)
