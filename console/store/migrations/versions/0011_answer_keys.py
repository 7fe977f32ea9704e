"""Add to each operation a secret of its sender (`answer_key`) and the hash of this secret (`answer_lock`). The claim
of a call that costs money is freed only with this secret.
"""

import sqlalchemy as sa

from console.store.migrations.ddl_helpers import add_column

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    add_column("operations", sa.Column("answer_lock", sa.String(length=64), nullable=True))
    add_column("operations", sa.Column("answer_key", sa.String(length=64), nullable=True))
