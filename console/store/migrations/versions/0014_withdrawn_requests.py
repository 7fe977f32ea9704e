"""Add the claim of a request, which either the worker that takes it has, or the request that withdraws it."""

import sqlalchemy as sa

from console.store.migrations.ddl_helpers import add_column, create_index
from console.store.schema.core import CLAIMED_REQUEST_SQL

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    add_column("requests", sa.Column("claimed_id", sa.String(64), sa.Computed(CLAIMED_REQUEST_SQL, persisted=False)))
    create_index("uq_requests_claim", "requests", ["claimed_id"], unique=True)
