"""Trigger rules of a server for desk requests: rows that the desks of people insert, and that workers execute.

The trigger itself sets the person and the time of a new request, and ignores the values in the INSERT. So a request
proves that this person has sent it. While a worker acts for the person, the rules of other tables rely on this proof.
"""

from collections.abc import Mapping

from console.domain.access.permissions import ADMIN, APPROVER, AUDITOR, OPERATOR, WORKER
from console.domain.desk_requests.records import DeskRequestState
from console.domain.desk_requests.rules import (
    ACTIONS_WITHOUT_REQUEST_ID,
    AUDIT_REQUEST_ACTION,
    LARGEST_FILE_BYTES,
    LONGEST_ARGUMENTS_BYTES,
    LONGEST_FILE_PART_BYTES,
    LONGEST_WAIT_FOR_WORKER_SECONDS,
    WITHDRAW_ACTION,
    WITHDRAWN_REQUEST_KIND,
)
from console.store.constraints.server_rules import IS_SHORT_LEASE_SQL, is_live_lease_sql
from console.store.constraints.sql_expressions import (
    EXECUTED_REQUEST_SQL,
    NEVER_TRUE_SQL,
    UTC_NOW_SQL,
    TriggerEvent,
    TriggerRule,
    are_unchanged_sql,
    equals_sql,
    exists_sql,
    has_role_sql,
    is_allowed_step_sql,
    make_count_sql,
)
from console.store.operations.request_ids import ANSWERED_USE_STATE, RUNNING_USE_STATE

MAX_WAITING_REQUESTS = 100
"""Largest number of requests of one person that wait for a worker at the same time. Requests for audit entries aren't
counted. A withdrawal is accepted in spite of this limit.
"""
MAX_WAITING_AUDIT_REQUESTS = 10_000
"""Largest number of requests of one person for audit entries that wait for a worker at the same time."""
MAX_REQUESTS_PER_HOUR = 10_000
"""Largest number of requests of one person in one hour. Without this limit one person could fill the server's disk.
"""
MAX_FILE_PARTS_PER_HOUR = 500
"""Largest number of file parts in the requests of one person in one hour. A file is sent in parts."""
MAX_FILE_PARTS = LARGEST_FILE_BYTES // LONGEST_FILE_PART_BYTES
"""Largest number of parts into which the file of one request is divided."""
_AUDIT_REQUEST_LIFETIME_DAYS = 3_650
"""Number of days after which a request for an audit entry lapses."""
MAX_RESULT_CHARACTERS = 4 * 1024 * 1024
"""Longest answer that a worker may write into a desk request, in characters of 4 bytes: the trigger compares the
bytes of the answer with four times this number."""
_ALLOWED_STATE_STEPS = {
    DeskRequestState.WAITING: (DeskRequestState.TAKEN, DeskRequestState.LAPSED),
    DeskRequestState.TAKEN: (DeskRequestState.ENDED, DeskRequestState.LAPSED),
}

REQUESTER_SQL_ALSO_IF_DISABLED = (
    "(SELECT r.who FROM requests r JOIN operators p ON p.name = r.who"  # noqa: S608  # constants of this program
    f" WHERE r.id = {EXECUTED_REQUEST_SQL} AND r.state = 'taken' AND CAST(r.taken_by AS BINARY) = account"
    f" AND {is_live_lease_sql('r')}"
    " AND EXISTS (SELECT 1 FROM operators w WHERE w.name = account AND w.disabled_at IS NULL"
    f" AND FIND_IN_SET('{WORKER}', REPLACE(w.roles, ' ', ''))))"
)
"""SQL expression: the name of the person for whom this session executes a desk request, also if the person has been
disabled since. NULL if the session's account isn't a worker's or executes no request, or if the lease of the request
has expired. Only the audit trail uses it: an entry reports an earlier act or request of the person, and its result.
"""
REQUESTER_SQL = f"{REQUESTER_SQL_ALSO_IF_DISABLED[:-1]} AND p.disabled_at IS NULL)"
"""SQL expression: the name of the person for whom this session executes a desk request. NULL if the session's account
isn't a worker's or executes no request, if the lease of the request has expired, or if the person is disabled.
"""
_ACTIONS_WITHOUT_REQUEST_ID_SQL = ", ".join(f"'{action}'" for action in sorted(ACTIONS_WITHOUT_REQUEST_ID))
_MAY_HAVE_BEGUN_SQL = (
    f"(OLD.action IN ({_ACTIONS_WITHOUT_REQUEST_ID_SQL}) OR "
    + exists_sql(
        "request_ids u WHERE u.person = OLD.who AND u.request_id = COALESCE(OLD.request_id, OLD.id)"
        f" AND (u.state = '{ANSWERED_USE_STATE}' OR (u.state = '{RUNNING_USE_STATE}'"
        f" AND (u.subject_kind IS NOT NULL OR {is_live_lease_sql('u')})))"
    )
    + ")"
)
"""SQL condition: a worker may have begun the command of the desk request OLD."""

