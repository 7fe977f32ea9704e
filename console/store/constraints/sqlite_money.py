"""Trigger rules of an SQLite database about money. SQLite has no accounts: the program itself states the acting
person's name, and the rules recognise a maker only by this name. So these rules protect only against mistakes.

The program makes the triggers from the tables of transitions. If one of them is missing or altered, an upgrade of the
schema creates all of them again. `fitness` checks that they exist and are unaltered.
"""

from collections.abc import Collection, Iterator, Mapping

from sqlalchemy import Connection

from console.domain.money import LARGEST_AMOUNT_MINOR
from console.domain.payments.states import DONE_OUTSIDE, PAYMENT_TRANSITIONS, RESERVING_REFUND_STATES, RefundState
from console.domain.transitions.tables import (
    ENDED_REFUND_STATES,
    ORDER_TRANSITIONS,
    REFUND_TRANSITIONS,
    SET_ASIDE_TRANSITIONS,
)
from console.store.constraints import sqlite_worker, state_since
from console.store.constraints.payments import INITIAL_PAYMENT_STATES
from console.store.constraints.sql_expressions import VERSION_RULE, TriggerRule, exists_sql, make_state_list_sql
from console.store.constraints.sqlite_expressions import (
    TriggerDefinition,
    TriggerRules,
    are_unchanged_sql,
    is_allowed_step_sql,
    make_no_replacement_rule,
)

_TRIGGERS_QUERY = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
_PAYMENT_SUM_COLUMNS = ("captured_minor", "reserved_minor", "refunded_minor", "set_aside_minor", "outside_minor")


def renew_triggers(conn: Connection) -> None:
    """Drop all triggers of the console that are made from these rules and create them again, in the caller's
    transaction."""
    for trigger in _list_required_triggers(conn):
        conn.exec_driver_sql(f"DROP TRIGGER IF EXISTS {trigger.name}")
        conn.exec_driver_sql(trigger.sql)


def drop_triggers(conn: Connection) -> None:
    """Drop the triggers of SQLITE_CONSTRAINTS, in the caller's transaction: SQLite refuses to drop or rename a column
    of any table while a trigger names a column that doesn't exist."""
    for trigger in SQLITE_CONSTRAINTS:
        conn.exec_driver_sql(f"DROP TRIGGER IF EXISTS {trigger.name}")


def list_missing_triggers(conn: Connection) -> tuple[str, ...]:
    """Return the names of those triggers that `renew_triggers` creates and that are missing or altered in this
    SQLite database. The triggers of the audit trail aren't among them."""
    existing_triggers = {str(name): str(sql) for name, sql in conn.exec_driver_sql(_TRIGGERS_QUERY)}
    return tuple(
        trigger.name
        for trigger in _list_required_triggers(conn)
        if existing_triggers.get(trigger.name) != trigger.sql
    )


def _list_required_triggers(conn: Connection) -> tuple[TriggerDefinition | state_since.StateSinceTrigger, ...]:
    """Return all triggers that `renew_triggers` creates in this database."""
    return (*SQLITE_CONSTRAINTS, *state_since.list_sqlite_triggers(conn))


def _make_refund_sum_sql(states: Collection[RefundState], payment_id: str) -> str:
    """Return SQL for the sum (minor units) of the refunds in these states of the payment `payment_id` (SQL)."""
    rows = f"refunds r WHERE r.payment_id = {payment_id} AND r.status IN {make_state_list_sql(states)}"
    return f"(SELECT COALESCE(SUM(r.refund_amount), 0) FROM {rows})"  # noqa: S608  # constants of this program


_REFUND_VOTE_COUNT_SQL = (
    "(SELECT COUNT(DISTINCT lower(trim(a.person))) FROM approvals a WHERE a.vote_of = CAST(OLD.id AS TEXT)"
    " AND lower(trim(a.person)) <> lower(trim(OLD.maker)))"
)
_IS_REFUND_SENDING_STEP_SQL = "(OLD.status = 'approved' AND NEW.status = 'submitting')"

