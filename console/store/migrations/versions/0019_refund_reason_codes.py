"""Add the column of the code of a refund's reason. Refunds that were requested before have their reason only as
text."""

import sqlalchemy as sa

from console.store.migrations.ddl_helpers import add_column

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    add_column("refunds", sa.Column("reason_code", sa.String(32)))
