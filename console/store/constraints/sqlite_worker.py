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
    "(NEW.state <> 'running') = (NEW.ended_at IS NOT NULL)", "a reconciliation has an end when it has ended"
)
_ACKNOWLEDGEMENT_UNCHANGED_SQL = are_unchanged_sql("acknowledged_by", "acknowledged_at", "note")

_INSERT_RULES_BY_TABLE: Mapping[str, TriggerRules] = {
    "alerts": (TriggerRule("NEW.resolved_at IS NULL", "an alert begins open"),),
    "sagas": (TriggerRule("NEW.state = 'running' AND NEW.ended_at IS NULL", "a saga begins as running"),),
    "outbox": (
        TriggerRule("NEW.published_at IS NULL AND NEW.attempts = 0", "an event is stored before it is published"),
    ),
    "reconciliations": (
        TriggerRule(
            "NEW.state = 'running' AND NEW.ended_at IS NULL",
            "a reconciliation begins as running",
        ),
    ),
    "reconciliation_rows": (),
    "bulk_runs": (
        TriggerRule("NEW.state = 'frozen' AND NEW.version = 1", "a bulk run begins as frozen"),
        TriggerRule("NEW.action IN ('note', 'probe', 'refetch', 'take')", "no bulk run moves money"),
    ),
    "bulk_rows": (TriggerRule("NEW.result IS NULL", "a row begins without a result"),),
    "lost_operations": (
        TriggerRule(
            "NOT EXISTS (SELECT 1 FROM operations o WHERE o.id = NEW.id)",
            "an operation in the journal is not a lost one",
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
            "the contents of a case never change",
        ),
        TriggerRule(f"{are_unchanged_sql('resolved_at')} OR OLD.resolved_at IS NULL", "a settled case stays settled"),
        TriggerRule(
            f"({_ACKNOWLEDGEMENT_UNCHANGED_SQL}) OR OLD.acknowledged_by IS NULL"
            " OR COALESCE(NEW.acknowledged_by, NEW.acknowledged_at, NEW.note, NEW.resolved_at) IS NULL",
            "the first acknowledgement of an alert is never replaced",
        ),
    ),
    "tasks": (VERSION_RULE, TriggerRule(are_unchanged_sql("name"), "a task keeps its name")),
    "sagas": (
        VERSION_RULE,
        TriggerRule(
            are_unchanged_sql("id", "kind", "subject_kind", "subject_id", "begun_at"),
            "the kind and the record of a saga never change",
        ),
        TriggerRule("OLD.ended_at IS NULL", "a saga that has ended stays as it is"),
        TriggerRule(is_allowed_step_sql(SAGA_TRANSITIONS, "state"), "no such step of a saga"),
        TriggerRule(
            "(NEW.state NOT IN ('running', 'stuck')) = (NEW.ended_at IS NOT NULL)",
            "a saga has an end when it has ended",
        ),
    ),
    "outbox": (
        TriggerRule(
            are_unchanged_sql("id", "topic", "event_id", "record_key", "body", "created_at"),
            "the contents of a stored event never change",
        ),
        TriggerRule("OLD.published_at IS NULL", "a published event is never changed"),
    ),
    "reconciliations": (
        VERSION_RULE,
        TriggerRule(
            are_unchanged_sql("id", "provider", "from_day", "to_day", "asked_by", "begun_at"),
            "the provider, the days and the person of a reconciliation never change",
        ),
        TriggerRule("OLD.ended_at IS NULL", "a reconciliation that has ended stays as it is"),
        TriggerRule(
            " AND ".join(f"NEW.{name} >= OLD.{name}" for name in RECONCILIATION_COUNT_COLUMNS),
            "the counts of a reconciliation never fall",
        ),
        _RECONCILIATION_END_RULE,
    ),
    "reconciliation_rows": (
        TriggerRule(
            are_unchanged_sql("id", "run_id", "row_key", "verdict", "payment_id", "ours", "theirs")
            + " AND NEW.case_opened >= OLD.case_opened",
            "the facts of a difference never change",
        ),
    ),
    "bulk_runs": (
        VERSION_RULE,
        TriggerRule(
            are_unchanged_sql("id", "action", "words", "made_by", "made_at"),
            "the action and the person of a bulk run never change",
        ),
        TriggerRule("OLD.state <> 'done'", "a bulk run that is done is never changed"),
    ),
    "bulk_rows": (
        TriggerRule(
            are_unchanged_sql("id", "run_id", "position", "kind", "subject_id", "saw"),
            "the record and the version of a frozen row never change",
        ),
        TriggerRule("OLD.result IS NULL AND NEW.result IS NOT NULL", "the result of a row is set once"),
    ),
    "takes": (
        TriggerRule(are_unchanged_sql("kind", "subject_id"), "the record of a take never changes"),
        TriggerRule(f"{are_unchanged_sql('person')} OR NEW.taken_at >= OLD.until", "somebody else has this record"),
    ),
    "lost_operations": (TriggerRule("0", "a lost operation is never changed"),),
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
        TriggerRule(
            are_unchanged_sql("id", "note_id", "person", "at", "how"),
            "the note and the person of a mention never change",
        ),
        TriggerRule("OLD.done_at IS NULL AND NEW.done_at IS NOT NULL", "a mention is marked as done once"),
    ),
    "incident_steps": (TriggerRule("0", "steps of incidents are never changed"),),
    "saved_views": (
        VERSION_RULE,
        TriggerRule(
            are_unchanged_sql("id", "is_team", "maker"),
            "the maker of a view and whether it is the team's never change",
        ),
        TriggerRule(
            "(NEW.deleted_at IS NULL) = (NEW.claim IS NOT NULL)", "a view has its name while it isn't deleted"
        ),
        TriggerRule("NEW.is_team OR NEW.changed_by = OLD.maker", "nobody changes the view of somebody else"),
    ),
    "request_ids": (
        TriggerRule(are_unchanged_sql("person", "request_id"), "the person of a request id never changes"),
    ),
    "stock_reservations": (
        TriggerRule(are_unchanged_sql("id", "order_id"), "the order of a reservation never changes"),
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
"""The tables from which no row is deleted, each with the words for its rows; the message of the refusal begins with
these words.
"""


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
