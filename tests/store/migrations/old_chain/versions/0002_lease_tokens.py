"""A random token in each taken lease: whoever got no answer to COMMIT sees by it whether the lease is theirs."""

import sqlalchemy as sa

from console.store.migrations.making import add_column

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    add_column("leases", sa.Column("token", sa.String(length=36), nullable=True))
