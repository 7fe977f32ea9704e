"""Trigger rules of a server for the tables of the worker, and for takes, notes, mentions, saved views, steps of
incidents and read-only switches.

The shop's own program writes orders and stock reservations. The rules below allow only one change of a reservation by
the console: the worker may set it to released.
"""

from collections.abc import Mapping

from console.domain.access.permissions import ADMIN, APPROVER, OPERATOR
from console.domain.access.read_only import SWITCH_KIND
from console.domain.alerts.incidents import TASKS_CAUSE, IncidentAction
from console.domain.annotations.mentions import MentionSource
from console.domain.audit.actions import AuditAction
from console.domain.tasks.states import SagaState, StockState
from console.domain.transitions.tables import SAGA_TRANSITIONS, STOCK_TRANSITIONS
from console.store.audit.anchors import DATABASE_WENT_BACK_RULE
from console.store.constraints.sql_expressions import (
    NEVER_TRUE_SQL,
    UTC_NOW_SQL,
    VERSION_RULE,
    TriggerEvent,
    TriggerRule,
    are_unchanged_sql,
    equals_sql,
    exists_sql,
    has_role_sql,
    has_state_sql,
    is_allowed_step_sql,
    is_requested_sql,
    make_aggregate_sql,
    make_refusal_rules,
    parse_id_sql,
)
from console.store.constraints.words_of_people import has_words_of_person_sql, is_request_argument_sql

STOCK_TABLE = "stock_reservations"
LONGEST_TAKE_HOURS = 25
"""Longest time (hours) for which a person may take a record: a day, and one hour for a difference between clocks."""
DATABASE_LOSS_REPORT_SECONDS = 60
"""Longest time (seconds) from the audit entry about a loss of the database to the alert and the lost operations,
which are inserted in the transaction of the audit entry."""
MAX_DATABASE_LOSS_REPORTS_PER_DAY = 3
"""Number of losses of the database that one account may report within 24 hours. A desk that may not report a further
loss still refuses its own operations.
"""
RECONCILIATION_COUNT_COLUMNS = ("matched", "imported", "missing_there", "different_state", "different_amount")
"""Columns with the counts of a reconciliation run. A count never decreases."""


