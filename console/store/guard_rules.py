"""What the database itself refuses, as conditions that have to hold: per table, for INSERT, UPDATE and DELETE.

`me` is the account that is connected: USER(), never CURRENT_USER(), which is the trigger's owner. Rules bind
everybody but the schema account, those marked ALWAYS bind that one too. Who is disabled holds no rights any more, so
rules need not ask for that again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeVar

from sqlalchemy import String
from sqlalchemy.dialects import mysql

from console.domain.outcomes import OutcomeClass
from console.domain.permissions import APPROVER, OPERATOR
from console.domain.states import OPERATION
from console.store import schema
from console.store.audit_chain import START
from console.store.lease_time import lease_mark, lease_now
from console.store.troubles import TOO_LATE

State = TypeVar("State", bound=StrEnum)
Event = Literal["INSERT", "UPDATE", "DELETE"]
LONGEST_LEASE_MS = 600_000
LARGEST_LAG_US = 2_000_000
"""Microseconds that an audit row may lie beside the server's clock."""

UTC_NOW = "CONVERT_TZ(SYSDATE(6), @@session.time_zone, '+00:00')"
_dialect = mysql.dialect()
_NOW = str(lease_now().compile(dialect=_dialect))
_MARK = str(lease_mark().compile(dialect=_dialect))
_DEFINITE = (OutcomeClass.FAILED_DEFINITE, OutcomeClass.AUTH, OutcomeClass.RATE_LIMITED)


@dataclass(frozen=True, slots=True)
class Rule:
    """`must` is SQL that has to be true, whatever is NULL in it; `words` (at most 110 characters) say what is not."""

    must: str
    words: str
    always: bool = False


NEVER = "FALSE"
ALWAYS = True


_TEXTS = frozenset(
    column.name
    for table in schema.metadata.tables.values()
    for column in table.columns
    if isinstance(column.type, String)
)


def same(*columns: str) -> str:
    """SQL: none of these was changed, not even in the case of a letter."""
    return " AND ".join(f"{_raw('NEW', name)} <=> {_raw('OLD', name)}" for name in columns)


def _raw(row: str, column: str) -> str:
    return f"CAST({row}.{column} AS BINARY)" if column in _TEXTS else f"{row}.{column}"


def exactly(column: str, text: str) -> str:
    """SQL: exactly this text; no collation, no padding."""
    return f"CAST({column} AS BINARY) = {text}"


def steps(table: Mapping[State, frozenset[State]], column: str) -> str:
    """SQL: the state stays, or takes a step that the table of transitions has."""
    known = sorted(f"'{before.value}>{after.value}'" for before, targets in table.items() for after in targets)
    step = f"CONCAT(CAST(OLD.{column} AS BINARY), '>', CAST(NEW.{column} AS BINARY))"
    return f"({same(column)} OR {step} IN ({', '.join(known)}))"


def is_person(condition: str = "TRUE") -> str:
    """SQL: the account is somebody's of this console, of whom this is true. Asked only where it matters: each such
    look takes as long as the rest of a trigger.
    """
    return _there_is(f"operators p WHERE p.name = me AND {condition}")


def has_role(*roles: str) -> str:
    """SQL: the account is somebody's who holds one of these."""
    held = " OR ".join(f"FIND_IN_SET('{role}', REPLACE(p.roles, ' ', ''))" for role in roles)
    return is_person(f"p.disabled_at IS NULL AND ({held})")


def answered(operation: str) -> str:
    """SQL: a provider's answer about this operation is kept as evidence."""
    return _there_is(f"evidence e WHERE e.operation_id = {operation} AND e.source LIKE 'alarmbox.%'")


def said_no(operation: str) -> str:
    """SQL: the provider's own answer says that nothing was bought."""
    kinds = "|".join(kind.value for kind in _DEFINITE)
    return _there_is(
        f"evidence e WHERE e.operation_id = {operation} AND e.source LIKE 'alarmbox.purchase%'"
        f" AND e.summary REGEXP '^(HTTP [0-9]+ )?({kinds})( |$)'"
    )


def two_people(subject: str) -> str:
    """SQL: somebody else has proposed that this credit check was never bought, and I, an approver, say so too."""
    proposed = _there_is(
        "approvals a JOIN evidence e ON e.id > a.evidence_id WHERE a.subject_kind = 'credit-check'"
        f" AND a.subject_id = CAST({subject} AS CHAR) AND a.closed_at IS NULL AND a.proposed = 'error'"
        f" AND CAST(a.person AS BINARY) <> me AND e.subject_kind = 'credit-check' AND e.subject_id = {subject}"
        " AND e.source = 'person' AND CAST(e.who AS BINARY) = me"
    )
    return f"({has_role(APPROVER)} AND {proposed})"


