"""Add to each operation a secret of its sender (column `answer_key`) and the hash of this secret (`answer_lock`).
An answer frees the claim of a call that costs money only together with this secret."""

import sqlalchemy as sa

from console.store.migrations.ddl_helpers import add_column

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    add_column("operations", sa.Column("answer_lock", sa.String(length=64), nullable=True))
    add_column("operations", sa.Column("answer_key", sa.String(length=64), nullable=True))
