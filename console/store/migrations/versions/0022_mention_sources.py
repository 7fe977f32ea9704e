"""Add how a mention came about: by a note, or by the hand-over of a record. Earlier mentions count as those of a
note.
"""

import sqlalchemy as sa

from console.store.migrations.ddl_helpers import add_column

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    add_column("mentions", sa.Column("how", sa.String(16), nullable=False, server_default="note"))
