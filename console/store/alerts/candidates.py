"""Finds orders that may contradict their payments, by index reads over ranges of ids. Afterwards, the rules in
`console.domain.alerts.rules` check each of these orders.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

from sqlalchemy import BindParameter, ColumnElement, Connection, and_, bindparam, exists, func, or_, select
from sqlalchemy import Integer as Whole

from console.domain.alerts.rules import PAID_ORDER_STATES
from console.domain.payments.records import Order, OrderState, Payment
from console.domain.payments.states import PAID_STATES, PaymentState
from console.store.database import unreadable_rows
from console.store.database.instants import convert_to_aware_utc
from console.store.payments import orders, payments
from console.store.queues.definitions import HAS_UNKNOWN_ORDER_STATE
from console.store.schema.core import changes
from console.store.schema.payments import orders as order_rows
from console.store.schema.payments import payments as payment_rows

_LATEST_CHANGE_ID_QUERY = select(func.max(changes.c.id))
_NEWEST_ORDER_ID_QUERY = select(func.max(order_rows.c.id))
_IDS_PARAMETER: BindParameter[int] = bindparam("ids", expanding=True)
_CHANGED_ROWS_QUERY = (
    select(changes.c.id, changes.c.kind, changes.c.subject_id, changes.c.at)
    .where(changes.c.id > bindparam("after"))
    .order_by(changes.c.id)
    .limit(bindparam("limit", type_=Whole))
)
_ORDER_IDS_OF_PAYMENTS_QUERY = (
    select(payment_rows.c.order_id)
    .where(payment_rows.c.id.in_(_IDS_PARAMETER), payment_rows.c.order_id.is_not(None))
    .distinct()
)
_ORDERS_BY_ID_QUERY = orders.get_all_rows_query().where(order_rows.c.id.in_(_IDS_PARAMETER))
_PAYMENTS_OF_ORDERS_QUERY = (
    payments.get_all_rows_query().where(payment_rows.c.order_id.in_(_IDS_PARAMETER)).order_by(payment_rows.c.id)
)


def _make_has_payment_condition(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return an SQL condition on an order: it has a payment that fulfils all `conditions`."""
    return exists().where(payment_rows.c.order_id == order_rows.c.id, *conditions)


_PAID_PAYMENT_CONDITION = payment_rows.c.status.in_(sorted(state.value for state in PAID_STATES))
_REVERSED_PAYMENT_CONDITION = payment_rows.c.status == PaymentState.REVERSED.value
# coalesce() prevents a server from using the index of `status`, which it would read completely. The range of ids is
# shorter.
_ORDER_STATE_EXPRESSION = func.coalesce(order_rows.c.status, "")
_UNPAID_ORDER_CONDITION = _ORDER_STATE_EXPRESSION.in_([OrderState.PENDING.value, OrderState.CANCELLED.value])
_PAID_ORDER_CONDITION = _ORDER_STATE_EXPRESSION.in_(sorted(state.value for state in PAID_ORDER_STATES))
# True for every order that violates a rule or has an unknown state, and for some others. It is one OR, because a
# server turns several conditions into a join over all rows.
_CANDIDATE_ORDER_CONDITION = or_(
    and_(_UNPAID_ORDER_CONDITION, _make_has_payment_condition(_PAID_PAYMENT_CONDITION)),
    and_(_PAID_ORDER_CONDITION, _make_has_payment_condition(payment_rows.c.late_after.is_not(None))),
    and_(_PAID_ORDER_CONDITION, _make_has_payment_condition(_REVERSED_PAYMENT_CONDITION)),
    and_(_PAID_ORDER_CONDITION, _make_has_payment_condition(), ~_make_has_payment_condition(_PAID_PAYMENT_CONDITION)),
    HAS_UNKNOWN_ORDER_STATE,
)
_CANDIDATE_ORDER_IDS_QUERY = (
    select(order_rows.c.id)
    .where(order_rows.c.id > bindparam("after"), order_rows.c.id <= bindparam("up_to_id"), _CANDIDATE_ORDER_CONDITION)
    .order_by(order_rows.c.id)
)


