"""SQL fragments for the rules of a server's triggers: comparisons, the acting person, and the answers of providers.
Each function whose name ends with `_sql` returns SQL text.

Variables in a trigger: `account` is the name of the connected account, from USER(), because CURRENT_USER() would be
the trigger's owner. `me` is the acting person: the account itself or, while a worker executes a desk request, the
person who sent the request. In triggers of credit checks, `op` is the id of the row's operation.

The rules apply to every account except the schema account; rules with BINDS_SCHEMA_ACCOUNT apply to the schema
account, too. A disabled person has no rights on the server, so most rules don't check whether a person is disabled.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeVar

from sqlalchemy import String

from console.domain.access.permissions import APPROVER, OPERATOR
from console.domain.provider_outcome import OutcomeClass
from console.domain.records import Certainty, WorkState
from console.store.schema import worker as worker_schema

StateT = TypeVar("StateT", bound=StrEnum)
EXECUTED_REQUEST_SQL = "CONVERT(@console_request USING utf8mb4) COLLATE utf8mb4_bin"
"""SQL expression: the id of the desk request that this session executes; NULL if it executes none. `Database` sets
it.
"""
TriggerEvent = Literal["INSERT", "UPDATE", "DELETE"]
UTC_NOW_SQL = "CONVERT_TZ(SYSDATE(6), @@session.time_zone, '+00:00')"
"""SQL expression: the present instant in UTC by the server's clock, which no session can set."""
REFUSAL_OUTCOMES = (OutcomeClass.FAILED_DEFINITE, OutcomeClass.AUTH, OutcomeClass.RATE_LIMITED)
"""Outcomes by which a provider says that a call that costs money had no effect."""


@dataclass(frozen=True, slots=True)
class TriggerRule:
    """A rule of a trigger. `condition` is SQL that must be true (NULL counts as false). If it isn't true, the trigger
    refuses the statement with `message` (at most 119 characters). `binds_schema_account`: the rule applies to the
    schema account, too.
    """

    condition: str
    message: str
    binds_schema_account: bool = False


NEVER_TRUE_SQL = "FALSE"
"""SQL condition that is always false: a rule with it refuses every statement."""
BINDS_SCHEMA_ACCOUNT = True
"""Value of `TriggerRule.binds_schema_account` for a rule that binds the schema account, too."""
SCHEMA_ACCOUNT_ONLY_RULE = TriggerRule(NEVER_TRUE_SQL, "only the schema account changes this")
"""Rule by which a trigger refuses every statement, except those of the schema account."""
VERSION_RULE = TriggerRule("NEW.version = OLD.version + 1", "each change raises the version by one")
"""Rule that each UPDATE increments the row's version by one."""

_CONDITION_TOKEN_PATTERN = re.compile(r"'(?:[^']|'')*'|[()]|\b(?:CASE|END|OR)\b")
_TEXT_COLUMNS = frozenset(
    column.name
    for table in worker_schema.metadata.tables.values()
    for column in table.columns
    if isinstance(column.type, String)
)


def split_alternatives(condition_sql: str) -> tuple[str, ...]:
    """Return the conditions of which at least one must be true for `condition_sql` to be true: the operands of its
    outermost OR, or the condition itself if it has no outermost OR. Brackets around the whole condition are left out.

    `condition_sql` may contain texts in single quotes, brackets and CASE. It must not contain XOR or an assignment,
    because these have a lower precedence than OR.
    """
    depth, start = 0, 0
    alternatives = []
    for token in _CONDITION_TOKEN_PATTERN.finditer(condition_sql):
        if token[0] in ("(", "CASE"):
            depth += 1
        elif token[0] in (")", "END"):
            depth -= 1
        elif token[0] == "OR" and depth == 0:
            alternatives.append(condition_sql[start : token.start()].strip())
            start = token.end()
    if not alternatives and _is_in_brackets(condition_sql):
        return split_alternatives(condition_sql[1:-1])
    return (*alternatives, condition_sql[start:].strip())


def _is_in_brackets(condition_sql: str) -> bool:
    """True if the condition is enclosed in one pair of brackets: its last character is the closing bracket of its
    first character."""
    depth = 0
    for token in _CONDITION_TOKEN_PATTERN.finditer(condition_sql):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth == 0:
            return condition_sql[0] == "(" and token.end() == len(condition_sql)
    return False


