"""Add a random token to leases, with which a process that got no answer to COMMIT sees whether the lease is its
own.
"""

import sqlalchemy as sa

from tests.store.migrations.old_chain.ddl_helpers import add_column

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    add_column("leases", sa.Column("token", sa.String(length=36), nullable=True))
