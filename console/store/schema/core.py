"""Definitions of the main tables for SQLAlchemy Core: credit checks, operations, leases, evidence, audit trail,
alerts and others. The migrations create them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

from console.domain.desk_requests.rules import AUDIT_REQUEST_ACTION, WITHDRAW_ACTION
from console.store.schema import claim_columns as claim_sql
from console.store.schema import mismatch_columns as mismatch_sql
from console.store.schema.column_types import UNKNOWN_INSTANT_SQL, Id, Instant, LongText, SharedColumnInstant

SCHEMA_VERSION = "0028"
"""Revision of the database schema that this program needs; it refuses a database with another revision. A test
compares this value with the newest migration.
"""

APPROVED_REFUND_ID_SQL = "CASE WHEN action = 'refund.approve' THEN subject_id END"
"""SQL of the column `vote_of`: the id of the refund that an approval approves; NULL for a proposal."""
CLAIMED_REQUEST_ID_SQL = (
    f"CASE WHEN action = '{WITHDRAW_ACTION}' THEN subject_id WHEN state IN ('taken', 'ended') THEN id END"
)
"""SQL of the column `claimed_id` of desk requests. In a withdrawal the column has the id of the withdrawn request; in
any other request its own id while it is taken or ended, otherwise NULL.

Because of a unique index on this column, a request is either taken or withdrawn, also on different nodes of a
cluster.
"""
REQUEST_HOUR_SQL = {
    "sqlite": "CAST(STRFTIME('%s', at) AS INTEGER) / 3600",
    "mysql": "TO_SECONDS(at) DIV 3600",
}
"""SQL of the column `asked_hour` of desk requests, by dialect: the number of the hour (UTC) in which the request was
stored, counted from a fixed instant. A trigger that counts a person's latest requests searches for equal hours: a
search for a range of `at` would also lock the first row after the range, which may be another person's.
"""
WAITING_REQUEST_SQL = f"CASE WHEN state <> 'asked' THEN 0 WHEN action = '{AUDIT_REQUEST_ACTION}' THEN 2 ELSE 1 END"
"""SQL of the column `waiting` of desk requests: 0 if the request doesn't wait for a worker, 2 if it waits and is for
an audit entry, 1 for any other that waits. In the index of this column, the waiting requests of a person come after
the person's other requests. So a lock on the end of another person's part of the index doesn't delay a new request.
"""
SUBJECT_ID_OF_OPEN_ALERT_SQL = "CASE WHEN resolved_at IS NULL THEN subject_id END"
"""SQL of a derived column of alerts: the id of the alert's record while the alert is open, then NULL. A unique index
over this column allows one open alert per rule and record.
"""

metadata = MetaData()

meta = Table(
    "console_meta",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", String(255), nullable=False),
)

credit_checks = Table(
    "hansha_alarmbox_credit_checks",
    metadata,
    # Original columns: other applications read them, and may insert rows with these columns alone.
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("client_id", BigInteger, nullable=False),
    Column("corporation_number", String(64), nullable=False),
    Column("credit_check_id", Integer),
    Column("company_name", String(255)),
    Column("purchased_at", SharedColumnInstant),
    Column("expired_at", SharedColumnInstant),
    Column("result", String(20)),
    Column("pdf_file_path", String(255)),
    # Columns of the console. A row whose work_state is NULL was written by another application; its states are
    # derived.
    Column("status", String(20), nullable=False, server_default="pending"),
    Column("certainty", String(10), nullable=False, server_default="known"),
    Column("work_state", String(16)),
    Column("work_at", Instant),
    Column("work_reason", String(64)),
    Column("work_attempts", Integer, nullable=False, server_default="0"),
    Column("error_code", String(64)),
    Column("viewing_over", Boolean, nullable=False, server_default=text("0")),
    Column("superseded_at", Instant),
    Column("superseded_by", BigInteger),
    Column("renews", BigInteger),
    Column("duplicate_of", BigInteger),
    Column("operation_id", String(36)),
    Column("asked_at", Instant),
    Column("created_at", Instant),
    Column("changed_at", Instant),
    # Instant of the last change of state or certainty; a trigger writes it when another application changes the row.
    Column("state_since", Instant, nullable=False, server_default=UNKNOWN_INSTANT_SQL),
    Column("version", Integer, nullable=False, server_default="1"),
    # Time zone of purchased_at and expired_at; NULL is UTC. Adoption gives the column a default, so that new rows of
    # the other applications carry their zone, too.
    Column("dates_zone", String(40)),
    # 1 if values were missing when the row was adopted and an administrator accepted that for all such rows. The row
    # isn't in the queue of incomplete records then.
    Column("incomplete_accepted", Boolean, nullable=False, server_default=text("0")),
    # The database derives these columns, so that every reader and every index uses the same values.
    Column("number_key", String(64), Computed(claim_sql.NUMBER_KEY_SQL["sqlite"], persisted=False)),
    Column("seen_status", String(20), Computed(claim_sql.EFFECTIVE_STATUS_SQL, persisted=False)),
    Column("seen_work", String(16), Computed(claim_sql.EFFECTIVE_WORK_SQL, persisted=False)),
    Column("claim_number", String(64), Computed(claim_sql.CLAIM_NUMBER_SQL["sqlite"], persisted=False)),
    Column("missing", Integer, Computed(claim_sql.IS_INCOMPLETE_SQL, persisted=False)),
    Column("disagrees", Integer, Computed(mismatch_sql.CREDIT_CHECK_MISMATCH_SQL, persisted=False)),
    Index("uq_credit_checks_claim", "client_id", "claim_number", unique=True),
    Index("ix_credit_checks_number", "number_key", "id"),
    Index("ix_credit_checks_status", "seen_status", "certainty", "seen_work", "state_since", "id"),
    Index("ix_credit_checks_certainty", "certainty", "seen_work", "state_since", "id"),
    Index("ix_credit_checks_work", "seen_work", "state_since", "id"),
    Index("ix_credit_checks_due", "work_state", "work_at"),
    Index("ix_credit_checks_missing", "missing", "seen_work", "state_since", "id"),
    Index("ix_credit_checks_disagrees", "disagrees", "seen_work", "state_since", "id"),
    Index("ix_credit_checks_name", "company_name"),
    Index("ix_credit_checks_provider_id", "credit_check_id"),
    sqlite_autoincrement=True,
)

operations = Table(
    "operations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("action", String(40), nullable=False),
    Column("subject_kind", String(32), nullable=False),
    Column("subject_id", BigInteger),
    Column("client_id", BigInteger),
    Column("corporation_number", String(64)),
    Column("state", String(16), nullable=False),
    Column("idempotency_key", String(255), nullable=False, unique=True),
    Column("fingerprint", String(64), nullable=False),
    Column("result", LongText),
    Column("operator", String(64), nullable=False),
    Column("desk", String(36), nullable=False),
    Column("host", String(64), nullable=False),
    Column("process", Integer, nullable=False),
    Column("session", String(36), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("outcome_class", String(20)),
    Column("outcome_reason", String(64)),
    Column("lease_clock", String(40), nullable=False),
    Column("lease_expires", BigInteger, nullable=False),
    Column("fence", Integer, nullable=False, server_default="1"),
    # SHA-256 of the sender's secret, and the secret itself, written with an answer that frees the claim.
    Column("answer_lock", String(64)),
    Column("answer_key", String(64)),
    Index("ix_operations_lapse", "state", "lease_expires"),
    Index("ix_operations_subject", "subject_kind", "subject_id"),
    Index("ix_operations_number", "corporation_number", "state"),
)

request_ids = Table(
    "request_ids",
    metadata,
    Column("person", String(64), primary_key=True),
    Column("request_id", String(64), primary_key=True),
    Column("command", String(40), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("state", String(16), nullable=False),  # running, kept, free
    Column("begun_ms", BigInteger, nullable=False),  # by the database's own clock
    Column("subject_kind", String(32)),  # the first record that the action wrote
    Column("subject_id", String(40)),
    Column("operation_id", String(36)),  # the last guarded operation that the action began
    Column("answer", LongText),
    Column("desk", String(36), nullable=False),
    Column("host", String(64), nullable=False),
    Column("process", Integer, nullable=False),
    Column("since", Instant, nullable=False),
    Column("token", String(36), nullable=False),
    Column("lease_clock", String(40), nullable=False),
    Column("lease_expires", BigInteger, nullable=False),
    Column("fence", Integer, nullable=False),
)

requests = Table(
    "requests",
    metadata,
    Column("id", String(36), primary_key=True),  # UUIDv7, chosen by the desk
    Column("who", String(64), nullable=False),  # set by a trigger: the account that inserts the row
    Column("at", Instant, nullable=False),  # set by a trigger: the server's time
    Column("expires_at", Instant, nullable=False),  # set by a trigger: the end of the wait for a worker
    Column("action", String(40), nullable=False),  # the command of the service
    Column("subject_kind", String(32)),
    Column("subject_id", String(64)),
    # The facts that a rule of another table compares: the refund's sum, and the state that a decision proposes.
    Column("amount_minor", BigInteger),
    Column("proposed", String(20)),
    Column("args", LongText, nullable=False),
    Column("evidence_sha256", String(64)),
    Column("request_id", String(64)),  # the request id of the caller; NULL: the row's own id
    Column("desk", String(36)),
    # 1: stored over a connection that was opened with the password which the person has typed for this request.
    Column("confirmed", Boolean, nullable=False, server_default=text("0")),
    Column("state", String(16), nullable=False, server_default="asked"),  # asked, taken, ended, lapsed
    Column("progress", String(16)),  # waiting, asking, answered
    Column("result", LongText),
    Column("taken_by", String(64)),  # the worker's account
    Column("worker", String(36)),  # the token of the presence lease with which the worker took it
    Column("lease_clock", String(40)),
    Column("lease_expires", BigInteger),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("ended_at", Instant),
    Column("claimed_id", String(64), Computed(CLAIMED_REQUEST_ID_SQL, persisted=False)),
    Index("uq_requests_claim", "claimed_id", unique=True),
    Index("ix_requests_state", "state", "action", "at"),
    Column("asked_hour", Integer, Computed(REQUEST_HOUR_SQL["sqlite"], persisted=False)),
    Column("waiting", Integer, Computed(WAITING_REQUEST_SQL, persisted=False)),
    Index("ix_requests_who", "who", "asked_hour"),
    Index("ix_requests_waiting", "who", "waiting"),
)

request_files = Table(
    "request_files",
    metadata,
    Column("request", String(36), primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("content", LargeBinary(1024 * 1024), nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("slot", Integer, primary_key=True),
    Column("operator", String(64)),
    Column("desk", String(36)),
    Column("host", String(64)),
    Column("process", Integer),
    Column("since", Instant),
    Column("until", Instant),
    Column("lease_clock", String(40), nullable=False),
    Column("lease_expires", BigInteger, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("token", String(36)),
    Index("ix_leases_expires", "lease_expires"),
)

call_rates = Table(
    "call_rates",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("lease_clock", String(40), nullable=False),
    Column("not_before", BigInteger, nullable=False),
)

UNCOUNTED_EVIDENCE_KIND_SUFFIX = ".question"
"""Suffix of the kind of record (column `subject_kind`) in some rows of evidence. Such a row is shown with the record,
but the triggers of a server don't count it as a provider's answer about the record.
"""
evidence = Table(
    "evidence",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("subject_kind", String(32), nullable=False),
    Column("subject_id", BigInteger),
    Column("operation_id", String(36)),
    Column("at", Instant, nullable=False),
    Column("source", String(64), nullable=False),
    Column("who", String(64), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("summary", String(255), nullable=False),
    Column("body", LongText, nullable=False),
    Index("ix_evidence_subject", "subject_kind", "subject_id"),
    Index("ix_evidence_operation", "operation_id"),
    sqlite_autoincrement=True,
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("subject_kind", String(32), nullable=False),
    Column("subject_id", String(40), nullable=False),
    Column("action", String(40), nullable=False),
    Column("proposed", String(20), nullable=False),
    Column("person", String(64), nullable=False),
    Column("evidence_id", BigInteger),
    Column("at", Instant, nullable=False),
    Column("closed_at", Instant),
    # An approver votes once per refund, so that one person never counts as two.
    Column("vote_of", String(40), Computed(APPROVED_REFUND_ID_SQL, persisted=False)),
    Index("ix_approvals_subject", "subject_kind", "subject_id"),
    Index("uq_approvals_vote", "vote_of", "person", unique=True),
    sqlite_autoincrement=True,
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("session", String(36), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("who", String(64), nullable=False),
    Column("desk", String(36), nullable=False),
    Column("what", String(64), nullable=False),
    Column("subject_kind", String(32)),
    Column("subject_id", String(40)),
    Column("result", String(16), nullable=False),
    Column("reason", String(64)),
    Column("detail", LongText, nullable=False),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("session", "seq", name="uq_audit_chain"),
    Index("ix_audit_subject", "subject_kind", "subject_id"),
    sqlite_autoincrement=True,
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("operator", String(64)),
    Column("desk", String(36), nullable=False),
    Column("host", String(64), nullable=False),
    Column("process", Integer, nullable=False),
    Column("program", String(40), nullable=False),
    Column("started_at", Instant, nullable=False),
)

changes = Table(
    "changes",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("kind", String(32), nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    sqlite_autoincrement=True,
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("rule_id", String(40), nullable=False),
    Column("subject_kind", String(32), nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("order_no", String(64)),
    Column("observed", String(255), nullable=False),
    Column("expected", String(255), nullable=False),
    Column("detected_at", Instant, nullable=False),
    Column("resolved_at", Instant),
    Column("acknowledged_by", String(64)),
    Column("note", LongText),
    Column("acknowledged_at", Instant),
    Column("open_subject", BigInteger, Computed(SUBJECT_ID_OF_OPEN_ALERT_SQL, persisted=False)),
    Index("uq_alerts_open", "rule_id", "subject_kind", "open_subject", unique=True),
    Index("ix_alerts_subject", "subject_kind", "subject_id"),
    Index("ix_alerts_open", "resolved_at"),
    Index("ix_alerts_rule", "rule_id", "resolved_at"),
    sqlite_autoincrement=True,
)

ACCOUNT_LOCK_TO_RENEW = 2
"""Value of `operators.account_lock` from the moment at which administrators disable or enable a person until a
worker has locked or unlocked the person's account. Until then the account may be locked or not."""

