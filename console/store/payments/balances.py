"""Writes the amounts of a payment: captured = refundable + reserved for refunds + refunded + set aside + given back
outside.

Each function changes the amounts by one UPDATE, whose WHERE clause prevents a negative amount even if other processes
write at the same time. It returns True if it changed the amounts. The UPDATE increments the row's version without
comparing it. So a later compare-and-swap fails if it compares the version that was read before the UPDATE. A caller
that also writes the row by compare-and-swap must do so before it calls a function of this module. Amounts are in
minor units and at least 1.
"""

from datetime import datetime

from sqlalchemy import BindParameter, Connection, Update, bindparam, case, update

from console.domain.payments.states import PaymentState
from console.store.database import compare_and_swap
from console.store.database.instants import convert_to_naive_utc
from console.store.schema.payments import payments

PAYMENT_KIND = "payment"
MONEY_COLUMNS = frozenset({"captured_minor", "reserved_minor", "refunded_minor", "set_aside_minor", "outside_minor"})
"""Columns of amounts, which only the functions of this module write."""

_AMOUNT_MINOR_PARAMETER: BindParameter[int] = bindparam("amount_minor")
_REFUNDABLE_AMOUNT_EXPRESSION = (
    payments.c.captured_minor
    - payments.c.reserved_minor
    - payments.c.refunded_minor
    - payments.c.set_aside_minor
    - payments.c.outside_minor
)
_UPDATE_PAYMENT_AMOUNTS_STATEMENT = (
    update(payments)
    .where(payments.c.id == bindparam("payment_id"), _AMOUNT_MINOR_PARAMETER > 0)
    .values(version=payments.c.version + 1, changed_at=bindparam("at"))
)
_NOT_REVERSED_CONDITION = payments.c.status != PaymentState.REVERSED.value
_ADD_TO_RESERVED_STATEMENT = _UPDATE_PAYMENT_AMOUNTS_STATEMENT.values(
    reserved_minor=payments.c.reserved_minor + _AMOUNT_MINOR_PARAMETER
)
_SUBTRACT_FROM_RESERVED_STATEMENT = _UPDATE_PAYMENT_AMOUNTS_STATEMENT.where(
    payments.c.reserved_minor >= _AMOUNT_MINOR_PARAMETER
).values(reserved_minor=payments.c.reserved_minor - _AMOUNT_MINOR_PARAMETER)
_RESERVE_FROM_REFUNDABLE_STATEMENT = _ADD_TO_RESERVED_STATEMENT.where(
    _REFUNDABLE_AMOUNT_EXPRESSION >= _AMOUNT_MINOR_PARAMETER, _NOT_REVERSED_CONDITION
)
_RESERVE_FROM_SET_ASIDE_STATEMENT = _ADD_TO_RESERVED_STATEMENT.where(
    payments.c.set_aside_minor >= _AMOUNT_MINOR_PARAMETER, _NOT_REVERSED_CONDITION
).values(set_aside_minor=payments.c.set_aside_minor - _AMOUNT_MINOR_PARAMETER)
_RELEASE_TO_REFUNDABLE_STATEMENT = _SUBTRACT_FROM_RESERVED_STATEMENT
_RELEASE_TO_SET_ASIDE_STATEMENT = _SUBTRACT_FROM_RESERVED_STATEMENT.values(
    set_aside_minor=payments.c.set_aside_minor + _AMOUNT_MINOR_PARAMETER
)
_NEW_REFUNDED_AMOUNT_EXPRESSION = payments.c.refunded_minor + _AMOUNT_MINOR_PARAMETER
_PROVIDER_REFUNDED_EXPRESSION = payments.c.provider_refunded_minor
# The provider has confirmed the refund, but perhaps its last statement about the payment doesn't contain it yet.
# Raise the stored total of that statement, so that it doesn't differ from ours. This assignment comes first, because
# on a server later assignments read the new values.
_MOVE_TO_REFUNDED_STATEMENT = (
    update(payments)
    .where(
        payments.c.id == bindparam("payment_id"),
        _AMOUNT_MINOR_PARAMETER > 0,
        payments.c.reserved_minor >= _AMOUNT_MINOR_PARAMETER,
    )
    .ordered_values(
        (
            _PROVIDER_REFUNDED_EXPRESSION,
            case(
                (_PROVIDER_REFUNDED_EXPRESSION < _NEW_REFUNDED_AMOUNT_EXPRESSION, _NEW_REFUNDED_AMOUNT_EXPRESSION),
                else_=_PROVIDER_REFUNDED_EXPRESSION,
            ),
        ),
        (payments.c.refunded_minor, _NEW_REFUNDED_AMOUNT_EXPRESSION),
        (payments.c.reserved_minor, payments.c.reserved_minor - _AMOUNT_MINOR_PARAMETER),
        (payments.c.version, payments.c.version + 1),
        (payments.c.changed_at, bindparam("at")),
    )
)
_RAISE_CAPTURED_AMOUNT_STATEMENT = _UPDATE_PAYMENT_AMOUNTS_STATEMENT.where(
    payments.c.captured_minor < _AMOUNT_MINOR_PARAMETER
).values(captured_minor=_AMOUNT_MINOR_PARAMETER)
_MOVE_TO_SET_ASIDE_STATEMENT = _UPDATE_PAYMENT_AMOUNTS_STATEMENT.where(
    _REFUNDABLE_AMOUNT_EXPRESSION >= _AMOUNT_MINOR_PARAMETER
).values(set_aside_minor=payments.c.set_aside_minor + _AMOUNT_MINOR_PARAMETER)

