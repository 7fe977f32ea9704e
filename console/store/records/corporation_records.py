"""Reads the records of a corporation number in one query: its orders, payments and refunds."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
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
)

from console.domain.payments.records import Order, Payment, Refund
from console.store.database import unreadable_rows
from console.store.operations import journal
from console.store.payments import orders, payments
from console.store.payments import row_mapping as payment_rows
from console.store.refunds import refunds
from console.store.refunds import row_mapping as refund_rows
from console.store.schema.claim_columns import make_has_number_condition
from console.store.schema.core import approvals
from console.store.schema.payments import orders as order_table
from console.store.schema.payments import payments as payment_table
from console.store.schema.payments import refunds as refund_table

_Record = TypeVar("_Record", Order, Payment, Refund)
_NUMBER_PARAMETER: BindParameter[str] = bindparam("number")
_ORDER_OF_NUMBER_CONDITION = make_has_number_condition(order_table.c.number_key)
_ORDER_INDEX = 0
_PAYMENT_INDEX = len(orders.ORDER_COLUMNS)
_ORDER_ID_OF_PAYMENT_END = _PAYMENT_INDEX + 2
"""End (exclusive) of the slice of a row of _RECORDS_OF_NUMBER_QUERY that begins at _PAYMENT_INDEX and has two values:
the payment's id and the id of its order."""
_REFUND_INDEX = _PAYMENT_INDEX + len(payment_rows.PAYMENT_COLUMNS)
_INDEX_AFTER_REFUND_COLUMNS = _REFUND_INDEX + len(refund_rows.REFUND_COLUMNS)
_LAPSED_PAYMENT_INDEX = _INDEX_AFTER_REFUND_COLUMNS
_LAPSED_REFUND_INDEX = _INDEX_AFTER_REFUND_COLUMNS + 1
_CHECKER_INDEX = _INDEX_AFTER_REFUND_COLUMNS + 2


@dataclass(frozen=True, slots=True)
class RecordsOfNumber:
    """The orders, payments and refunds of a corporation number, each kind newest first."""

    orders: tuple[Order, ...] = ()
    payments: tuple[Payment, ...] = ()
    refunds: tuple[Refund, ...] = ()


def _make_id_query(id_column: Column[Any]) -> Select[Any]:
    """Return a query whose result has three columns: order id, payment id and refund id. It selects only the column
    `id_column`; the other two columns are NULL, so that queries of different ids can be joined by UNION.
    """
    ids = (
        column if column is id_column else cast(null(), BigInteger)
        for column in (order_table.c.id, payment_table.c.id, refund_table.c.id)
    )
    return select(
        *(value.label(name) for value, name in zip(ids, ("order_id", "payment_id", "refund_id"), strict=True))
    )


_orders_with_payments = order_table.join(payment_table, payment_table.c.order_id == order_table.c.id)
_refund_of_payment_condition = refund_table.c.payment_id == payment_table.c.id
RECORD_IDS_OF_NUMBER_SUBQUERY = union(
    _make_id_query(order_table.c.id).where(_ORDER_OF_NUMBER_CONDITION),
    _make_id_query(payment_table.c.id).where(payment_table.c.corporation_number == _NUMBER_PARAMETER),
    _make_id_query(payment_table.c.id).select_from(_orders_with_payments).where(_ORDER_OF_NUMBER_CONDITION),
    _make_id_query(refund_table.c.id)
    .join_from(payment_table, refund_table, _refund_of_payment_condition)
    .where(payment_table.c.corporation_number == _NUMBER_PARAMETER),
    _make_id_query(refund_table.c.id)
    .select_from(_orders_with_payments.join(refund_table, _refund_of_payment_condition))
    .where(_ORDER_OF_NUMBER_CONDITION),
).subquery()
_RECORDS_OF_NUMBER_QUERY = (
    select(
        *orders.ORDER_COLUMNS,
        *payment_rows.PAYMENT_COLUMNS,
        *refund_rows.REFUND_COLUMNS,
        journal.make_lapsed_subject_condition(payments.PAYMENT_KIND, payment_table.c.id),
        journal.make_lapsed_subject_condition(refunds.REFUND_KIND, refund_table.c.id),
        approvals.c.person,
    )
    .select_from(
        RECORD_IDS_OF_NUMBER_SUBQUERY.outerjoin(
            order_table, order_table.c.id == RECORD_IDS_OF_NUMBER_SUBQUERY.c.order_id
        )
        .outerjoin(payment_table, payment_table.c.id == RECORD_IDS_OF_NUMBER_SUBQUERY.c.payment_id)
        .outerjoin(refund_table, refund_table.c.id == RECORD_IDS_OF_NUMBER_SUBQUERY.c.refund_id)
        .outerjoin(approvals, approvals.c.vote_of == cast(refund_table.c.id, String(40)))
    )
    .order_by(approvals.c.id)
)