def _there_is(rows: str) -> str:
    return f"EXISTS (SELECT 1 FROM {rows})"  # noqa: S608  # our own words


def _short(column: str = "NEW.lease_expires") -> str:
    return f"{column} <= {_NOW} + {LONGEST_LEASE_MS}"


def _live(row: str) -> str:
    return f"({row}.lease_clock = {_MARK} AND {row}.lease_expires > {_NOW})"


_AUDIT = (
    Rule(exactly("NEW.who", "me"), "nobody writes in the name of somebody else"),
    Rule(
        f"ABS(TIMESTAMPDIFF(MICROSECOND, {UTC_NOW}, NEW.at)) <= {LARGEST_LAG_US}",
        TOO_LATE,
    ),
    Rule("CHAR_LENGTH(NEW.hash) = 64", "an audit row is hashed"),
    Rule(
        f"(NEW.seq = 1 AND NEW.prev_hash = '{START}') OR "
        + _there_is(
            "audit_log a WHERE a.session = NEW.session AND a.seq = NEW.seq - 1 AND a.hash = NEW.prev_hash"
            " AND CAST(a.who AS BINARY) = me"
        ),
        "an audit row continues a chain of its own writer",
    ),
)
_NAME = Rule(
    "CHAR_LENGTH(NEW.name) BETWEEN 1 AND 32 AND NOT NEW.name REGEXP '[^a-z0-9._-]'",
    "a name has 1 to 32 of a-z, 0-9, dot, underscore and hyphen",
    ALWAYS,
)
_OWNERS = Rule(NEVER, "only the schema account changes this")
_SEALED = Rule(
    "(NEW.sealed IS NULL OR NEW.sealed REGEXP '^gAAAA[A-Za-z0-9_=-]+$')"
    " AND NOT REPLACE(REPLACE(NEW.used_first, '[', ''), ']', '') REGEXP '[^0-9a-f\", ]'",
    "tokens are kept sealed, first ones as hashes",
)


def _kept(what: str) -> tuple[Rule, ...]:
    return (Rule(NEVER, what, ALWAYS),)


_EFFECT = "NEW.action = 'credit-check.purchase'"
_ENDED = ", ".join(f"'{state.value}'" for state, targets in OPERATION.items() if not targets)
_BEGUN = (
    Rule(exactly("NEW.operator", "me"), "nobody begins an operation in the name of somebody else"),
    Rule("NEW.state = 'calling' AND NEW.fence = 1 AND NEW.ended_at IS NULL", "an operation begins as calling"),
    Rule(f"NEW.lease_clock = {_MARK} AND {_short()}", "no lease is longer than ten minutes"),
    Rule(
        f"NOT {_EFFECT} OR NEW.idempotency_key = CONCAT('restored:', NEW.id) OR {is_person('p.may_buy = 1')}",
        "this person may not buy",
    ),
)
_MY_CALL = "(OLD.state = 'calling' AND CAST(OLD.operator AS BINARY) = me)"
_ENDING = (
    Rule(
        same(
            "id", "action", "subject_kind", "subject_id", "client_id", "corporation_number", "fingerprint",
            "operator", "desk", "host", "process", "session", "started_at", "lease_clock",
        ),
        "what an operation is stays as it was begun",
    ),
    Rule(steps(OPERATION, "state"), "no such step of an operation"),
    Rule("NEW.fence BETWEEN OLD.fence AND OLD.fence + 1", "a fencing token only rises"),
    Rule(
        f"{same('idempotency_key')} OR (NEW.state IN ({_ENDED})"
        " AND NEW.idempotency_key = CONCAT(LEFT(OLD.idempotency_key, 200), '#', OLD.id))",
        "a key is set aside when its operation has ended, and never changed",
    ),
    Rule(
        f"OLD.state NOT IN ({_ENDED})"
        f" OR ({same('result', 'ended_at', 'outcome_class', 'outcome_reason', 'lease_expires', 'fence')})",
        "an operation that has ended stays as it is",
    ),
    Rule(
        f"NEW.state <> 'calling' OR {same('idempotency_key')} AND {_MY_CALL} AND {_short()}",
        "only who began an operation keeps its lease",
    ),
    Rule(
        f"NEW.state = OLD.state OR {_MY_CALL} OR (NEW.fence = OLD.fence + 1 AND (OLD.state <> 'calling'"
        f" OR NOT {_live('OLD')} OR {answered('OLD.id')}))",
        "somebody else's call is running",
    ),
    Rule(
        f"NEW.state <> 'failed' OR OLD.state = 'failed' OR NOT {_EFFECT} OR {_MY_CALL}"
        f" OR {said_no('OLD.id')} OR {two_people('OLD.subject_id')}",
        "not bought: only the provider's answer or two people say so",
    ),
)  # fmt: skip
_TAKING = (
    Rule(same("name", "slot"), "a lease keeps its name"),
    Rule("NEW.fence BETWEEN OLD.fence AND OLD.fence + 1", "a fencing token only rises"),
    Rule(f"NOT {_live('OLD')} OR CAST(OLD.operator AS BINARY) = me", "somebody else holds this lease"),
    Rule(
        f"CAST(NEW.operator AS BINARY) <=> me OR (NOT {_live('NEW')} AND {same('operator')})",
        "nobody takes a lease in the name of somebody else",
    ),
    Rule(
        f"{_live('OLD')} OR NOT {_live('NEW')} OR NEW.fence = OLD.fence + 1"
        f" OR ({same('token')} AND CAST(OLD.operator AS BINARY) = me)",  # renewed at the very moment of its end
        "taking a lease raises its token",
    ),
    Rule(f"NEW.lease_clock = {_MARK} AND {_short()}", "no lease is longer than ten minutes"),
)

