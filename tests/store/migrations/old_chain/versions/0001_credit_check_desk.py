"""The first schema: credit checks, the journal, leases, evidence, the audit trail and the tables around them."""

import sqlalchemy as sa
from alembic import op

from tests.store.migrations.old_chain import claim_columns as claim_sql
from tests.store.migrations.old_chain.ddl_helpers import create_index, create_table

revision = "0001"
down_revision = None

# The audit trail only grows: the database refuses to change or delete a row.
_REFUSE_UPDATE_TRIGGER_SQL = """CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit rows are never changed'); END"""
_REFUSE_DELETE_TRIGGER_SQL = """CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit rows are never deleted'); END"""
# INSERT OR REPLACE deletes a row without firing the trigger above.
_REFUSE_REPLACE_TRIGGER_SQL = """CREATE TRIGGER audit_log_no_replace BEFORE INSERT ON audit_log
WHEN EXISTS (SELECT 1 FROM audit_log WHERE id = NEW.id OR (session = NEW.session AND seq = NEW.seq))
BEGIN SELECT RAISE(ABORT, 'audit rows are never replaced'); END"""

_MISSING_PARTS_SQL = (
    f"CASE WHEN ({claim_sql.COMPUTED_STATUS_SQL}) = 'success' AND superseded_at IS NULL AND duplicate_of IS NULL "
    "AND (company_name IS NULL OR result IS NULL OR purchased_at IS NULL OR expired_at IS NULL "
    "OR pdf_file_path IS NULL) THEN 1 END"
)


def upgrade() -> None:
    _create_alerts()
    _create_approvals()
    _create_audit_log()
    _create_call_rates()
    _create_changes()
    _create_console_meta()
    _create_documents()
    _create_evidence()
    _create_hansha_alarmbox_credit_checks(op.get_bind().dialect.name)
    _create_leases()
    _create_operations()
    _create_operators()
    _create_provider_tokens()
    _create_sessions()
    if op.get_bind().dialect.name == "sqlite":
        for guard in (_REFUSE_UPDATE_TRIGGER_SQL, _REFUSE_DELETE_TRIGGER_SQL, _REFUSE_REPLACE_TRIGGER_SQL):
            op.execute(guard)


