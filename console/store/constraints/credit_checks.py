"""Trigger rules of a server for the table of credit checks, which other applications write, too.

A row is in service if its `work_state` isn't NULL. A person's account may make only the changes that the console's
services make. Other applications may insert rows with the original columns, and may change these columns and the
state of their own rows; in a row in service, they can't change the client, a readable corporation number, or an
existing `credit_check_id`. They may delete rows that aren't in service. The schema account, which adopts rows, is
bound by none of these rules.
"""

from console.domain.access.permissions import APPROVER, OPERATOR
from console.domain.records import Certainty, CheckState, WorkReason, WorkState
from console.domain.transitions.tables import CREDIT_CHECK_TRANSITIONS
from console.store.constraints import state_since
from console.store.constraints.sql_expressions import (
    UTC_NOW_SQL,
    TriggerRule,
    are_unchanged_sql,
    equals_sql,
    exists_sql,
    has_answer_key_sql,
    has_provider_answer_sql,
    has_provider_refusal_sql,
    has_role_sql,
    has_state_sql,
    is_allowed_step_sql,
    is_requested_sql,
    is_second_person_sql,
)
from console.store.schema.claim_columns import NUMBER_KEY_SQL
from console.store.schema.core import credit_checks

CREDIT_CHECK_TABLE = credit_checks.name
_WIDEST_ZONE_HOURS = 15
"""Largest distance (hours) of a stored date from UTC. The dates of an adopted row may be in any time zone instead of
UTC.
"""

_LARGEST_CLOCK_LAG_SECONDS = 5
"""Largest accepted difference (seconds) between `superseded_at`, the instant of a renewal, and the server's clock."""

_COLUMNS_NEVER_CHANGED = ("id", "client_id", "renews", "operation_id", "asked_at", "created_at", "dates_zone")
_COLUMNS_OF_THE_CONSOLE = (
    "certainty", "work_state", "work_at", "work_reason", "work_attempts", "error_code", "viewing_over",
    "incomplete_accepted", "superseded_at", "superseded_by", "renews", "duplicate_of", "operation_id", "asked_at",
    "created_at", "changed_at", "state_since", "version",
)  # fmt: skip
_PENDING_STATE_SQL = f"'{CheckState.PENDING.value}'"
_SUCCESS_STATE_SQL = f"'{CheckState.SUCCESS.value}'"
_ERROR_STATE_SQL = f"'{CheckState.ERROR.value}'"
_KNOWN_CERTAINTY_SQL = f"'{Certainty.KNOWN.value}'"
_UNKNOWN_CERTAINTY_SQL = f"'{Certainty.UNKNOWN.value}'"
_WORK_STATES_SQL = ", ".join(f"'{state.value}'" for state in WorkState)
_HAS_VALID_STATUS_SQL = has_state_sql("NEW.status", CheckState)
_HAS_VALID_WORK_STATE_SQL = f"(NEW.work_state IS NULL OR CAST(NEW.work_state AS BINARY) IN ({_WORK_STATES_SQL}))"
_OUTCOME_CONDITION_TEMPLATE = "(NEW.status = OLD.status OR NEW.status <> {0} OR {1})"
"""SQL template: the UPDATE doesn't change the state to {0}, or the condition {1} is true."""
_OLD_NUMBER_KEY_SQL = NUMBER_KEY_SQL["mysql"].replace("corporation_number", "OLD.corporation_number")
_WAS_SUCCESS_WITHOUT_ID_SQL = (
    f"(OLD.status = {_SUCCESS_STATE_SQL} AND OLD.credit_check_id IS NULL AND OLD.operation_id IS NULL)"
)
"""SQL condition: another application has reported success in this row, without the provider's id."""
_WAS_RENEWABLE_SQL = (
    f"(OLD.credit_check_id IS NOT NULL AND (OLD.status = {_SUCCESS_STATE_SQL} OR OLD.work_state IS NULL))"
)
"""SQL condition: before the UPDATE, the row had the provider's id, and was a success or not adopted yet. By this id
the program can ask the provider whether the credit check has expired.
"""


_IS_NUMBER_UNREADABLE_SQL = f"OLD.work_reason = '{WorkReason.NUMBER_UNREADABLE.value}'"
"""SQL condition: the row holds no claim, because its corporation number can't be read."""


