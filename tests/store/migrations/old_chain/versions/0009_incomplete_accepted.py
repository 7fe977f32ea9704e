"""Add the flag of a credit check whose missing values a person has accepted at the adoption. A row with the flag is
no longer in the queue of incomplete records."""

import sqlalchemy as sa

from tests.store.migrations.old_chain import claim_columns as claim_sql
from tests.store.migrations.old_chain.ddl_helpers import (
    LEGACY_TABLE,
    add_column,
    create_index,
    replace_derived_column,
)

revision = "0009"
down_revision = "0008"

_INDEX_NAME = "ix_credit_checks_missing"


def upgrade() -> None:
    add_column(
        LEGACY_TABLE, sa.Column("incomplete_accepted", sa.Boolean(), server_default=sa.text("0"), nullable=False)
    )
    replace_derived_column(
        LEGACY_TABLE,
        sa.Column("missing", sa.Integer(), sa.Computed(claim_sql.MISSING_PARTS_SQL, persisted=False)),
        _INDEX_NAME,
    )
    create_index(_INDEX_NAME, LEGACY_TABLE, ["missing", "seen_work", "id"], unique=False)
