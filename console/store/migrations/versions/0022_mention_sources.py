"""Add the column with the source of a mention: a note, or the hand-over of a record. Existing mentions get the source
note.
"""

import sqlalchemy as sa

from console.store.migrations.ddl_helpers import add_column

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    add_column("mentions", sa.Column("how", sa.String(16), nullable=False, server_default="note"))
