"""Add the worker's tables (tasks, sagas, stock, outbox, reconciliations, bulk runs), takes and notes."""

import sqlalchemy as sa
from alembic import op

from tests.store.migrations.old_chain.ddl_helpers import (
    add_column,
    create_index,
    create_table,
    renew_file_constraints,
)

revision = "0006"
down_revision = "0005"

_SUBJECT_OF_OPEN_SAGA_SQL = "CASE WHEN ended_at IS NULL THEN subject_id END"
_PROVIDER_OF_OPEN_RUN_SQL = "CASE WHEN ended_at IS NULL THEN provider END"
_SUBJECT_OF_OPEN_ALERT_SQL = "CASE WHEN resolved_at IS NULL THEN subject_id END"
# Of several equal open alerts the first stays open. The subquery has another level because MySQL can't read the table
# that an UPDATE changes.
_CLOSE_DUPLICATE_ALERTS_SQL = """
    UPDATE alerts SET resolved_at = detected_at WHERE id IN (SELECT id FROM (
        SELECT later.id FROM alerts first JOIN alerts later ON later.rule_id = first.rule_id
            AND later.subject_kind = first.subject_kind AND later.subject_id = first.subject_id
            AND later.id > first.id
        WHERE first.resolved_at IS NULL AND later.resolved_at IS NULL
    ) doubles)
"""


def upgrade() -> None:
    _add_reconciliation_indexes()
    _create_alerts()
    _create_bulk_rows()
    _create_bulk_runs()
    _create_notes()
    _create_outbox()
    _create_reconciliation_rows()
    _create_reconciliations()
    _create_sagas()
    _create_stock_reservations()
    _create_takes()
    _create_tasks()
    add_column("payments", sa.Column("booked_at", sa.DateTime()))
    add_column("payments", sa.Column("late_after", sa.String(length=20)))
    renew_file_constraints()


def _create_alerts() -> None:
    add_column("alerts", sa.Column("acknowledged_at", sa.DateTime()))
    add_column(
        "alerts", sa.Column("open_subject", sa.BigInteger(), sa.Computed(_SUBJECT_OF_OPEN_ALERT_SQL, persisted=False))
    )
    op.execute(_CLOSE_DUPLICATE_ALERTS_SQL)
    create_index("uq_alerts_open", "alerts", ["rule_id", "subject_kind", "open_subject"], unique=True)
    create_index("ix_alerts_open", "alerts", ["resolved_at"], unique=False)
    create_index("ix_alerts_rule", "alerts", ["rule_id", "resolved_at"], unique=False)


def _create_bulk_rows() -> None:
    create_table(
        "bulk_rows",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("saw", sa.Integer(), nullable=False),
        sa.Column("result", sa.String(length=24), nullable=True),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("done_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", "kind", "subject_id", name="uq_bulk_rows"),
        sa.UniqueConstraint("run_id", "position", name="uq_bulk_rows_position"),
        sqlite_autoincrement=True,
    )
    create_index("ix_bulk_rows_open", "bulk_rows", ["run_id", "result", "position"], unique=False)


def _create_bulk_runs() -> None:
    create_table(
        "bulk_runs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    create_index("ix_bulk_runs_state", "bulk_runs", ["state", "id"], unique=False)


def _create_notes() -> None:
    create_table(
        "notes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    create_index("ix_notes_subject", "notes", ["kind", "subject_id", "id"], unique=False)


def _create_outbox() -> None:
    create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("record_key", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("next_at", sa.DateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("trouble", sa.String(length=64), nullable=True),
        sa.Column("published_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event_id", name="uq_outbox_event"),
        sqlite_autoincrement=True,
    )
    create_index("ix_outbox_key", "outbox", ["record_key", "published_at"], unique=False)
    create_index("ix_outbox_waiting", "outbox", ["published_at", "next_at"], unique=False)


def _create_reconciliation_rows() -> None:
    create_table(
        "reconciliation_rows",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("row_key", sa.String(length=128), nullable=False),
        sa.Column("verdict", sa.String(length=24), nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=True),
        sa.Column("ours", sa.String(length=255), nullable=True),
        sa.Column("theirs", sa.String(length=255), nullable=True),
        sa.Column("case_opened", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", "row_key", name="uq_reconciliation_rows"),
        sqlite_autoincrement=True,
    )
    create_index("ix_reconciliation_rows_run", "reconciliation_rows", ["run_id"], unique=False)
    create_index("ix_reconciliation_rows_payment", "reconciliation_rows", ["payment_id", "id"], unique=False)


def _create_reconciliations() -> None:
    create_table(
        "reconciliations",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("from_day", sa.String(length=10), nullable=False),
        sa.Column("to_day", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("position", sa.String(length=255), nullable=True),
        sa.Column("matched", sa.Integer(), server_default="0", nullable=False),
        sa.Column("imported", sa.Integer(), server_default="0", nullable=False),
        sa.Column("missing_there", sa.Integer(), server_default="0", nullable=False),
        sa.Column("different_state", sa.Integer(), server_default="0", nullable=False),
        sa.Column("different_amount", sa.Integer(), server_default="0", nullable=False),
        sa.Column("evidence_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("begun_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "open_provider",
            sa.String(length=32),
            sa.Computed(_PROVIDER_OF_OPEN_RUN_SQL, persisted=False),
            nullable=True,
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    create_index("ix_reconciliations_provider", "reconciliations", ["provider", "id"], unique=False)
    create_index("uq_reconciliations_open", "reconciliations", ["open_provider", "from_day", "to_day"], unique=True)


def _create_sagas() -> None:
    create_table(
        "sagas",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject_kind", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("step", sa.String(length=32), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("begun_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.Column("next_at", sa.DateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "open_subject", sa.BigInteger(), sa.Computed(_SUBJECT_OF_OPEN_SAGA_SQL, persisted=False), nullable=True
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    create_index("ix_sagas_next", "sagas", ["state", "next_at"], unique=False)
    create_index("ix_sagas_subject", "sagas", ["subject_kind", "subject_id", "id"], unique=False)
    create_index("uq_sagas_open", "sagas", ["kind", "subject_kind", "open_subject"], unique=True)


def _create_stock_reservations() -> None:
    create_table(
        "stock_reservations",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("item", sa.String(length=64), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), server_default="held", nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    create_index("ix_stock_order", "stock_reservations", ["order_id"], unique=False)


def _create_takes() -> None:
    create_table(
        "takes",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("taken_at", sa.DateTime(), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject_id"),
    )


def _create_tasks() -> None:
    create_table(
        "tasks",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("every_seconds", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(), nullable=False),
        sa.Column("begun_at", sa.DateTime(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("taken", sa.Integer(), server_default="0", nullable=False),
        sa.Column("trouble", sa.String(length=64), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("position", sa.String(length=255), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    create_index("ix_tasks_next", "tasks", ["next_at"], unique=False)


def _add_reconciliation_indexes() -> None:
    """Add the indexes through which a reconciliation reads records in the order of their times."""
    create_index("ix_payments_over", "payments", ["status", "certainty", "payment_expires_at"], unique=False)
    create_index("ix_payments_paid", "payments", ["provider", "paid_at"], unique=False)
    create_index("ix_payments_begun", "payments", ["provider", "begun_at"], unique=False)
    create_index("ix_payment_events_source", "payment_events", ["source", "occurred_at"], unique=False)
    create_index("ix_refunds_sent", "refunds", ["first_sent_at"], unique=False)
