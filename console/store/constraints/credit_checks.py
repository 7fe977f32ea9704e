"""What the database refuses in the table of credit checks, which other applications write too.

People of the console may take the steps that our services take. Other applications may add rows with the original
columns, and look after those that nobody has taken into service yet. The schema account adopts.
"""

from console.domain.records import Certainty, CheckState, WorkState
from console.domain.states import CREDIT_CHECK
from console.store.claim_sql import NUMBER_KEY
from console.store.guard_words import Rule, answered, exactly, said_no, same, steps, two_people
from console.store.schema import credit_checks

TABLE = credit_checks.name
_WIDEST_ZONE_HOURS = 15
"""An adopted row may hold its dates in the time of some zone, not in UTC."""

_FIXED = ("id", "client_id", "renews", "operation_id", "asked_at", "created_at", "dates_zone")
_OURS = (
    "status", "certainty", "work_state", "work_at", "work_reason", "work_attempts", "error_code", "viewing_over",
    "superseded_at", "superseded_by", "renews", "duplicate_of", "operation_id", "asked_at", "created_at",
    "changed_at", "version",
)  # fmt: skip
_PENDING, _SUCCESS, _ERROR = (
    f"'{state.value}'" for state in (CheckState.PENDING, CheckState.SUCCESS, CheckState.ERROR)
)
_KNOWN, _UNKNOWN = f"'{Certainty.KNOWN.value}'", f"'{Certainty.UNKNOWN.value}'"
_WORDS = ", ".join(f"'{state.value}'" for state in WorkState)
_ANY_WORK = f"(NEW.work_state IS NULL OR CAST(NEW.work_state AS BINARY) IN ({_WORDS}))"
_SETTLED = "(NEW.status = OLD.status OR NEW.status <> {0} OR {1})"
_OLD_KEY = NUMBER_KEY["mysql"].replace("corporation_number", "OLD.corporation_number")
_IS_SUCCESS = f"(OLD.status = {_SUCCESS} OR (OLD.work_state IS NULL AND OLD.credit_check_id IS NOT NULL))"


def _other(condition: str) -> str:
    return f"EXISTS (SELECT 1 FROM {TABLE} o WHERE {condition})"  # noqa: S608  # our own words


