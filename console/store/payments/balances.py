"""The sums of a payment, moved by single statements whose WHERE is the rule: what was captured is what is left,
reserved, refunded and set aside, none of these is ever negative, whoever asks at the same moment.

Each is True when it was done. They ask for no version and raise it, so that what people saw before is stale: a caller
that also writes by compare-and-swap does that first. Amounts are minor units; none below 1 is ever moved.
"""

from datetime import datetime

from sqlalchemy import BindParameter, Connection, Update, bindparam, case, update

from console.domain.payment_records import PaymentState
from console.store import swaps
from console.store.leases import naive
from console.store.payment_schema import payments

KIND = "payment"
MONEY = frozenset({"captured_minor", "reserved_minor", "refunded_minor", "set_aside_minor"})
"""Columns that nothing else writes."""

_t = payments.c
_X: BindParameter[int] = bindparam("x")
_LEFT = _t.captured_minor - _t.reserved_minor - _t.refunded_minor - _t.set_aside_minor
_MOVE = (
    update(payments)
    .where(_t.id == bindparam("of"), _X > 0)
    .values(version=_t.version + 1, changed_at=bindparam("at"))
)  # fmt: skip
_STANDS = _t.status != PaymentState.REVERSED.value
_TO_RESERVED = _MOVE.values(reserved_minor=_t.reserved_minor + _X)
_FROM_RESERVED = _MOVE.where(_t.reserved_minor >= _X).values(reserved_minor=_t.reserved_minor - _X)
_RESERVE = _TO_RESERVED.where(_LEFT >= _X, _STANDS)
_RESERVE_ASIDE = _TO_RESERVED.where(_t.set_aside_minor >= _X, _STANDS).values(set_aside_minor=_t.set_aside_minor - _X)
_RELEASE = _FROM_RESERVED
_RELEASE_ASIDE = _FROM_RESERVED.values(set_aside_minor=_t.set_aside_minor + _X)
_GONE, _TOLD = _t.refunded_minor + _X, _t.provider_refunded_minor
# The provider has said so of the refund, if not yet of the payment: what it told before is no difference now. That
# comes first, because a server's later assignments read what the earlier ones wrote.
_SETTLE = (
    update(payments)
    .where(_t.id == bindparam("of"), _X > 0, _t.reserved_minor >= _X)
    .ordered_values(
        (_TOLD, case((_TOLD < _GONE, _GONE), else_=_TOLD)),
        (_t.refunded_minor, _GONE),
        (_t.reserved_minor, _t.reserved_minor - _X),
        (_t.version, _t.version + 1),
        (_t.changed_at, bindparam("at")),
    )
)
_CAPTURE = _MOVE.where(_t.captured_minor < _X).values(captured_minor=_X)
_SET_ASIDE = _MOVE.where(_LEFT >= _X).values(set_aside_minor=_t.set_aside_minor + _X)


def reserve(conn: Connection, payment_id: int, minor: int, now: datetime, *, from_set_aside: bool = False) -> bool:
    """Hold `minor` for a refund; False when less is left (or set aside), or the payment was reversed."""
    return _move(conn, _RESERVE_ASIDE if from_set_aside else _RESERVE, payment_id, minor, now)


def release(conn: Connection, payment_id: int, minor: int, now: datetime, *, to_set_aside: bool = False) -> bool:
    """Give back what a refund held, to where it came from; False when less is reserved."""
    return _move(conn, _RELEASE_ASIDE if to_set_aside else _RELEASE, payment_id, minor, now)


def settle_refund(conn: Connection, payment_id: int, minor: int, now: datetime) -> bool:
    """What a refund held has gone back to the payer; False when less is reserved."""
    return _move(conn, _SETTLE, payment_id, minor, now)


def capture(conn: Connection, payment_id: int, minor: int, now: datetime) -> bool:
    """The provider has taken `minor` in all; False when that much was booked before."""
    return _move(conn, _CAPTURE, payment_id, minor, now)


def set_aside(conn: Connection, payment_id: int, minor: int, now: datetime) -> bool:
    """Put `minor` of what is left aside, because it exceeds an account's limit; False when less is left."""
    return _move(conn, _SET_ASIDE, payment_id, minor, now)


def _move(conn: Connection, statement: Update, payment_id: int, minor: int, now: datetime) -> bool:
    moved = conn.execute(statement, {"of": payment_id, "x": minor, "at": naive(now)}).rowcount == 1
    if moved:
        swaps.announce(conn, KIND, payment_id, now)
    return moved
