"""The leases by which workers tell the desks that they are there."""

from sqlalchemy import Connection, MetaData, select

from console.domain.desk_requests import PRESENCE_LEASE, AliveWorker
from console.store.access.people_views import WORKERS
from console.store.database.lease_clock import is_live, lease_now
from console.store.schema.core import leases

_t = leases.to_metadata(MetaData(), name=WORKERS).c  # a view: who asks sees no other lease of theirs
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


def silent_workers(conn: Connection, seconds: float, silence_seconds: float) -> frozenset[str]:
    """Return the tokens of the presence leases without a sign of life for `silence_seconds`. `seconds` is the length
    of the lease. A worker that has withdrawn its announcement isn't among them: it still ends what it executes. For
    workers alone: people see no tokens.
    """
    longest_ms = (seconds - silence_seconds) * 1000
    return frozenset(row.token for row in conn.execute(_TOKENS_QUERY).all() if row.remaining_ms < longest_ms)


def newest(conn: Connection, seconds: float) -> AliveWorker | None:
    """Return the worker with the newest sign of life; None if there is none. `seconds` is the length of the lease.
    Costs one read of a few rows by the primary key.
    """
    row = conn.execute(_NEWEST_QUERY).first()
    return None if row is None else AliveWorker(str(row.operator), max(0.0, seconds - row.remaining_ms / 1000))
