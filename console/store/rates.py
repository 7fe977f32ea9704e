"""The rate of calls to a provider, kept over all desks: each call moves a row's `not_before` on and lets go.

The row is held for an instant only, so a call that hangs delays nobody else.
"""

from sqlalchemy import Connection, bindparam, insert, select, update

from console.store.boot_clock import boot_id, uptime_ms
from console.store.schema import call_rates

_t = call_rates.c
_SLOT = select(_t.lease_clock, _t.not_before).where(_t.name == bindparam("of"))
_MOVE = (
    update(call_rates)
    .where(_t.name == bindparam("of"))
    .values(lease_clock=bindparam("mark"), not_before=bindparam("to"))
)


def reserve(conn: Connection, name: str, spacing_seconds: float) -> float:
    """Reserve the next start of a call; returns the seconds to wait until it."""
    now = uptime_ms()
    row = conn.execute(_SLOT, {"of": name}).first()
    start = max(now, row.not_before) if row and row.lease_clock == boot_id() else now
    after = {"mark": boot_id(), "to": start + int(spacing_seconds * 1000)}
    if row:
        conn.execute(_MOVE, {"of": name, **after})
    else:
        conn.execute(insert(call_rates).values(name=name, lease_clock=after["mark"], not_before=after["to"]))
    return (start - now) / 1000
