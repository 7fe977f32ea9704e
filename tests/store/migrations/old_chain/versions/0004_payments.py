"""Add orders, payments with their events, refunds, votes, limits, accounts and set-asides."""

import sqlalchemy as sa
from alembic import op

from tests.store.migrations.old_chain import claim_columns as claim_sql
from tests.store.migrations.old_chain.ddl_helpers import add_column, create_index, create_table

revision = "0004"
down_revision = "0003"

_PAYMENT_OF_OPEN_REFUND_SQL = "CASE WHEN status IN ('approved', 'requested', 'submitting') THEN payment_id END"
_VOTED_REFUND_SQL = "CASE WHEN action = 'refund.approve' THEN subject_id END"
# Initial values: name, yen, paise; seconds for the last one.
_INITIAL_LIMITS = (
    ("per_refund", 1_000_000, 500_000_00),
    ("per_person_day", 3_000_000, 1_500_000_00),
    ("second_checker_above", 500_000, 250_000_00),
    ("cooling_off_above", 100_000, 50_000_00),
    ("cooling_off_seconds", 900, 900),
)


def upgrade() -> None:
    _create_accounts()
    _create_limits()
    _create_orders(op.get_bind().dialect.name)
    _create_payment_events()
    _create_payments()
    _create_refunds()
    _create_set_asides()
    add_column(
        "approvals", sa.Column("vote_of", sa.String(length=40), sa.Computed(_VOTED_REFUND_SQL, persisted=False))
    )
    create_index("uq_approvals_vote", "approvals", ["vote_of", "person"], unique=True)
    _insert_initial_limits()


def _insert_initial_limits() -> None:
    """Insert the initial limits if the table has no rows, so that later changes by people are not replaced."""
    bind, limits = op.get_bind(), sa.table("limits", sa.column("name"), sa.column("currency"), sa.column("value"))
    if bind.scalar(sa.select(sa.func.count()).select_from(limits)) == 0:
        rows = [(name, "JPY", yen) for name, yen, _ in _INITIAL_LIMITS] + [
            (name, "INR", paise) for name, _, paise in _INITIAL_LIMITS
        ]
        op.bulk_insert(limits, [{"name": name, "currency": of, "value": value} for name, of, value in rows])


