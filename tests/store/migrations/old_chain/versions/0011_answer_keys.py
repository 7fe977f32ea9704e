"""Lock each call that costs money by a secret of its sender: only with it an answer frees the claim."""

import sqlalchemy as sa

from tests.store.migrations.old_chain.ddl_helpers import add_column

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    add_column("operations", sa.Column("answer_lock", sa.String(length=64), nullable=True))
    add_column("operations", sa.Column("answer_key", sa.String(length=64), nullable=True))