def _create_alerts() -> None:
    create_table(
        "alerts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("rule_id", sa.String(length=40), nullable=False),
        sa.Column("subject_kind", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("order_no", sa.String(length=64), nullable=True),
        sa.Column("observed", sa.String(length=255), nullable=False),
        sa.Column("expected", sa.String(length=255), nullable=False),
        sa.Column("detected_at", sa.DateTime(), nullable=False),
        sa.Column("resolved_at", sa.DateTime(), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=64), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    create_index("ix_alerts_subject", "alerts", ["subject_kind", "subject_id"], unique=False)


def _create_approvals() -> None:
    create_table(
        "approvals",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("subject_kind", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.String(length=40), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("proposed", sa.String(length=20), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("evidence_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("closed_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    create_index("ix_approvals_subject", "approvals", ["subject_kind", "subject_id"], unique=False)


def _create_audit_log() -> None:
    create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("session", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("desk", sa.String(length=36), nullable=False),
        sa.Column("what", sa.String(length=64), nullable=False),
        sa.Column("subject_kind", sa.String(length=32), nullable=True),
        sa.Column("subject_id", sa.String(length=40), nullable=True),
        sa.Column("result", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("session", "seq", name="uq_audit_chain"),
        sqlite_autoincrement=True,
    )
    create_index("ix_audit_subject", "audit_log", ["subject_kind", "subject_id"], unique=False)


def _create_call_rates() -> None:
    create_table(
        "call_rates",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("lease_clock", sa.String(length=40), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _create_changes() -> None:
    create_table(
        "changes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )


def _create_console_meta() -> None:
    create_table(
        "console_meta",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _create_documents() -> None:
    create_table(
        "documents",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("subject_kind", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.String(length=255), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("subject_kind", "subject_id", "sha256", name="uq_documents_content"),
        sqlite_autoincrement=True,
    )


def _create_evidence() -> None:
    create_table(
        "evidence",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("subject_kind", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=True),
        sa.Column("operation_id", sa.String(length=36), nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("summary", sa.String(length=255), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    create_index("ix_evidence_operation", "evidence", ["operation_id"], unique=False)
    create_index("ix_evidence_subject", "evidence", ["subject_kind", "subject_id"], unique=False)


def _create_hansha_alarmbox_credit_checks(engine: str) -> None:
    create_table(
        "hansha_alarmbox_credit_checks",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("corporation_number", sa.String(length=64), nullable=False),
        sa.Column("credit_check_id", sa.Integer(), nullable=True),
        sa.Column("company_name", sa.String(length=255), nullable=True),
        sa.Column("purchased_at", sa.DateTime(), nullable=True),
        sa.Column("expired_at", sa.DateTime(), nullable=True),
        sa.Column("result", sa.String(length=20), nullable=True),
        sa.Column("pdf_file_path", sa.String(length=255), nullable=True),
        sa.Column("status", sa.String(length=20), server_default="pending", nullable=False),
        sa.Column("certainty", sa.String(length=10), server_default="known", nullable=False),
        sa.Column("work_state", sa.String(length=16), nullable=True),
        sa.Column("work_at", sa.DateTime(), nullable=True),
        sa.Column("work_reason", sa.String(length=64), nullable=True),
        sa.Column("work_attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("viewing_over", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("superseded_at", sa.DateTime(), nullable=True),
        sa.Column("superseded_by", sa.BigInteger(), nullable=True),
        sa.Column("renews", sa.BigInteger(), nullable=True),
        sa.Column("duplicate_of", sa.BigInteger(), nullable=True),
        sa.Column("operation_id", sa.String(length=36), nullable=True),
        sa.Column("asked_at", sa.DateTime(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("changed_at", sa.DateTime(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "number_key",
            sa.String(length=64),
            sa.Computed(claim_sql.NUMBER_KEY_SQL_BY_DIALECT[engine], persisted=False),
            nullable=True,
        ),
        sa.Column(
            "seen_status",
            sa.String(length=20),
            sa.Computed(claim_sql.COMPUTED_STATUS_SQL, persisted=False),
            nullable=True,
        ),
        sa.Column(
            "seen_work",
            sa.String(length=16),
            sa.Computed(claim_sql.COMPUTED_WORK_SQL, persisted=False),
            nullable=True,
        ),
        sa.Column(
            "claim_number",
            sa.String(length=64),
            sa.Computed(claim_sql.CLAIM_NUMBER_SQL_BY_DIALECT[engine], persisted=False),
            nullable=True,
        ),
        sa.Column("missing", sa.Integer(), sa.Computed(_MISSING_PARTS_SQL, persisted=False), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    create_index(
        "ix_credit_checks_certainty", "hansha_alarmbox_credit_checks", ["certainty", "seen_work", "id"], unique=False
    )
    create_index("ix_credit_checks_due", "hansha_alarmbox_credit_checks", ["work_state", "work_at"], unique=False)
    create_index(
        "ix_credit_checks_missing", "hansha_alarmbox_credit_checks", ["missing", "seen_work", "id"], unique=False
    )
    create_index("ix_credit_checks_name", "hansha_alarmbox_credit_checks", ["company_name"], unique=False)
    create_index("ix_credit_checks_number", "hansha_alarmbox_credit_checks", ["number_key", "id"], unique=False)
    create_index("ix_credit_checks_provider_id", "hansha_alarmbox_credit_checks", ["credit_check_id"], unique=False)
    create_index(
        "ix_credit_checks_status",
        "hansha_alarmbox_credit_checks",
        ["seen_status", "certainty", "seen_work", "id"],
        unique=False,
    )
    create_index("ix_credit_checks_work", "hansha_alarmbox_credit_checks", ["seen_work", "id"], unique=False)
    create_index(
        "uq_credit_checks_claim", "hansha_alarmbox_credit_checks", ["client_id", "claim_number"], unique=True
    )


def _create_leases() -> None:
    create_table(
        "leases",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("operator", sa.String(length=64), nullable=True),
        sa.Column("desk", sa.String(length=36), nullable=True),
        sa.Column("host", sa.String(length=64), nullable=True),
        sa.Column("process", sa.Integer(), nullable=True),
        sa.Column("since", sa.DateTime(), nullable=True),
        sa.Column("until", sa.DateTime(), nullable=True),
        sa.Column("lease_clock", sa.String(length=40), nullable=False),
        sa.Column("lease_expires", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", "slot"),
    )
    create_index("ix_leases_expires", "leases", ["lease_expires"], unique=False)


def _create_operations() -> None:
    create_table(
        "operations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("subject_kind", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=True),
        sa.Column("client_id", sa.BigInteger(), nullable=True),
        sa.Column("corporation_number", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("idempotency_key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("operator", sa.String(length=64), nullable=False),
        sa.Column("desk", sa.String(length=36), nullable=False),
        sa.Column("host", sa.String(length=64), nullable=False),
        sa.Column("process", sa.Integer(), nullable=False),
        sa.Column("session", sa.String(length=36), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("outcome_class", sa.String(length=20), nullable=True),
        sa.Column("outcome_reason", sa.String(length=64), nullable=True),
        sa.Column("lease_clock", sa.String(length=40), nullable=False),
        sa.Column("lease_expires", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("idempotency_key"),
    )
    create_index("ix_operations_lapse", "operations", ["state", "lease_expires"], unique=False)
    create_index("ix_operations_number", "operations", ["corporation_number", "state"], unique=False)
    create_index("ix_operations_subject", "operations", ["subject_kind", "subject_id"], unique=False)


def _create_operators() -> None:
    create_table(
        "operators",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("roles", sa.String(length=100), nullable=False),
        sa.Column("may_buy", sa.Boolean(), server_default=sa.text("1"), nullable=False),
        sa.Column("disabled_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )


def _create_provider_tokens() -> None:
    create_table(
        "provider_tokens",
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("used_first", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("provider"),
    )


def _create_sessions() -> None:
    create_table(
        "sessions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("operator", sa.String(length=64), nullable=True),
        sa.Column("desk", sa.String(length=36), nullable=False),
        sa.Column("host", sa.String(length=64), nullable=False),
        sa.Column("process", sa.Integer(), nullable=False),
        sa.Column("program", sa.String(length=40), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
