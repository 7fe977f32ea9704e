"""SQL words of which the rules in the database are made: what is compared, who one is, what was answered.

`me` is the account that is connected: USER(), never CURRENT_USER(), which is the trigger's owner. Rules bind
everybody but the schema account, those marked ALWAYS bind that one too. Who is disabled holds no rights any more, so
rules need not ask for that again.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeVar

from sqlalchemy import String

from console.domain.outcomes import OutcomeClass
from console.domain.permissions import APPROVER
from console.domain.records import Certainty, WorkState
from console.store import worker_schema

State = TypeVar("State", bound=StrEnum)
Event = Literal["INSERT", "UPDATE", "DELETE"]
UTC_NOW = "CONVERT_TZ(SYSDATE(6), @@session.time_zone, '+00:00')"
REFUSALS = (OutcomeClass.FAILED_DEFINITE, OutcomeClass.AUTH, OutcomeClass.RATE_LIMITED)
"""A provider's answers to a call that costs money which say that nothing happened."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`must` is SQL that has to be true, whatever is NULL in it; `words` (at most 110 characters) say what is not."""

    must: str
    words: str
    always: bool = False


NEVER = "FALSE"
ALWAYS = True
OWNERS = Rule(NEVER, "only the schema account changes this")
RAISED = Rule("NEW.version = OLD.version + 1", "each change raises the version by one")

_TEXTS = frozenset(
    column.name
    for table in worker_schema.metadata.tables.values()
    for column in table.columns
    if isinstance(column.type, String)
)


def kept(what: str) -> tuple[Rule, ...]:
    """Nobody at all, the schema account included."""
    return (Rule(NEVER, what, ALWAYS),)


def same(*columns: str) -> str:
    """SQL: none of these was changed, not even in the case of a letter."""
    return " AND ".join(f"{_raw('NEW', name)} <=> {_raw('OLD', name)}" for name in columns)


def _raw(row: str, column: str) -> str:
    return f"CAST({row}.{column} AS BINARY)" if column in _TEXTS else f"{row}.{column}"


def exactly(column: str, text: str) -> str:
    """SQL: exactly this text; no collation, no padding."""
    return f"CAST({column} AS BINARY) = {text}"


def among(states: Iterable[StrEnum]) -> str:
    """SQL: these words in brackets, always in the same order."""
    return "(" + ", ".join(sorted(f"'{state.value}'" for state in states)) + ")"


def word(column: str, states: Iterable[StrEnum]) -> str:
    """SQL: one of these words, letter by letter."""
    return f"CAST({column} AS BINARY) IN {among(states)}"


def steps(table: Mapping[State, Collection[State]], column: str) -> str:
    """SQL: the state stays, or takes a step that the table of transitions has."""
    known = sorted(f"'{before.value}>{after.value}'" for before, targets in table.items() for after in targets)
    step = f"CONCAT(CAST(OLD.{column} AS BINARY), '>', CAST(NEW.{column} AS BINARY))"
    return f"({same(column)} OR {step} IN ({', '.join(known)}))"


def comes(state: StrEnum, column: str = "status") -> str:
    """SQL: this change brings the state about."""
    return f"(NEW.{column} = '{state.value}' AND OLD.{column} <> '{state.value}')"


def unless(condition: str, must: str) -> str:
    """SQL: where `condition` isn't so, nothing is asked; else `must`."""
    return f"NOT {condition} OR ({must})"


CERTAINTY = Rule(word("NEW.certainty", Certainty), "no such certainty")
WORK = Rule(word("NEW.work_state", WorkState), "no such state of work")


def is_person(condition: str = "TRUE") -> str:
    """SQL: the account is somebody's of this console, of whom this is true. Asked only where it matters: each such
    look takes as long as the rest of a trigger.
    """
    return there_is(f"operators p WHERE p.name = me AND {condition}")


def has_role(*roles: str) -> str:
    """SQL: the account is somebody's who holds one of these."""
    return is_person(f"p.disabled_at IS NULL AND ({held(*roles)})")


def held(*roles: str) -> str:
    """SQL: the person `p` holds one of these."""
    return " OR ".join(f"FIND_IN_SET('{role}', REPLACE(p.roles, ' ', ''))" for role in roles)


def other_than(person: str, maker: str) -> str:
    """SQL: names compared trimmed and in one case, as `permissions.same_person` does."""
    return f"CAST(LOWER(TRIM({person})) AS BINARY) <> CAST(LOWER(TRIM({maker})) AS BINARY)"


PROVIDERS = "e.source LIKE '%_.%'"
"""SQL: evidence that a provider gave. Its answers are named provider.call; what people bring has no dot."""


def said(*kinds: OutcomeClass) -> str:
    """SQL: the answer that is kept as evidence `e` is of one of these kinds."""
    return f"e.summary REGEXP '^(HTTP [0-9]+ )?({'|'.join(kind.value for kind in kinds)})( |$)'"


def answered(operation: str) -> str:
    """SQL: a provider's answer about this operation is kept as evidence."""
    return there_is(f"evidence e WHERE e.operation_id = {operation} AND {PROVIDERS}")


def said_no(operation: str) -> str:
    """SQL: the provider's own answer says that nothing was bought."""
    return there_is(
        f"evidence e WHERE e.operation_id = {operation} AND e.source LIKE 'alarmbox.purchase%' AND {said(*REFUSALS)}"
    )


def two_people(subject: str, kind: str = "credit-check", *proposed: str) -> str:
    """SQL: somebody else has proposed one of these ends of a record (`error` unless told), and I, an approver, say so
    with evidence of my own.
    """
    ends = ", ".join(f"'{end}'" for end in proposed or ("error",))
    other = there_is(
        f"approvals a JOIN evidence e ON e.id > a.evidence_id WHERE a.subject_kind = '{kind}'"
        f" AND a.subject_id = CAST({subject} AS CHAR) AND a.closed_at IS NULL AND a.proposed IN ({ends})"
        f" AND CAST(a.person AS BINARY) <> me AND e.subject_kind = '{kind}' AND e.subject_id = {subject}"
        " AND a.action = 'resolve' AND e.source = 'person' AND CAST(e.who AS BINARY) = me"
    )
    return f"({has_role(APPROVER)} AND {other})"


def there_is(rows: str) -> str:
    """SQL: there is such a row."""
    return f"EXISTS (SELECT 1 FROM {rows})"  # noqa: S608  # our own words


def counted(what: str, rows: str) -> str:
    """SQL: a number that is made of these rows."""
    return f"(SELECT {what} FROM {rows})"  # noqa: S608  # our own words


def summed(column: str, rows: str) -> str:
    """SQL: what these rows come to, as it is now: a transaction's snapshot may be older than what it changes."""
    return counted(f"COALESCE(SUM({column}), 0)", f"{rows} LOCK IN SHARE MODE")