def _create_accounts() -> None:
    create_table(
        "accounts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("corporation_number", sa.String(length=13), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("limit_minor", sa.BigInteger(), nullable=False),
        sa.Column("balance_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reserved_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    create_index("uq_accounts_holder", "accounts", ["corporation_number", "currency"], unique=True)


def _create_limits() -> None:
    create_table(
        "limits",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "currency"),
    )


def _create_orders(engine: str) -> None:
    create_table(
        "orders",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=True),
        sa.Column("corporation_number", sa.String(length=64), nullable=True),
        sa.Column("merch_txn_id", sa.String(length=64), nullable=False),
        sa.Column("atom_token_id", sa.String(length=64), nullable=True),
        sa.Column("atom_txn_id", sa.String(length=64), nullable=True),
        sa.Column("total_amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), server_default="JPY", nullable=False),
        sa.Column("payment_method", sa.String(length=20), nullable=True),
        sa.Column("status", sa.String(length=20), server_default="pending", nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.Column("work_state", sa.String(length=16), server_default="none", nullable=False),
        sa.Column("work_at", sa.DateTime(), nullable=True),
        sa.Column("work_reason", sa.String(length=64), nullable=True),
        sa.Column("work_attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "number_key",
            sa.String(length=64),
            sa.Computed(claim_sql.NUMBER_KEY_SQL_BY_DIALECT[engine], persisted=False),
            nullable=True,
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    create_index("ix_orders_atom", "orders", ["atom_txn_id"], unique=False)
    create_index("ix_orders_corporation", "orders", ["number_key", "id"], unique=False)
    create_index("ix_orders_status", "orders", ["status", "work_state", "id"], unique=False)
    create_index("ix_orders_work", "orders", ["work_state", "id"], unique=False)
    create_index("uq_orders_number", "orders", ["merch_txn_id"], unique=True)


def _create_payment_events() -> None:
    create_table(
        "payment_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("event_id", sa.String(length=128), nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("order_no", sa.String(length=64), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("occurred_at", sa.DateTime(), nullable=True),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.Column("done", sa.String(length=16), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "event_id", name="uq_payment_events"),
        sqlite_autoincrement=True,
    )
    create_index("ix_payment_events_done", "payment_events", ["done", "id"], unique=False)
    create_index("ix_payment_events_payment", "payment_events", ["payment_id"], unique=False)


def _create_payments() -> None:
    create_table(
        "payments",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("merchant_payment_id", sa.String(length=64), nullable=False),
        sa.Column("provider_payment_id", sa.String(length=64), nullable=True),
        sa.Column("corporation_number", sa.String(length=13), nullable=True),
        sa.Column("payer_ref", sa.String(length=255), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("certainty", sa.String(length=10), server_default="known", nullable=False),
        sa.Column("work_state", sa.String(length=16), server_default="none", nullable=False),
        sa.Column("work_at", sa.DateTime(), nullable=True),
        sa.Column("work_reason", sa.String(length=64), nullable=True),
        sa.Column("work_attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("asked_minor", sa.BigInteger(), nullable=False),
        sa.Column("captured_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reserved_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("set_aside_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("account_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("by_code", sa.Boolean(), server_default=sa.text("1"), nullable=False),
        sa.Column("handle", sa.String(length=128), nullable=True),
        sa.Column("url", sa.String(length=255), nullable=True),
        sa.Column("payment_expires_at", sa.DateTime(), nullable=True),
        sa.Column("begun_at", sa.DateTime(), nullable=True),
        sa.Column("paid_at", sa.DateTime(), nullable=True),
        sa.Column("provider_state", sa.String(length=40), nullable=True),
        sa.Column("provider_minor", sa.BigInteger(), nullable=True),
        sa.Column("provider_refunded_minor", sa.BigInteger(), nullable=True),
        sa.Column("told_at", sa.DateTime(), nullable=True),
        sa.Column("payment_last_event_id", sa.String(length=128), nullable=True),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("operation_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    create_index("ix_payments_certainty", "payments", ["certainty", "work_state", "id"], unique=False)
    create_index("ix_payments_corporation", "payments", ["corporation_number", "id"], unique=False)
    create_index("ix_payments_due", "payments", ["work_state", "work_at"], unique=False)
    create_index("ix_payments_merchant", "payments", ["merchant_payment_id"], unique=False)
    create_index("ix_payments_order", "payments", ["order_id"], unique=False)
    create_index("ix_payments_payer", "payments", ["payer_ref"], unique=False)
    create_index("ix_payments_provider", "payments", ["provider_payment_id"], unique=False)
    create_index("ix_payments_status", "payments", ["status", "certainty", "work_state", "id"], unique=False)
    create_index("ix_payments_work", "payments", ["work_state", "id"], unique=False)
    create_index("uq_payments_ours", "payments", ["provider", "merchant_payment_id"], unique=True)
    create_index("uq_payments_theirs", "payments", ["provider", "provider_payment_id"], unique=True)


def _create_refunds() -> None:
    create_table(
        "refunds",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("payment_id", sa.BigInteger(), nullable=False),
        sa.Column("refund_amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("refund_txn_id", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("certainty", sa.String(length=10), server_default="known", nullable=False),
        sa.Column("work_state", sa.String(length=16), server_default="none", nullable=False),
        sa.Column("work_at", sa.DateTime(), nullable=True),
        sa.Column("work_reason", sa.String(length=64), nullable=True),
        sa.Column("work_attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("maker", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("ticket", sa.String(length=64), nullable=True),
        sa.Column("intended_repeat", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("set_aside_id", sa.BigInteger(), nullable=True),
        sa.Column("saw", sa.Text(), nullable=False),
        sa.Column("radar", sa.Text(), nullable=False),
        sa.Column("checkers_needed", sa.Integer(), nullable=False),
        sa.Column("sends_after", sa.DateTime(), nullable=True),
        sa.Column("decide_by", sa.DateTime(), nullable=False),
        sa.Column("declined_because", sa.String(length=500), nullable=True),
        sa.Column("provider_refund_key", sa.String(length=64), nullable=True),
        sa.Column("provider_state", sa.String(length=40), nullable=True),
        sa.Column("told_at", sa.DateTime(), nullable=True),
        sa.Column("first_sent_at", sa.DateTime(), nullable=True),
        sa.Column("last_sent_at", sa.DateTime(), nullable=True),
        sa.Column("sent_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("not_found", sa.Integer(), server_default="0", nullable=False),
        sa.Column("first_not_found_at", sa.DateTime(), nullable=True),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("operation_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "open_payment", sa.BigInteger(), sa.Computed(_PAYMENT_OF_OPEN_REFUND_SQL, persisted=False), nullable=True
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    create_index("ix_refunds_certainty", "refunds", ["certainty", "work_state", "id"], unique=False)
    create_index("ix_refunds_due", "refunds", ["work_state", "work_at"], unique=False)
    create_index("ix_refunds_maker", "refunds", ["maker", "created_at"], unique=False)
    create_index("ix_refunds_order", "refunds", ["order_id"], unique=False)
    create_index("ix_refunds_payment", "refunds", ["payment_id", "id"], unique=False)
    create_index("ix_refunds_status", "refunds", ["status", "certainty", "work_state", "id"], unique=False)
    create_index("ix_refunds_work", "refunds", ["work_state", "id"], unique=False)
    create_index("uq_refunds_key", "refunds", ["provider_refund_key"], unique=True)
    create_index("uq_refunds_open", "refunds", ["open_payment"], unique=True)


def _create_set_asides() -> None:
    create_table(
        "set_asides",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("refund_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    create_index("ix_set_asides_payment", "set_asides", ["payment_id"], unique=False)
    create_index("ix_set_asides_status", "set_asides", ["status", "id"], unique=False)