def make_refusal_rules(message: str) -> tuple[TriggerRule, ...]:
    """Return a tuple with one rule that refuses the statement of every account, including the schema account, with
    this message."""
    return (TriggerRule(NEVER_TRUE_SQL, message, BINDS_SCHEMA_ACCOUNT),)


def are_unchanged_sql(*columns: str) -> str:
    """Return an SQL condition: the UPDATE changes none of these columns. Texts are compared byte by byte."""
    return " AND ".join(
        f"{_make_bytewise_sql('NEW', name)} <=> {_make_bytewise_sql('OLD', name)}" for name in columns
    )


def _make_bytewise_sql(row: str, column: str) -> str:
    """Return SQL of the column in `row` (OLD or NEW). A text is cast to BINARY, so that it is compared byte by
    byte."""
    return f"CAST({row}.{column} AS BINARY)" if column in _TEXT_COLUMNS else f"{row}.{column}"


def equals_sql(column: str, text: str) -> str:
    """Return an SQL condition: the values of `column` and `text` (two SQL expressions) are equal. They are compared
    byte by byte, without collation and padding."""
    return f"CAST({column} AS BINARY) = {text}"


def parse_id_sql(text: str) -> str:
    """Return SQL of the id that `text` (SQL of a text) contains, as a number. The SQL is NULL if the text isn't an
    id: 1 to 18 ASCII digits.

    Triggers must convert a text to a number only by this SQL. If a statement that writes casts a text without a
    number, MySQL raises an error. A condition before the cast doesn't always prevent the error: in a query, MySQL
    first evaluates each expression that uses no column of the query.
    """
    is_id_sql = f"CHAR_LENGTH({text}) BETWEEN 1 AND 18 AND NOT {text} REGEXP '[^0-9]'"
    return f"IF({is_id_sql}, CAST({text} AS UNSIGNED), NULL)"


def make_state_list_sql(states: Iterable[StrEnum]) -> str:
    """Return these states as an SQL list in brackets, sorted, for use after IN."""
    return "(" + ", ".join(sorted(f"'{state.value}'" for state in states)) + ")"


def has_state_sql(column: str, states: Iterable[StrEnum]) -> str:
    """Return an SQL condition: the column has one of these states, compared byte by byte."""
    return f"CAST({column} AS BINARY) IN {make_state_list_sql(states)}"


def is_allowed_step_sql(transitions: Mapping[StateT, Collection[StateT]], column: str) -> str:
    """Return an SQL condition: the UPDATE leaves the state in `column` unchanged, or changes it to a state that
    `transitions` allows after the old one."""
    step_sql = f"CONCAT(CAST(OLD.{column} AS BINARY), '>', CAST(NEW.{column} AS BINARY))"
    return f"({are_unchanged_sql(column)} OR {step_sql} IN {make_step_list_sql(transitions)})"


def make_step_list_sql(transitions: Mapping[StateT, Collection[StateT]]) -> str:
    """Return an SQL list in brackets, sorted, of all changes of state that `transitions` allows. `transitions` maps a
    state to the states that may follow it. Each change is a text `before>after`."""
    return (
        "("
        + ", ".join(sorted(f"'{old.value}>{new.value}'" for old, targets in transitions.items() for new in targets))
        + ")"
    )


def enters_state_sql(state: StrEnum) -> str:
    """Return an SQL condition: the UPDATE changes the column `status` from another state to this state."""
    return f"(NEW.status = '{state.value}' AND OLD.status <> '{state.value}')"


def implies_sql(condition_sql: str, consequence_sql: str) -> str:
    """Return an SQL condition: `condition_sql` is false, or `consequence_sql` is true. The two arguments are SQL
    conditions; `condition_sql` must be in brackets if it has operators."""
    return f"NOT {condition_sql} OR ({consequence_sql})"


CERTAINTY_RULE = TriggerRule(has_state_sql("NEW.certainty", Certainty), "no such certainty")
"""Rule that the certainty of a row is one of the known values."""
WORK_STATE_RULE = TriggerRule(has_state_sql("NEW.work_state", WorkState), "no such state of work")
"""Rule that the work state of a row is one of the known values."""