_IS_NOTE_REQUEST_SQL = (
    "r.action IN ('hand over', 'note') AND CAST(r.subject_kind AS BINARY) = NEW.kind"
    " AND CAST(r.subject_id AS BINARY) = CAST(NEW.subject_id AS CHAR)"
    f" AND {has_words_of_person_sql('NEW.words', '$[2]')}"
    " OR r.action = 'bulk run' AND "
    + exists_sql(
        f"bulk_runs b JOIN bulk_rows w ON w.run_id = b.id WHERE b.id = {parse_id_sql('r.subject_id')}"
        " AND CAST(r.subject_id AS BINARY) = CAST(b.id AS CHAR) AND b.action = 'note'"
        " AND CAST(b.made_by AS BINARY) = me AND b.words = NEW.words AND w.kind = NEW.kind"
        " AND w.subject_id = NEW.subject_id"
    )
)
"""SQL condition: the desk request `r` asks for this note on this record in these words, or for a bulk run of this
person that writes this note on this record.
"""
_IS_BULK_FREEZE_REQUEST_SQL = (
    f"r.action = 'bulk freeze' AND {is_request_argument_sql('NEW.action', '$[0]')}"
    f" AND (NEW.words IS NULL OR {has_words_of_person_sql('NEW.words', '$[2]')})"
)
"""SQL condition: the desk request `r` asks for a bulk run with this action and this note."""
_IS_STEP_REQUEST_SQL = (
    "CAST(r.action AS BINARY) = CONCAT('incident ', NEW.action) AND r.subject_kind = 'incident'"
    " AND CAST(r.subject_id AS BINARY) = CAST(NEW.incident_id AS CHAR)"
    " AND CAST(r.proposed AS BINARY) <=> CAST(LEFT(NEW.new_owner, 20) AS BINARY)"
    f" AND (NEW.words IS NULL OR NEW.action IN ('{IncidentAction.HAND_OVER}', '{IncidentAction.SNOOZE}')"
    f" AND {has_words_of_person_sql('NEW.words', '$[2]')}"
    f" OR NEW.action IN ('{IncidentAction.RESOLVE}', '{IncidentAction.REOPEN}')"
    f" AND {has_words_of_person_sql('NEW.words', '$[1]')})"
)
"""SQL condition: the desk request `r` asks for the incident step of the written row: the same incident, step, new
owner and words."""
_IS_ACKNOWLEDGE_REQUEST_SQL = (
    f"r.action = 'alerts ack' AND {is_request_argument_sql('NEW.id', '$[0]')}"
    f" AND {has_words_of_person_sql('NEW.note', '$[1]')}"
)
"""SQL condition: the desk request `r` acknowledges the alert of the written row, in the same words."""
_IS_UNDO_ACKNOWLEDGEMENT_REQUEST_SQL = (
    "r.action = 'alerts unack' AND r.subject_kind = 'alert' AND CAST(r.subject_id AS BINARY) = CAST(NEW.id AS CHAR)"
)
_IS_REOPENING_REQUEST_SQL = (
    "CAST(r.action AS BINARY) = 'incident reopen' AND r.subject_kind = 'incident'"
    " AND CAST(r.subject_id AS BINARY) = CAST(s.incident_id AS CHAR)"
)
"""SQL condition: the desk request `r` asks for the reopening that the step `s` of an incident has stored."""
_IS_MENTION_DONE_REQUEST_SQL = (
    "r.action = 'mention done' AND r.subject_kind = 'mention' AND CAST(r.subject_id AS BINARY) = CAST(NEW.id AS CHAR)"
)

_IS_VIEW_SAVE_REQUEST_SQL = "r.action = 'view save' AND r.proposed = IF(NEW.is_team, 'team', 'own')"
_IS_VIEW_REQUEST_SQL = (
    f"{_IS_VIEW_SAVE_REQUEST_SQL} OR r.action IN ('view delete', 'view rename', 'view restore')"
    " AND r.subject_kind = 'view' AND CAST(r.subject_id AS BINARY) = CAST(NEW.id AS CHAR)"
)
_IS_SWITCH_REQUEST_SQL = (
    f"r.action = 'read-only set' AND CAST(r.subject_kind AS BINARY) = '{SWITCH_KIND}'"
    " AND CAST(r.subject_id AS BINARY) = NEW.scope AND r.proposed = IF(NEW.is_on, 'on', 'off')"
    f" AND {has_words_of_person_sql('NEW.reason', '$[2]')}"
)
"""SQL condition: the desk request `r` asks for this setting of this switch, for this reason."""


def _make_no_deletion_rules(table_rows_text: str) -> tuple[TriggerRule, ...]:
    """Return a tuple with one rule that refuses to delete a row. `table_rows_text` is the beginning of the rule's
    message, such as "reservations are"."""
    return (TriggerRule(NEVER_TRUE_SQL, f"{table_rows_text} never deleted"),)


def _make_ended_at_condition(has_ended_sql: str) -> str:
    """Return an SQL condition about the column `ended_at` of the new row (NEW): it has an instant if the SQL
    condition `has_ended_sql` is true, and NULL if that condition is false."""
    return f"({has_ended_sql}) = (NEW.ended_at IS NOT NULL)"


