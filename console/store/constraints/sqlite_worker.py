"""Trigger rules of an SQLite database about the worker's tables, takes, notes, mentions, saved views and steps of
incidents.

SQLite has no accounts, and no clock that is safe from the program. So a person may take a record over from another
person only if the new `taken_at` isn't before the old `until`.
"""

from collections.abc import Iterator, Mapping

from console.domain.alerts.incidents import IncidentAction
from console.domain.annotations.mentions import MentionSource
from console.domain.transitions.tables import SAGA_TRANSITIONS, STOCK_TRANSITIONS
from console.store.constraints.sql_expressions import VERSION_RULE, TriggerRule, make_state_list_sql
from console.store.constraints.sqlite_expressions import (
    TriggerDefinition,
    TriggerRules,
    are_unchanged_sql,
    is_allowed_step_sql,
    make_no_replacement_rule,
)
from console.store.constraints.worker import RECONCILIATION_COUNT_COLUMNS

_RECONCILIATION_END_RULE = TriggerRule(
    "(NEW.state <> 'running') = (NEW.ended_at IS NOT NULL)", "what has ended has an end, nothing else"
)
_ACKNOWLEDGEMENT_UNCHANGED_SQL = are_unchanged_sql("acknowledged_by", "acknowledged_at", "note")

