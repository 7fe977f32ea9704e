"""Add the column `incomplete_accepted` of credit checks. At the adoption an administrator can accept that rows of
another application lack values. The column stores this, and such rows aren't in the queue of incomplete credit
checks."""

import sqlalchemy as sa

from console.store.migrations.ddl_helpers import LEGACY_TABLE, add_column, create_index, replace_derived_column
from console.store.schema import claim_columns as claim_sql

revision = "0009"
down_revision = "0008"

_INDEX_NAME = "ix_credit_checks_missing"


def upgrade() -> None:
    add_column(
        LEGACY_TABLE, sa.Column("incomplete_accepted", sa.Boolean(), server_default=sa.text("0"), nullable=False)
    )
    replace_derived_column(
        LEGACY_TABLE,
        sa.Column("missing", sa.Integer(), sa.Computed(claim_sql.IS_INCOMPLETE_SQL, persisted=False)),
        _INDEX_NAME,
    )
    create_index(_INDEX_NAME, LEGACY_TABLE, ["missing", "seen_work", "id"], unique=False)