_OWN_DATABASE_LOSS_ENTRIES_SQL = (
    "audit_log a WHERE a.subject_kind = 'database' AND a.subject_id = '1'"
    f" AND CAST(a.what AS BINARY) = '{AuditAction.DATABASE_WENT_BACK}' AND CAST(a.who AS BINARY) = me"
)
_HAS_REPORTED_DATABASE_LOSS_SQL = exists_sql(
    f"{_OWN_DATABASE_LOSS_ENTRIES_SQL} AND a.at >= {UTC_NOW_SQL} - INTERVAL {DATABASE_LOSS_REPORT_SECONDS} SECOND"
)
"""SQL condition: within the last DATABASE_LOSS_REPORT_SECONDS the acting person has written an audit entry that the
database has lost rows. The alert about the loss stops all calls that cost or move money, and a lost operation keeps
its claim until two people have decided about it.
"""
_DATABASE_LOSS_COUNT_OF_DAY_SQL = make_aggregate_sql(
    "COUNT(*)", f"{_OWN_DATABASE_LOSS_ENTRIES_SQL} AND a.at >= {UTC_NOW_SQL} - INTERVAL 1 DAY"
)
_ALERT_INSERT_RULES = (
    TriggerRule(
        f"NEW.rule_id <> '{DATABASE_WENT_BACK_RULE}' OR (NEW.subject_kind = 'database' AND NEW.subject_id = 1"
        f" AND {_HAS_REPORTED_DATABASE_LOSS_SQL})",
        "an audit entry about the loss must precede this alert",
    ),
    TriggerRule(
        f"NEW.rule_id <> '{DATABASE_WENT_BACK_RULE}'"
        f" OR {_DATABASE_LOSS_COUNT_OF_DAY_SQL} <= {MAX_DATABASE_LOSS_REPORTS_PER_DAY}",
        "this account has reported too many losses of the database today",
    ),
    TriggerRule(
        "COALESCE(NEW.resolved_at, NEW.acknowledged_at) IS NULL AND NEW.acknowledged_by IS NULL",
        "an alert begins open and not acknowledged",
    ),
)
_UNDOES_OWN_ACKNOWLEDGEMENT_SQL = (
    "(COALESCE(NEW.acknowledged_by, NEW.acknowledged_at, NEW.note, NEW.resolved_at) IS NULL"
    f" AND CAST(OLD.acknowledged_by AS BINARY) = me AND {is_requested_sql(_IS_UNDO_ACKNOWLEDGEMENT_REQUEST_SQL)})"
)
"""SQL condition: the UPDATE takes back the acting person's own acknowledgement of an open alert."""


def _make_cause_sql(row: str) -> str:
    """Return SQL for the cause of the alert in `row` (NEW or an alias), as a text: the kind of its subject and the
    subject's id. The cause is computed as by `find_causes_of_alerts` in `console/services/alerts/causes.py`: all
    alerts about an order, its payments and their refunds have the same cause, and so have all alerts about tasks.
    """
    kind_sql, id_sql = f"CAST({row}.subject_kind AS BINARY)", f"{row}.subject_id"
    refunded_sql = make_aggregate_sql("u.payment_id", f"refunds u WHERE {kind_sql} = 'refund' AND u.id = {id_sql}")
    payment_id_sql = f"IF({kind_sql} = 'payment', {id_sql}, {refunded_sql})"
    order_sql = make_aggregate_sql("CONCAT('order ', p.order_id)", f"payments p WHERE p.id = {payment_id_sql}")
    return (
        f"CAST(COALESCE({order_sql}, CONCAT('payment ', {payment_id_sql}),"
        f" CONCAT({row}.subject_kind, ' ', IF({kind_sql} = '{TASKS_CAUSE.kind}', {TASKS_CAUSE.id}, {id_sql})))"
        " AS BINARY)"
    )