_REFUND_INSERT_RULES: TriggerRules = (
    make_no_replacement_rule("refunds"),
    TriggerRule(
        "NEW.status = 'requested' AND NEW.certainty = 'known' AND NEW.version = 1 AND NEW.sent_count = 0"
        " AND NEW.provider_refund_key IS NULL AND NEW.refund_txn_id IS NULL",
        "a refund begins as a request, undecided and unsent",
    ),
    TriggerRule(f"NEW.refund_amount BETWEEN 1 AND {LARGEST_AMOUNT_MINOR}", "a refund is of one minor unit to 10^15"),
    TriggerRule("NEW.checkers_needed BETWEEN 1 AND 2", "a refund needs one or two checkers"),
    TriggerRule(
        exists_sql(
            "payments p WHERE p.id = NEW.payment_id AND p.currency = NEW.currency AND p.reserved_minor ="
            f" NEW.refund_amount + {_make_refund_sum_sql(RESERVING_REFUND_STATES, 'NEW.payment_id')}"
        ),
        "a refund has its own sum reserved of its own payment before",
    ),
)
_REFUND_UPDATE_RULES: TriggerRules = (
    VERSION_RULE,
    TriggerRule(
        are_unchanged_sql(
            "id",
            "order_id",
            "payment_id",
            "refund_amount",
            "currency",
            "maker",
            "reason",
            "reason_code",
            "ticket",
            "intended_repeat",
            "set_aside_id",
            "saw",
            "radar",
            "checkers_needed",
            "decide_by",
            "created_at",
        ),
        "the contents of a refund request never change: make a new request",
    ),
    TriggerRule(is_allowed_step_sql(REFUND_TRANSITIONS), "no such step of a refund"),
    TriggerRule(
        f"OLD.status NOT IN {make_state_list_sql(ENDED_REFUND_STATES)}"
        f" OR ({are_unchanged_sql('status', 'refund_txn_id', 'declined_because')})",
        "a refund that has ended is never changed",
    ),
    TriggerRule(
        # Only the service compares limits that were lowered after the request: one person alone uses an SQLite file.
        "NOT (OLD.status = 'requested' AND NEW.status = 'approved')"
        f" OR {_REFUND_VOTE_COUNT_SQL} >= OLD.checkers_needed",
        "a refund needs enough approvers, and its maker is none of them",
    ),
    TriggerRule(
        f"{are_unchanged_sql('provider_refund_key')}"
        f" OR (OLD.provider_refund_key IS NULL AND {_IS_REFUND_SENDING_STEP_SQL})",
        "the idempotency key of a refund is set once",
    ),
    TriggerRule(
        f"NOT {_IS_REFUND_SENDING_STEP_SQL} OR NEW.provider_refund_key IS NOT NULL", "no refund is sent without a key"
    ),
    TriggerRule(
        f"{are_unchanged_sql('refund_txn_id')} OR OLD.refund_txn_id IS NULL", "the provider's number is set once"
    ),
    TriggerRule(
        "NEW.status <> 'completed' OR length(trim(NEW.refund_txn_id)) > 0",
        "a completed refund has the provider's number",
    ),
    state_since.make_sqlite_rule("status", "certainty"),
)
_IS_OUTSIDE_PROPOSED_SQL = exists_sql(
    "approvals a WHERE a.subject_kind = 'payment' AND a.subject_id = CAST(OLD.id AS TEXT) AND a.action = 'resolve'"
    f" AND a.proposed = '{DONE_OUTSIDE}' AND a.closed_at IS NULL"
)
_PAYMENT_INSERT_RULES: TriggerRules = (
    make_no_replacement_rule("payments"),
    TriggerRule(
        f"NEW.status IN {make_state_list_sql(INITIAL_PAYMENT_STATES)} AND "
        + " AND ".join(f"NEW.{name} = 0" for name in _PAYMENT_SUM_COLUMNS),
        "a payment begins without money",
    ),
    TriggerRule(f"NEW.asked_minor BETWEEN 0 AND {LARGEST_AMOUNT_MINOR}", "a price is 0 to 10^15 minor units"),
)
_PAYMENT_UPDATE_RULES: TriggerRules = (
    VERSION_RULE,
    TriggerRule(
        are_unchanged_sql("id", "provider", "merchant_payment_id", "currency", "asked_minor", "created_at"),
        "the numbers and the price of a payment never change",
    ),
    TriggerRule(
        f"{are_unchanged_sql('provider_payment_id')} OR OLD.provider_payment_id IS NULL",
        "the provider's number is set once",
    ),
    TriggerRule(is_allowed_step_sql(PAYMENT_TRANSITIONS), "no such step of a payment"),
    state_since.make_sqlite_rule("status", "certainty"),
    TriggerRule(
        f"min({', '.join(f'NEW.{name}' for name in _PAYMENT_SUM_COLUMNS)}) >= 0"
        f" AND NEW.captured_minor <= {LARGEST_AMOUNT_MINOR}"
        " AND NEW.reserved_minor + NEW.refunded_minor + NEW.set_aside_minor + NEW.outside_minor"
        " <= NEW.captured_minor",
        "no amount of a payment is negative, and its parts are at most the captured amount",
    ),
    TriggerRule("NEW.captured_minor >= OLD.captured_minor", "the captured amount never falls"),
    TriggerRule("NEW.refunded_minor >= OLD.refunded_minor", "the refunded amount never falls"),
    TriggerRule(
        "NEW.outside_minor = OLD.outside_minor"
        f" OR (NEW.outside_minor > OLD.outside_minor AND {_IS_OUTSIDE_PROPOSED_SQL})",
        "only two people state that an amount was given back outside",
    ),
    TriggerRule(
        "NEW.reserved_minor >= OLD.reserved_minor OR "
        f"NEW.reserved_minor >= {_make_refund_sum_sql(RESERVING_REFUND_STATES, 'OLD.id')}",
        "the amounts of open refunds stay reserved",
    ),
    TriggerRule(
        f"{are_unchanged_sql(*_PAYMENT_SUM_COLUMNS)}"
        f" OR NEW.refunded_minor >= {_make_refund_sum_sql((RefundState.COMPLETED,), 'OLD.id')}",
        "the amounts of completed refunds count as refunded",
    ),
)
_MAY_VOTE_ON_REFUND_SQL = exists_sql(
    "refunds r WHERE r.id = CAST(NEW.subject_id AS INTEGER) AND CAST(r.id AS TEXT) = NEW.subject_id"
    " AND r.status = 'requested' AND lower(trim(r.maker)) <> lower(trim(NEW.person))"
)
_APPROVAL_INSERT_RULES: TriggerRules = (
    TriggerRule(
        "NEW.action <> 'refund.approve' OR (NEW.subject_kind = 'refund' AND NEW.proposed = 'approved')",
        "no such decision",
    ),
    TriggerRule(
        f"NEW.action <> 'refund.approve' OR {_MAY_VOTE_ON_REFUND_SQL}",
        "a vote is for a request that waits, of somebody else",
    ),
)
_APPROVAL_UPDATE_RULES: TriggerRules = (
    TriggerRule(
        are_unchanged_sql("id", "subject_kind", "subject_id", "action", "proposed", "person", "evidence_id", "at"),
        "the contents of a decision are never changed",
    ),
)
_PAYMENT_EVENT_UPDATE_RULES: TriggerRules = (
    TriggerRule(
        are_unchanged_sql(
            "id", "source", "event_id", "kind", "order_no", "amount_minor", "currency", "occurred_at", "body",
            "signature", "who",
        ),
        "the content of a notice is never changed",
    ),
)  # fmt: skip
_SET_ASIDE_INSERT_RULE = TriggerRule(
    f"NEW.amount_minor BETWEEN 1 AND {LARGEST_AMOUNT_MINOR}", "a set-aside is of one minor unit to 10^15"
)
_SET_ASIDE_UPDATE_RULES: TriggerRules = (
    TriggerRule(
        are_unchanged_sql("id", "payment_id", "account_id", "amount_minor", "currency"),
        "the payment and the size of an amount set aside never change",
    ),
    TriggerRule(is_allowed_step_sql(SET_ASIDE_TRANSITIONS), "no such step of an amount set aside"),
)
_ACCOUNT_UPDATE_RULES: TriggerRules = (
    TriggerRule("NEW.balance_minor >= 0 AND NEW.reserved_minor >= 0", "the balance of an account is never negative"),
    TriggerRule(
        "NEW.balance_minor + NEW.reserved_minor <= max(NEW.limit_minor, OLD.balance_minor + OLD.reserved_minor)",
        "the balance of an account is never above its limit",
    ),
)
_DELETION_MESSAGE_BY_TABLE: Mapping[str, str] = {
    "orders": "an order is never deleted",
    "payments": "payments are never deleted",
    "payment_events": "a notice is never deleted",
    "refunds": "refunds are never deleted",
    "set_asides": "amounts set aside are never deleted",
    "approvals": "decisions are never deleted",
}