_HOUR_DECLARATION = f"DECLARE this_hour INT DEFAULT TO_SECONDS({UTC_NOW_SQL}) DIV 3600;"
"""SQL that declares the variable `this_hour`, the value of the column `asked_hour` of a request stored now."""
TRIGGER_ASSIGNMENTS: Mapping[tuple[str, TriggerEvent], str] = {
    ("requests", "INSERT"): (
        f"{_HOUR_DECLARATION} SET NEW.who = account, NEW.at = {UTC_NOW_SQL}, NEW.expires_at = {UTC_NOW_SQL}"
        f" + INTERVAL IF(NEW.action = '{AUDIT_REQUEST_ACTION}', {_AUDIT_REQUEST_LIFETIME_DAYS * 86_400},"
        f" {LONGEST_WAIT_FOR_WORKER_SECONDS}) SECOND;"
    ),
    ("request_files", "INSERT"): _HOUR_DECLARATION,
}
"""For a table and event, the statements that the trigger runs before it checks its rules."""


def _make_count_of_last_hour_sql(person_sql: str, join: str = "", column: str = "*") -> str:
    """Return SQL for the number of one person's desk requests `r` of the last hour. With `join` (SQL that joins a
    further table) and `column`, the SQL counts the joined rows in which `column` isn't NULL.

    `person_sql` is the SQL of the person's name, in the collation of the column `requests.who`. With this collation,
    the server reads and locks only the entries of the index ix_requests_who with this person and with this hour or
    the previous one.
    """
    counts = (
        make_count_sql(
            f"requests r FORCE INDEX (ix_requests_who){join} WHERE r.who = {person_sql} AND {condition}", column
        )
        for condition in (
            "r.asked_hour = this_hour",
            f"r.asked_hour = this_hour - 1 AND r.at > {UTC_NOW_SQL} - INTERVAL 1 HOUR",
        )
    )
    return f"({' + '.join(counts)})"


