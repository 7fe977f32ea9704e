"""What an embedded database refuses about what the worker keeps, and about what people take and note.

It knows no accounts and no clock of its own: a record that somebody has is taken by who says that their time is over.
"""

from collections.abc import Iterator, Mapping

from console.domain.states import SAGA, STOCK
from console.store.guard_words import Rule
from console.store.sqlite_guard_words import RAISED, Guard, Rules, never_replaced, same, steps

COUNTS = ("matched", "imported", "missing_there", "different_state", "different_amount")
_ENDS = Rule("(NEW.state <> 'running') = (NEW.ended_at IS NOT NULL)", "what has ended has an end, nothing else")
_ACKNOWLEDGED = same("acknowledged_by", "acknowledged_at", "note")

_BEGINS: Mapping[str, Rules] = {
    "alerts": (Rule("NEW.resolved_at IS NULL", "what is found is open"),),
    "sagas": (Rule("NEW.state = 'running' AND NEW.ended_at IS NULL", "a saga begins as running"),),
    "outbox": (Rule("NEW.published_at IS NULL AND NEW.attempts = 0", "an event is kept before it is published"),),
    "reconciliations": (
        Rule("NEW.state = 'running' AND NEW.ended_at IS NULL", "a reconciliation begins with nothing"),
    ),
    "reconciliation_rows": (),
    "bulk_runs": (
        Rule("NEW.state = 'frozen' AND NEW.version = 1", "a bulk run begins as frozen"),
        Rule("NEW.action IN ('note', 'probe', 'refetch', 'take')", "nothing with money is done in bulk"),
    ),
    "bulk_rows": (Rule("NEW.result IS NULL", "a row begins without a result"),),
    "notes": (),
    "stock_reservations": (),
}
_CHANGES: Mapping[str, Rules] = {
    "alerts": (
        Rule(
            same("id", "rule_id", "subject_kind", "subject_id", "order_no", "observed", "expected", "detected_at"),
            "a case stays what it is",
        ),
        Rule(f"{same('resolved_at')} OR OLD.resolved_at IS NULL", "what is settled stays settled"),
        Rule(f"({_ACKNOWLEDGED}) OR OLD.acknowledged_by IS NULL", "who has seen it first stays so"),
    ),
    "tasks": (RAISED, Rule(same("name"), "a task keeps its name")),
    "sagas": (
        RAISED,
        Rule(same("id", "kind", "subject_kind", "subject_id", "begun_at"), "a saga stays what it is"),
        Rule("OLD.ended_at IS NULL", "a saga that has ended stays as it is"),
        Rule(steps(SAGA, "state"), "no such step of a saga"),
        Rule("(NEW.state NOT IN ('running', 'stuck')) = (NEW.ended_at IS NOT NULL)", "what has ended has an end"),
    ),
    "outbox": (
        Rule(
            same("id", "topic", "event_id", "record_key", "body", "created_at"),
            "what is published stays as it was kept",
        ),
        Rule("OLD.published_at IS NULL", "what was published stays published"),
    ),
    "reconciliations": (
        RAISED,
        Rule(
            same("id", "provider", "from_day", "to_day", "asked_by", "begun_at"), "a reconciliation stays what it is"
        ),
        Rule("OLD.ended_at IS NULL", "a reconciliation that has ended stays as it is"),
        Rule(" AND ".join(f"NEW.{name} >= OLD.{name}" for name in COUNTS), "what was counted stays counted"),
        _ENDS,
    ),
    "reconciliation_rows": (
        Rule(
            same("id", "run_id", "row_key", "verdict", "payment_id", "ours", "theirs")
            + " AND NEW.case_opened >= OLD.case_opened",
            "what was found stays as it was found",
        ),
    ),
    "bulk_runs": (
        RAISED,
        Rule(same("id", "action", "words", "made_by", "made_at"), "a bulk run stays what it is"),
        Rule("OLD.state <> 'done'", "a bulk run that is done stays so"),
    ),
    "bulk_rows": (
        Rule(same("id", "run_id", "position", "kind", "subject_id", "saw"), "what was frozen stays as it was seen"),
        Rule("OLD.result IS NULL AND NEW.result IS NOT NULL", "what became of a row stays as it was told"),
    ),
    "takes": (
        Rule(same("kind", "subject_id"), "which record it is stays"),
        Rule(f"{same('person')} OR NEW.taken_at >= OLD.until", "somebody else has this record"),
    ),
    "notes": (Rule("0", "notes are never changed"),),
    "stock_reservations": (
        Rule(same("id", "order_id"), "a reservation stays its order's"),
        Rule(steps(STOCK), "no such step of a reservation"),
    ),
}
_KEPT: Mapping[str, str] = {
    "alerts": "cases",
    "tasks": "tasks",
    "sagas": "sagas",
    "outbox": "events",
    "reconciliations": "reconciliations",
    "reconciliation_rows": "differences",
    "bulk_runs": "bulk runs",
    "bulk_rows": "frozen rows",
    "takes": "takes",
    "notes": "notes",
    "stock_reservations": "reservations",
}


def _all() -> Iterator[Guard]:
    for table, rules in _BEGINS.items():
        yield Guard(table, "INSERT", (never_replaced(table), *rules))
    for table, rules in _CHANGES.items():
        yield Guard(table, "UPDATE", rules)
    for table, what in _KEPT.items():
        yield Guard(table, "DELETE", (Rule("0", f"{what} are never deleted"),))


GUARDS = tuple(_all())
