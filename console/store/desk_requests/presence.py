"""Presence leases: each running worker holds a lease, by which the desks see that this worker is running."""

from sqlalchemy import Connection, MetaData, exists, func, select

from console.domain.desk_requests.records import AliveWorker
from console.domain.desk_requests.rules import PRESENCE_LEASE_NAME
from console.domain.service_results import DeskUpdate, FeedMark
from console.store.access.people_views import WORKERS_VIEW
from console.store.database import change_feed
from console.store.database.lease_clock import lease_now, make_is_live_condition
from console.store.schema.core import leases
from console.store.schema.worker import read_only_switches

# A view: a person who asks a worker sees only these leases.
_presence_leases = leases.to_metadata(MetaData(), name=WORKERS_VIEW)
_REMAINING_PRESENCE_MS_EXPRESSION = (_presence_leases.c.lease_expires - lease_now()).label("remaining_ms")
_LIVE_WORKER_CONDITION = make_is_live_condition(_presence_leases.c.lease_clock, _presence_leases.c.lease_expires)
_ANY_LIVE_WORKER_EXISTS_EXPRESSION = exists().where(_LIVE_WORKER_CONDITION).label("is_worker_there")
_SWITCHES_VERSION_EXPRESSION = (
    select(func.coalesce(func.max(read_only_switches.c.id), 0)).scalar_subquery().label("switches_version")
)
_DESK_UPDATE_QUERY, _DESK_UPDATE_QUERY_WITHOUT_OPEN_IDS = (
    query.add_columns(_ANY_LIVE_WORKER_EXISTS_EXPRESSION, _SWITCHES_VERSION_EXPRESSION)
    for query in (change_feed.FEED_STATE_QUERY, change_feed.FEED_STATE_QUERY_WITHOUT_OPEN_IDS)
)
_WORKER_PRESENCE_QUERY = select(_ANY_LIVE_WORKER_EXISTS_EXPRESSION, _SWITCHES_VERSION_EXPRESSION)
_NEWEST_WORKER_QUERY = (
    select(_presence_leases.c.operator, _REMAINING_PRESENCE_MS_EXPRESSION)
    .where(_LIVE_WORKER_CONDITION)
    .order_by(_presence_leases.c.lease_expires.desc())
    .limit(1)
)
_PRESENCE_TOKENS_QUERY = select(leases.c.token, (leases.c.lease_expires - lease_now()).label("remaining_ms")).where(
    leases.c.name == PRESENCE_LEASE_NAME, leases.c.lease_expires > 0
)


def read_seconds_since_presence_renewal(conn: Connection, lease_seconds: float) -> dict[str, float]:
    """Return the seconds since each worker last renewed its presence lease, by the token of that lease.
    `lease_seconds` is the length of the lease.

    Only a worker can call this function, because people's database accounts can't read tokens. A worker that has
    released its lease is left out of the result, because it is still finishing the requests that it executes.
    """
    return {row.token: lease_seconds - row.remaining_ms / 1000 for row in conn.execute(_PRESENCE_TOKENS_QUERY).all()}


def find_newest_worker(conn: Connection, lease_seconds: float) -> AliveWorker | None:
    """Return the worker that has renewed its presence lease last; None if no such lease is live. `lease_seconds` is
    the length of the lease. The function reads a few rows once, by the primary key.
    """
    row = conn.execute(_NEWEST_WORKER_QUERY).first()
    return None if row is None else AliveWorker(str(row.operator), max(0.0, lease_seconds - row.remaining_ms / 1000))


def read_desk_update(conn: Connection, after_mark: FeedMark | None) -> DeskUpdate:
    """Return three facts that an open window needs: the changed records, whether a worker is running, and the id of
    the newest setting of a read-only switch. The changed records are those after the mark `after_mark`, which is the
    reader's position in the change feed. No worker is running if no presence lease is live. With `after_mark` None,
    for the first read of a window, no records are returned, only the mark for the next read.

    If nothing has changed, this function executes one statement only, because every open window calls it at short
    intervals.
    """
    if after_mark is None:
        mark, changes = change_feed.list_changes_since(conn, None)
        state_row = conn.execute(_WORKER_PRESENCE_QUERY).one()
    else:
        state_row = change_feed.execute_feed_state_query(
            conn, after_mark, _DESK_UPDATE_QUERY, _DESK_UPDATE_QUERY_WITHOUT_OPEN_IDS
        )
        mark, changes = change_feed.read_changes_after_state_query(conn, after_mark, state_row)
    return DeskUpdate(mark, changes, not state_row.is_worker_there, int(state_row.switches_version))
