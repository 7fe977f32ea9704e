"""Trigger rules of a server, by table and event (INSERT, UPDATE, DELETE). Each rule is an SQL condition that must be
true.

This module has the rules of the audit trail, evidence, the journal, leases, request ids, sessions, operators, tokens,
call rates, documents and the table `console_meta`. Separate modules have the rules of credit checks, orders,
payments, limits, refunds, desk requests and the worker's tables.
"""

from collections.abc import Mapping

from sqlalchemy.dialects import mysql

from console.domain.access.permissions import WORKER
from console.domain.desk_requests.rules import PRESENCE_LEASE_NAME
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER, list_provider_names
from console.domain.payments.states import RefundState
from console.domain.provider_outcome import OutcomeClass
from console.domain.transitions.tables import OPERATION_TRANSITIONS
from console.store.audit.hash_chain import FIRST_PREVIOUS_HASH
from console.store.audit.roots import ROOT_ACTION as ROOT
from console.store.constraints.disabled_people import PERSON_UPDATE_RULES
from console.store.constraints.sql_expressions import (
    BINDS_SCHEMA_ACCOUNT,
    EXECUTED_REQUEST_SQL,
    IS_EVIDENCE_FROM_PROVIDER_SQL,
    NEVER_TRUE_SQL,
    REFUSAL_OUTCOMES,
    SCHEMA_ACCOUNT_ONLY_RULE,
    UTC_NOW_SQL,
    TriggerEvent,
    TriggerRule,
    are_unchanged_sql,
    equals_sql,
    exists_sql,
    has_answer_key_sql,
    has_outcome_sql,
    has_provider_answer_sql,
    has_provider_refusal_sql,
    has_role_sql,
    is_allowed_step_sql,
    is_operator_sql,
    is_requested_sql,
    is_second_person_sql,
    make_refusal_rules,
    make_state_list_sql,
)
from console.store.constraints.words_of_people import IS_EVIDENCE_OF_REQUEST_SQL
from console.store.database.error_codes import AUDIT_TIME_MESSAGE
from console.store.database.lease_clock import lease_clock_id, lease_now
from console.store.operations.journal import MONEY_ACTION_BY_KIND

LONGEST_LEASE_MS = 600_000
"""Longest time (milliseconds) from now to the expiry that a lease may get."""
LONGEST_CALL_PAUSE_MS = 3_600_000
"""Largest time (milliseconds) from now to `not_before`, the start of the next permitted call to a provider. Without
this limit one account could stop the calls of all desks.
"""
LARGEST_CLOCK_LAG_MICROSECONDS = 2_000_000
"""Largest accepted difference (microseconds) between the time of an audit row and the server's clock."""

_mysql_dialect = mysql.dialect()
_NOW_SQL = str(lease_now().compile(dialect=_mysql_dialect))
_CLOCK_ID_SQL = str(lease_clock_id().compile(dialect=_mysql_dialect))


IS_SHORT_LEASE_SQL = f"NEW.lease_expires <= {_NOW_SQL} + {LONGEST_LEASE_MS}"
"""SQL condition: the new expiry of the lease is at most LONGEST_LEASE_MS after now, by the server's clock."""


def is_live_lease_sql(row: str) -> str:
    """Return an SQL condition: the lease in the columns `lease_clock` and `lease_expires` of `row` (OLD, NEW or an
    alias) hasn't expired, by the server's clock."""
    return f"({row}.lease_clock = {_CLOCK_ID_SQL} AND {row}.lease_expires > {_NOW_SQL})"


def _make_audit_fact_sql(name: str) -> str:
    """Return SQL for the value of the member `name` in the detail (JSON) of the new audit entry, as a text."""
    return f"JSON_UNQUOTE(JSON_EXTRACT(NEW.detail, '$.{name}'))"


