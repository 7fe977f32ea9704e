"""Add the column `confirmed` to desk requests. It is true if the person has typed the password for the request."""

import sqlalchemy as sa

from console.store.migrations.ddl_helpers import add_column

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    add_column("requests", sa.Column("confirmed", sa.Boolean(), nullable=False, server_default=sa.text("0")))
