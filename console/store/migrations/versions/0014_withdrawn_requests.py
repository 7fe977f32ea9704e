"""Add the column `claimed_id` of desk requests with a unique index. Either a worker takes a request, or its person
withdraws it: only one of them gets this id.
"""

import sqlalchemy as sa

from console.store.migrations.ddl_helpers import add_column, create_index
from console.store.schema.core import CLAIMED_REQUEST_SQL

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    add_column("requests", sa.Column("claimed_id", sa.String(64), sa.Computed(CLAIMED_REQUEST_SQL, persisted=False)))
    create_index("uq_requests_claim", "requests", ["claimed_id"], unique=True)