def _make_other_row_exists_sql(condition_sql: str) -> str:
    """Return an SQL condition: a row `o` of the table of credit checks fulfils `condition_sql`."""
    return exists_sql(f"{CREDIT_CHECK_TABLE} o WHERE {condition_sql}")


_DIGITS_TEMPLATE = "({0}) REGEXP '^[0-9]{{13}}$'"
_HAS_OPERATION_FAILED_SQL = exists_sql(
    f"operations j WHERE j.id = op AND j.state = 'failed' AND {has_answer_key_sql('j', 'j')}"
)
"""SQL condition: the operation `op` of the row has failed, and the journal has its answer key, which only desks with
the store key know. Evidence alone proves nothing, because anybody may insert it.
"""
_HAS_OWN_ANSWER_SQL = exists_sql(
    "evidence e WHERE e.subject_kind = 'credit-check' AND e.subject_id = OLD.id AND CAST(e.who AS BINARY) = me"
    " AND e.source LIKE 'alarmbox.%' AND e.summary REGEXP '^(HTTP [0-9]+ )?SUCCEEDED( |$)'"
)
_IS_IDENTIFIED_BY_TWO_PEOPLE_SQL = (
    f"(op IS NULL AND {is_second_person_sql('OLD.id', 'credit-check', CheckState.SUCCESS.value)}"
    f" AND {_HAS_OWN_ANSWER_SQL})"
)
"""SQL condition: another application wrote the row, two people have decided that its purchase was made, and the
second one has the provider's answer about a purchase.
"""
_HAS_UNRENEWED_CLAIM_SQL = _make_other_row_exists_sql(
    "o.client_id = NEW.client_id AND o.number_key = NEW.corporation_number AND o.superseded_at IS NOT NULL"
    " AND NOT o.id <=> NEW.renews AND NOT o.superseded_by <=> NEW.id"
    " AND NOT "
    + exists_sql(f"{CREDIT_CHECK_TABLE} s WHERE s.id = o.superseded_by AND s.status <> {_ERROR_STATE_SQL}")
)
"""SQL condition: an earlier row of this client and company has given up its claim, and no renewal has taken the claim
over.
"""


_IS_DOCUMENT_PATH_SQL = (
    "NEW.pdf_file_path REGEXP '^[0-9a-f]{2}/[0-9a-f]{64}[.]pdf$'"
    " AND LEFT(NEW.pdf_file_path, 2) = SUBSTRING(NEW.pdf_file_path, 4, 2) AND CHAR_LENGTH(NEW.pdf_file_path) = 71"
)
"""SQL condition: the new path of the document has the form `ab/<SHA-256>.pdf`, where ab are the first two digits of
the SHA-256.
"""

