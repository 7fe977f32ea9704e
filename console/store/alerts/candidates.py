"""Orders that may not fit with their payments: found by index reads, in stretches of ids, for the rules to judge."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

from sqlalchemy import BindParameter, ColumnElement, Connection, and_, bindparam, exists, func, or_, select
from sqlalchemy import Integer as Whole

from console.domain.alert_rules import PAID_FOR
from console.domain.order_records import Order, OrderState, Payment
from console.domain.truth import PAID
from console.store import orders, payments
from console.store.leases import aware
from console.store.payment_schema import orders as order_rows
from console.store.payment_schema import payments as payment_rows
from console.store.schema import changes

_o, _p, _c = order_rows.c, payment_rows.c, changes.c
_LATEST_CHANGE = select(func.max(_c.id))
_NEWEST_ORDER = select(func.max(_o.id))
_IDS: BindParameter[int] = bindparam("ids", expanding=True)
_CHANGES = (
    select(_c.id, _c.kind, _c.subject_id, _c.at)
    .where(_c.id > bindparam("after"))
    .order_by(_c.id)
    .limit(bindparam("most", type_=Whole))
)
_ORDERS_OF = select(_p.order_id).where(_p.id.in_(_IDS), _p.order_id.is_not(None)).distinct()
_ORDERS = orders.all_records().where(_o.id.in_(_IDS))
_PAYMENTS = payments.all_records().where(_p.order_id.in_(_IDS)).order_by(_p.id)


def _has_payment(*which: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(_p.order_id == _o.id, *which)


_PAID = _p.status.in_(sorted(state.value for state in PAID))
# Not the column itself: its index would be walked from one end to the other, where the ids are a short stretch.
_STATE = func.coalesce(_o.status, "")
_WAITING = _STATE.in_([OrderState.PENDING.value, OrderState.CANCELLED.value])
_TOLD_PAID = _STATE.in_(sorted(state.value for state in PAID_FOR))
# Never less than what the rules find; they look closer. (One OR, so that no server turns it into a join of all rows.)
_SUSPECT = or_(
    and_(_WAITING, _has_payment(_PAID)),
    and_(_TOLD_PAID, _has_payment(_p.late_after.is_not(None))),
    and_(_TOLD_PAID, _has_payment(), ~_has_payment(_PAID)),
)
_STRETCH = select(_o.id).where(_o.id > bindparam("after"), _o.id <= bindparam("upto"), _SUSPECT).order_by(_o.id)


Facts: TypeAlias = tuple[Order, Sequence[Payment]]
"""An order with all its payments."""


class Changed(NamedTuple):
    """A row of the feed."""

    id: int
    kind: str
    subject_id: int
    at: datetime


def latest_change(conn: Connection) -> int:
    return int(conn.scalar(_LATEST_CHANGE) or 0)


def changed(conn: Connection, after: int, limit: int) -> tuple[Changed, ...]:
    """The feed from there on, in turn."""
    rows = conn.execute(_CHANGES, {"after": after, "most": limit})
    return tuple(Changed(int(row.id), str(row.kind), int(row.subject_id), aware(row.at)) for row in rows)


def orders_of(conn: Connection, changed: Collection[Changed]) -> frozenset[int]:
    """Ids of the orders that these changes are about."""
    own = {one.subject_id for one in changed if one.kind == orders.KIND}
    paid = {one.subject_id for one in changed if one.kind == payments.KIND}
    found = conn.scalars(_ORDERS_OF, {"ids": sorted(paid)}) if paid else ()
    return frozenset(own | {int(order_id) for order_id in found})


def newest_order(conn: Connection) -> int:
    return int(conn.scalar(_NEWEST_ORDER) or 0)


def within(conn: Connection, after: int, upto: int) -> frozenset[int]:
    """Ids of the orders of a stretch that may not fit."""
    return frozenset(map(int, conn.scalars(_STRETCH, {"after": after, "upto": upto})))


def facts(conn: Connection, ids: Collection[int]) -> tuple[Facts, ...]:
    """These orders with all their payments. One in a state that we can't read is left out: a person looks at it."""
    of: dict[int, list[Payment]] = {}
    wanted = {"ids": sorted(ids)}
    for payment in payments.select_records(conn, _PAYMENTS, wanted) if ids else ():
        of.setdefault(payment.order_id or 0, []).append(payment)
    found = orders.select_records(conn, _ORDERS, wanted) if ids else ()
    return tuple((one, of.get(one.id, ())) for one in found if one.work.reason != orders.UNREADABLE)
