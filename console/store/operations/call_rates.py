"""Limits the rate of calls to a provider over all desks. Each call moves the column `not_before` of the provider's
row of the table `call_rates` forward, and the next call may not start before that time.

The row is locked only during the update, not during the call. So a call that hangs doesn't delay other calls.
"""

from sqlalchemy import BigInteger, Connection, bindparam, case, insert, select, update
from sqlalchemy.exc import IntegrityError

from console.store.database.engine import RunAgain
from console.store.database.lease_clock import lease_clock_id, lease_now
from console.store.schema.core import call_rates

MAX_WAITING_CALLS = 300
"""Largest number of calls that may wait for their start. If the stored next start is later than that many calls need,
it was written before the server's clock was set back, so it is ignored.
"""
_spacing_ms = bindparam("spacing_ms", type_=BigInteger())
_is_next_start_in_future = (
    (call_rates.c.lease_clock == lease_clock_id())
    & (call_rates.c.not_before > lease_now())
    & (call_rates.c.not_before <= lease_now() + MAX_WAITING_CALLS * _spacing_ms)
)
# `not_before` is assigned first: MySQL assigns from left to right, and `_is_next_start_in_future` must read the old
# value of `lease_clock`.
_RESERVE_NEXT_CALL_START_STATEMENT = (
    update(call_rates)
    .where(call_rates.c.name == bindparam("rate_name"))
    .ordered_values(
        (
            call_rates.c.not_before,
            case((_is_next_start_in_future, call_rates.c.not_before), else_=lease_now()) + _spacing_ms,
        ),
        (call_rates.c.lease_clock, lease_clock_id()),
    )
)
_WAIT_UNTIL_CALL_START_QUERY = select(call_rates.c.not_before - _spacing_ms - lease_now()).where(
    call_rates.c.name == bindparam("rate_name")
)
_INSERT_CALL_RATE_STATEMENT = insert(call_rates).values(
    name=bindparam("rate_name"), lease_clock=lease_clock_id(), not_before=lease_now() + _spacing_ms
)


def reserve_call_start_and_get_wait_seconds(conn: Connection, limit_name: str, spacing_seconds: float) -> float:
    """Reserve the start of a call that is limited under the name `limit_name`, such as `alarmbox`. The call may start
    when the spacing of the previous reservation under this name has passed, or now if it has passed already. The call
    after this one may start at least `spacing_seconds` later. Return the seconds for which the caller must wait
    before the call; 0.0 if it may call now.

    The wait is at most MAX_WAITING_CALLS spacings: a stored start that is later, or that was written by another
    clock, is ignored, and the call may start now. Raises RunAgain if another process inserted the row of this name at
    the same time.
    """
    values = {"rate_name": limit_name, "spacing_ms": int(spacing_seconds * 1000)}
    if conn.execute(_RESERVE_NEXT_CALL_START_STATEMENT, values).rowcount == 1:
        return max(0, int(conn.scalar(_WAIT_UNTIL_CALL_START_QUERY, values) or 0)) / 1000
    try:
        conn.execute(_INSERT_CALL_RATE_STATEMENT, values)
    except IntegrityError:  # another process inserted the row at the same time
        raise RunAgain from None
    return 0.0
