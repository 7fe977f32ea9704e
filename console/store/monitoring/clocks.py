"""Reads that compare the clock of a desk with the clock of the database server; an SQLite database has no such
clock."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, bindparam, literal_column, select

from console.store.database.instants import SERVER_TIME_EXPRESSION, convert_to_aware_utc
from console.store.schema.core import requests

_RECENT_DESK_REQUESTS_QUERY = (
    select(requests.c.id, requests.c.who, requests.c.desk, requests.c.at)
    .where(
        requests.c.at > SERVER_TIME_EXPRESSION - literal_column("INTERVAL 10 MINUTE"), requests.c.confirmed.is_(False)
    )
    .order_by(requests.c.at.desc())
    .limit(bindparam("limit"))
)
_MAX_READ_DESK_REQUESTS = 2_000


def read_server_time(conn: Connection) -> datetime:
    """Return the present time (UTC) by the clock of the database server."""
    return convert_to_aware_utc(conn.execute(select(SERVER_TIME_EXPRESSION)).scalar_one())


def read_desk_request_delays(conn: Connection) -> Mapping[tuple[str, str], tuple[float, ...]]:
    """Return the delays (seconds) of the desk requests of the last ten minutes, the newest first, by (desk, person).
    At most _MAX_READ_DESK_REQUESTS requests are read. The delay of a request is the time from the instant in its id,
    which the desk's clock gave, to the instant at which the server stored it.

    Requests for which the person typed a password are left out, because their id is made before the person types
    it. Only a worker can call this function.
    """
    delays: dict[tuple[str, str], tuple[float, ...]] = {}
    for request_id, person, desk, at in conn.execute(_RECENT_DESK_REQUESTS_QUERY, {"limit": _MAX_READ_DESK_REQUESTS}):
        made_at = (UUID(request_id).int >> 80) / 1000
        key = (str(desk), str(person))
        delays[key] = (*delays.get(key, ()), convert_to_aware_utc(at).timestamp() - made_at)
    return delays
