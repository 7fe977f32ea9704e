"""Add to the notices about payments (table `payment_events`) the signature of a signed notice, and the database
account that stored the notice."""

import sqlalchemy as sa

from console.store.migrations.ddl_helpers import add_column

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    add_column("payment_events", sa.Column("signature", sa.String(length=128), nullable=True))
    add_column("payment_events", sa.Column("who", sa.String(length=64), nullable=True))
