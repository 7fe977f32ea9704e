"""What the database refuses about payments, their events, accounts and what was set aside: no sum is ever made up.

The order of statements that these rules expect, each time in one transaction: evidence, the payment's state, what was
captured, what exceeds an account's limit, the set-aside, the order. Of a refund: see `guard_refunds`.
"""

from collections.abc import Iterable, Mapping

from console.domain.money import LARGEST_MINOR, MINOR_DIGITS
from console.domain.outcomes import OutcomeClass
from console.domain.payment_records import PaymentState, RefundState
from console.domain.records import Certainty
from console.domain.states import HOLDING_REFUND, PAYMENT, SET_ASIDE
from console.store.guard_words import (
    CERTAINTY,
    NEVER,
    OWNERS,
    PROVIDERS,
    RAISED,
    WORK,
    Event,
    Rule,
    among,
    said,
    same,
    steps,
    summed,
    there_is,
    two_people,
    unless,
    word,
)

_P = PaymentState
CLAIMING = (_P.PAYMENT_SUCCESS, _P.CALLBACK_RECEIVED, _P.SIGNATURE_VERIFIED, _P.COMPLETED, _P.REVERSED)
"""States that say that money has moved."""
BEGINNING = (_P.INITIALIZING, _P.TOKEN_GENERATED, _P.USER_PAYMENT)
_TAUGHT_NOTHING = (OutcomeClass.UNKNOWN, OutcomeClass.NOT_FOUND, OutcomeClass.AUTH, OutcomeClass.RATE_LIMITED)
_MONEY = ("captured_minor", "reserved_minor", "refunded_minor", "set_aside_minor")
_MOVED = f"(NOT ({same(*_MONEY)}))"


def _rise(column: str) -> str:
    return f"(NEW.{column} - OLD.{column})"


def _sum(states: Iterable[RefundState]) -> str:
    """SQL: what the refunds of this payment in these states come to."""
    return summed("r.refund_amount", f"refunds r WHERE r.payment_id = OLD.id AND r.status IN {among(states)}")