def is_operator_sql(condition_sql: str = "TRUE") -> str:
    """Return an SQL condition: the acting person is in the table `operators`, and `condition_sql` (SQL about this
    person's row `p`) is true.

    This lookup takes as much time as all other statements of a trigger together, so only rules that depend on the
    person use it.
    """
    return exists_sql(f"operators p WHERE p.name = me AND {condition_sql}")


def has_role_sql(*roles: str) -> str:
    """Return an SQL condition: the acting person has one of these roles and isn't disabled."""
    return is_operator_sql(f"p.disabled_at IS NULL AND ({person_has_role_sql(*roles)})")


def person_has_role_sql(*roles: str) -> str:
    """Return an SQL condition: the person in the row `p` of `operators` has one of these roles."""
    return " OR ".join(f"FIND_IN_SET('{role}', REPLACE(p.roles, ' ', ''))" for role in roles)


def is_other_person_sql(person: str, maker: str) -> str:
    """Return an SQL condition: `person` and `maker` (SQL of two names) are different people. The names are compared
    trimmed and in lower case. `permissions.is_same_person` also compares full-width and other forms, but the database
    accounts of this program can't have such names."""
    return f"{_make_comparable_name_sql(person)} <> {_make_comparable_name_sql(maker)}"


def count_people_sql(person: str) -> str:
    """Return an SQL aggregate: the number of different people in `person` (SQL of a name). Two spellings that
    `is_other_person_sql` doesn't distinguish are one person."""
    return f"COUNT(DISTINCT {_make_comparable_name_sql(person)})"


def _make_comparable_name_sql(person: str) -> str:
    return f"CAST(LOWER(TRIM({person})) AS BINARY)"


IS_EVIDENCE_FROM_PROVIDER_SQL = "e.source LIKE '%_.%'"
"""SQL condition: the evidence `e` comes from a provider. Its source has the form `provider.call`; the source of
evidence from people has no dot.
"""


def has_outcome_sql(*outcomes: OutcomeClass) -> str:
    """Return an SQL condition: the provider's answer in the row `e` of `evidence` has one of these outcomes."""
    return f"e.summary REGEXP '^(HTTP [0-9]+ )?({'|'.join(kind.value for kind in outcomes)})( |$)'"


def has_provider_answer_sql(operation_id: str) -> str:
    """Return an SQL condition: an answer of a provider about this operation is stored as evidence. `operation_id` is
    SQL of the operation's id.
    """
    return exists_sql(f"evidence e WHERE e.operation_id = {operation_id} AND {IS_EVIDENCE_FROM_PROVIDER_SQL}")


def has_provider_refusal_sql(operation_id: str) -> str:
    """Return an SQL condition: the provider has answered that this operation bought nothing. `operation_id` is SQL of
    the operation's id.
    """
    return exists_sql(
        f"evidence e WHERE e.operation_id = {operation_id} AND e.source LIKE 'alarmbox.purchase%'"
        f" AND {has_outcome_sql(*REFUSAL_OUTCOMES)}"
    )


def has_answer_key_sql(operation_row: str, lock_row: str) -> str:
    """Return an SQL condition: the row `operation_row` of `operations` has the answer key that matches the column
    `answer_lock` of the row `lock_row`, the SHA-256 of the key. Only desks with the store key know the answer
    key.
    """
    return f"{lock_row}.answer_lock = SHA2({operation_row}.answer_key, 256)"


IS_REQUEST_CONFIRMED_SQL = "r.confirmed = 1"
"""SQL condition: the person has typed the password for the desk request `r`. This program stores 1 in the column
`confirmed` only over a connection that it opens with the typed password, but the server can't verify that. So the
condition stops somebody who uses this program at a desk where another person is signed in. It doesn't stop another
SQL client that stores 1 itself.
"""


def is_requested_sql(condition_sql: str) -> str:
    """Return an SQL condition that is true in two cases: the connected account acts for itself, or it executes a desk
    request `r` for which `condition_sql` is true. So a worker can write a decision only if the person has requested
    this decision."""
    return f"(me = account OR {exists_sql(f'requests r WHERE r.id = {EXECUTED_REQUEST_SQL} AND ({condition_sql})')})"


