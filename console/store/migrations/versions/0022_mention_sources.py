"""Add the column that shows whether a mention comes from a note or from the hand-over of a record. Earlier mentions
count as mentions in a note."""

import sqlalchemy as sa

from console.store.migrations.ddl_helpers import add_column

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    add_column("mentions", sa.Column("how", sa.String(16), nullable=False, server_default="note"))
