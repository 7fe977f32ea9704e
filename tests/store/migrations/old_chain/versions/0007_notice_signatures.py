"""Add columns for the signature of a signed notice and for the database account that has stored the notice."""

import sqlalchemy as sa

from tests.store.migrations.old_chain.ddl_helpers import add_column, renew_file_constraints

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    add_column("payment_events", sa.Column("signature", sa.String(length=128), nullable=True))
    add_column("payment_events", sa.Column("who", sa.String(length=64), nullable=True))
    renew_file_constraints()