ADDED_BY_PEOPLE = (
    Rule(
        f"{exactly('NEW.status', _PENDING)} AND {exactly('NEW.certainty', _KNOWN)} AND NEW.work_state = 'none'"
        " AND NEW.operation_id IS NOT NULL AND NEW.version = 1",
        "a credit check begins as pending, with its operation",
    ),
    Rule(
        "COALESCE(NEW.credit_check_id, NEW.superseded_at, NEW.superseded_by, NEW.duplicate_of) IS NULL",
        "a credit check begins as pending, with its operation",
    ),
    Rule(
        "CHAR_LENGTH(NEW.corporation_number) = 13 AND NOT NEW.corporation_number REGEXP '[^0-9]'",
        "a corporation number has 13 digits",
    ),
    Rule(
        "NEW.renews IS NULL OR "
        + _other(
            "o.id = NEW.renews AND o.client_id = NEW.client_id AND o.superseded_at IS NOT NULL"
            " AND o.superseded_by IS NULL"
        ),
        "a renewal takes over from a row that was given up for it",
    ),
)
CHANGED_BY_PEOPLE = (
    Rule(same(*_FIXED), "whose credit check it is never changes"),
    Rule("NEW.version = OLD.version + 1", "each change raises the version by one"),
    Rule(steps(CREDIT_CHECK, "status"), "no such step of a credit check"),
    Rule(
        f"{same('credit_check_id')} OR (OLD.credit_check_id IS NULL AND NEW.status = {_SUCCESS})",
        "what was bought stays bought",
    ),
    Rule(f"NEW.status <> {_ERROR} OR NEW.credit_check_id IS NULL", "what was bought stays bought"),
    Rule(f"NEW.status <> {_SUCCESS} OR NEW.credit_check_id IS NOT NULL", "success has the provider's id"),
    Rule(
        f"{same('corporation_number')} OR (OLD.work_state IS NULL AND (NEW.corporation_number = ({_OLD_KEY})"
        f" OR NOT ({_OLD_KEY}) REGEXP '^[0-9]{{13}}$'))",
        "whose credit check it is never changes",
    ),
    Rule(f"CAST(NEW.certainty AS BINARY) IN ({_KNOWN}, {_UNKNOWN})", "no such certainty"),
    Rule(f"NEW.certainty = {_KNOWN} OR NEW.status = {_PENDING}", "what has ended is known"),
    Rule(
        f"OLD.certainty = {_KNOWN} OR NEW.certainty = {_UNKNOWN} OR NEW.status <> {_PENDING}",
        "unknown ends with an outcome alone",
    ),
    Rule(f"{_ANY_WORK} AND (NEW.work_state IS NOT NULL OR OLD.work_state IS NULL)", "no such state of work"),
    Rule(
        _SETTLED.format(_SUCCESS, f"{answered('op')} OR (op IS NULL AND OLD.credit_check_id IS NOT NULL)"),
        "bought: only the provider's answer says so",
    ),
    Rule(
        _SETTLED.format(_ERROR, f"{said_no('op')} OR {two_people('OLD.id')}"),
        "not bought: only the provider's answer or two people say so",
    ),
    Rule(
        f"{same('superseded_at')} OR (OLD.superseded_at IS NULL AND {_IS_SUCCESS} AND NEW.superseded_by IS NULL"
        f" AND OLD.expired_at <= NEW.superseded_at + INTERVAL {_WIDEST_ZONE_HOURS} HOUR)"
        f" OR (NEW.superseded_at IS NULL AND NEW.superseded_by IS NULL AND "
        + _other(f"o.id = OLD.superseded_by AND o.renews = OLD.id AND o.status = {_ERROR}")
        + ")",
        "only a renewal takes a claim over, and only one that came to nothing gives it back",
    ),
    Rule(
        f"{same('superseded_by')} OR (OLD.superseded_by IS NOT NULL AND NEW.superseded_at IS NULL)"
        " OR (OLD.superseded_by IS NULL AND NEW.superseded_at IS NOT NULL AND "
        + _other("o.id = NEW.superseded_by AND o.renews = OLD.id")
        + ")",
        "only a renewal takes a claim over, and only one that came to nothing gives it back",
    ),
    Rule(
        f"{same('duplicate_of')} OR (OLD.duplicate_of IS NULL AND OLD.work_state IS NULL AND "
        + _other(
            "o.id = NEW.duplicate_of AND o.id <> OLD.id AND o.client_id = OLD.client_id"
            " AND o.claim_number = NEW.corporation_number"
        )
        + ")",
        "a duplicate has another row that holds the claim",
    ),
)
ADDED_BY_OTHERS = (
    Rule(
        f"NEW.status = {_PENDING} AND NEW.certainty = {_KNOWN} AND NEW.version = 1 AND COALESCE(NEW.work_state,"
        " NEW.operation_id, NEW.superseded_at, NEW.superseded_by, NEW.renews, NEW.duplicate_of) IS NULL",
        "other applications add rows with the original columns alone",
    ),
)
CHANGED_BY_OTHERS = (
    Rule(same(*_OURS), "other applications write the original columns alone"),
    Rule(
        f"OLD.work_state IS NULL OR ({same('id', 'client_id', 'corporation_number')}"
        f" AND ({same('credit_check_id')} OR (OLD.credit_check_id IS NULL AND OLD.operation_id IS NULL)))",
        "what was taken into service stays whose it is",
    ),
)
DELETED_BY_PEOPLE = (Rule("FALSE", "a credit check is never deleted"),)
DELETED_BY_OTHERS = (Rule("OLD.work_state IS NULL", "what was taken into service is never deleted"),)
