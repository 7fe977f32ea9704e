"""What the database refuses about what the worker keeps, and about what people take and note beside records.

The stock is the shop's, like the orders: it writes rows, the console gives free what is held.
"""

from collections.abc import Mapping

from console.domain.states import SAGA, STOCK
from console.domain.worker_records import SagaState, StockState
from console.store.guard_words import (
    NEVER,
    RAISED,
    UTC_NOW,
    Event,
    Rule,
    exactly,
    kept,
    same,
    steps,
    there_is,
    word,
)

STOCK_TABLE = "stock_reservations"
LONGEST_TAKE_HOURS = 25
"""A day, and what a clock may be beside the server's."""
COUNTS = ("matched", "imported", "missing_there", "different_state", "different_amount")


def _never_deleted(what: str) -> tuple[Rule, ...]:
    return (Rule(NEVER, f"{what} never deleted"),)


def _both_or_none(ended: str) -> str:
    """SQL: it has an end where it says that it ended, and only there."""
    return f"({ended}) = (NEW.ended_at IS NOT NULL)"


_ALERT_BEGINS = (
    Rule(
        "COALESCE(NEW.resolved_at, NEW.acknowledged_at) IS NULL AND NEW.acknowledged_by IS NULL",
        "what is found is open, and seen by nobody",
    ),
)
_ALERT_CHANGES = (
    Rule(
        same("id", "rule_id", "subject_kind", "subject_id", "order_no", "observed", "expected", "detected_at"),
        "a case stays what it is",
    ),
    Rule(f"{same('resolved_at')} OR OLD.resolved_at IS NULL", "what is settled stays settled"),
    Rule(
        f"({same('acknowledged_by', 'acknowledged_at', 'note')}) OR CAST(NEW.acknowledged_by AS BINARY) <=> me",
        "nobody acknowledges in the name of somebody else",
    ),
    Rule(
        f"({same('acknowledged_by', 'acknowledged_at', 'note')}) OR OLD.acknowledged_by IS NULL",
        "who has seen it first stays so",
    ),
)
_SAGA_BEGINS = (
    Rule(
        word("NEW.state", (SagaState.RUNNING,))
        + " AND NEW.version = 1 AND NEW.attempts = 0 AND NEW.ended_at IS NULL",
        "a saga begins as running",
    ),
)
_SAGA_CHANGES = (
    RAISED,
    Rule(same("id", "kind", "subject_kind", "subject_id", "begun_at"), "a saga stays what it is"),
    Rule("OLD.ended_at IS NULL", "a saga that has ended stays as it is"),
    Rule(steps(SAGA, "state"), "no such step of a saga"),
    Rule(_both_or_none("NEW.state NOT IN ('running', 'stuck')"), "a saga has an end when it has ended"),
)
_EVENT_BEGINS = (Rule("NEW.published_at IS NULL AND NEW.attempts = 0", "an event is kept before it is published"),)
_EVENT_CHANGES = (
    Rule(
        same("id", "topic", "event_id", "record_key", "body", "created_at"), "what is published stays as it was kept"
    ),
    Rule("OLD.published_at IS NULL", "what was published stays published"),
    Rule("NEW.attempts >= OLD.attempts", "attempts are counted upwards"),
)
_RUN_BEGINS = (
    Rule(exactly("NEW.asked_by", "me"), "nobody asks in the name of somebody else"),
    Rule(
        "NEW.state = 'running' AND NEW.version = 1 AND NEW.ended_at IS NULL AND "
        + " AND ".join(f"NEW.{name} = 0" for name in COUNTS),
        "a reconciliation begins with nothing",
    ),
)
_RUN_CHANGES = (
    RAISED,
    Rule(same("id", "provider", "from_day", "to_day", "asked_by", "begun_at"), "a reconciliation stays what it is"),
    Rule("OLD.ended_at IS NULL", "a reconciliation that has ended stays as it is"),
    Rule(_both_or_none("NEW.state <> 'running'"), "a reconciliation has an end when it has ended"),
    Rule(" AND ".join(f"NEW.{name} >= OLD.{name}" for name in COUNTS), "what was counted stays counted"),
)
_DIFFERENCE_BEGINS = (
    Rule(
        there_is("reconciliations r WHERE r.id = NEW.run_id AND r.ended_at IS NULL"),
        "a reconciliation that has ended stays as it is",
    ),
)
_DIFFERENCE_CHANGES = (
    Rule(
        same("id", "run_id", "row_key", "verdict", "payment_id", "ours", "theirs")
        + " AND NEW.case_opened >= OLD.case_opened",
        "what was found stays as it was found",
    ),
)
_BULK_BEGINS = (
    Rule(exactly("NEW.made_by", "me"), "nobody freezes records in the name of somebody else"),
    Rule(
        "NEW.state = 'frozen' AND NEW.version = 1 AND NEW.most >= 0 AND NEW.ended_at IS NULL",
        "a bulk run begins as frozen",
    ),
    Rule("NEW.action IN ('note', 'probe', 'refetch', 'take')", "nothing with money is done in bulk"),
)
_BULK_CHANGES = (
    RAISED,
    Rule(same("id", "action", "words", "made_by", "made_at"), "a bulk run stays what it is"),
    Rule("OLD.state <> 'done'", "a bulk run that is done stays so"),
)
_ROW_BEGINS = (
    Rule(
        there_is(
            "bulk_runs r WHERE r.id = NEW.run_id AND r.version = 1 AND NEW.position BETWEEN 1 AND r.most"
            " AND CAST(r.made_by AS BINARY) = me"
        ),
        "nothing joins what was frozen",
    ),
    Rule("NEW.result IS NULL AND NEW.reason IS NULL AND NEW.done_at IS NULL", "a row begins without a result"),
)
_ROW_CHANGES = (
    Rule(same("id", "run_id", "position", "kind", "subject_id", "saw"), "what was frozen stays as it was seen"),
    Rule("OLD.result IS NULL AND NEW.result IS NOT NULL", "what became of a row stays as it was told"),
)
_MINE = Rule(exactly("NEW.person", "me"), "nobody takes a record in the name of somebody else")
_FOR_A_WHILE = Rule(
    f"NEW.until <= {UTC_NOW} + INTERVAL {LONGEST_TAKE_HOURS} HOUR", "nobody takes a record for longer than a day"
)
_TAKE_CHANGES = (
    Rule(same("kind", "subject_id"), "which record it is stays"),
    Rule(f"CAST(OLD.person AS BINARY) = me OR OLD.until <= {UTC_NOW}", "somebody else has this record"),
    _MINE,
    _FOR_A_WHILE,
)

