"""Payments whose payer has had their time, found by an index on it."""

from datetime import datetime

from sqlalchemy import Connection, Integer, bindparam, select

from console.domain.order_records import Payment
from console.domain.records import Certainty
from console.domain.truth import WAITING
from console.store.leases import naive
from console.store.payment_money import KIND
from console.store.payment_schema import payments
from console.store.payments import all_records, select_records
from console.store.worker_schema import sagas

_t, _s = payments.c, sagas.c
_UNDER_WAY = select(_s.id).where(
    _s.kind == bindparam("saga"), _s.subject_kind == KIND, _s.open_subject == payments.c.id
)
_OVER = (
    all_records()
    .where(
        _t.status.in_(sorted(state.value for state in WAITING)),
        _t.certainty == Certainty.KNOWN.value,
        _t.payment_expires_at < bindparam("now"),
        ~_UNDER_WAY.exists(),
    )
    .order_by(_t.payment_expires_at, _t.id)
    .limit(bindparam("most", type_=Integer))
)


def over(conn: Connection, saga: str, now: datetime, limit: int) -> tuple[Payment, ...]:
    """Payments known to wait for a payer whose time had passed at `now`, and of which no `saga` of this kind is under
    way; the longest over first.
    """
    return select_records(conn, _OVER, {"saga": saga, "now": naive(now), "most": limit})