def list_records_of_number(conn: Connection, corporation_number: str) -> RecordsOfNumber:
    """Return the orders of a corporation number, the payments that have this number or belong to these orders, and
    the refunds of these payments. A record whose process crashed or froze during a call has an unknown outcome. Rows
    that can't be read are left out and reported (`unreadable_rows`).
    """
    rows = list[Row[Any]](conn.execute(_RECORDS_OF_NUMBER_QUERY, {"number": corporation_number}))
    payments_of_number = [row for row in rows if row[_PAYMENT_INDEX] is not None]
    return RecordsOfNumber(
        _make_orders([row for row in rows if row[_ORDER_INDEX] is not None], payments_of_number),
        _make_payments(payments_of_number),
        refunds.exclude_former_approvers_from_checkers(
            conn, _make_refunds([row for row in rows if row[_REFUND_INDEX] is not None])
        ),
    )


def _make_orders(rows: Sequence[Row[Any]], rows_of_payments: Sequence[Row[Any]]) -> tuple[Order, ...]:
    """Return the orders of rows of `_RECORDS_OF_NUMBER_QUERY`, newest first. `rows_of_payments` contains all payments
    of these orders, also those that can't be read: without their ids, the order would seem to have no payment."""
    ids: dict[int | None, list[int]] = {}
    for payment_id, order_id in sorted(row[_PAYMENT_INDEX:_ORDER_ID_OF_PAYMENT_END] for row in rows_of_payments):
        ids.setdefault(order_id, []).append(payment_id)
    return _make_readable_records(
        orders.ORDER_KIND,
        rows,
        _ORDER_INDEX,
        lambda row: orders.make_record(row[:_PAYMENT_INDEX], tuple(ids.get(row[_ORDER_INDEX], ()))),
    )


def _make_payments(rows: Sequence[Row[Any]]) -> tuple[Payment, ...]:
    lapsed_ids = {row[_PAYMENT_INDEX] for row in rows if row[_LAPSED_PAYMENT_INDEX]}
    return _make_readable_records(
        payments.PAYMENT_KIND,
        rows,
        _PAYMENT_INDEX,
        lambda row: payment_rows.make_record(row[_PAYMENT_INDEX:_REFUND_INDEX], lapsed_ids),
    )


def _make_refunds(rows: Sequence[Row[Any]]) -> tuple[Refund, ...]:
    """Return the refunds of rows of `_RECORDS_OF_NUMBER_QUERY`, newest first. A refund has one row per approver, in
    the order of the approvals, or one row without an approver."""
    lapsed_ids = {row[_REFUND_INDEX] for row in rows if row[_LAPSED_REFUND_INDEX]}
    checkers_by_refund_id: dict[int, tuple[str, ...]] = {}
    for row in rows:
        checkers_by_refund_id[row[_REFUND_INDEX]] = checkers_by_refund_id.get(row[_REFUND_INDEX], ()) + (
            (row[_CHECKER_INDEX],) if row[_CHECKER_INDEX] else ()
        )
    row_by_refund_id = {row[_REFUND_INDEX]: row for row in rows}
    return _make_readable_records(
        refunds.REFUND_KIND,
        row_by_refund_id.values(),
        _REFUND_INDEX,
        lambda row: refund_rows.make_record(
            row[_REFUND_INDEX:_INDEX_AFTER_REFUND_COLUMNS], checkers_by_refund_id[row[_REFUND_INDEX]], lapsed_ids
        ),
    )


def _make_readable_records(
    kind: str, rows: Iterable[Row[Any]], id_index: int, make_record: Callable[[Row[Any]], _Record]
) -> tuple[_Record, ...]:
    """Return the records that `make_record` makes of the rows, newest first, without those that can't be read. The
    id of a record of this kind is the column `id_index` of its row."""
    records = unreadable_rows.read_readable_rows(
        f"{kind}s", rows, make_record, lambda row: (kind, row[id_index]), itemgetter(id_index)
    )
    return tuple(sorted(records, key=lambda record: record.id, reverse=True))