_MOVE_TO_OUTSIDE_STATEMENT = _UPDATE_PAYMENT_AMOUNTS_STATEMENT.where(
    _REFUNDABLE_AMOUNT_EXPRESSION >= _AMOUNT_MINOR_PARAMETER, _NOT_REVERSED_CONDITION
).values(outside_minor=payments.c.outside_minor + _AMOUNT_MINOR_PARAMETER)


def reserve_amount(
    conn: Connection, payment_id: int, amount_minor: int, now: datetime, *, is_from_set_aside: bool = False
) -> bool:
    """Reserve `amount_minor` of a payment for a refund: from the refundable amount or, with `is_from_set_aside`, from
    the amount set aside. Return False, without a write, if that amount is smaller than `amount_minor`, or if the
    payment was reversed."""
    statement = _RESERVE_FROM_SET_ASIDE_STATEMENT if is_from_set_aside else _RESERVE_FROM_REFUNDABLE_STATEMENT
    return _move_amount(conn, statement, payment_id, amount_minor, now)


def release_amount(
    conn: Connection, payment_id: int, amount_minor: int, now: datetime, *, is_to_set_aside: bool = False
) -> bool:
    """Move `amount_minor` from the reserved amount of a payment back to the refundable amount, because a refund isn't
    made; with `is_to_set_aside`, back to the amount set aside. Return False, without a write, if the reserved amount
    is smaller than `amount_minor`."""
    return _move_amount(
        conn,
        _RELEASE_TO_SET_ASIDE_STATEMENT if is_to_set_aside else _RELEASE_TO_REFUNDABLE_STATEMENT,
        payment_id,
        amount_minor,
        now,
    )


def settle_refund(conn: Connection, payment_id: int, amount_minor: int, now: datetime) -> bool:
    """Move `amount_minor`, the amount of a completed refund, from the payment's reserved amount to its refunded
    amount. If the refunded total that the provider stated last is lower than the new refunded amount, raise it to
    this amount. Return False, without a write, if the reserved amount is smaller than `amount_minor`."""
    return _move_amount(conn, _MOVE_TO_REFUNDED_STATEMENT, payment_id, amount_minor, now)


def set_captured_amount(conn: Connection, payment_id: int, amount_minor: int, now: datetime) -> bool:
    """Set the captured amount of the payment to `amount_minor`. Return False, without a write, if the captured amount
    is `amount_minor` or more already.
    """
    return _move_amount(conn, _RAISE_CAPTURED_AMOUNT_STATEMENT, payment_id, amount_minor, now)


def set_amount_aside(conn: Connection, payment_id: int, amount_minor: int, now: datetime) -> bool:
    """Move `amount_minor` of a payment from the refundable amount to the amount set aside, because it exceeds an
    account's limit. Return False, without a write, if the refundable amount is smaller than `amount_minor`."""
    return _move_amount(conn, _MOVE_TO_SET_ASIDE_STATEMENT, payment_id, amount_minor, now)


def record_amount_done_outside(conn: Connection, payment_id: int, amount_minor: int, now: datetime) -> bool:
    """Move `amount_minor` of a payment from the refundable amount to the amount given back outside, because two
    people have decided that the payer got it other than through the provider. Return False, without a write, if the
    refundable amount is smaller than `amount_minor`, or if the payment was reversed."""
    return _move_amount(conn, _MOVE_TO_OUTSIDE_STATEMENT, payment_id, amount_minor, now)


def _move_amount(conn: Connection, statement: Update, payment_id: int, amount_minor: int, now: datetime) -> bool:
    """Run the UPDATE `statement`, which moves `amount_minor` between the amounts of a payment, and announce the
    change of the payment. Return False, without a write, if the payment doesn't fulfil the conditions of the
    statement.
    """
    is_moved = (
        conn.execute(
            statement, {"payment_id": payment_id, "amount_minor": amount_minor, "at": convert_to_naive_utc(now)}
        ).rowcount
        == 1
    )
    if is_moved:
        compare_and_swap.announce_change(conn, PAYMENT_KIND, payment_id, now)
    return is_moved
