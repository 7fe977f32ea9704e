"""Add the table of operations that the database has lost because it was restored to an earlier state. The desks
insert these operations from their spools."""

import sqlalchemy as sa

from tests.store.migrations.old_chain.ddl_helpers import create_index, create_table

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    create_table(
        "lost_operations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("database_id", sa.String(length=36), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("client_id", sa.BigInteger(), nullable=True),
        sa.Column("corporation_number", sa.String(length=64), nullable=True),
        sa.Column("record_id", sa.BigInteger(), nullable=True),
        sa.Column("operator", sa.String(length=64), nullable=False),
        sa.Column("desk", sa.String(length=36), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=True),
        sa.Column("provider_key", sa.String(length=64), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("provider_id", sa.BigInteger(), nullable=True),
        sa.Column("holds", sa.Boolean(), nullable=False),
        sa.Column("told_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    create_index("ix_lost_operations_number", "lost_operations", ["corporation_number", "client_id"], unique=False)
    create_index("ix_lost_operations_payment", "lost_operations", ["payment_id"], unique=False)
    create_index("ix_lost_operations_told", "lost_operations", ["told_at"], unique=False)
