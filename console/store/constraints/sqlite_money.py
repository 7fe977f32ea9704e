"""What an embedded database refuses by itself about money. It knows no accounts, so it guards against mistakes: who
acts is whoever the program says, and a maker is known by the name alone.

Rendered from the tables of transitions; a migration makes them, and `fitness` looks whether they are there.
"""

from collections.abc import Collection, Iterator, Mapping

from sqlalchemy import Connection

from console.domain.money import LARGEST_MINOR
from console.domain.payment_records import PaymentState, RefundState
from console.domain.states import ENDED_REFUND, HOLDING_REFUND, ORDER, PAYMENT, REFUND, SET_ASIDE
from console.store import sqlite_guards_worker
from console.store.guard_words import Rule, among, there_is
from console.store.sqlite_guard_words import RAISED, Guard, Rules, never_replaced, same, steps

_TRIGGERS = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"
_BEGINNING = (PaymentState.INITIALIZING, PaymentState.TOKEN_GENERATED, PaymentState.USER_PAYMENT)
_SUMS = ("captured_minor", "reserved_minor", "refunded_minor", "set_aside_minor")


def renew(conn: Connection) -> None:
    """Make them all, in place of those that are there; where a later migration makes a table, with that one."""
    tables = set(conn.exec_driver_sql(_TABLES).scalars())
    for guard in GUARDS:
        if guard.table in tables:
            conn.exec_driver_sql(f"DROP TRIGGER IF EXISTS {guard.name}")
            conn.exec_driver_sql(guard.sql)


def missing(conn: Connection) -> tuple[str, ...]:
    """Names of those that are not there, or not as they should be."""
    there = {str(name): str(sql) for name, sql in conn.exec_driver_sql(_TRIGGERS)}
    return tuple(guard.name for guard in GUARDS if there.get(guard.name) != guard.sql)


def _refunds_in(states: Collection[RefundState], payment: str) -> str:
    rows = f"refunds r WHERE r.payment_id = {payment} AND r.status IN {among(states)}"
    return f"(SELECT COALESCE(SUM(r.refund_amount), 0) FROM {rows})"  # noqa: S608  # our own words


_VOTES = (
    "(SELECT COUNT(DISTINCT lower(trim(a.person))) FROM approvals a WHERE a.vote_of = CAST(OLD.id AS TEXT)"
    " AND lower(trim(a.person)) <> lower(trim(OLD.maker)))"
)
_SENDING = "(OLD.status = 'approved' AND NEW.status = 'submitting')"