_IS_OWN_SESSION_SQL = exists_sql("sessions s WHERE s.id = NEW.session AND CAST(s.operator AS BINARY) = account")
_HAS_REQUEST_AND_WORKER_SQL = (
    f"CAST({_make_audit_fact_sql('request')} AS BINARY) = {EXECUTED_REQUEST_SQL}"
    f" AND CAST({_make_audit_fact_sql('worker')} AS BINARY) = account"
)
"""SQL condition: the facts of the new audit entry name the executed desk request and the connected account."""
_MERCHANT_NAMES_SQL = ", ".join(f"'merchant.{name}'" for name in (CREDIT_CHECK_PROVIDER, *list_provider_names()))
_IS_MERCHANT_STORED_BY_ACCOUNT_SQL = (
    f"(NEW.name IN ({_MERCHANT_NAMES_SQL}) AND NEW.value REGEXP '^[^ ]+ [*]+[^ ]* [0-9a-f]{{32}} [^ ]+$'"
    " AND CAST(SUBSTRING_INDEX(NEW.value, ' ', -1) AS BINARY) = account)"
)
"""SQL condition: the new row of `console_meta` stores the merchant of a provider (its name is `merchant.` and the
provider's name), and its value ends with the name of the connected account. Of the other names, an account can insert
only `store_key_fingerprint`, because every process reads the whole table when it starts, so the table must stay
small.
"""
_AUDIT_ROW_INSERT_RULES = (
    TriggerRule(equals_sql("NEW.who", "me"), "nobody writes in the name of somebody else"),
    # So the session of an entry in a person's name leads to the worker that wrote it, whatever the entry says.
    TriggerRule(
        f"me = account OR {_IS_OWN_SESSION_SQL}", "a worker writes in a person's name within its own session alone"
    ),
    TriggerRule(
        f"me = account OR ({_HAS_REQUEST_AND_WORKER_SQL})",
        "a worker's entry in a person's name names the request and the worker",
    ),
    TriggerRule(
        f"ABS(TIMESTAMPDIFF(MICROSECOND, {UTC_NOW_SQL}, NEW.at)) <= {LARGEST_CLOCK_LAG_MICROSECONDS}",
        AUDIT_TIME_MESSAGE,
    ),
    TriggerRule(f"NEW.what <> '{ROOT}' OR {has_role_sql(WORKER)}", "a root of the trail is a worker's to write"),
    TriggerRule("CHAR_LENGTH(NEW.hash) = 64", "an audit row is hashed"),
    TriggerRule(
        f"(NEW.seq = 1 AND NEW.prev_hash = '{FIRST_PREVIOUS_HASH}') OR "
        + exists_sql(
            "audit_log a WHERE a.session = NEW.session AND a.seq = NEW.seq - 1 AND a.hash = NEW.prev_hash"
            f" AND (CAST(a.who AS BINARY) = me OR {_IS_OWN_SESSION_SQL})"
        ),
        "an audit row continues a chain of its own writer",
    ),
)
_OPERATOR_NAME_RULE = TriggerRule(
    "CHAR_LENGTH(NEW.name) BETWEEN 1 AND 32 AND NOT NEW.name REGEXP '[^a-z0-9._-]'",
    "a name has 1 to 32 of a-z, 0-9, dot, underscore and hyphen",
    BINDS_SCHEMA_ACCOUNT,
)
_PROVIDER_TOKEN_RULE = TriggerRule(
    "(NEW.sealed IS NULL OR NEW.sealed REGEXP CONCAT('^v', NEW.version, '[.]gAAAA[A-Za-z0-9_=-]+$'))"
    " AND NOT REPLACE(REPLACE(NEW.used_first, '[', ''), ']', '') REGEXP '[^0-9a-f\", ]'",
    "tokens are stored encrypted, first ones as hashes",
)


def _make_earlier_token_hashes_sql(row: str) -> str:
    """Return SQL for the beginning of the column `used_first` in `row` (OLD or NEW). The column has a JSON list of
    the hashes of refresh tokens that people have entered.

    The SQL takes as many characters as the list in OLD has without its closing bracket. If this beginning is equal in
    OLD and NEW, the UPDATE has only added hashes at the end.
    """
    return f"CAST(LEFT({row}.used_first, CHAR_LENGTH(OLD.used_first) - 1) AS BINARY)"