_REOPENS_INCIDENT_SQL = (
    "(COALESCE(NEW.acknowledged_by, NEW.acknowledged_at, NEW.note, NEW.resolved_at) IS NULL AND "
    + exists_sql(
        "incident_steps s JOIN alerts a ON a.id = s.incident_id"
        f" WHERE s.action = '{IncidentAction.REOPEN}' AND CAST(s.person AS BINARY) = me"
        " AND s.words IS NOT NULL AND s.position = "
        + make_aggregate_sql("MAX(t.position)", "incident_steps t WHERE t.incident_id = s.incident_id")
        + f" AND {_make_cause_sql('a')} = {_make_cause_sql('NEW')}"
        + f" AND {is_requested_sql(_IS_REOPENING_REQUEST_SQL)}"
    )
    + ")"
)
"""SQL condition: the UPDATE withdraws the acknowledgement of an open alert, whoever gave it, and the last step of the
alert's incident is that the acting person has reopened it with a reason.
"""
_ALERT_UPDATE_RULES = (
    TriggerRule(
        are_unchanged_sql(
            "id", "rule_id", "subject_kind", "subject_id", "order_no", "observed", "expected", "detected_at"
        ),
        "the contents of a case never change",
    ),
    TriggerRule(f"{are_unchanged_sql('resolved_at')} OR OLD.resolved_at IS NULL", "a settled case stays settled"),
    TriggerRule(
        f"({are_unchanged_sql('acknowledged_by', 'acknowledged_at', 'note')})"
        f" OR CAST(NEW.acknowledged_by AS BINARY) <=> me"
        f" OR {_UNDOES_OWN_ACKNOWLEDGEMENT_SQL} OR {_REOPENS_INCIDENT_SQL}",
        "nobody acknowledges in the name of somebody else",
    ),
    TriggerRule(
        f"({are_unchanged_sql('acknowledged_by', 'acknowledged_at', 'note')}) OR NEW.acknowledged_by IS NULL"
        f" OR {is_requested_sql(_IS_ACKNOWLEDGE_REQUEST_SQL)}",
        "the person has not acknowledged this alert in these words",
    ),
    TriggerRule(
        f"({are_unchanged_sql('acknowledged_by', 'acknowledged_at', 'note')}) OR OLD.acknowledged_by IS NULL"
        f" OR {_UNDOES_OWN_ACKNOWLEDGEMENT_SQL} OR {_REOPENS_INCIDENT_SQL}",
        "the first acknowledgement of an alert is never replaced",
    ),
)
_SAGA_INSERT_RULES = (
    TriggerRule(
        has_state_sql("NEW.state", (SagaState.RUNNING,))
        + " AND NEW.version = 1 AND NEW.attempts = 0 AND NEW.ended_at IS NULL",
        "a saga begins as running",
    ),
)
_SAGA_UPDATE_RULES = (
    VERSION_RULE,
    TriggerRule(
        are_unchanged_sql("id", "kind", "subject_kind", "subject_id", "begun_at"),
        "the kind and the record of a saga never change",
    ),
    TriggerRule("OLD.ended_at IS NULL", "a saga that has ended stays as it is"),
    TriggerRule(is_allowed_step_sql(SAGA_TRANSITIONS, "state"), "no such step of a saga"),
    TriggerRule(
        _make_ended_at_condition("NEW.state NOT IN ('running', 'stuck')"), "a saga has an end when it has ended"
    ),
)
_OUTBOX_INSERT_RULES = (
    TriggerRule("NEW.published_at IS NULL AND NEW.attempts = 0", "an event is stored before it is published"),
)
_OUTBOX_UPDATE_RULES = (
    TriggerRule(
        are_unchanged_sql("id", "topic", "event_id", "record_key", "body", "created_at"),
        "the contents of a stored event never change",
    ),
    TriggerRule("OLD.published_at IS NULL", "a published event is never changed"),
    TriggerRule("NEW.attempts >= OLD.attempts", "attempts are counted upwards"),
)
_RECONCILIATION_INSERT_RULES = (
    TriggerRule(equals_sql("NEW.asked_by", "me"), "nobody asks in the name of somebody else"),
    TriggerRule(
        "NEW.state = 'running' AND NEW.version = 1 AND NEW.ended_at IS NULL AND "
        + " AND ".join(f"NEW.{name} = 0" for name in RECONCILIATION_COUNT_COLUMNS),
        "a reconciliation begins as running, with all counts at 0",
    ),
)
_RECONCILIATION_UPDATE_RULES = (
    VERSION_RULE,
    TriggerRule(
        are_unchanged_sql("id", "provider", "from_day", "to_day", "asked_by", "begun_at"),
        "the provider, the days and the person of a reconciliation never change",
    ),
    TriggerRule("OLD.ended_at IS NULL", "a reconciliation that has ended stays as it is"),
    TriggerRule(_make_ended_at_condition("NEW.state <> 'running'"), "a reconciliation has an end when it has ended"),
    TriggerRule(
        " AND ".join(f"NEW.{name} >= OLD.{name}" for name in RECONCILIATION_COUNT_COLUMNS),
        "the counts of a reconciliation never fall",
    ),
)
_RECONCILIATION_ROW_INSERT_RULES = (
    TriggerRule(
        exists_sql("reconciliations r WHERE r.id = NEW.run_id AND r.ended_at IS NULL"),
        "a reconciliation that has ended stays as it is",
    ),
)
_RECONCILIATION_ROW_UPDATE_RULES = (
    TriggerRule(
        are_unchanged_sql("id", "run_id", "row_key", "verdict", "payment_id", "ours", "theirs")
        + " AND NEW.case_opened >= OLD.case_opened",
        "the facts of a difference never change",
    ),
)
_BULK_RUN_INSERT_RULES = (
    TriggerRule(equals_sql("NEW.made_by", "me"), "nobody freezes records in the name of somebody else"),
    TriggerRule(
        "NEW.state = 'frozen' AND NEW.version = 1 AND NEW.most >= 0 AND NEW.ended_at IS NULL",
        "a bulk run begins as frozen",
    ),
    TriggerRule("NEW.action IN ('note', 'probe', 'refetch', 'take')", "no bulk run moves money"),
    TriggerRule(
        is_requested_sql(_IS_BULK_FREEZE_REQUEST_SQL), "the person has not asked for this bulk run in these words"
    ),
)
_BULK_RUN_UPDATE_RULES = (
    VERSION_RULE,
    TriggerRule(
        are_unchanged_sql("id", "action", "words", "made_by", "made_at"),
        "the action and the person of a bulk run never change",
    ),
    TriggerRule("OLD.state <> 'done'", "a bulk run that is done is never changed"),
)
_BULK_ROW_INSERT_RULES = (
    TriggerRule(
        exists_sql(
            "bulk_runs r WHERE r.id = NEW.run_id AND r.version = 1 AND NEW.position BETWEEN 1 AND r.most"
            " AND CAST(r.made_by AS BINARY) = me"
        ),
        "no row is added to a frozen bulk run",
    ),
    TriggerRule("NEW.result IS NULL AND NEW.reason IS NULL AND NEW.done_at IS NULL", "a row begins without a result"),
)
_BULK_ROW_UPDATE_RULES = (
    TriggerRule(
        are_unchanged_sql("id", "run_id", "position", "kind", "subject_id", "saw"),
        "the record and the version of a frozen row never change",
    ),
    TriggerRule("OLD.result IS NULL AND NEW.result IS NOT NULL", "the result of a row is set once"),
)
_TAKE_IN_OWN_NAME_RULE = TriggerRule(
    equals_sql("NEW.person", "me"), "nobody takes a record in the name of somebody else"
)
_TAKE_LENGTH_RULE = TriggerRule(
    f"NEW.until <= {UTC_NOW_SQL} + INTERVAL {LONGEST_TAKE_HOURS} HOUR", "nobody takes a record for longer than a day"
)
_TAKE_UPDATE_RULES = (
    TriggerRule(are_unchanged_sql("kind", "subject_id"), "the record of a take never changes"),
    TriggerRule(f"CAST(OLD.person AS BINARY) = me OR OLD.until <= {UTC_NOW_SQL}", "somebody else has this record"),
    _TAKE_IN_OWN_NAME_RULE,
    _TAKE_LENGTH_RULE,
)
_NEXT_STEP_POSITION_SQL = make_aggregate_sql(
    "COALESCE(MAX(s.position), 0) + 1", "incident_steps s WHERE s.incident_id = NEW.incident_id"
)
_INCIDENT_STEP_INSERT_RULES = (
    TriggerRule(equals_sql("NEW.person", "me"), "nobody acts on an incident in the name of somebody else"),
    TriggerRule(has_role_sql(OPERATOR, APPROVER), "this role does nothing about incidents"),
    TriggerRule(is_requested_sql(_IS_STEP_REQUEST_SQL), "nobody acts on an incident in the name of somebody else"),
    TriggerRule(exists_sql("alerts a WHERE a.id = NEW.incident_id"), "an incident begins with an alert"),
    TriggerRule(has_state_sql("NEW.action", IncidentAction), "no such step of an incident"),
    TriggerRule(
        "(NEW.action = 'hand over') = (NEW.new_owner IS NOT NULL)"
        " AND (NEW.action = 'snooze') = (NEW.until IS NOT NULL)",
        "a step of an incident has its facts",
    ),
    # An account that takes the largest number would end the steps of everybody. The unique index refuses a position
    # that is taken; two people who act at the same time find that out by its error, and the second one tries again.
    TriggerRule(f"NEW.position BETWEEN 1 AND {_NEXT_STEP_POSITION_SQL}", "the place of a step is the next one"),
)
_MENTION_INSERT_RULES = (
    TriggerRule(
        exists_sql("notes n WHERE n.id = NEW.note_id AND CAST(n.person AS BINARY) = me"),
        "only the author of a note mentions people in it",
    ),
    TriggerRule("NEW.done_at IS NULL", "a mention begins open"),
    TriggerRule(has_state_sql("NEW.how", MentionSource), "a mention comes from a note or a hand-over"),
)
_MENTION_UPDATE_RULES = (
    TriggerRule(
        are_unchanged_sql("id", "note_id", "person", "at", "how"), "the note and the person of a mention never change"
    ),
    TriggerRule("OLD.done_at IS NULL AND NEW.done_at IS NOT NULL", "a mention is marked as done once"),
    TriggerRule(equals_sql("OLD.person", "me"), "nobody ends the mention of somebody else"),
    TriggerRule(is_requested_sql(_IS_MENTION_DONE_REQUEST_SQL), "nobody ends the mention of somebody else"),
)
_SAVED_VIEW_INSERT_RULES = (
    TriggerRule(equals_sql("NEW.maker", "me"), "nobody saves a view in the name of somebody else"),
    TriggerRule(equals_sql("NEW.changed_by", "me"), "nobody saves a view in the name of somebody else"),
    TriggerRule(has_role_sql(OPERATOR, APPROVER), "this role saves no view"),
    TriggerRule(is_requested_sql(_IS_VIEW_SAVE_REQUEST_SQL), "nobody saves a view in the name of somebody else"),
    TriggerRule(
        "NEW.version = 1 AND NEW.deleted_at IS NULL AND NEW.claim IS NOT NULL", "a view begins with its name"
    ),
)
_SAVED_VIEW_UPDATE_RULES = (
    VERSION_RULE,
    TriggerRule(
        are_unchanged_sql("id", "is_team", "maker"), "the maker of a view and whether it is the team's never change"
    ),
    TriggerRule("(NEW.deleted_at IS NULL) = (NEW.claim IS NOT NULL)", "a view has its name while it isn't deleted"),
    TriggerRule(equals_sql("NEW.changed_by", "me"), "nobody changes a view in the name of somebody else"),
    TriggerRule(has_role_sql(OPERATOR, APPROVER), "this role changes no view"),
    TriggerRule(
        f"CAST(OLD.maker AS BINARY) = me OR (OLD.is_team AND {has_role_sql(APPROVER)})",
        "nobody changes the view of somebody else",
    ),
    TriggerRule(is_requested_sql(_IS_VIEW_REQUEST_SQL), "nobody changes the view of somebody else"),
)
_WATCHED_CORPORATION_UPDATE_RULES = (
    VERSION_RULE,
    TriggerRule(are_unchanged_sql("corporation_number"), "a watched corporation keeps its number"),
    TriggerRule("NEW.registry_date >= OLD.registry_date", "facts are never replaced by those of an older registry"),
)

