"""The rate of calls to a provider, kept over all desks: each call moves a row's `not_before` on and lets go.

The row is held for an instant only, so a call that hangs delays nobody else.
"""

from sqlalchemy import BigInteger, Connection, bindparam, case, insert, select, update
from sqlalchemy.exc import IntegrityError

from console.store.engine import RunAgain
from console.store.lease_time import lease_mark, lease_now
from console.store.schema import call_rates

_t = call_rates.c
_spacing = bindparam("spacing_ms", type_=BigInteger())
_still_ahead = (_t.lease_clock == lease_mark()) & (_t.not_before > lease_now())
# `not_before` first: MySQL assigns from left to right, and the mark it asks for is the old one.
_MOVE = (
    update(call_rates)
    .where(_t.name == bindparam("of"))
    .ordered_values(
        (_t.not_before, case((_still_ahead, _t.not_before), else_=lease_now()) + _spacing),
        (_t.lease_clock, lease_mark()),
    )
)
_WAIT = select(_t.not_before - _spacing - lease_now()).where(_t.name == bindparam("of"))
_FIRST = insert(call_rates).values(name=bindparam("of"), lease_clock=lease_mark(), not_before=lease_now() + _spacing)


def reserve(conn: Connection, name: str, spacing_seconds: float) -> float:
    """Reserve the next start of a call; returns the seconds to wait until it."""
    values = {"of": name, "spacing_ms": int(spacing_seconds * 1000)}
    if conn.execute(_MOVE, values).rowcount == 1:
        return max(0, int(conn.scalar(_WAIT, values) or 0)) / 1000
    try:
        conn.execute(_FIRST, values)
    except IntegrityError:  # somebody else made the row at this very moment
        raise RunAgain from None
    return 0.0
