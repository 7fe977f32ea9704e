"""Add two derived columns of desk requests: `asked_hour`, the number of the hour in which the request was stored, and
`waiting`, which is 0 if the request doesn't wait for a worker.

Each of these columns gets an index together with the person who sent the request. So the triggers that count a
person's requests read only the requests of the latest hours, or only the waiting requests. The index of the states
gets the column `action`. So a worker that looks for the next request doesn't read the waiting requests whose only
purpose is an audit entry.
"""

import sqlalchemy as sa

from console.store.migrations.ddl_helpers import add_column, create_index, is_on_server, replace_index
from console.store.schema.core import REQUEST_HOUR_SQL, WAITING_REQUEST_SQL

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    asked_hour_sql = REQUEST_HOUR_SQL["mysql" if is_on_server() else "sqlite"]
    add_column("requests", sa.Column("asked_hour", sa.Integer(), sa.Computed(asked_hour_sql, persisted=False)))
    add_column("requests", sa.Column("waiting", sa.Integer(), sa.Computed(WAITING_REQUEST_SQL, persisted=False)))
    replace_index("ix_requests_who", "requests", ["who", "asked_hour"])
    create_index("ix_requests_waiting", "requests", ["who", "waiting"], unique=False)
    replace_index("ix_requests_state", "requests", ["state", "action", "at"])
