"""Add the answer key to each operation that costs money. The operation's claim can be released only by a stored
answer with this key."""

import sqlalchemy as sa

from tests.store.migrations.old_chain.ddl_helpers import add_column

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    add_column("operations", sa.Column("answer_lock", sa.String(length=64), nullable=True))
    add_column("operations", sa.Column("answer_key", sa.String(length=64), nullable=True))
