"""What the database itself refuses, as conditions that have to hold: per table, for INSERT, UPDATE and DELETE.

Here: the trail, the journal, leases, sessions, people and tokens. Credit checks, orders, payments, refunds and what
the worker keeps have files of their own.
"""

from collections.abc import Mapping

from sqlalchemy.dialects import mysql

from console.domain.outcomes import OutcomeClass
from console.domain.payment_records import RefundState
from console.domain.permissions import WORKER
from console.domain.states import OPERATION
from console.store.audit_chain import START
from console.store.audit_roots import WHAT as ROOT
from console.store.guard_words import (
    ALWAYS,
    NEVER,
    OWNERS,
    PROVIDERS,
    REFUSALS,
    UTC_NOW,
    Event,
    Rule,
    among,
    answered,
    exactly,
    has_role,
    is_person,
    kept,
    said,
    said_no,
    same,
    steps,
    there_is,
    two_people,
)
from console.store.lease_time import lease_mark, lease_now
from console.store.troubles import TOO_LATE

LONGEST_LEASE_MS = 600_000
LARGEST_LAG_US = 2_000_000
"""Microseconds that an audit row may lie beside the server's clock."""

_dialect = mysql.dialect()
_NOW = str(lease_now().compile(dialect=_dialect))
_MARK = str(lease_mark().compile(dialect=_dialect))


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
    Rule("COALESCE(NEW.id, 0) = 0", "an audit row gets its number from the database"),
    Rule(f"NEW.what <> '{ROOT}' OR {has_role(WORKER)}", "a root of the trail is a worker's to write"),
    Rule("CHAR_LENGTH(NEW.hash) = 64", "an audit row is hashed"),
    Rule(
        f"(NEW.seq = 1 AND NEW.prev_hash = '{START}') OR "
        + there_is(
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
_SEALED = Rule(
    "(NEW.sealed IS NULL OR NEW.sealed REGEXP '^gAAAA[A-Za-z0-9_=-]+$')"
    " AND NOT REPLACE(REPLACE(NEW.used_first, '[', ''), ']', '') REGEXP '[^0-9a-f\", ]'",
    "tokens are kept sealed, first ones as hashes",
)


_EFFECT, _REFUND = (f"NEW.action = '{action}'" for action in ("credit-check.purchase", "refund.submit"))
_ENDED = among(state for state, targets in OPERATION.items() if not targets)
_NOT_REFUNDED = there_is(
    f"evidence e WHERE e.operation_id = OLD.id AND {PROVIDERS} AND {said(*REFUSALS, OutcomeClass.NOT_FOUND)}"
)
_GIVEN_UP = two_people("OLD.subject_id", "refund", RefundState.FAILED.value)
_BEGUN = (
    Rule(exactly("NEW.operator", "me"), "nobody begins an operation in the name of somebody else"),
    Rule("NEW.state = 'calling' AND NEW.fence = 1 AND NEW.ended_at IS NULL", "an operation begins as calling"),
    Rule(f"NEW.lease_clock = {_MARK} AND {_short()}", "no lease is longer than ten minutes"),
    Rule(
        f"NOT {_EFFECT} OR NEW.idempotency_key = CONCAT('restored:', NEW.id) OR {is_person('p.may_buy = 1')}",
        "this person may not buy",
    ),
    Rule(
        f"NOT {_REFUND} OR NEW.idempotency_key = CONCAT('restored:', NEW.id) OR "
        + there_is("refunds r WHERE r.id = NEW.subject_id AND r.operation_id = NEW.id AND r.status = 'submitting'"),
        "only a refund that is approved is sent, and its own row says so first",
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
        f"{same('idempotency_key')} OR (NEW.state IN {_ENDED}"
        " AND NEW.idempotency_key = CONCAT(LEFT(OLD.idempotency_key, 200), '#', OLD.id))",
        "a key is set aside when its operation has ended, and never changed",
    ),
    Rule(
        f"OLD.state NOT IN {_ENDED}"
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
    Rule(
        f"NEW.state <> 'failed' OR OLD.state = 'failed' OR NOT {_REFUND} OR {_MY_CALL}"
        f" OR {_NOT_REFUNDED} OR {_GIVEN_UP}",
        "not refunded: only the provider's answer or two people say so",
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
    ("audit_log", "UPDATE"): kept("audit rows are never changed"),
    ("audit_log", "DELETE"): kept("audit rows are never deleted"),
    ("evidence", "INSERT"): (Rule(exactly("NEW.who", "me"), "nobody brings evidence in the name of somebody else"),),
    ("evidence", "UPDATE"): kept("evidence is never changed"),
    ("evidence", "DELETE"): kept("evidence is never deleted"),
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
    ("operators", "INSERT"): (OWNERS, _NAME),
    ("operators", "UPDATE"): (OWNERS, _NAME),
    ("operators", "DELETE"): (OWNERS,),
    ("console_meta", "INSERT"): (Rule("NEW.name = 'store_key_fingerprint'", "only the schema account changes this"),),
    ("console_meta", "UPDATE"): (OWNERS,),
    ("console_meta", "DELETE"): (OWNERS,),
    ("provider_tokens", "INSERT"): (_SEALED,),
    ("provider_tokens", "UPDATE"): (
        _SEALED,
        Rule(f"{same('provider')} AND NEW.version = OLD.version + 1", "tokens are replaced one after the other"),
        Rule("CHAR_LENGTH(NEW.used_first) >= CHAR_LENGTH(OLD.used_first)", "a used token stays used"),
    ),
    ("provider_tokens", "DELETE"): (OWNERS,),
}
"""For tables that the console alone writes."""