RULES: Mapping[tuple[str, Event], tuple[Rule, ...]] = {
    ("alerts", "INSERT"): _ALERT_BEGINS,
    ("alerts", "UPDATE"): _ALERT_CHANGES,
    ("alerts", "DELETE"): _never_deleted("cases are"),
    ("tasks", "INSERT"): (Rule("NEW.version = 1 AND NEW.failures = 0", "a task begins without a run"),),
    ("tasks", "UPDATE"): (RAISED, Rule(same("name"), "a task keeps its name")),
    ("tasks", "DELETE"): _never_deleted("tasks are"),
    ("sagas", "INSERT"): _SAGA_BEGINS,
    ("sagas", "UPDATE"): _SAGA_CHANGES,
    ("sagas", "DELETE"): _never_deleted("sagas are"),
    ("outbox", "INSERT"): _EVENT_BEGINS,
    ("outbox", "UPDATE"): _EVENT_CHANGES,
    ("outbox", "DELETE"): _never_deleted("events are"),
    ("reconciliations", "INSERT"): _RUN_BEGINS,
    ("reconciliations", "UPDATE"): _RUN_CHANGES,
    ("reconciliations", "DELETE"): _never_deleted("reconciliations are"),
    ("reconciliation_rows", "INSERT"): _DIFFERENCE_BEGINS,
    ("reconciliation_rows", "UPDATE"): _DIFFERENCE_CHANGES,
    ("reconciliation_rows", "DELETE"): _never_deleted("differences are"),
    ("bulk_runs", "INSERT"): _BULK_BEGINS,
    ("bulk_runs", "UPDATE"): _BULK_CHANGES,
    ("bulk_runs", "DELETE"): _never_deleted("bulk runs are"),
    ("bulk_rows", "INSERT"): _ROW_BEGINS,
    ("bulk_rows", "UPDATE"): _ROW_CHANGES,
    ("bulk_rows", "DELETE"): _never_deleted("frozen rows are"),
    ("takes", "INSERT"): (_MINE, _FOR_A_WHILE),
    ("takes", "UPDATE"): _TAKE_CHANGES,
    ("takes", "DELETE"): _never_deleted("takes are"),
    ("notes", "INSERT"): (Rule(exactly("NEW.person", "me"), "nobody notes in the name of somebody else"),),
    ("notes", "UPDATE"): kept("notes are never changed"),
    ("notes", "DELETE"): kept("notes are never deleted"),
}
"""For tables that the console alone writes."""

_STOCK_STEPS = Rule(steps(STOCK, "status"), "no such step of a reservation")
STOCK_ADDED_BY_PEOPLE = (Rule(NEVER, "stock is reserved by the shop"),)
STOCK_ADDED_BY_OTHERS = (Rule(word("NEW.status", StockState), "no such state of a reservation"),)
STOCK_CHANGED_BY_PEOPLE = (
    Rule(same("id", "order_id", "item", "quantity", "created_at"), "what was reserved is the shop's to write"),
    Rule(f"{same('status')} OR {word('NEW.status', (StockState.RELEASED,))}", "the console gives free, nothing else"),
    _STOCK_STEPS,
)
STOCK_CHANGED_BY_OTHERS = (Rule(same("id", "order_id"), "a reservation stays its order's"), _STOCK_STEPS)
STOCK_DELETED = _never_deleted("reservations are")
