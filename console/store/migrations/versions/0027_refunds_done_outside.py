"""Add the part of a payment that was given back other than through its provider (`outside_minor`)."""

import sqlalchemy as sa

from console.store.migrations.ddl_helpers import add_column

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    add_column("payments", sa.Column("outside_minor", sa.BigInteger(), nullable=False, server_default="0"))
