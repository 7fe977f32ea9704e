"""Add the derived column `disagrees` of credit checks, orders, payments and refunds, and its indexes. The queue of
mismatches reads it: records that differ between this database, the provider and the order."""

import sqlalchemy as sa

from console.store.migrations.ddl_helpers import add_hidden_column, create_index
from console.store.schema import mismatch_columns as mismatch_sql
from console.store.schema.core import credit_checks
from console.store.schema.payments import orders, payments, refunds

revision = "0021"
down_revision = "0020"

_INDEX_AND_SQL_BY_TABLE = {
    credit_checks: ("ix_credit_checks_disagrees", mismatch_sql.CREDIT_CHECK_MISMATCH_SQL),
    orders: ("ix_orders_disagrees", mismatch_sql.ORDER_MISMATCH_SQL),
    payments: ("ix_payments_disagrees", mismatch_sql.PAYMENT_MISMATCH_SQL),
    refunds: ("ix_refunds_disagrees", mismatch_sql.REFUND_MISMATCH_SQL),
}


def upgrade() -> None:
    for table, (index, sql) in _INDEX_AND_SQL_BY_TABLE.items():
        add_hidden_column(table.name, sa.Column("disagrees", sa.Integer(), sa.Computed(sql, persisted=False)))
        work_state = "seen_work" if table is credit_checks else "work_state"
        create_index(index, table.name, ["disagrees", work_state, "state_since", "id"], unique=False)
