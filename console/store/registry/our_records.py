"""Find which corporation numbers have records in this database. Each query uses the indexes of the numbers."""

from collections.abc import Collection, Iterator
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

from console.domain.payments.states import RefundState
from console.domain.transitions.tables import ENDED_REFUND_STATES
from console.store.schema.core import credit_checks
from console.store.schema.payments import orders, payments, refunds

_MAX_PER_QUERY = 500
MAX_OPEN = 1_000
"""Largest number of records that `list_open` reads for each of its conditions."""
_WAITS_FOR_PERSON = "needs_review"
_UNKNOWN = "unknown"


def _number_query(number: ColumnElement[Any], is_open: ColumnElement[bool]) -> Select[Any]:
    """Return a query of the requested numbers that have such records, and of 1 if one of these records is open."""
    has_open = func.max(case((is_open, 1), else_=0)).label("has_open")
    asked = number.in_(bindparam("numbers", expanding=True))
    return select(number.label("number"), has_open).where(asked).group_by(number)


_is_open_payment = or_(payments.c.work_state == _WAITS_FOR_PERSON, payments.c.certainty == _UNKNOWN)
_is_open_refund = refunds.c.status.not_in([state.value for state in ENDED_REFUND_STATES])
_orders_with_payments = orders.join(payments, payments.c.order_id == orders.c.id)
_OUR_NUMBERS_QUERY = union_all(
    _number_query(
        credit_checks.c.number_key,
        or_(credit_checks.c.seen_work == _WAITS_FOR_PERSON, credit_checks.c.certainty == _UNKNOWN),
    ),
    _number_query(orders.c.number_key, orders.c.work_state == _WAITS_FOR_PERSON),
    _number_query(payments.c.corporation_number, _is_open_payment),
    _number_query(orders.c.number_key, _is_open_payment).select_from(_orders_with_payments),
    _number_query(payments.c.corporation_number, _is_open_refund).join_from(
        payments, refunds, refunds.c.payment_id == payments.c.id
    ),
    _number_query(orders.c.number_key, _is_open_refund).select_from(
        _orders_with_payments.join(refunds, refunds.c.payment_id == payments.c.id)
    ),
)
_ALL_QUERY = union(
    select(credit_checks.c.number_key),
    select(orders.c.number_key).where(orders.c.number_key.is_not(None)),
    select(payments.c.corporation_number).where(payments.c.corporation_number.is_not(None)),
)


def _open_query(number: ColumnElement[Any], is_open: ColumnElement[bool], rows: FromClause) -> Select[Any]:
    """Return a query of the numbers of the first open records; each `is_open` is a range of one index."""
    return select(select(number.label("number")).select_from(rows).where(is_open).limit(MAX_OPEN).subquery())


_number_of_payment = func.coalesce(payments.c.corporation_number, orders.c.number_key)
_payments_with_orders = payments.outerjoin(orders, orders.c.id == payments.c.order_id)
_OPEN_QUERY = union(
    _open_query(credit_checks.c.number_key, credit_checks.c.seen_work == _WAITS_FOR_PERSON, credit_checks),
    _open_query(credit_checks.c.number_key, credit_checks.c.certainty == _UNKNOWN, credit_checks),
    _open_query(orders.c.number_key, orders.c.work_state == _WAITS_FOR_PERSON, orders),
    _open_query(_number_of_payment, payments.c.work_state == _WAITS_FOR_PERSON, _payments_with_orders),
    _open_query(_number_of_payment, payments.c.certainty == _UNKNOWN, _payments_with_orders),
    _open_query(
        _number_of_payment,
        refunds.c.status.in_([state.value for state in RefundState if state not in ENDED_REFUND_STATES]),
        refunds.join(_payments_with_orders, payments.c.id == refunds.c.payment_id),
    ),
)


def list_open(conn: Connection) -> frozenset[str]:
    """Return the corporation numbers of the records that wait for a person, have an unknown outcome, or are a refund
    that has not ended; of the first MAX_OPEN records of each kind and reason.
    """
    return frozenset(number for number in conn.scalars(_OPEN_QUERY) if number)


def find_ours(conn: Connection, numbers: Collection[str]) -> dict[str, bool]:
    """Return those of the corporation numbers that have a credit check, an order, a payment or a refund here; True as
    value if one of these records waits for a person, has an unknown outcome or is a refund that has not ended.
    """
    found: dict[str, bool] = {}
    for part in _split_numbers(tuple(dict.fromkeys(numbers))):
        for number, has_open in conn.execute(_OUR_NUMBERS_QUERY, {"numbers": part}):
            found[number] = found.get(number, False) or bool(has_open)
    return found


def list_all(conn: Connection) -> frozenset[str]:
    """Return all corporation numbers of credit checks, orders and payments."""
    return frozenset(conn.scalars(_ALL_QUERY))


def _split_numbers(numbers: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return (numbers[start : start + _MAX_PER_QUERY] for start in range(0, len(numbers), _MAX_PER_QUERY))