OrderWithPayments: TypeAlias = tuple[Order, Sequence[Payment]]
"""An order, and all its payments sorted by id."""


class ChangedRow(NamedTuple):
    """A row of the change feed (the table `changes`): `kind` and `subject_id` are the changed record, `changed_at` is
    the time of the change (UTC)."""

    id: int
    kind: str
    subject_id: int
    changed_at: datetime


def find_latest_change_id(conn: Connection) -> int:
    """Return the highest id of the change feed (the table `changes`); 0 if it is empty."""
    return int(conn.scalar(_LATEST_CHANGE_ID_QUERY) or 0)


def list_changed_rows(conn: Connection, after_id: int, limit: int) -> tuple[ChangedRow, ...]:
    """Return at most `limit` rows of the change feed with an id above `after_id`, sorted by id."""
    rows = conn.execute(_CHANGED_ROWS_QUERY, {"after": after_id, "limit": limit})
    return tuple(
        ChangedRow(int(row.id), str(row.kind), int(row.subject_id), convert_to_aware_utc(row.at)) for row in rows
    )


def find_changed_order_ids(conn: Connection, changed_rows: Collection[ChangedRow]) -> frozenset[int]:
    """Return the ids of the orders that have changed, or whose payments have changed, according to these rows of the
    change feed.
    """
    changed_order_ids = {change.subject_id for change in changed_rows if change.kind == orders.ORDER_KIND}
    changed_payment_ids = {change.subject_id for change in changed_rows if change.kind == payments.PAYMENT_KIND}
    order_ids = (
        conn.scalars(_ORDER_IDS_OF_PAYMENTS_QUERY, {"ids": sorted(changed_payment_ids)})
        if changed_payment_ids
        else ()
    )
    return frozenset(changed_order_ids | {int(order_id) for order_id in order_ids})


def find_newest_order_id(conn: Connection) -> int:
    """Return the highest order id; 0 if there is no order."""
    return int(conn.scalar(_NEWEST_ORDER_ID_QUERY) or 0)


def list_candidate_order_ids(conn: Connection, after_id: int, up_to_id: int) -> frozenset[int]:
    """Return the ids of the orders with `after_id` < id <= `up_to_id` that may contradict their payments. The result
    contains every order about which an alert rule opens an alert, every order with an unknown state, and also some
    orders about which no rule opens an alert.
    """
    return frozenset(map(int, conn.scalars(_CANDIDATE_ORDER_IDS_QUERY, {"after": after_id, "up_to_id": up_to_id})))


def read_orders_with_payments(conn: Connection, ids: Collection[int]) -> tuple[OrderWithPayments, ...]:
    """Return the orders with these ids, each with all its payments. An order is left out if this program can't read
    its state, its row or the row of one of its payments, because the program can't compare it with its payments. Each
    unreadable row is reported (`unreadable_rows`), because an order with an unknown state is in no queue and people
    would overlook it.
    """
    payments_by_order_id: dict[int, list[Payment]] = {}
    values = {"ids": sorted(ids)}
    readable_payments = (
        payments.select_records(conn, _PAYMENTS_OF_ORDERS_QUERY, values, skips_unreadable=True) if ids else ()
    )
    for payment in readable_payments:
        payments_by_order_id.setdefault(payment.order_id or 0, []).append(payment)
    records = unreadable_rows.read_readable_rows(
        order_rows.name,
        orders.select_records(conn, _ORDERS_BY_ID_QUERY, values, skips_unreadable=True) if ids else (),
        _require_known_state,
        lambda order: (orders.ORDER_KIND, order.id),
        lambda order: order.id,
    )
    readable_ids = {payment.id for payment in readable_payments}
    return tuple(
        (order, payments_by_order_id.get(order.id, ()))
        for order in records
        if readable_ids.issuperset(order.payment_ids)
    )


def _require_known_state(order: Order) -> Order:
    """Return the order; raise ValueError if its stored state isn't an `OrderState`."""
    if order.work.reason == orders.UNREADABLE_STATE_REASON:
        raise ValueError("unknown state")
    return order
