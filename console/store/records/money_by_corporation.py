"""Orders, payments and refunds of a corporation number, all in one statement."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Column,
    Connection,
    Row,
    Select,
    String,
    bindparam,
    cast,
    null,
    select,
    union,
)  # fmt: skip

from console.domain.order_records import Order, Payment, Refund
from console.store import journal, orders, payment_rows, payments, refund_rows, refunds
from console.store.payment_schema import orders as order_table
from console.store.payment_schema import payments as payment_table
from console.store.payment_schema import refunds as refund_table
from console.store.schema import approvals

_Record = TypeVar("_Record", Order, Payment, Refund)
_o, _p, _r, _a = order_table.c, payment_table.c, refund_table.c, approvals.c
_NUMBER: BindParameter[str] = bindparam("number")
_AT_ORDER = 0
_AT_PAYMENT = len(orders.COLUMNS)
_AT_REFUND = _AT_PAYMENT + len(payment_rows.COLUMNS)
_AFTER = _AT_REFUND + len(refund_rows.COLUMNS)
_BROKEN_PAYMENT, _BROKEN_REFUND, _CHECKER = _AFTER, _AFTER + 1, _AFTER + 2


@dataclass(frozen=True, slots=True)
class Money:
    """What a number has beside its credit checks, each newest first."""

    orders: tuple[Order, ...] = ()
    payments: tuple[Payment, ...] = ()
    refunds: tuple[Refund, ...] = ()


NOTHING = Money()


def _hit(found: Column[Any]) -> Select[Any]:
    """The id of a row that was found, in the column of its table."""
    ids = (column if column is found else cast(null(), BigInteger) for column in (_o.id, _p.id, _r.id))
    return select(*(one.label(name) for one, name in zip(ids, ("order_id", "payment_id", "refund_id"), strict=True)))


_paid = order_table.join(payment_table, _p.order_id == _o.id)
_given_back = _r.payment_id == _p.id
_hits = union(
    _hit(_o.id).where(_o.number_key == _NUMBER),
    _hit(_p.id).where(_p.corporation_number == _NUMBER),
    _hit(_p.id).select_from(_paid).where(_o.number_key == _NUMBER),
    _hit(_r.id).join_from(payment_table, refund_table, _given_back).where(_p.corporation_number == _NUMBER),
    _hit(_r.id).select_from(_paid.join(refund_table, _given_back)).where(_o.number_key == _NUMBER),
).subquery()
_OF_NUMBER = (
    select(
        *orders.COLUMNS, *payment_rows.COLUMNS, *refund_rows.COLUMNS,
        journal.is_lapsed(payments.KIND, _p.id), journal.is_lapsed(refunds.KIND, _r.id), _a.person,
    )
    .select_from(
        _hits.outerjoin(order_table, _o.id == _hits.c.order_id)
        .outerjoin(payment_table, _p.id == _hits.c.payment_id)
        .outerjoin(refund_table, _r.id == _hits.c.refund_id)
        .outerjoin(approvals, _a.vote_of == cast(_r.id, String(40)))
    )
    .order_by(_a.id)
)  # fmt: skip


def of_number(conn: Connection, number: str) -> Money:
    """Everything of a number that is no credit check: its orders, payments of its own or of these, their refunds;
    as everybody sees it, with a lapsed call unknown.
    """
    rows = list[Row[Any]](conn.execute(_OF_NUMBER, {"number": number}))
    paid = _payments([row for row in rows if row[_AT_PAYMENT] is not None])
    return Money(
        _orders([row for row in rows if row[_AT_ORDER] is not None], paid),
        paid,
        _refunds([row for row in rows if row[_AT_REFUND] is not None]),
    )


def _orders(rows: Sequence[Row[Any]], paid: Sequence[Payment]) -> tuple[Order, ...]:
    """Who finds an order has found all its payments."""
    ids: dict[int | None, list[int]] = {}
    for payment in reversed(paid):
        ids.setdefault(payment.order_id, []).append(payment.id)
    return _newest_first(orders.to_record(row[:_AT_PAYMENT], tuple(ids.get(row[_AT_ORDER], ()))) for row in rows)


def _payments(rows: Sequence[Row[Any]]) -> tuple[Payment, ...]:
    lapsed = {row[_AT_PAYMENT] for row in rows if row[_BROKEN_PAYMENT]}
    return _newest_first(payment_rows.to_record(row[_AT_PAYMENT:_AT_REFUND], lapsed) for row in rows)


def _refunds(rows: Sequence[Row[Any]]) -> tuple[Refund, ...]:
    """A row for each of those who approved, in their order."""
    lapsed = {row[_AT_REFUND] for row in rows if row[_BROKEN_REFUND]}
    votes: dict[int, tuple[str, ...]] = {}
    for row in rows:
        votes[row[_AT_REFUND]] = votes.get(row[_AT_REFUND], ()) + ((row[_CHECKER],) if row[_CHECKER] else ())
    first = {row[_AT_REFUND]: row for row in rows}
    return _newest_first(
        refund_rows.to_record(row[_AT_REFUND:_AFTER], votes[number], lapsed) for number, row in first.items()
    )


def _newest_first(records: Iterable[_Record]) -> tuple[_Record, ...]:
    return tuple(sorted(records, key=lambda record: record.id, reverse=True))
