"""Finds the corporation numbers that have records in this database. Each query uses the indexes of the numbers."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    bindparam,
    case,
    func,
    or_,
    select,
    union,
    union_all,
)

from console.domain.batches import split_into_batches
from console.domain.corporation_number import DIGIT_COUNT
from console.domain.lookup.number_input import find_corporation_number
from console.domain.payments.states import RefundState
from console.domain.transitions.tables import ENDED_REFUND_STATES
from console.store.schema.claim_columns import list_number_keys
from console.store.schema.core import credit_checks
from console.store.schema.payments import orders, payments, refunds

MAX_NUMBERS_PER_QUERY = 500
"""Largest number of corporation numbers in one query. A query has up to 39 parameters for each, and SQLite accepts at
most 32,766 parameters."""
MAX_OPEN_NUMBERS = 1_000
"""Largest number of records that `list_numbers_of_open_records` reads for each of its conditions."""
_NEEDS_REVIEW_WORK_STATE = "needs_review"
_UNKNOWN_CERTAINTY = "unknown"


def make_number_condition(number: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the SQL condition that the column `number` has one of the searched corporation numbers, which are in the
    parameter `numbers`. For the column of orders they are in the parameter `number_keys` (see `list_number_keys`),
    because no task corrects the spelling of an order's number."""
    parameter = "number_keys" if number is orders.c.number_key else "numbers"
    return number.in_(bindparam(parameter, expanding=True))


def _make_our_numbers_query(number: ColumnElement[Any], is_open: ColumnElement[bool]) -> Select[Any]:
    """Return a query of those searched corporation numbers that occur in the column `number`. Each has a second
    column: 1 if one of the number's records fulfils `is_open`, otherwise 0."""
    has_open = func.max(case((is_open, 1), else_=0)).label("has_open")
    return select(number.label("number"), has_open).where(make_number_condition(number)).group_by(number)


_open_payment_condition = or_(
    payments.c.work_state == _NEEDS_REVIEW_WORK_STATE, payments.c.certainty == _UNKNOWN_CERTAINTY
)
_open_refund_condition = refunds.c.status.not_in([state.value for state in ENDED_REFUND_STATES])
_orders_with_payments = orders.join(payments, payments.c.order_id == orders.c.id)
_OUR_NUMBERS_QUERY = union_all(
    _make_our_numbers_query(
        credit_checks.c.number_key,
        or_(credit_checks.c.seen_work == _NEEDS_REVIEW_WORK_STATE, credit_checks.c.certainty == _UNKNOWN_CERTAINTY),
    ),
    _make_our_numbers_query(orders.c.number_key, orders.c.work_state == _NEEDS_REVIEW_WORK_STATE),
    _make_our_numbers_query(payments.c.corporation_number, _open_payment_condition),
    _make_our_numbers_query(orders.c.number_key, _open_payment_condition).select_from(_orders_with_payments),
    _make_our_numbers_query(payments.c.corporation_number, _open_refund_condition).join_from(
        payments, refunds, refunds.c.payment_id == payments.c.id
    ),
    _make_our_numbers_query(orders.c.number_key, _open_refund_condition).select_from(
        _orders_with_payments.join(refunds, refunds.c.payment_id == payments.c.id)
    ),
)
_ALL_NUMBERS_QUERY = union(
    select(credit_checks.c.number_key),
    select(orders.c.number_key).where(orders.c.number_key.is_not(None)),
    select(payments.c.corporation_number).where(payments.c.corporation_number.is_not(None)),
)


def _make_open_numbers_query(
    number: ColumnElement[Any], is_open: ColumnElement[bool], rows: FromClause
) -> Select[Any]:
    """Return a query of the corporation numbers (column `number`) of at most MAX_OPEN_NUMBERS records of `rows` (a
    table or a join) that fulfil `is_open`. Each `is_open` selects one range of an index, or a few of them."""
    return select(select(number.label("number")).select_from(rows).where(is_open).limit(MAX_OPEN_NUMBERS).subquery())


_number_of_payment = func.coalesce(payments.c.corporation_number, orders.c.number_key)
_payments_with_orders = payments.outerjoin(orders, orders.c.id == payments.c.order_id)
_OPEN_NUMBERS_QUERY = union(
    _make_open_numbers_query(
        credit_checks.c.number_key, credit_checks.c.seen_work == _NEEDS_REVIEW_WORK_STATE, credit_checks
    ),
    _make_open_numbers_query(
        credit_checks.c.number_key, credit_checks.c.certainty == _UNKNOWN_CERTAINTY, credit_checks
    ),
    _make_open_numbers_query(orders.c.number_key, orders.c.work_state == _NEEDS_REVIEW_WORK_STATE, orders),
    _make_open_numbers_query(
        _number_of_payment, payments.c.work_state == _NEEDS_REVIEW_WORK_STATE, _payments_with_orders
    ),
    _make_open_numbers_query(_number_of_payment, payments.c.certainty == _UNKNOWN_CERTAINTY, _payments_with_orders),
    _make_open_numbers_query(
        _number_of_payment,
        refunds.c.status.in_([state.value for state in RefundState if state not in ENDED_REFUND_STATES]),
        refunds.join(_payments_with_orders, payments.c.id == refunds.c.payment_id),
    ),
)


def list_numbers_of_open_records(conn: Connection) -> frozenset[str]:
    """Return the corporation numbers of open records: those that wait for a person or have an unknown outcome, and
    refunds that have not ended. Only the first MAX_OPEN_NUMBERS records for each kind and condition are read."""
    return frozenset(filter(None, map(normalise_number, conn.scalars(_OPEN_NUMBERS_QUERY))))


def find_numbers_with_our_records(conn: Connection, corporation_numbers: Collection[str]) -> dict[str, bool]:
    """Return the corporation numbers that have a credit check, an order, a payment or a refund in this database, out
    of those in `corporation_numbers`. The value is True if one of these records waits for a person, has an unknown
    outcome, or is a refund that has not ended.
    """
    openness_by_number: dict[str, bool] = {}
    for part in split_into_batches(tuple(dict.fromkeys(corporation_numbers)), MAX_NUMBERS_PER_QUERY):
        values = {"numbers": part, "number_keys": list_number_keys(part)}
        for number_key, has_open in conn.execute(_OUR_NUMBERS_QUERY, values):
            if (number := normalise_number(number_key)) is not None:
                openness_by_number[number] = openness_by_number.get(number, False) or bool(has_open)
    return openness_by_number


def list_all_numbers(conn: Connection) -> frozenset[str]:
    """Return the corporation numbers of all credit checks, orders and payments of this database. A number that SQL
    couldn't normalise, such as `T` and the digits, is parsed. Rows without a readable number are left out."""
    numbers = conn.scalars(_ALL_NUMBERS_QUERY)
    return frozenset(filter(None, map(normalise_number, numbers)))


def normalise_number(number_key: str | None) -> str | None:
    """Return the 13 digits of a number as SQL has normalised it; None if it is NULL or can't be parsed."""
    return (
        number_key
        if number_key is not None and len(number_key) == DIGIT_COUNT
        else find_corporation_number(number_key)
    )