def is_request_about_sql(kind: str, subject_id: str) -> str:
    """Return an SQL condition: the desk request `r` is about this record, or about the operation whose record it is.
    `kind` and `subject_id` are SQL: the kind of the record as a text, and the record's id.
    """
    is_record_of_operation_sql = exists_sql(
        "operations j WHERE j.id = r.subject_id AND CAST(j.id AS BINARY) = CAST(r.subject_id AS BINARY)"
        f" AND j.subject_kind = {kind} AND CAST(j.subject_id AS BINARY) = CAST({subject_id} AS BINARY)"
    )
    return (
        f"(CAST(r.subject_kind AS BINARY) = CAST({kind} AS BINARY)"
        f" AND CAST(r.subject_id AS BINARY) = CAST({subject_id} AS BINARY)"
        f" OR r.subject_kind = 'operation' AND {is_record_of_operation_sql})"
    )


def is_second_person_sql(
    subject_id: str, kind: str = "credit-check", *proposed: str, condition_sql: str = "TRUE"
) -> str:
    """Return an SQL condition: the acting person is the second person of a decision about the record of this kind
    with the id `subject_id` (SQL).

    The condition is true if all of the following is true. Another person, who is still an enabled operator or
    approver, has proposed one of the final states `proposed` (default: `error`). The acting person is an approver and
    has stored evidence after the proposal. If a worker executes this person's desk request, the person has requested
    the same state of this record and has typed the password for the request. The SQL condition `condition_sql` about
    the proposal `a` and the acting person's evidence `e` is true.
    """
    final_states_sql = ", ".join(f"'{end}'" for end in proposed or ("error",))
    is_same_decision_requested_sql = is_requested_sql(
        f"{IS_REQUEST_CONFIRMED_SQL} AND r.action = 'resolve' AND CAST(r.proposed AS BINARY) ="
        f" CAST(a.proposed AS BINARY) AND {is_request_about_sql(repr(kind), subject_id)}"
    )
    other_proposal_sql = exists_sql(
        "approvals a JOIN evidence e ON e.id > a.evidence_id JOIN operators p ON p.name = a.person"
        f" WHERE a.subject_kind = '{kind}' AND p.disabled_at IS NULL AND ({person_has_role_sql(OPERATOR, APPROVER)})"
        f" AND a.subject_id = CAST({subject_id} AS CHAR) AND a.closed_at IS NULL"
        f" AND a.proposed IN ({final_states_sql})"
        f" AND {is_other_person_sql('a.person', 'me')} AND e.subject_kind = '{kind}' AND e.subject_id = {subject_id}"
        " AND a.action = 'resolve' AND e.source = 'person' AND CAST(e.who AS BINARY) = me"
        f" AND {is_same_decision_requested_sql} AND {condition_sql}"
    )
    return f"({has_role_sql(APPROVER)} AND {other_proposal_sql})"


def exists_sql(from_clause: str) -> str:
    """Return an SQL condition: `from_clause` (table, joins and WHERE) has at least one row."""
    return f"EXISTS (SELECT 1 FROM {from_clause})"  # noqa: S608  # constants of this program


def make_aggregate_sql(expression: str, from_clause: str) -> str:
    """Return SQL for the aggregate `expression` (such as COUNT(*)) over the rows of `from_clause` (table, joins and
    WHERE).
    """
    return f"(SELECT {expression} FROM {from_clause})"  # noqa: S608  # constants of this program


def not_exists_sql(from_clause: str) -> str:
    """Return an SQL condition: `from_clause` (table, joins and WHERE) has no row now. The condition reads with a
    shared lock, so it sees the latest rows; the transaction's snapshot may be older."""
    return make_aggregate_sql("COUNT(*)", f"{from_clause} LOCK IN SHARE MODE") + " = 0"


def make_count_sql(from_clause: str, column: str = "*") -> str:
    """Return SQL for the number of the rows that `from_clause` (table, joins and WHERE) has now, or of their values
    of `column`.

    The SQL reads with a shared lock, so it waits for rows that another transaction has inserted and not committed.
    Without the lock, several transactions together could insert more rows than a limit allows.
    """
    return make_aggregate_sql(f"COUNT({column})", f"{from_clause} LOCK IN SHARE MODE")


def make_sum_sql(column: str, from_clause: str) -> str:
    """Return SQL for the sum of `column` over the rows that `from_clause` (table, joins and WHERE) has now; 0 if
    there are none. The SQL reads with a shared lock, so it sees the latest rows; the transaction's snapshot may be
    older.
    """
    return make_aggregate_sql(f"COALESCE(SUM({column}), 0)", f"{from_clause} LOCK IN SHARE MODE")