_FILE_PARTS_OF_LAST_HOUR_SQL = _make_count_of_last_hour_sql(
    "(SELECT o.who FROM requests o WHERE o.id = NEW.request)", " JOIN request_files f ON f.request = r.id", "f.part"
)
# In a zone with summer time the hour that comes twice is ambiguous, so UTC_NOW_SQL can be an hour too early.
_HAS_ZONE_OFFSET_SQL = "@@SESSION.time_zone REGEXP '^[+-]'"
_REQUEST_INSERT_RULES = (
    TriggerRule(_HAS_ZONE_OFFSET_SQL, "the time zone of a session that asks is an offset from UTC"),
    TriggerRule(has_role_sql(OPERATOR, APPROVER, AUDITOR, ADMIN), "only people ask a worker to act"),
    TriggerRule(
        "NEW.state = 'asked' AND NEW.fence = 0 AND COALESCE(NEW.progress, NEW.result, NEW.taken_by, NEW.worker,"
        " NEW.lease_clock, NEW.lease_expires, NEW.ended_at) IS NULL",
        "a request begins as asked",
    ),
    TriggerRule(f"OCTET_LENGTH(NEW.args) <= {LONGEST_ARGUMENTS_BYTES}", "the arguments of a request are short"),
    TriggerRule(
        "NEW.id REGEXP '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'",
        "the id of a request is a UUID of version 7",
    ),
    TriggerRule(
        make_count_sql(
            "requests r FORCE INDEX (ix_requests_waiting) WHERE r.who = NEW.who"
            f" AND r.waiting = IF(NEW.action = '{AUDIT_REQUEST_ACTION}', 2, 1)"
        )
        + f" < IF(NEW.action = '{AUDIT_REQUEST_ACTION}', {MAX_WAITING_AUDIT_REQUESTS}, {MAX_WAITING_REQUESTS})"
        f" OR NEW.action = '{WITHDRAW_ACTION}'",
        "too many requests of this person wait",
    ),
    TriggerRule(
        f"{_make_count_of_last_hour_sql('NEW.who')} < {MAX_REQUESTS_PER_HOUR}",
        "too many requests of this person in an hour",
    ),
    TriggerRule(
        f"NEW.action <> '{WITHDRAW_ACTION}' OR (NEW.subject_kind = '{WITHDRAWN_REQUEST_KIND}' AND "
        + exists_sql(
            f"requests r WHERE r.id = NEW.subject_id AND {equals_sql('NEW.subject_id', 'CAST(r.id AS BINARY)')}"
            " AND CAST(r.who AS BINARY) = account"
            f" AND r.action NOT IN ('{AUDIT_REQUEST_ACTION}', '{WITHDRAW_ACTION}')"
        )
        + ")",
        "a person withdraws a request of their own, and no audit entry",
    ),
)
_IS_REQUEST_NEWLY_TAKEN_SQL = "(NEW.state = 'taken' AND (OLD.state <> 'taken' OR NEW.fence <> OLD.fence))"
_REQUEST_UPDATE_RULES = (
    TriggerRule(has_role_sql(WORKER), "only a worker executes requests"),
    TriggerRule(
        are_unchanged_sql(
            "id",
            "who",
            "at",
            "expires_at",
            "action",
            "subject_kind",
            "subject_id",
            "amount_minor",
            "proposed",
            "args",
            "evidence_sha256",
            "request_id",
            "desk",
            "confirmed",
        ),
        "the contents of a request are never changed",
    ),
    TriggerRule(is_allowed_step_sql(_ALLOWED_STATE_STEPS, "state"), "no such step of a request"),
    TriggerRule(
        f"NOT {_IS_REQUEST_NEWLY_TAKEN_SQL} OR OLD.action <> '{WITHDRAW_ACTION}'", "no worker executes a withdrawal"
    ),
    TriggerRule("OLD.state NOT IN ('ended', 'lapsed')", "a request that has ended stays as it is"),
    TriggerRule(
        f"NOT {_IS_REQUEST_NEWLY_TAKEN_SQL} OR (NEW.fence = OLD.fence + 1 AND {equals_sql('NEW.taken_by', 'account')}"
        f" AND (OLD.state = 'asked' AND OLD.expires_at > {UTC_NOW_SQL}"
        f" OR OLD.state = 'taken' AND NOT {is_live_lease_sql('OLD')}))",
        "a request is taken while it waits, or when its worker has ended",
    ),
    TriggerRule(
        f"{_IS_REQUEST_NEWLY_TAKEN_SQL} OR OLD.state <> 'taken' OR (NEW.fence = OLD.fence"
        " AND (CAST(OLD.taken_by AS BINARY) = account OR NEW.state = 'lapsed')"
        f" AND {are_unchanged_sql('taken_by', 'worker')})",
        "only the worker that took a request changes it",
    ),
    TriggerRule(
        f"NEW.state <> 'lapsed' OR OLD.expires_at <= {UTC_NOW_SQL}", "a request lapses when its time is over"
    ),
    TriggerRule(
        "NEW.state <> 'lapsed' OR OLD.state = 'asked'"
        f" OR (NOT {is_live_lease_sql('OLD')} AND NOT {_MAY_HAVE_BEGUN_SQL})",
        "a request that a worker has begun does not lapse",
    ),
    TriggerRule(
        f"NEW.state <> 'taken' OR OLD.state <> 'taken' OR NOT {is_live_lease_sql('NEW')}"
        f" OR {is_live_lease_sql('OLD')} OR OLD.expires_at > {UTC_NOW_SQL} OR {_MAY_HAVE_BEGUN_SQL}",
        "a request that no worker has begun in its time is never executed",
    ),
    TriggerRule(f"NEW.lease_expires IS NULL OR {IS_SHORT_LEASE_SQL}", "no lease is longer than ten minutes"),
    TriggerRule(
        f"NEW.result IS NULL OR (NEW.state = 'ended' AND OCTET_LENGTH(NEW.result) <= {MAX_RESULT_CHARACTERS * 4})",
        "an answer ends a request",
    ),
)

DESK_REQUEST_RULES: Mapping[tuple[str, TriggerEvent], tuple[TriggerRule, ...]] = {
    ("requests", "INSERT"): _REQUEST_INSERT_RULES,
    ("requests", "UPDATE"): _REQUEST_UPDATE_RULES,
    ("requests", "DELETE"): (TriggerRule(NEVER_TRUE_SQL, "requests are never deleted"),),
    ("request_files", "INSERT"): (
        TriggerRule(
            exists_sql(
                "requests r WHERE r.id = NEW.request AND CAST(r.who AS BINARY) = account AND r.state = 'asked'"
                # The limit below counts parts by the hour of their request, and without a worker a request waits on.
                f" AND r.evidence_sha256 IS NOT NULL AND r.at > {UTC_NOW_SQL} - INTERVAL 1 HOUR"
            ),
            "a file belongs to a request that waits",
        ),
        TriggerRule(
            f"NEW.part BETWEEN 0 AND {MAX_FILE_PARTS - 1} AND OCTET_LENGTH(NEW.content) <= {LONGEST_FILE_PART_BYTES}",
            "a part is short",
        ),
        TriggerRule(
            f"{_FILE_PARTS_OF_LAST_HOUR_SQL} < {MAX_FILE_PARTS_PER_HOUR}",
            "too many files of this person in an hour",
        ),
    ),
    ("request_files", "UPDATE"): (TriggerRule(NEVER_TRUE_SQL, "the contents of a request are never changed"),),
    ("request_files", "DELETE"): (TriggerRule(NEVER_TRUE_SQL, "requests are never deleted"),),
}
