"""Add the column `claimed_id` of desk requests with a unique index. Either a worker takes a request, or the person
who sent it withdraws it: the request's id can be in this column only once, in the taken request or in its
withdrawal.
"""

import sqlalchemy as sa

from console.store.migrations.ddl_helpers import add_column, create_index
from console.store.schema.core import CLAIMED_REQUEST_ID_SQL

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    add_column(
        "requests", sa.Column("claimed_id", sa.String(64), sa.Computed(CLAIMED_REQUEST_ID_SQL, persisted=False))
    )
    create_index("uq_requests_claim", "requests", ["claimed_id"], unique=True)