def _make_trigger_definitions() -> Iterator[TriggerDefinition]:
    yield TriggerDefinition("refunds", "INSERT", _REFUND_INSERT_RULES)
    yield TriggerDefinition("refunds", "UPDATE", _REFUND_UPDATE_RULES)
    yield TriggerDefinition("payments", "INSERT", _PAYMENT_INSERT_RULES)
    yield TriggerDefinition("payments", "UPDATE", _PAYMENT_UPDATE_RULES)
    yield TriggerDefinition("approvals", "INSERT", _APPROVAL_INSERT_RULES)
    yield TriggerDefinition("approvals", "UPDATE", _APPROVAL_UPDATE_RULES)
    yield TriggerDefinition("payment_events", "UPDATE", _PAYMENT_EVENT_UPDATE_RULES)
    yield TriggerDefinition("set_asides", "INSERT", (_SET_ASIDE_INSERT_RULE,))
    yield TriggerDefinition("set_asides", "UPDATE", _SET_ASIDE_UPDATE_RULES)
    yield TriggerDefinition("accounts", "UPDATE", _ACCOUNT_UPDATE_RULES)
    yield TriggerDefinition(
        "orders", "UPDATE", (TriggerRule(is_allowed_step_sql(ORDER_TRANSITIONS), "no such step of an order"),)
    )
    for table, message in _DELETION_MESSAGE_BY_TABLE.items():
        yield TriggerDefinition(table, "DELETE", (TriggerRule("0", message),))


SQLITE_CONSTRAINTS = (*_make_trigger_definitions(), *sqlite_worker.WORKER_CONSTRAINTS)
