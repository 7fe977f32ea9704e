"""Add an index of the refunds by the provider's refund id: a decision looks for another refund with the same id."""

from console.store.migrations.ddl_helpers import create_index

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    create_index("ix_refunds_txn", "refunds", ["refund_txn_id"], unique=False)