_LOST_OPERATION_INSERT_RULES = (
    TriggerRule(_HAS_REPORTED_DATABASE_LOSS_SQL, "an audit entry about the loss must precede a lost operation"),
    TriggerRule(
        "NOT " + exists_sql("operations o WHERE o.id = NEW.id"),
        "an operation in the journal is not a lost one",
    ),
)

WORKER_RULES: Mapping[tuple[str, TriggerEvent], tuple[TriggerRule, ...]] = {
    ("alerts", "INSERT"): _ALERT_INSERT_RULES,
    ("alerts", "UPDATE"): _ALERT_UPDATE_RULES,
    ("alerts", "DELETE"): _make_no_deletion_rules("cases are"),
    ("tasks", "INSERT"): (TriggerRule("NEW.version = 1 AND NEW.failures = 0", "a task begins without a run"),),
    ("tasks", "UPDATE"): (
        VERSION_RULE,
        TriggerRule(are_unchanged_sql("name"), "a task keeps its name"),
        TriggerRule("NEW.failures BETWEEN 0 AND OLD.failures + 1", "failures are counted one by one"),
    ),
    ("tasks", "DELETE"): _make_no_deletion_rules("tasks are"),
    ("sagas", "INSERT"): _SAGA_INSERT_RULES,
    ("sagas", "UPDATE"): _SAGA_UPDATE_RULES,
    ("sagas", "DELETE"): _make_no_deletion_rules("sagas are"),
    ("outbox", "INSERT"): _OUTBOX_INSERT_RULES,
    ("outbox", "UPDATE"): _OUTBOX_UPDATE_RULES,
    ("outbox", "DELETE"): _make_no_deletion_rules("events are"),
    ("reconciliations", "INSERT"): _RECONCILIATION_INSERT_RULES,
    ("reconciliations", "UPDATE"): _RECONCILIATION_UPDATE_RULES,
    ("reconciliations", "DELETE"): _make_no_deletion_rules("reconciliations are"),
    ("reconciliation_rows", "INSERT"): _RECONCILIATION_ROW_INSERT_RULES,
    ("reconciliation_rows", "UPDATE"): _RECONCILIATION_ROW_UPDATE_RULES,
    ("reconciliation_rows", "DELETE"): _make_no_deletion_rules("differences are"),
    ("bulk_runs", "INSERT"): _BULK_RUN_INSERT_RULES,
    ("bulk_runs", "UPDATE"): _BULK_RUN_UPDATE_RULES,
    ("bulk_runs", "DELETE"): _make_no_deletion_rules("bulk runs are"),
    ("bulk_rows", "INSERT"): _BULK_ROW_INSERT_RULES,
    ("bulk_rows", "UPDATE"): _BULK_ROW_UPDATE_RULES,
    ("bulk_rows", "DELETE"): _make_no_deletion_rules("frozen rows are"),
    ("takes", "INSERT"): (_TAKE_IN_OWN_NAME_RULE, _TAKE_LENGTH_RULE),
    ("takes", "UPDATE"): _TAKE_UPDATE_RULES,
    ("takes", "DELETE"): _make_no_deletion_rules("takes are"),
    ("lost_operations", "INSERT"): _LOST_OPERATION_INSERT_RULES,
    ("lost_operations", "UPDATE"): make_refusal_rules("a lost operation is never changed"),
    ("lost_operations", "DELETE"): make_refusal_rules("a lost operation is never deleted"),
    ("watched_corporations", "INSERT"): (
        TriggerRule("NEW.version = 1 AND NEW.facts_before IS NULL", "a watched corporation begins without a change"),
    ),
    ("watched_corporations", "UPDATE"): _WATCHED_CORPORATION_UPDATE_RULES,
    ("watched_corporations", "DELETE"): _make_no_deletion_rules("watched corporations are"),
    ("notes", "INSERT"): (
        TriggerRule(equals_sql("NEW.person", "me"), "nobody notes in the name of somebody else"),
        TriggerRule(has_role_sql(OPERATOR, APPROVER), "this role notes nothing"),
        TriggerRule(is_requested_sql(_IS_NOTE_REQUEST_SQL), "nobody notes in the name of somebody else"),
    ),
    ("notes", "UPDATE"): make_refusal_rules("notes are never changed"),
    ("notes", "DELETE"): make_refusal_rules("notes are never deleted"),
    ("read_only_switches", "INSERT"): (
        TriggerRule(equals_sql("NEW.person", "me"), "nobody sets a switch in the name of somebody else"),
        TriggerRule(has_role_sql(APPROVER, ADMIN), "this role sets no read-only switch"),
        TriggerRule(is_requested_sql(_IS_SWITCH_REQUEST_SQL), "nobody sets a switch in the name of somebody else"),
    ),
    ("read_only_switches", "UPDATE"): make_refusal_rules("settings of a read-only switch are never changed"),
    ("read_only_switches", "DELETE"): make_refusal_rules("settings of a read-only switch are never deleted"),
    ("mentions", "INSERT"): _MENTION_INSERT_RULES,
    ("mentions", "UPDATE"): _MENTION_UPDATE_RULES,
    ("mentions", "DELETE"): _make_no_deletion_rules("mentions are"),
    ("saved_views", "INSERT"): _SAVED_VIEW_INSERT_RULES,
    ("saved_views", "UPDATE"): _SAVED_VIEW_UPDATE_RULES,
    ("saved_views", "DELETE"): _make_no_deletion_rules("views are"),
    ("incident_steps", "INSERT"): _INCIDENT_STEP_INSERT_RULES,
    ("incident_steps", "UPDATE"): make_refusal_rules("steps of incidents are never changed"),
    ("incident_steps", "DELETE"): make_refusal_rules("steps of incidents are never deleted"),
}
"""Rules of all tables of this module except stock reservations, by table and event."""

_STOCK_STATE_RULE = TriggerRule(is_allowed_step_sql(STOCK_TRANSITIONS, "status"), "no such step of a reservation")
STOCK_INSERT_RULES_FOR_PEOPLE = (TriggerRule(NEVER_TRUE_SQL, "stock is reserved by the shop"),)
STOCK_INSERT_RULES_FOR_OTHER_PROGRAMS = (
    TriggerRule(has_state_sql("NEW.status", StockState), "no such state of a reservation"),
)
STOCK_UPDATE_RULES_FOR_PEOPLE = (
    TriggerRule(
        are_unchanged_sql("id", "order_id", "item", "quantity", "created_at"),
        "only the shop writes the order, the item and the quantity of a reservation",
    ),
    TriggerRule(
        f"{are_unchanged_sql('status')} OR {has_state_sql('NEW.status', (StockState.RELEASED,))}",
        "the console only releases a reservation",
    ),
    _STOCK_STATE_RULE,
)
STOCK_UPDATE_RULES_FOR_OTHER_PROGRAMS = (
    TriggerRule(are_unchanged_sql("id", "order_id"), "the order of a reservation never changes"),
    _STOCK_STATE_RULE,
)
STOCK_DELETE_RULES = _make_no_deletion_rules("reservations are")
