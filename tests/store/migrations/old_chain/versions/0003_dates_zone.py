"""Which zone a credit check's dates are written in: rows of an adopted table keep theirs, all others are UTC."""

import sqlalchemy as sa

from console.store.migrations.making import add_column

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    add_column("hansha_alarmbox_credit_checks", sa.Column("dates_zone", sa.String(length=40), nullable=True))