CREDIT_CHECK_INSERT_RULES_FOR_PEOPLE = (
    TriggerRule(has_role_sql(OPERATOR, APPROVER), "this role buys nothing"),
    TriggerRule(
        # The number is a BIGINT where the other application has made the table so.
        is_requested_sql(
            "r.action = 'purchase' AND CAST(r.subject_id AS BINARY) = CAST(NEW.corporation_number AS BINARY)"
        ),
        "this person has not asked for this purchase",
    ),
    TriggerRule(
        f"{equals_sql('NEW.status', _PENDING_STATE_SQL)} AND {equals_sql('NEW.certainty', _KNOWN_CERTAINTY_SQL)}"
        " AND NEW.work_state = 'none' AND NEW.operation_id IS NOT NULL AND NEW.version = 1",
        "a credit check begins as pending, with its operation",
    ),
    TriggerRule(
        "COALESCE(NEW.credit_check_id, NEW.superseded_at, NEW.superseded_by, NEW.duplicate_of, NEW.pdf_file_path,"
        " NEW.dates_zone) IS NULL",
        "a credit check begins as pending, with its operation",
    ),
    TriggerRule(
        "CHAR_LENGTH(NEW.corporation_number) = 13 AND NOT NEW.corporation_number REGEXP '[^0-9]'",
        "a corporation number has 13 digits",
    ),
    TriggerRule(
        "NEW.renews IS NULL OR "
        + _make_other_row_exists_sql(
            "o.id = NEW.renews AND o.client_id = NEW.client_id AND o.superseded_at IS NOT NULL"
            " AND o.superseded_by IS NULL AND REGEXP_REPLACE(o.number_key, '[^0-9]', '') = NEW.corporation_number"
        ),
        "a renewal takes over from a row that was given up for it",
    ),
    TriggerRule(f"NOT {_HAS_UNRENEWED_CLAIM_SQL}", "only a renewal buys a credit check of the same company again"),
)
CREDIT_CHECK_UPDATE_RULES_FOR_PEOPLE = (
    TriggerRule(
        are_unchanged_sql(*_COLUMNS_NEVER_CHANGED), "the company and the client of a credit check never change"
    ),
    TriggerRule("NEW.version = OLD.version + 1", "each change raises the version by one"),
    TriggerRule(is_allowed_step_sql(CREDIT_CHECK_TRANSITIONS, "status"), "no such step of a credit check"),
    state_since.make_server_rule("status", "certainty"),
    TriggerRule(
        f"{are_unchanged_sql('credit_check_id')}"
        f" OR (OLD.credit_check_id IS NULL AND NEW.status = {_SUCCESS_STATE_SQL})",
        "only a successful purchase has the provider's id, which never changes",
    ),
    TriggerRule(
        f"{are_unchanged_sql('credit_check_id')} OR op IS NOT NULL OR {_IS_IDENTIFIED_BY_TWO_PEOPLE_SQL}",
        "only two people set the provider's id of a purchase by another application",
    ),
    TriggerRule(
        f"NEW.status <> {_ERROR_STATE_SQL} OR NEW.credit_check_id IS NULL"
        f" OR ({are_unchanged_sql('status', 'credit_check_id')})",
        "only a successful purchase has the provider's id, which never changes",
    ),
    TriggerRule(
        f"NEW.status <> {_SUCCESS_STATE_SQL} OR NEW.credit_check_id IS NOT NULL OR {_WAS_SUCCESS_WITHOUT_ID_SQL}",
        "a successful purchase has the provider's id",
    ),
    TriggerRule(
        f"{are_unchanged_sql('corporation_number')} OR ((OLD.work_state IS NULL OR {_IS_NUMBER_UNREADABLE_SQL})"
        f" AND NEW.corporation_number = REGEXP_REPLACE({_OLD_NUMBER_KEY_SQL}, '[^0-9]', ''))",
        "the company and the client of a credit check never change",
    ),
    TriggerRule(
        f"CAST(NEW.certainty AS BINARY) IN ({_KNOWN_CERTAINTY_SQL}, {_UNKNOWN_CERTAINTY_SQL})", "no such certainty"
    ),
    TriggerRule(
        f"NEW.certainty = {_KNOWN_CERTAINTY_SQL} OR NEW.status = {_PENDING_STATE_SQL}",
        "a credit check that has ended has a known outcome",
    ),
    TriggerRule(
        f"OLD.certainty = {_KNOWN_CERTAINTY_SQL} OR NEW.certainty = {_UNKNOWN_CERTAINTY_SQL}"
        f" OR NEW.status <> {_PENDING_STATE_SQL}",
        "an unknown outcome becomes known only when the state changes",
    ),
    TriggerRule(
        f"{_HAS_VALID_WORK_STATE_SQL} AND (NEW.work_state IS NOT NULL OR OLD.work_state IS NULL)",
        "no such state of work",
    ),
    TriggerRule(
        _OUTCOME_CONDITION_TEMPLATE.format(
            _SUCCESS_STATE_SQL,
            f"{has_provider_answer_sql('op')} OR (op IS NULL AND OLD.credit_check_id IS NOT NULL)"
            f" OR {_IS_IDENTIFIED_BY_TWO_PEOPLE_SQL}",
        ),
        "a purchase succeeds only by the provider's answer or a decision of two people",
    ),
    TriggerRule(
        _OUTCOME_CONDITION_TEMPLATE.format(
            _ERROR_STATE_SQL,
            f"({has_provider_refusal_sql('op')} AND {_HAS_OPERATION_FAILED_SQL}) OR {is_second_person_sql('OLD.id')}",
        ),
        "a purchase fails only by the provider's answer or a decision of two people",
    ),
    TriggerRule(
        f"{are_unchanged_sql('superseded_at')} OR (OLD.superseded_at IS NULL AND {_WAS_RENEWABLE_SQL}"
        " AND NEW.superseded_by IS NULL"
        f" AND OLD.expired_at <= {UTC_NOW_SQL} + INTERVAL {_WIDEST_ZONE_HOURS} HOUR"
        f" AND ABS(TIMESTAMPDIFF(SECOND, {UTC_NOW_SQL}, NEW.superseded_at)) <= {_LARGEST_CLOCK_LAG_SECONDS}"
        f" AND ({_DIGITS_TEMPLATE.format(_OLD_NUMBER_KEY_SQL)}"
        f" OR {_DIGITS_TEMPLATE.format('NEW.corporation_number')}))"
        " OR (NEW.superseded_at IS NULL AND OLD.superseded_by IS NULL)"
        f" OR (NEW.superseded_at IS NULL AND NEW.superseded_by IS NULL AND "
        + _make_other_row_exists_sql(
            f"o.id = OLD.superseded_by AND o.renews = OLD.id AND o.status = {_ERROR_STATE_SQL}"
        )
        + ")",
        "only a renewal takes over a claim, and only a failed renewal gives it back",
    ),
    TriggerRule(
        f"{are_unchanged_sql('superseded_by')} OR (OLD.superseded_by IS NOT NULL AND NEW.superseded_at IS NULL)"
        " OR (OLD.superseded_by IS NULL AND NEW.superseded_at IS NOT NULL AND "
        + _make_other_row_exists_sql("o.id = NEW.superseded_by AND o.renews = OLD.id")
        + ")",
        "only a renewal takes over a claim, and only a failed renewal gives it back",
    ),
    TriggerRule(
        f"{are_unchanged_sql('pdf_file_path')} OR ({_IS_DOCUMENT_PATH_SQL})",
        "the path of a document is made of the SHA-256 of its content",
    ),
    TriggerRule(
        f"({are_unchanged_sql('expired_at')} OR OLD.expired_at IS NULL OR {_HAS_OWN_ANSWER_SQL})"
        f" AND ({are_unchanged_sql('purchased_at')} OR OLD.purchased_at IS NULL OR {_HAS_OWN_ANSWER_SQL})",
        "only the provider's answer changes the dates of purchase and expiry",
    ),
    TriggerRule(
        f"{are_unchanged_sql('duplicate_of')} OR (OLD.duplicate_of IS NULL AND OLD.work_state IS NULL AND "
        + _make_other_row_exists_sql(
            "o.id = NEW.duplicate_of AND o.id <> OLD.id AND o.client_id = OLD.client_id"
            " AND o.claim_number = NEW.corporation_number"
        )
        + ")",
        "a duplicate has another row that holds the claim",
    ),
)
CREDIT_CHECK_INSERT_RULES_FOR_OTHER_PROGRAMS = (
    TriggerRule(
        f"{_HAS_VALID_STATUS_SQL} AND NEW.certainty = {_KNOWN_CERTAINTY_SQL} AND NEW.version = 1"
        " AND COALESCE(NEW.work_state, NEW.operation_id, NEW.superseded_at, NEW.superseded_by,"
        " NEW.renews, NEW.duplicate_of) IS NULL",
        "other applications insert only the original columns and the state",
    ),
)
CREDIT_CHECK_UPDATE_RULES_FOR_OTHER_PROGRAMS = (
    TriggerRule(
        are_unchanged_sql(*_COLUMNS_OF_THE_CONSOLE),
        "other applications change only the original columns and the state of their own rows",
    ),
    TriggerRule(
        f"{are_unchanged_sql('status')} OR ({_HAS_VALID_STATUS_SQL}"
        " AND COALESCE(OLD.operation_id, OLD.credit_check_id) IS NULL)",
        "other applications change only the original columns and the state of their own rows",
    ),
    TriggerRule(
        f"{are_unchanged_sql('id')} AND (OLD.work_state IS NULL OR {are_unchanged_sql('client_id')}"
        f" AND ({are_unchanged_sql('corporation_number')} OR {_IS_NUMBER_UNREADABLE_SQL})"
        f" AND ({are_unchanged_sql('credit_check_id')}"
        f" OR (OLD.credit_check_id IS NULL AND OLD.operation_id IS NULL)))",
        "the company and the client of an adopted credit check never change",
    ),
)
CREDIT_CHECK_DELETE_RULES_FOR_PEOPLE = (TriggerRule("FALSE", "a credit check is never deleted"),)
CREDIT_CHECK_DELETE_RULES_FOR_OTHER_PROGRAMS = (
    TriggerRule("OLD.work_state IS NULL", "an adopted credit check is never deleted"),
)
