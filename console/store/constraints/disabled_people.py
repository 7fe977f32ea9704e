"""Trigger rules of a server for the table of people. One administrator disables a person, with a reason; a person is
enabled only if two administrators have requested it since. The schema account writes everything else."""

from collections.abc import Mapping

from console.domain.access.disabled_people import PROPOSAL_TIME_LIMIT
from console.domain.access.people_commands import DISABLE_COMMAND, ENABLE_COMMAND, OPERATOR_KIND
from console.domain.access.permissions import ADMIN, WORKER
from console.store.constraints.sql_expressions import (
    IS_REQUEST_CONFIRMED_SQL,
    UTC_NOW_SQL,
    TriggerEvent,
    TriggerRule,
    are_unchanged_sql,
    exists_sql,
    has_role_sql,
    is_other_person_sql,
    is_requested_sql,
    person_has_role_sql,
)
from console.store.constraints.words_of_people import has_words_of_person_sql
from console.store.schema.core import ACCOUNT_LOCK_TO_RENEW

LARGEST_CLOCK_LAG_SECONDS = 2
"""Largest accepted difference (seconds) between the time of a disabling and the server's clock."""


def _is_requested_about_sql(command: str, subject: str) -> str:
    """Return an SQL condition: the desk request `r` asks for the command about `subject` (SQL of a text), and its
    person has typed the password for it."""
    return (
        f"r.action = '{command}' AND r.subject_kind = '{OPERATOR_KIND}' AND {IS_REQUEST_CONFIRMED_SQL}"
        f" AND CAST(r.subject_id AS BINARY) = CAST({subject} AS BINARY)"
    )


_DISABLING_ID_SQL = "CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', OLD.disabled_at) AS CHAR)"
"""SQL of `Disabling.id`."""
IS_ENABLING_PROPOSAL_SQL = (
    f"(CAST(NEW.action AS BINARY) = 'enable' AND CAST(NEW.subject_kind AS BINARY) = '{OPERATOR_KIND}')"
)
"""SQL condition: the new row of `approvals` proposes to enable a person."""
IS_ENABLING_PROPOSAL_REQUEST_SQL = f"{IS_ENABLING_PROPOSAL_SQL} AND " + _is_requested_about_sql(
    ENABLE_COMMAND, "CONCAT(NEW.subject_id, ' ', NEW.proposed)"
)
"""SQL condition: the desk request `r` asks for the proposal in the new row of `approvals`."""
MAY_PROPOSE_ENABLING_SQL = f"({IS_ENABLING_PROPOSAL_SQL} AND {has_role_sql(ADMIN)} AND NEW.evidence_id IS NULL)"
"""SQL condition: the new row proposes to enable a person, names no evidence, and the acting person is an
administrator."""

PERSON_TRIGGER_ASSIGNMENTS: Mapping[tuple[str, TriggerEvent], str] = {
    ("operators", "UPDATE"): (
        f"IF me <> owner AND NOT ({are_unchanged_sql('disabled_by')})"
        f" THEN SET NEW.account_lock = {ACCOUNT_LOCK_TO_RENEW}; END IF;"
    )
}
"""For a table and event, the statements that the trigger runs before it checks its rules. A worker locks the account
in one statement and records it in the next one. Between them the worker's session can end, or the row can be locked.
With the old record, the account of a person who is enabled or disabled after that would stay as it is.
"""

_IS_DISABLED_NOW_SQL = (
    "(OLD.disabled_at IS NULL AND CAST(NEW.disabled_by AS BINARY) = me"
    f" AND ABS(TIMESTAMPDIFF(MICROSECOND, {UTC_NOW_SQL}, NEW.disabled_at)) <= {LARGEST_CLOCK_LAG_SECONDS} * 1000000"
    f" AND {is_other_person_sql('me', 'OLD.name')}"
    f" AND NOT FIND_IN_SET('{WORKER}', REPLACE(OLD.roles, ' ', ''))"
    f" AND {has_role_sql(ADMIN)} AND "
    + is_requested_sql(
        f"{_is_requested_about_sql(DISABLE_COMMAND, 'OLD.name')}"
        f" AND {has_words_of_person_sql('NEW.disabled_reason', '$[1]')}"
    )
    + ")"
)
"""SQL condition: the acting person, an administrator, disables another person who is no worker, for the reason of the
administrator's own request."""
_IS_SECOND_REQUEST_SQL = is_requested_sql(
    _is_requested_about_sql(ENABLE_COMMAND, f"CONCAT(OLD.name, ' ', {_DISABLING_ID_SQL})")
)
_HAS_FIRST_PROPOSAL_SQL = exists_sql(
    "approvals a JOIN operators p ON p.name = a.person WHERE a.action = 'enable'"
    f" AND a.subject_kind = '{OPERATOR_KIND}' AND CAST(a.subject_id AS BINARY) = CAST(OLD.name AS BINARY)"
    f" AND CAST(a.proposed AS BINARY) = CAST({_DISABLING_ID_SQL} AS BINARY) AND a.closed_at IS NULL"
    f" AND a.at > {UTC_NOW_SQL} - INTERVAL {int(PROPOSAL_TIME_LIMIT.total_seconds())} SECOND"
    f" AND {is_other_person_sql('me', 'a.person')} AND p.disabled_at IS NULL AND ({person_has_role_sql(ADMIN)})"
)
_IS_ENABLED_NOW_SQL = (
    "(OLD.disabled_at IS NOT NULL AND OLD.disabled_by IS NOT NULL"
    " AND COALESCE(NEW.disabled_at, NEW.disabled_by, NEW.disabled_reason) IS NULL"
    f" AND {has_role_sql(ADMIN)} AND {_IS_SECOND_REQUEST_SQL} AND {_HAS_FIRST_PROPOSAL_SQL})"
)
"""SQL condition: two administrators have requested to end this disabling, which another administrator has begun."""
PERSON_UPDATE_RULES = (
    TriggerRule(are_unchanged_sql("name", "roles", "may_buy", "asks"), "only the schema account changes this"),
    TriggerRule(
        f"NOT ({are_unchanged_sql('disabled_at')}) OR ({are_unchanged_sql('disabled_by', 'disabled_reason')})",
        "the reason of a disabling never changes",
    ),
    TriggerRule(
        f"{are_unchanged_sql('disabled_at')} OR NEW.disabled_at IS NULL OR {_IS_DISABLED_NOW_SQL}",
        "an administrator disables another person, who is no worker, and says why",
    ),
    TriggerRule(
        f"{are_unchanged_sql('disabled_at')} OR NEW.disabled_at IS NOT NULL OR {_IS_ENABLED_NOW_SQL}",
        "two administrators enable a person",
    ),
)
