"""Presence leases: leases by which workers show the desks that they are running."""

from sqlalchemy import Connection, MetaData, select

from console.domain.desk_requests.records import PRESENCE_LEASE, AliveWorker
from console.store.access.people_views import WORKERS
from console.store.database.lease_clock import is_live, lease_now
from console.store.schema.core import leases

_t = leases.to_metadata(MetaData(), name=WORKERS).c  # a view: a person who asks a worker sees only these leases
_REMAINING_MS = (_t.lease_expires - lease_now()).label("remaining_ms")
_NEWEST_QUERY = (
    select(_t.operator, _REMAINING_MS)
    .where(is_live(_t.lease_clock, _t.lease_expires))
    .order_by(_t.lease_expires.desc())
    .limit(1)
)
_TOKENS_QUERY = select(leases.c.token, (leases.c.lease_expires - lease_now()).label("remaining_ms")).where(
    leases.c.name == PRESENCE_LEASE, leases.c.lease_expires > 0
)


def silent_seconds(conn: Connection, seconds: float) -> dict[str, float]:
    """Return, by the token of its presence lease, for how many seconds each worker hasn't renewed this lease.
    `seconds` is the length of the lease. Only a worker can call this: people can't read tokens.

    A worker that has released its lease isn't among them, because it still finishes the requests that it executes.
    """
    return {row.token: seconds - row.remaining_ms / 1000 for row in conn.execute(_TOKENS_QUERY).all()}


def newest_worker(conn: Connection, seconds: float) -> AliveWorker | None:
    """Return the worker that has renewed its presence lease last; None if no such lease is live. `seconds` is the
    length of the lease. Costs one read of a few rows by the primary key.
    """
    row = conn.execute(_NEWEST_QUERY).first()
    return None if row is None else AliveWorker(str(row.operator), max(0.0, seconds - row.remaining_ms / 1000))
