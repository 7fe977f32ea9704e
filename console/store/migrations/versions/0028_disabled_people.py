"""Add three columns to the table of people: the administrator who has disabled a person, the reason, and the state of
the lock of the person's database account. The upgrade also creates the triggers anew: two administrators together
enable a person.
"""

import sqlalchemy as sa

from console.store.migrations.ddl_helpers import add_column

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    add_column("operators", sa.Column("disabled_by", sa.String(64)))
    add_column("operators", sa.Column("disabled_reason", sa.String(200)))
    add_column("operators", sa.Column("account_lock", sa.Integer(), nullable=False, server_default=sa.text("0")))
