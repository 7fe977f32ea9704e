"""Add the time zone of a credit check's dates: rows of an adopted table keep theirs, all others are UTC."""

import sqlalchemy as sa

from tests.store.migrations.old_chain.ddl_helpers import add_column

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    add_column("hansha_alarmbox_credit_checks", sa.Column("dates_zone", sa.String(length=40), nullable=True))