_IS_PURCHASE_SQL = f"NEW.action = '{MONEY_ACTION_BY_KIND['credit-check']}'"
_IS_REFUND_SQL = f"NEW.action = '{MONEY_ACTION_BY_KIND['refund']}'"
_IS_PURCHASE_REQUEST_SQL = "r.action = 'purchase'"
_ENDED_OPERATION_STATES = make_state_list_sql(
    state for state, targets in OPERATION_TRANSITIONS.items() if not targets
)
_HAS_PROVIDER_REFUSAL_SQL = exists_sql(
    f"evidence e WHERE e.operation_id = OLD.id AND {IS_EVIDENCE_FROM_PROVIDER_SQL}"
    f" AND {has_outcome_sql(*REFUSAL_OUTCOMES, OutcomeClass.NOT_FOUND)}"
)
_WAS_FAILED_BY_PEOPLE_SQL = is_second_person_sql("OLD.subject_id", "refund", RefundState.FAILED.value)
_OPERATION_INSERT_RULES = (
    TriggerRule(equals_sql("NEW.operator", "me"), "nobody begins an operation in the name of somebody else"),
    TriggerRule("NEW.state = 'calling' AND NEW.fence = 1 AND NEW.ended_at IS NULL", "an operation begins as calling"),
    TriggerRule(f"NEW.lease_clock = {_CLOCK_ID_SQL} AND {IS_SHORT_LEASE_SQL}", "no lease is longer than ten minutes"),
    TriggerRule(
        f"NOT {_IS_PURCHASE_SQL} OR NEW.idempotency_key = CONCAT('restored:', NEW.id)"
        f" OR {is_operator_sql('p.may_buy = 1')}",
        "this person may not buy",
    ),
    TriggerRule(
        f"NOT {_IS_PURCHASE_SQL} OR NEW.idempotency_key = CONCAT('restored:', NEW.id)"
        f" OR {is_requested_sql(_IS_PURCHASE_REQUEST_SQL)}",
        "this person has not asked for a purchase",
    ),
    TriggerRule(
        f"NOT {_IS_REFUND_SQL} OR NEW.idempotency_key = CONCAT('restored:', NEW.id) OR "
        + exists_sql("refunds r WHERE r.id = NEW.subject_id AND r.operation_id = NEW.id AND r.status = 'submitting'"),
        "only a refund that is approved is sent, and its own row says so first",
    ),
)
_FINAL_OPERATION_COLUMNS = (
    "result",
    "ended_at",
    "outcome_class",
    "outcome_reason",
    "lease_expires",
    "fence",
    "answer_key",
)
"""Columns of an operation that don't change any more after the operation has ended."""
_CALL_PAUSE_RULE = TriggerRule(
    f"NEW.lease_clock = {_CLOCK_ID_SQL} AND NEW.not_before <= {_NOW_SQL} + {LONGEST_CALL_PAUSE_MS}",
    "no call is put off for hours",
)
_IS_OWN_OPERATION_SQL = "(OLD.state = 'calling' AND CAST(OLD.operator AS BINARY) = me)"
_OPERATION_UPDATE_RULES = (
    TriggerRule(
        are_unchanged_sql(
            "id", "action", "subject_kind", "subject_id", "client_id", "corporation_number", "fingerprint",
            "operator", "desk", "host", "process", "session", "started_at", "lease_clock", "answer_lock",
        ),
        "the facts of an operation from its beginning are never changed",
    ),
    TriggerRule(is_allowed_step_sql(OPERATION_TRANSITIONS, "state"), "no such step of an operation"),
    TriggerRule("NEW.fence BETWEEN OLD.fence AND OLD.fence + 1", "a fencing token only rises"),
    TriggerRule(
        f"{are_unchanged_sql('idempotency_key')} OR (NEW.state IN {_ENDED_OPERATION_STATES}"
        " AND NEW.idempotency_key = CONCAT(LEFT(OLD.idempotency_key, 200), '#', OLD.id))",
        "a key is set aside when its operation has ended, and never changed",
    ),
    TriggerRule(
        f"OLD.state NOT IN {_ENDED_OPERATION_STATES}"
        f" OR ({are_unchanged_sql(*_FINAL_OPERATION_COLUMNS)})",
        "an operation that has ended stays as it is",
    ),
    TriggerRule(
        f"NEW.state <> 'calling' OR {are_unchanged_sql('idempotency_key')} AND {_IS_OWN_OPERATION_SQL}"
        f" AND {IS_SHORT_LEASE_SQL}",
        "only the account that began an operation renews its lease",
    ),
    TriggerRule(
        f"NEW.state = OLD.state OR {_IS_OWN_OPERATION_SQL} OR (NEW.fence = OLD.fence + 1 AND (OLD.state <> 'calling'"
        f" OR NOT {is_live_lease_sql('OLD')} OR {has_provider_answer_sql('OLD.id')}))",
        "somebody else's call is running",
    ),
    TriggerRule(
        f"NEW.state <> 'failed' OR OLD.state = 'failed' OR NOT {_IS_PURCHASE_SQL}"
        f" OR ({has_answer_key_sql('NEW', 'OLD')} AND ({_IS_OWN_OPERATION_SQL}"
        f" OR {has_provider_refusal_sql('OLD.id')}))"
        f" OR {is_second_person_sql('OLD.subject_id')}",
        "a purchase fails only by the provider's answer or a decision of two people",
    ),
    TriggerRule(
        f"NEW.state <> 'failed' OR OLD.state = 'failed' OR NOT {_IS_REFUND_SQL} OR {_IS_OWN_OPERATION_SQL}"
        f" OR {_HAS_PROVIDER_REFUSAL_SQL} OR {_WAS_FAILED_BY_PEOPLE_SQL}",
        "a refund fails only by the provider's answer or a decision of two people",
    ),
)  # fmt: skip
# The name is compared as the queries compare it, so no other spelling is found by them. Without this rule any account
# that writes leases could make desks ask where no worker runs, and let each worker wait for one that isn't there.
_ONLY_WORKERS_ARE_PRESENT_RULE = TriggerRule(
    f"NEW.name <> '{PRESENCE_LEASE_NAME}' OR {has_role_sql(WORKER)}", "only a worker says that it is present"
)
_LEASE_UPDATE_RULES = (
    _ONLY_WORKERS_ARE_PRESENT_RULE,
    TriggerRule(are_unchanged_sql("name", "slot"), "a lease keeps its name"),
    TriggerRule("NEW.fence BETWEEN OLD.fence AND OLD.fence + 1", "a fencing token only rises"),
    TriggerRule(
        f"NOT {is_live_lease_sql('OLD')} OR CAST(OLD.operator AS BINARY) = me", "somebody else holds this lease"
    ),
    TriggerRule(
        "CAST(NEW.operator AS BINARY) <=> me"
        f" OR (NOT {is_live_lease_sql('NEW')} AND {are_unchanged_sql('operator')})",
        "nobody takes a lease in the name of somebody else",
    ),
    TriggerRule(
        f"{is_live_lease_sql('OLD')} OR NOT {is_live_lease_sql('NEW')} OR NEW.fence = OLD.fence + 1"
        f" OR ({are_unchanged_sql('token')}"
        " AND CAST(OLD.operator AS BINARY) = me)",  # the holder renews its lease just after it expired
        "taking a lease raises its token",
    ),
    TriggerRule(f"NEW.lease_clock = {_CLOCK_ID_SQL} AND {IS_SHORT_LEASE_SQL}", "no lease is longer than ten minutes"),
)