RULES: Mapping[tuple[str, Event], tuple[Rule, ...]] = {
    ("audit_log", "INSERT"): _AUDIT,
    ("audit_log", "UPDATE"): _kept("audit rows are never changed"),
    ("audit_log", "DELETE"): _kept("audit rows are never deleted"),
    ("evidence", "INSERT"): (Rule(exactly("NEW.who", "me"), "nobody brings evidence in the name of somebody else"),),
    ("evidence", "UPDATE"): _kept("evidence is never changed"),
    ("evidence", "DELETE"): _kept("evidence is never deleted"),
    ("approvals", "INSERT"): (
        Rule(has_role(OPERATOR, APPROVER), "this role decides nothing"),
        Rule(exactly("NEW.person", "me"), "nobody decides in the name of somebody else"),
        Rule("NEW.closed_at IS NULL", "a decision begins open"),
        Rule(
            "EXISTS (SELECT 1 FROM evidence e WHERE e.id = NEW.evidence_id AND e.source = 'person'"
            " AND CAST(e.who AS BINARY) = me AND e.subject_kind = NEW.subject_kind"
            " AND NEW.subject_id IN (CAST(e.subject_id AS CHAR), e.operation_id))",
            "who decides brings evidence of their own",
        ),
    ),
    ("approvals", "UPDATE"): (
        Rule(
            same("id", "subject_kind", "subject_id", "action", "proposed", "person", "evidence_id", "at"),
            "what somebody decided is never changed",
            ALWAYS,
        ),
        Rule("OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL", "what is closed stays closed", ALWAYS),
    ),
    ("approvals", "DELETE"): _kept("decisions are never deleted"),
    ("operations", "INSERT"): _BEGUN,
    ("operations", "UPDATE"): _ENDING,
    ("operations", "DELETE"): (Rule(NEVER, "the journal is never deleted"),),
    ("leases", "INSERT"): (
        Rule(exactly("NEW.operator", "me"), "nobody takes a lease in the name of somebody else"),
        Rule(f"NEW.fence = 1 AND NEW.lease_clock = {_MARK} AND {_short()}", "no lease is longer than ten minutes"),
    ),
    ("leases", "UPDATE"): _TAKING,
    ("leases", "DELETE"): (Rule(NEVER, "leases are never deleted"),),
    ("sessions", "INSERT"): (
        Rule(
            "NEW.operator IS NULL OR CAST(NEW.operator AS BINARY) = me",
            "nobody opens a session in the name of somebody else",
        ),
    ),
    ("operators", "INSERT"): (_OWNERS, _NAME),
    ("operators", "UPDATE"): (_OWNERS, _NAME),
    ("operators", "DELETE"): (_OWNERS,),
    ("console_meta", "INSERT"): (Rule("NEW.name = 'store_key_fingerprint'", "only the schema account changes this"),),
    ("console_meta", "UPDATE"): (_OWNERS,),
    ("console_meta", "DELETE"): (_OWNERS,),
    ("provider_tokens", "INSERT"): (_SEALED,),
    ("provider_tokens", "UPDATE"): (
        _SEALED,
        Rule(f"{same('provider')} AND NEW.version = OLD.version + 1", "tokens are replaced one after the other"),
        Rule("CHAR_LENGTH(NEW.used_first) >= CHAR_LENGTH(OLD.used_first)", "a used token stays used"),
    ),
    ("provider_tokens", "DELETE"): (_OWNERS,),
    ("alerts", "UPDATE"): (
        Rule(same("id", "rule_id", "subject_kind", "subject_id", "observed", "expected"), "a case stays what it is"),
        Rule(
            f"{same('acknowledged_by')} OR CAST(NEW.acknowledged_by AS BINARY) <=> me",
            "nobody acknowledges in the name of somebody else",
        ),
    ),
    ("alerts", "DELETE"): (Rule(NEVER, "cases are never deleted"),),
}
"""For tables that the console alone writes."""