_REFUND_BEGINS: Rules = (
    never_replaced("refunds"),
    Rule(
        "NEW.status = 'requested' AND NEW.certainty = 'known' AND NEW.version = 1 AND NEW.sent_count = 0"
        " AND NEW.provider_refund_key IS NULL AND NEW.refund_txn_id IS NULL",
        "a refund begins as a request, undecided and unsent",
    ),
    Rule(f"NEW.refund_amount BETWEEN 1 AND {LARGEST_MINOR}", "a refund is of one minor unit to 10^15"),
    Rule("NEW.checkers_needed BETWEEN 1 AND 2", "a refund needs one or two checkers"),
    Rule(
        there_is(
            "payments p WHERE p.id = NEW.payment_id AND p.currency = NEW.currency AND p.reserved_minor ="
            f" NEW.refund_amount + {_refunds_in(HOLDING_REFUND, 'NEW.payment_id')}"
        ),
        "a refund has its own sum reserved of its own payment before",
    ),
)
_REFUND_CHANGES: Rules = (
    RAISED,
    Rule(
        same(
            "id", "order_id", "payment_id", "refund_amount", "currency", "maker", "reason", "ticket",
            "intended_repeat", "set_aside_id", "saw", "radar", "checkers_needed", "decide_by", "created_at",
        ),
        "what was asked for never changes, ask anew",
    ),
    Rule(steps(REFUND), "no such step of a refund"),
    Rule(
        f"OLD.status NOT IN {among(ENDED_REFUND)} OR ({same('status', 'refund_txn_id', 'declined_because')})",
        "a refund that was decided stays as it was decided",
    ),
    Rule(
        f"NOT (OLD.status = 'requested' AND NEW.status = 'approved') OR {_VOTES} >= OLD.checkers_needed",
        "as many approvers as needed, none the maker",
    ),
    Rule(f"{same('provider_refund_key')} OR (OLD.provider_refund_key IS NULL AND {_SENDING})",
     "the key towards the provider is for life"),
    Rule(f"NOT {_SENDING} OR NEW.provider_refund_key IS NOT NULL", "no refund is sent without a key"),
    Rule(f"{same('refund_txn_id')} OR OLD.refund_txn_id IS NULL", "the provider's number is set once"),
    Rule("NEW.status <> 'completed' OR length(trim(NEW.refund_txn_id)) > 0", "completed with the provider's number"),
)  # fmt: skip
_PAYMENT_BEGINS: Rules = (
    never_replaced("payments"),
    Rule(
        f"NEW.status IN {among(_BEGINNING)} AND " + " AND ".join(f"NEW.{name} = 0" for name in _SUMS),
        "a payment begins without money",
    ),
    Rule(f"NEW.asked_minor BETWEEN 0 AND {LARGEST_MINOR}", "a price is 0 to 10^15 minor units"),
)
_PAYMENT_CHANGES: Rules = (
    RAISED,
    Rule(
        same("id", "provider", "merchant_payment_id", "currency", "asked_minor", "created_at"),
        "which payment it is, and its price, never change",
    ),
    Rule(f"{same('provider_payment_id')} OR OLD.provider_payment_id IS NULL", "the provider's number is set once"),
    Rule(steps(PAYMENT), "no such step of a payment"),
    Rule(
        f"min({', '.join(f'NEW.{name}' for name in _SUMS)}) >= 0 AND NEW.captured_minor <= {LARGEST_MINOR}"
        " AND NEW.reserved_minor + NEW.refunded_minor + NEW.set_aside_minor <= NEW.captured_minor",
        "captured is what is left, reserved, refunded and set aside, none below zero",
    ),
    Rule("NEW.captured_minor >= OLD.captured_minor", "what was captured stays captured"),
    Rule("NEW.refunded_minor >= OLD.refunded_minor", "what was refunded stays refunded"),
    Rule(
        f"NEW.reserved_minor >= OLD.reserved_minor OR NEW.reserved_minor >= {_refunds_in(HOLDING_REFUND, 'OLD.id')}",
        "what open refunds hold stays reserved",
    ),
    Rule(
        f"{same(*_SUMS)} OR NEW.refunded_minor >= {_refunds_in((RefundState.COMPLETED,), 'OLD.id')}",
        "what completed refunds gave back is refunded",
    ),
)
_MAY_VOTE = there_is(
    "refunds r WHERE r.id = CAST(NEW.subject_id AS INTEGER) AND CAST(r.id AS TEXT) = NEW.subject_id"
    " AND r.status = 'requested' AND lower(trim(r.maker)) <> lower(trim(NEW.person))"
)
_DECISION: Rules = (
    Rule("NEW.action <> 'refund.approve' OR (NEW.subject_kind = 'refund' AND NEW.proposed = 'approved')",
     "no such decision"),
    Rule(f"NEW.action <> 'refund.approve' OR {_MAY_VOTE}", "a vote is for a request that waits, of somebody else"),
)  # fmt: skip
_DECIDED: Rules = (
    Rule(
        same("id", "subject_kind", "subject_id", "action", "proposed", "person", "evidence_id", "at"),
        "what somebody decided is never changed",
    ),
)
_TOLD: Rules = (
    Rule(
        same("id", "source", "event_id", "kind", "order_no", "amount_minor", "currency", "occurred_at", "body"),
        "what was told is never changed",
    ),
)
_ASIDE_BEGINS = Rule(f"NEW.amount_minor BETWEEN 1 AND {LARGEST_MINOR}", "a set-aside is of one minor unit to 10^15")
_ASIDE_MOVES: Rules = (
    Rule(same("id", "payment_id", "account_id", "amount_minor", "currency"), "what was set aside stays"),
    Rule(steps(SET_ASIDE), "no such step of what was set aside"),
)
_ACCOUNT: Rules = (
    Rule("NEW.balance_minor >= 0 AND NEW.reserved_minor >= 0", "an account holds no less than nothing"),
    Rule(
        "NEW.balance_minor + NEW.reserved_minor <= max(NEW.limit_minor, OLD.balance_minor + OLD.reserved_minor)",
        "an account holds no more than its limit",
    ),
)
_KEPT: Mapping[str, str] = {
    "orders": "an order is never deleted",
    "payments": "payments are never deleted",
    "payment_events": "what was told is never deleted",
    "refunds": "refunds are never deleted",
    "set_asides": "what was set aside is never deleted",
    "approvals": "decisions are never deleted",
}


def _all() -> Iterator[Guard]:
    yield Guard("refunds", "INSERT", _REFUND_BEGINS)
    yield Guard("refunds", "UPDATE", _REFUND_CHANGES)
    yield Guard("payments", "INSERT", _PAYMENT_BEGINS)
    yield Guard("payments", "UPDATE", _PAYMENT_CHANGES)
    yield Guard("approvals", "INSERT", _DECISION)
    yield Guard("approvals", "UPDATE", _DECIDED)
    yield Guard("payment_events", "UPDATE", _TOLD)
    yield Guard("set_asides", "INSERT", (_ASIDE_BEGINS,))
    yield Guard("set_asides", "UPDATE", _ASIDE_MOVES)
    yield Guard("accounts", "UPDATE", _ACCOUNT)
    yield Guard("orders", "UPDATE", (Rule(steps(ORDER), "no such step of an order"),))
    for table, words in _KEPT.items():
        yield Guard(table, "DELETE", (Rule("0", words),))


GUARDS = (*_all(), *sqlite_guards_worker.GUARDS)
