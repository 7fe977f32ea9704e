"""Definitions of the tables of scheduled tasks, sagas, stock, the outbox, reconciliations, bulk runs, takes,
notes, mentions, steps of incidents, saved views, lost operations, watched corporations and read-only switches.
The migrations create them.
"""

from sqlalchemy import BigInteger, Boolean, Column, Computed, Index, Integer, String, Table, UniqueConstraint, text

from console.store.schema.column_types import Id, Instant, LongText
from console.store.schema.payments import metadata as metadata

SUBJECT_ID_OF_OPEN_SAGA_SQL = "CASE WHEN ended_at IS NULL THEN subject_id END"
"""SQL of a derived column of sagas: the id of the saga's record until the saga has ended, then NULL. A unique index
over this column allows one unfinished saga of each kind per record.
"""
PROVIDER_OF_OPEN_RUN_SQL = "CASE WHEN ended_at IS NULL THEN provider END"
"""SQL of a derived column of reconciliations: the provider until the run has ended, then NULL. A unique index over
this column allows one unfinished run per provider and range of days.
"""

tasks = Table(
    "tasks",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("every_seconds", Integer, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("begun_at", Instant),
    Column("ended_at", Instant),
    Column("taken", Integer, nullable=False, server_default="0"),  # number of records in the last run
    Column("trouble", String(64)),  # error code of the last run
    Column("failures", Integer, nullable=False, server_default="0"),  # consecutive failures
    Column("position", String(255)),  # place at which a task that works in several parts continues
    Column("version", Integer, nullable=False, server_default="1"),
    Index("ix_tasks_next", "next_at"),
)

sagas = Table(
    "sagas",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("kind", String(32), nullable=False),
    Column("subject_kind", String(32), nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),  # running, done, compensated, stuck
    Column("step", String(32), nullable=False),  # the next step
    Column("facts", LongText, nullable=False),  # JSON
    Column("reason", String(64)),
    Column("begun_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("next_at", Instant),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("ended_at", Instant),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("open_subject", BigInteger, Computed(SUBJECT_ID_OF_OPEN_SAGA_SQL, persisted=False)),
    Index("uq_sagas_open", "kind", "subject_kind", "open_subject", unique=True),
    Index("ix_sagas_subject", "subject_kind", "subject_id", "id"),
    Index("ix_sagas_next", "state", "next_at"),
    sqlite_autoincrement=True,
)

stock_reservations = Table(
    "stock_reservations",
    metadata,
    # Columns of the shop; the console writes `status` alone.
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("order_id", BigInteger, nullable=False),
    Column("item", String(64), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("status", String(16), nullable=False, server_default="held"),  # held, released, used
    Column("created_at", Instant),
    Column("updated_at", Instant),
    Index("ix_stock_order", "order_id"),
    sqlite_autoincrement=True,
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("topic", String(64), nullable=False),
    Column("event_id", String(64), nullable=False),
    Column("record_key", String(64), nullable=False),  # events of one key are published in order
    Column("body", LongText, nullable=False),  # JSON
    Column("created_at", Instant, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("trouble", String(64)),
    Column("published_at", Instant),
    UniqueConstraint("event_id", name="uq_outbox_event"),
    Index("ix_outbox_key", "record_key", "published_at"),
    Index("ix_outbox_waiting", "published_at", "next_at"),
    sqlite_autoincrement=True,
)

reconciliations = Table(
    "reconciliations",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("provider", String(32), nullable=False),
    Column("from_day", String(10), nullable=False),
    Column("to_day", String(10), nullable=False),
    Column("state", String(16), nullable=False),  # running, done, failed
    Column("phase", String(16), nullable=False),  # theirs, ours
    Column("position", String(255)),
    Column("matched", Integer, nullable=False, server_default="0"),
    Column("imported", Integer, nullable=False, server_default="0"),
    Column("missing_there", Integer, nullable=False, server_default="0"),
    Column("different_state", Integer, nullable=False, server_default="0"),
    Column("different_amount", Integer, nullable=False, server_default="0"),
    Column("evidence_id", BigInteger),
    Column("reason", String(64)),
    Column("asked_by", String(64), nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("open_provider", String(32), Computed(PROVIDER_OF_OPEN_RUN_SQL, persisted=False)),
    Index("uq_reconciliations_open", "open_provider", "from_day", "to_day", unique=True),
    Index("ix_reconciliations_provider", "provider", "id"),
    sqlite_autoincrement=True,
)

reconciliation_rows = Table(
    "reconciliation_rows",
    metadata,
    # Rows that don't match. Matching ones are only counted.
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("run_id", BigInteger, nullable=False),
    Column("row_key", String(128), nullable=False),
    Column("verdict", String(24), nullable=False),
    Column("payment_id", BigInteger),
    Column("ours", String(255)),
    Column("theirs", String(255)),
    Column("case_opened", Boolean, nullable=False, server_default=text("0")),
    UniqueConstraint("run_id", "row_key", name="uq_reconciliation_rows"),
    Index("ix_reconciliation_rows_run", "run_id"),
    Index("ix_reconciliation_rows_payment", "payment_id", "id"),
    sqlite_autoincrement=True,
)

bulk_runs = Table(
    "bulk_runs",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("action", String(16), nullable=False),  # probe, refetch, take, note
    Column("state", String(16), nullable=False),  # frozen, running, paused, stopped, done
    Column("words", LongText),
    Column("most", Integer, nullable=False),  # number of frozen rows to process
    Column("made_by", String(64), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("reason", String(64)),
    Column("version", Integer, nullable=False, server_default="1"),
    Index("ix_bulk_runs_state", "state", "id"),
    sqlite_autoincrement=True,
)

bulk_rows = Table(
    "bulk_rows",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("run_id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("saw", Integer, nullable=False),  # the version when the row was frozen
    Column("result", String(24)),  # done, skipped, refused, failed; NULL: not processed yet
    Column("reason", String(64)),
    Column("done_at", Instant),
    UniqueConstraint("run_id", "kind", "subject_id", name="uq_bulk_rows"),
    UniqueConstraint("run_id", "position", name="uq_bulk_rows_position"),
    Index("ix_bulk_rows_open", "run_id", "result", "position"),
    sqlite_autoincrement=True,
)

takes = Table(
    "takes",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("subject_id", BigInteger, primary_key=True, autoincrement=False),
    Column("person", String(64), nullable=False),
    Column("taken_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
)

notes = Table(
    "notes",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("kind", String(32), nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("person", String(64), nullable=False),
    Column("words", LongText, nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_notes_subject", "kind", "subject_id", "id"),
    sqlite_autoincrement=True,
)

mentions = Table(
    "mentions",
    metadata,
    # A note names a person with @. The person ends the mention.
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("note_id", BigInteger, nullable=False),
    Column("person", String(64), nullable=False),  # who is named
    Column("at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("how", String(16), nullable=False, server_default="note"),  # a value of MentionSource
    UniqueConstraint("note_id", "person", name="uq_mentions_person"),
    Index("ix_mentions_open", "person", "done_at", "id"),
    sqlite_autoincrement=True,
)

incident_steps = Table(
    "incident_steps",
    metadata,
    # The steps of people on an incident (all alerts with one cause). The id of its first alert is the incident's id.
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("incident_id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),  # 1, 2, … within the incident
    Column("action", String(16), nullable=False),
    Column("person", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("new_owner", String(64)),  # of a hand-over
    Column("until", Instant),  # of a snooze
    Column("words", LongText),
    Column("extent", LongText),  # JSON: the records that the incident affected at a snooze or a resolution
    UniqueConstraint("incident_id", "position", name="uq_incident_steps_position"),
    sqlite_autoincrement=True,
)

saved_views = Table(
    "saved_views",
    metadata,
    # A person's or the team's name for a filter, a sort order, columns and a grouping of a queue.
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("is_team", Boolean, nullable=False),
    Column("maker", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("claim", String(64)),  # digest of person (or team) and folded name; NULL while the view is deleted
    Column("content", LongText, nullable=False),  # JSON
    Column("changed_by", String(64), nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("deleted_at", Instant),
    Column("version", Integer, nullable=False, server_default="1"),
    UniqueConstraint("claim", name="uq_saved_views_claim"),
    Index("ix_saved_views_maker", "maker", "id"),
    Index("ix_saved_views_team", "is_team", "id"),
    sqlite_autoincrement=True,
)

lost_operations = Table(
    "lost_operations",
    metadata,
    # A desk's spool entry of an operation that this database lost when it was restored to an earlier state.
    Column("id", String(36), primary_key=True),
    Column("database_id", String(36), nullable=False),
    Column("action", String(40), nullable=False),
    Column("client_id", BigInteger),
    Column("corporation_number", String(64)),
    Column("record_id", BigInteger),
    Column("operator", String(64), nullable=False),
    Column("desk", String(36), nullable=False),
    Column("at", Instant, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("payment_id", BigInteger),
    Column("provider_key", String(64)),
    Column("amount_minor", BigInteger),
    Column("provider_id", BigInteger),
    Column("holds", Boolean, nullable=False),  # the claim holds until the record is restored or people have decided
    Column("told_at", Instant, nullable=False),
    Index("ix_lost_operations_number", "corporation_number", "client_id"),
    Index("ix_lost_operations_payment", "payment_id"),
    Index("ix_lost_operations_told", "told_at"),
)

watched_corporations = Table(
    "watched_corporations",
    metadata,
    # The last compared facts of each corporation with a credit check, a payment or a refund here.
    Column("corporation_number", String(13), primary_key=True),
    Column("facts", LongText, nullable=False),  # JSON: the facts at the last comparison with the registry
    Column("facts_before", LongText),  # JSON: the facts before the changes that the newest alert reports
    Column("registry_date", String(10), nullable=False),  # day up to which the registry was complete
    Column("changed_at", Instant, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
)

read_only_switches = Table(
    "read_only_switches",
    metadata,
    # Each setting of a read-only switch. The newest row of a scope counts.
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("scope", String(32), nullable=False),  # "everything" or the name of a provider
    Column("is_on", Boolean, nullable=False),
    Column("reason", String(200), nullable=False),
    Column("person", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_read_only_switches_scope", "scope", "id"),
    sqlite_autoincrement=True,
)
