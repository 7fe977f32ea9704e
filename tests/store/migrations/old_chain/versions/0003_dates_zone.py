"""Add the column with the time zone of a credit check's dates. Rows of an adopted table get the time zone of the
adoption; all others are in UTC."""

import sqlalchemy as sa

from tests.store.migrations.old_chain.ddl_helpers import add_column

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    add_column("hansha_alarmbox_credit_checks", sa.Column("dates_zone", sa.String(length=40), nullable=True))