_REQUEST_ID_RULE = TriggerRule(equals_sql("NEW.person", "me"), "a request id is stored in the name of its own person")

SERVER_RULES: Mapping[tuple[str, TriggerEvent], tuple[TriggerRule, ...]] = {
    ("audit_log", "INSERT"): _AUDIT_ROW_INSERT_RULES,
    ("audit_log", "UPDATE"): make_refusal_rules("audit rows are never changed"),
    ("audit_log", "DELETE"): make_refusal_rules("audit rows are never deleted"),
    ("evidence", "INSERT"): (
        TriggerRule(equals_sql("NEW.who", "me"), "nobody brings evidence in the name of somebody else"),
        TriggerRule(
            f"NEW.source <> 'person' OR {is_requested_sql(IS_EVIDENCE_OF_REQUEST_SQL)}",
            "the evidence of a person comes from a request of this person",
        ),
    ),
    ("evidence", "UPDATE"): make_refusal_rules("evidence is never changed"),
    ("evidence", "DELETE"): make_refusal_rules("evidence is never deleted"),
    ("operations", "INSERT"): _OPERATION_INSERT_RULES,
    ("operations", "UPDATE"): _OPERATION_UPDATE_RULES,
    ("operations", "DELETE"): (TriggerRule(NEVER_TRUE_SQL, "the journal is never deleted"),),
    ("leases", "INSERT"): (
        _ONLY_WORKERS_ARE_PRESENT_RULE,
        TriggerRule(equals_sql("NEW.operator", "me"), "nobody takes a lease in the name of somebody else"),
        TriggerRule(
            f"NEW.fence = 1 AND NEW.lease_clock = {_CLOCK_ID_SQL} AND {IS_SHORT_LEASE_SQL}",
            "no lease is longer than ten minutes",
        ),
    ),
    ("leases", "UPDATE"): _LEASE_UPDATE_RULES,
    ("leases", "DELETE"): (TriggerRule(NEVER_TRUE_SQL, "leases are never deleted"),),
    ("request_ids", "INSERT"): (
        _REQUEST_ID_RULE,
        TriggerRule(
            f"NEW.fence = 1 AND NEW.lease_clock = {_CLOCK_ID_SQL} AND {IS_SHORT_LEASE_SQL}",
            "no lease is longer than ten minutes",
        ),
    ),
    ("request_ids", "UPDATE"): (
        _REQUEST_ID_RULE,
        TriggerRule(are_unchanged_sql("person", "request_id"), "the person of a request id never changes"),
        TriggerRule("NEW.fence BETWEEN OLD.fence AND OLD.fence + 1", "a fencing token only rises"),
        TriggerRule(
            f"NEW.lease_clock = {_CLOCK_ID_SQL} AND {IS_SHORT_LEASE_SQL}", "no lease is longer than ten minutes"
        ),
    ),
    ("request_ids", "DELETE"): (TriggerRule(NEVER_TRUE_SQL, "request ids are never deleted"),),
    ("sessions", "INSERT"): (
        TriggerRule(
            "NEW.operator IS NULL OR CAST(NEW.operator AS BINARY) = account",
            "nobody opens a session in the name of somebody else",
        ),
    ),
    ("operators", "INSERT"): (SCHEMA_ACCOUNT_ONLY_RULE, _OPERATOR_NAME_RULE),
    ("operators", "UPDATE"): (*PERSON_UPDATE_RULES, _OPERATOR_NAME_RULE),
    ("operators", "DELETE"): (SCHEMA_ACCOUNT_ONLY_RULE,),
    ("console_meta", "INSERT"): (
        TriggerRule(
            f"NEW.name = 'store_key_fingerprint' OR {_IS_MERCHANT_STORED_BY_ACCOUNT_SQL}",
            "only the schema account changes this",
        ),
    ),
    ("console_meta", "UPDATE"): (SCHEMA_ACCOUNT_ONLY_RULE,),
    ("console_meta", "DELETE"): (SCHEMA_ACCOUNT_ONLY_RULE,),
    ("call_rates", "INSERT"): (_CALL_PAUSE_RULE,),
    ("call_rates", "UPDATE"): (TriggerRule(are_unchanged_sql("name"), "a rate keeps its name"), _CALL_PAUSE_RULE),
    ("provider_tokens", "INSERT"): (
        _PROVIDER_TOKEN_RULE,
        TriggerRule("NEW.version = 1", "tokens are replaced one after the other"),
    ),
    ("provider_tokens", "UPDATE"): (
        TriggerRule(
            f"{are_unchanged_sql('provider')} AND NEW.version = OLD.version + 1",
            "tokens are replaced one after the other",
        ),
        TriggerRule(
            f"{_make_earlier_token_hashes_sql('NEW')} = {_make_earlier_token_hashes_sql('OLD')}"
            " AND CHAR_LENGTH(NEW.used_first) >= CHAR_LENGTH(OLD.used_first)",
            "a used token stays used",
        ),
        _PROVIDER_TOKEN_RULE,
    ),
    ("provider_tokens", "DELETE"): (SCHEMA_ACCOUNT_ONLY_RULE,),
    ("documents", "INSERT"): (
        TriggerRule(
            "CHAR_LENGTH(NEW.sha256) = 64 AND NOT NEW.sha256 REGEXP '[^0-9a-f]' AND CAST(NEW.path AS BINARY) IN"
            " (CONCAT(LEFT(NEW.sha256, 2), '/', NEW.sha256, '.pdf'),"
            " CONCAT(LEFT(NEW.sha256, 2), '/', NEW.sha256, '.csv'))",
            "the path of a document is made of the SHA-256 of its content",
        ),
    ),
}
"""Trigger rules of the tables to which no other application writes, by table and event (INSERT, UPDATE, DELETE)."""