_WAS_TOLD = there_is(
    f"evidence e WHERE e.subject_kind = 'payment' AND e.subject_id = OLD.id AND {PROVIDERS}"
    f" AND NOT ({said(*_TAUGHT_NOTHING)}) AND NOT e.summary LIKE '%resolved_by_people' AND CAST(e.who AS BINARY) = me"
)
_WAS_DECIDED = two_people("OLD.id", "payment", _P.COMPLETED.value, _P.REVERSED.value)
_BEGUN = (
    Rule(
        f"{word('NEW.status', BEGINNING)} AND {word('NEW.certainty', (Certainty.KNOWN,))}"
        " AND NEW.version = 1 AND NEW.provider_payment_id IS NULL"
        " AND NEW.captured_minor = 0 AND NEW.reserved_minor = 0 AND NEW.refunded_minor = 0"
        " AND NEW.set_aside_minor = 0",
        "a payment begins without money",
    ),
    Rule(
        f"NEW.asked_minor BETWEEN 0 AND {LARGEST_MINOR} AND NEW.account_minor BETWEEN 0 AND NEW.asked_minor"
        f" AND CAST(NEW.currency AS BINARY) IN ({', '.join(sorted(map(repr, MINOR_DIGITS)))})",
        "a price is 0 to 10^15 minor units of a known currency",
    ),
    Rule("NOT NEW.provider REGEXP '[^a-z0-9_-]' AND CHAR_LENGTH(NEW.provider) > 0", "no such provider's name"),
    WORK,
)
_CHANGED = (
    RAISED,
    Rule(
        same("id", "provider", "merchant_payment_id", "currency", "asked_minor", "created_at"),
        "which payment it is, and its price, never change",
    ),
    Rule(f"{same('provider_payment_id')} OR OLD.provider_payment_id IS NULL", "the provider's number is set once"),
    Rule(f"{same('order_id')} OR OLD.order_id IS NULL", "a payment stays with its order"),
    Rule(steps(PAYMENT, "status"), "no such step of a payment"),
    CERTAINTY,
    WORK,
    Rule(
        f"NEW.captured_minor <= {LARGEST_MINOR} AND LEAST({', '.join(f'NEW.{name}' for name in _MONEY)},"
        " NEW.account_minor) >= 0"
        " AND NEW.reserved_minor + NEW.refunded_minor + NEW.set_aside_minor <= NEW.captured_minor",
        "captured is what is left, reserved, refunded and set aside, none below zero",
    ),
    Rule("NEW.captured_minor >= OLD.captured_minor", "what was captured stays captured"),
    Rule("NEW.refunded_minor >= OLD.refunded_minor", "what was refunded stays refunded"),
    Rule(
        unless(f"({_rise('refunded_minor')} > 0)", f"{_rise('refunded_minor')} = -{_rise('reserved_minor')}"),
        "only what was reserved is refunded",
    ),
    Rule(unless(f"({_rise('reserved_minor')} > 0)", "OLD.status <> 'reversed'"), "what was taken back gives nothing"),
    Rule(
        unless(f"({_rise('set_aside_minor')} < 0)", f"-{_rise('set_aside_minor')} = {_rise('reserved_minor')}"),
        "what was set aside goes back by a refund alone",
    ),
    Rule(
        unless(
            f"({_rise('captured_minor')} > 0 OR NOT ({same('provider_payment_id')})"
            f" OR (NEW.status <> OLD.status AND NEW.status IN {among(CLAIMING)}))",
            f"{_WAS_TOLD} OR {_WAS_DECIDED}",
        ),
        "that money has moved only a provider's answer says, or two people",
    ),
    Rule(
        unless(f"({_rise('reserved_minor')} < 0)", f"NEW.reserved_minor >= {_sum(HOLDING_REFUND)}"),
        "what open refunds hold stays reserved",
    ),
    Rule(
        unless(_MOVED, f"NEW.refunded_minor >= {_sum((RefundState.COMPLETED,))}"),
        "what completed refunds gave back is refunded",
    ),
)
_OPEN_ASIDES = summed("s.amount_minor", "set_asides s WHERE s.payment_id = NEW.payment_id AND s.status = 'open'")
_ASIDE = (
    Rule(
        f"NEW.status = 'open' AND NEW.refund_id IS NULL AND NEW.version = 1 AND NEW.amount_minor BETWEEN 1 AND"
        f" {LARGEST_MINOR}",
        "what is set aside begins open",
    ),
    Rule(
        there_is(
            "payments p WHERE p.id = NEW.payment_id AND p.currency = NEW.currency AND p.set_aside_minor >="
            f" NEW.amount_minor + {_OPEN_ASIDES}"
        ),
        "what is set aside is set aside of its payment before",
    ),
    Rule(
        there_is("accounts a WHERE a.id = NEW.account_id AND a.currency = NEW.currency"),
        "what is set aside exceeds an account's limit",
    ),
)
_ASIDE_MOVES = (
    RAISED,
    Rule(
        same("id", "payment_id", "account_id", "amount_minor", "currency", "created_at"), "what was set aside stays"
    ),
    Rule(steps(SET_ASIDE, "status"), "no such step of what was set aside"),
    Rule(
        f"NEW.refund_id IS NULL OR {same('refund_id')} OR "
        + there_is("refunds r WHERE r.id = NEW.refund_id AND r.set_aside_id = OLD.id"),
        "the refund is of this very sum",
    ),
    Rule(
        "NEW.status <> 'refunded' OR OLD.status = 'refunded' OR "
        + there_is(
            "refunds r WHERE r.id = COALESCE(NEW.refund_id, OLD.refund_id) AND r.set_aside_id = OLD.id"
            " AND r.status = 'completed'"
        ),
        "refunded when its refund is completed",
    ),
)
_ACCOUNT = (
    RAISED,
    Rule(same("id", "corporation_number", "currency", "limit_minor"), "only the schema account changes this"),
    Rule(
        "NEW.balance_minor >= 0 AND NEW.reserved_minor >= 0 AND NEW.balance_minor + NEW.reserved_minor <="
        " GREATEST(NEW.limit_minor, OLD.balance_minor + OLD.reserved_minor)",
        "an account holds no less than nothing and no more than its limit",
    ),
)

RULES: Mapping[tuple[str, Event], tuple[Rule, ...]] = {
    ("payments", "INSERT"): _BEGUN,
    ("payments", "UPDATE"): _CHANGED,
    ("payments", "DELETE"): (Rule(NEVER, "payments are never deleted"),),
    ("payment_events", "UPDATE"): (
        Rule(
            same(
                "id", "source", "event_id", "kind", "order_no", "amount_minor", "currency", "occurred_at",
                "received_at", "body",
            )
            + f" AND ({same('payment_id')} OR OLD.payment_id IS NULL)",
            "what was told is never changed",
        ),
    ),
    ("payment_events", "DELETE"): (Rule(NEVER, "what was told is never deleted"),),
    ("limits", "INSERT"): (OWNERS,),
    ("limits", "UPDATE"): (OWNERS,),
    ("limits", "DELETE"): (OWNERS,),
    ("accounts", "INSERT"): (OWNERS,),
    ("accounts", "UPDATE"): _ACCOUNT,
    ("accounts", "DELETE"): (OWNERS,),
    ("set_asides", "INSERT"): _ASIDE,
    ("set_asides", "UPDATE"): _ASIDE_MOVES,
    ("set_asides", "DELETE"): (Rule(NEVER, "what was set aside is never deleted"),),
}  # fmt: skip