operators = Table(
    "operators",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("roles", String(100), nullable=False),
    Column("may_buy", Boolean, nullable=False, server_default=text("1")),
    Column("disabled_at", Instant),
    # 1 on a server if the person's account may only read and ask: a worker acts for the person.
    Column("asks", Boolean, nullable=False, server_default=text("0")),
    # The administrator who has disabled the person, and the reason; NULL if the file of accounts has disabled them.
    Column("disabled_by", String(64)),
    Column("disabled_reason", String(200)),
    # On a server, 1 if a worker has locked the database account because an administrator has disabled the person;
    # otherwise 0 or ACCOUNT_LOCK_TO_RENEW.
    Column("account_lock", Integer, nullable=False, server_default=text("0")),
)

provider_tokens = Table(
    "provider_tokens",
    metadata,
    Column("provider", String(32), primary_key=True),
    Column("sealed", LongText),
    Column("expires_at", Instant),
    Column("version", Integer, nullable=False),
    Column("used_first", LongText, nullable=False),
    Column("changed_at", Instant, nullable=False),
)

documents = Table(
    "documents",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("subject_kind", String(32), nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("path", String(255), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("fetched_at", Instant, nullable=False),
    UniqueConstraint("subject_kind", "subject_id", "sha256", name="uq_documents_content"),
    sqlite_autoincrement=True,
)