_INSERT_RULES_BY_TABLE: Mapping[str, TriggerRules] = {
    "alerts": (TriggerRule("NEW.resolved_at IS NULL", "what is found is open"),),
    "sagas": (TriggerRule("NEW.state = 'running' AND NEW.ended_at IS NULL", "a saga begins as running"),),
    "outbox": (
        TriggerRule("NEW.published_at IS NULL AND NEW.attempts = 0", "an event is kept before it is published"),
    ),
    "reconciliations": (
        TriggerRule("NEW.state = 'running' AND NEW.ended_at IS NULL", "a reconciliation begins with nothing"),
    ),
    "reconciliation_rows": (),
    "bulk_runs": (
        TriggerRule("NEW.state = 'frozen' AND NEW.version = 1", "a bulk run begins as frozen"),
        TriggerRule("NEW.action IN ('note', 'probe', 'refetch', 'take')", "nothing with money is done in bulk"),
    ),
    "bulk_rows": (TriggerRule("NEW.result IS NULL", "a row begins without a result"),),
    "lost_operations": (
        TriggerRule(
            "NOT EXISTS (SELECT 1 FROM operations o WHERE o.id = NEW.id)", "what the journal has is not lost"
        ),
    ),
    "watched_corporations": (
        TriggerRule("NEW.version = 1 AND NEW.facts_before IS NULL", "a watched corporation begins without a change"),
    ),
    "notes": (),
    "read_only_switches": (),
    "mentions": (
        TriggerRule("NEW.done_at IS NULL", "a mention begins open"),
        TriggerRule(f"NEW.how IN {make_state_list_sql(MentionSource)}", "a mention comes from a note or a hand-over"),
    ),
    "incident_steps": (
        TriggerRule(
            "EXISTS (SELECT 1 FROM alerts a WHERE a.id = NEW.incident_id)", "an incident begins with an alert"
        ),
        TriggerRule(f"NEW.action IN {make_state_list_sql(IncidentAction)}", "no such step of an incident"),
    ),
    "saved_views": (
        TriggerRule(
            "NEW.version = 1 AND NEW.deleted_at IS NULL AND NEW.claim IS NOT NULL AND NEW.changed_by = NEW.maker",
            "a view begins with its name",
        ),
    ),
    "stock_reservations": (),
}
_UPDATE_RULES_BY_TABLE: Mapping[str, TriggerRules] = {
    "alerts": (
        TriggerRule(
            are_unchanged_sql(
                "id", "rule_id", "subject_kind", "subject_id", "order_no", "observed", "expected", "detected_at"
            ),
            "a case stays what it is",
        ),
        TriggerRule(
            f"{are_unchanged_sql('resolved_at')} OR OLD.resolved_at IS NULL", "what is settled stays settled"
        ),
        TriggerRule(
            f"({_ACKNOWLEDGEMENT_UNCHANGED_SQL}) OR OLD.acknowledged_by IS NULL"
            " OR COALESCE(NEW.acknowledged_by, NEW.acknowledged_at, NEW.note, NEW.resolved_at) IS NULL",
            "who has seen it first stays so",
        ),
    ),
    "tasks": (VERSION_RULE, TriggerRule(are_unchanged_sql("name"), "a task keeps its name")),
    "sagas": (
        VERSION_RULE,
        TriggerRule(
            are_unchanged_sql("id", "kind", "subject_kind", "subject_id", "begun_at"), "a saga stays what it is"
        ),
        TriggerRule("OLD.ended_at IS NULL", "a saga that has ended stays as it is"),
        TriggerRule(is_allowed_step_sql(SAGA_TRANSITIONS, "state"), "no such step of a saga"),
        TriggerRule(
            "(NEW.state NOT IN ('running', 'stuck')) = (NEW.ended_at IS NOT NULL)", "what has ended has an end"
        ),
    ),
    "outbox": (
        TriggerRule(
            are_unchanged_sql("id", "topic", "event_id", "record_key", "body", "created_at"),
            "what is published stays as it was kept",
        ),
        TriggerRule("OLD.published_at IS NULL", "what was published stays published"),
    ),
    "reconciliations": (
        VERSION_RULE,
        TriggerRule(
            are_unchanged_sql("id", "provider", "from_day", "to_day", "asked_by", "begun_at"),
            "a reconciliation stays what it is",
        ),
        TriggerRule("OLD.ended_at IS NULL", "a reconciliation that has ended stays as it is"),
        TriggerRule(
            " AND ".join(f"NEW.{name} >= OLD.{name}" for name in RECONCILIATION_COUNT_COLUMNS),
            "what was counted stays counted",
        ),
        _RECONCILIATION_END_RULE,
    ),
    "reconciliation_rows": (
        TriggerRule(
            are_unchanged_sql("id", "run_id", "row_key", "verdict", "payment_id", "ours", "theirs")
            + " AND NEW.case_opened >= OLD.case_opened",
            "what was found stays as it was found",
        ),
    ),
    "bulk_runs": (
        VERSION_RULE,
        TriggerRule(are_unchanged_sql("id", "action", "words", "made_by", "made_at"), "a bulk run stays what it is"),
        TriggerRule("OLD.state <> 'done'", "a bulk run that is done stays so"),
    ),
    "bulk_rows": (
        TriggerRule(
            are_unchanged_sql("id", "run_id", "position", "kind", "subject_id", "saw"),
            "what was frozen stays as it was seen",
        ),
        TriggerRule("OLD.result IS NULL AND NEW.result IS NOT NULL", "what became of a row stays as it was told"),
    ),
    "takes": (
        TriggerRule(are_unchanged_sql("kind", "subject_id"), "which record it is stays"),
        TriggerRule(f"{are_unchanged_sql('person')} OR NEW.taken_at >= OLD.until", "somebody else has this record"),
    ),
    "lost_operations": (TriggerRule("0", "what a database has lost is never changed"),),
    "watched_corporations": (
        VERSION_RULE,
        TriggerRule(are_unchanged_sql("corporation_number"), "a watched corporation keeps its number"),
        TriggerRule(
            "NEW.registry_date >= OLD.registry_date", "facts are never replaced by those of an older registry"
        ),
    ),
    "notes": (TriggerRule("0", "notes are never changed"),),
    "read_only_switches": (TriggerRule("0", "settings of a read-only switch are never changed"),),
    "mentions": (
        TriggerRule(are_unchanged_sql("id", "note_id", "person", "at", "how"), "a mention stays what it is"),
        TriggerRule("OLD.done_at IS NULL AND NEW.done_at IS NOT NULL", "what is done stays done"),
    ),
    "incident_steps": (TriggerRule("0", "steps of incidents are never changed"),),
    "saved_views": (
        VERSION_RULE,
        TriggerRule(are_unchanged_sql("id", "is_team", "maker"), "a view stays its maker's, or the team's"),
        TriggerRule(
            "(NEW.deleted_at IS NULL) = (NEW.claim IS NOT NULL)", "a view has its name while it isn't deleted"
        ),
        TriggerRule("NEW.is_team OR NEW.changed_by = OLD.maker", "nobody changes the view of somebody else"),
    ),
    "request_ids": (TriggerRule(are_unchanged_sql("person", "request_id"), "a request id stays its own person's"),),
    "stock_reservations": (
        TriggerRule(are_unchanged_sql("id", "order_id"), "a reservation stays its order's"),
        TriggerRule(is_allowed_step_sql(STOCK_TRANSITIONS), "no such step of a reservation"),
    ),
}
_KEY_COLUMN_BY_TABLE: Mapping[str, str] = {"watched_corporations": "corporation_number"}
"""Column of the primary key, by table, where it isn't `id`."""
_ROWS_NEVER_DELETED_BY_TABLE: Mapping[str, str] = {
    "alerts": "cases",
    "tasks": "tasks",
    "sagas": "sagas",
    "outbox": "events",
    "reconciliations": "reconciliations",
    "reconciliation_rows": "differences",
    "bulk_runs": "bulk runs",
    "bulk_rows": "frozen rows",
    "takes": "takes",
    "lost_operations": "lost operations",
    "watched_corporations": "watched corporations",
    "notes": "notes",
    "read_only_switches": "settings of a read-only switch",
    "mentions": "mentions",
    "incident_steps": "steps of incidents",
    "saved_views": "views",
    "request_ids": "request ids",
    "stock_reservations": "reservations",
}


def _make_trigger_definitions() -> Iterator[TriggerDefinition]:
    for table, rules in _INSERT_RULES_BY_TABLE.items():
        yield TriggerDefinition(
            table, "INSERT", (make_no_replacement_rule(table, _KEY_COLUMN_BY_TABLE.get(table, "id")), *rules)
        )
    for table, rules in _UPDATE_RULES_BY_TABLE.items():
        yield TriggerDefinition(table, "UPDATE", rules)
    for table, rows in _ROWS_NEVER_DELETED_BY_TABLE.items():
        yield TriggerDefinition(table, "DELETE", (TriggerRule("0", f"{rows} are never deleted"),))


WORKER_CONSTRAINTS = tuple(_make_trigger_definitions())
