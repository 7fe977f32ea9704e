"""Any record in the words and looks of the window: credit check, order, payment and refund alike."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from console import wording
from console.domain.comparing import RULES as RECONCILED
from console.domain.explain import explain
from console.domain.explain_payments import (
    PAID,
    explain_order,
    explain_payment,
    explain_refund,
    may_be_reversed_until,
)
from console.domain.order_records import Order, Payment, Refund
from console.domain.payment_records import PaymentState, RefundState
from console.domain.records import Certainty, CreditCheck, WorkState
from console.domain.results import Explanation
from console.views import record_words
from console.views.look.tokens import Tone
from console.views.routes import CaseRoute, Ref, route_to
from console.views.seat import Seat

Case: TypeAlias = CreditCheck | Order | Payment | Refund

AWAITING = "waiting_for_approval"
DISAGREEING = frozenset(
    {
        "paid_after_cancel", "amount_differs", "contradicted", "reversed", "not_moved", "move_order", "other_payment",
        "unknown_refund", *RECONCILED,
    }
)  # fmt: skip
"""Reasons on the work axis that say that the sides disagree."""
_VERDICTS: Mapping[str, tuple[str, Tone]] = {
    "payment_complete": ("check", "good"),
    "payment_partly": ("arrow_back_dashed", "text"),
    "payment_refunded": ("arrow_back", "text"),
    "payment_reversible": ("hourglass", "care"),
    "payment_failed": ("cross", "bad"),
    "payment_expired": ("ring_slash", "muted"),
    "payment_reversed": ("arrow_back", "bad"),
    "payment_unknown": ("question", "unknown"),
    "payment_paid_twice": ("square_bang", "care"),
    "payment_set_aside": ("square_bang", "care"),
    "payment_no_order": ("square_bang", "care"),
    "payment_person": ("square_bang", "care"),
    "payment_noticed": ("half_disc", "progress"),
    "refund_unknown": ("question", "unknown"),
    "refund_requested": ("hourglass", "progress"),
    "refund_approved": ("ring_check", "progress"),
    "refund_completed": ("check", "good"),
    "refund_failed": ("cross", "bad"),
    "refund_rejected": ("cross", "muted"),
    "refund_withdrawn": ("ring_slash", "muted"),
    "refund_expired": ("ring_slash", "muted"),
    "refund_contradicted": ("not_equal", "bad"),
    "order_pending": ("ring", "text"),
    "order_cancelled": ("ring_slash", "muted"),
    "order_refunded": ("arrow_back", "text"),
    "order_paid_late": ("not_equal", "bad"),
}
_DISAGREE = ("order_alert_A", "order_alert_B", "order_alert_C", "payment_not_moved", "payment_paid_after_cancel",
             "payment_amount_differs", "payment_contradicted", "payment_reversed_there",
             "payment_other_payment", "payment_unknown_refund",
             *(f"payment_{rule}" for rule in RECONCILED))  # fmt: skip


def kind_of(record: Case) -> str:
    match record:
        case CreditCheck():
            return "credit-check"
        case Payment():
            return "payment"
        case Order():
            return "order"
    return "refund"


def ref_of(record: Case) -> Ref:
    return kind_of(record), record.id


def route_of(record: Case, trail: tuple[int | Ref, ...] = (), place: str = "lookup") -> CaseRoute:
    return route_to(kind_of(record), record.id, trail, place)


def explained(record: Case, now: datetime) -> Explanation:
    """Its verdict, why and next as far as the record alone tells."""
    match record:
        case CreditCheck():
            return explain(record, now)
        case Payment():
            return explain_payment(record, now)
        case Order():
            return explain_order(record, now)
    return explain_refund(record, now)


def verdict_look(explanation: Explanation) -> tuple[str, Tone]:
    """Shape and tone of a verdict."""
    name = explanation.verdict.removeprefix("verdict.")
    if name in _DISAGREE:
        return "not_equal", "bad"
    if name.startswith("order_"):
        return _VERDICTS.get(name, ("check", "good"))
    return _VERDICTS.get(name) or record_words.verdict_look(explanation)


# -- the three axes


def state_key(record: Case, *, derived: bool = True) -> str:
    """The badge of the business state; `derived` says refunded where money went back."""
    match record:
        case CreditCheck():
            return record_words.state_key(record, derived=derived)
        case Payment() if derived and record.refunded_minor and record.state in PAID:
            whole = record.refunded_minor >= record.captured_minor
            return "business.refunded" if whole else "business.partly_refunded"
    return f"{kind_of(record)}.{record.state.value}"


def certainty_key(record: Case, now: datetime) -> str:
    """The badge of certainty: what departs most from "confirmed"."""
    if isinstance(record, Order):
        return "certainty.sides_disagree" if record.work.reason in DISAGREEING else "certainty.known"
    if record.certainty is Certainty.UNKNOWN:
        return "certainty.unknown"
    if record.work.reason in DISAGREEING and not isinstance(record, CreditCheck):
        return "certainty.sides_disagree"
    if isinstance(record, Payment):
        until = may_be_reversed_until(record)
        if until is not None and now < until:
            return "certainty.may_be_reversed"
    return "certainty.known"


def work_key(record: Case) -> str:
    undecided = isinstance(record, Refund) and record.state is RefundState.REQUESTED
    if undecided and record.work.state is not WorkState.NEEDS_REVIEW:
        return f"work.{AWAITING}"
    return f"work.{record.work.state.value}"


def most_telling(record: Case, now: datetime) -> str:
    """The one badge to show where there is room for one."""
    certainty = certainty_key(record, now)
    return state_key(record) if certainty == "certainty.known" else certainty


# -- words for lists


def short(record: Case, seat: Seat) -> str:
    """What people call it, in few letters: its order number where it has one."""
    match record:
        case CreditCheck():
            return seat.say("record.short", id=record.id)
        case Payment():
            return record.merchant_payment_id
        case Order():
            return record.merch_txn_id
    return seat.say("case.refund_short", id=record.id)


def is_called(record: Case, text: str) -> bool:
    """Whether this is one of its own numbers, as written anywhere."""
    names: tuple[str | None, ...]
    match record:
        case Payment():
            names = (record.merchant_payment_id, record.provider_payment_id)
        case Order():
            names = (record.merch_txn_id,)
        case Refund():
            names = (record.provider_refund_key, record.provider_refund_id)
        case _:
            return False
    return text.strip().casefold() in {name.casefold() for name in names if name}


def title(record: Case, seat: Seat) -> str:
    match record:
        case CreditCheck():
            return seat.say("record.title", id=record.id)
        case Payment():
            return seat.say("case.title.payment", number=record.merchant_payment_id)
        case Order():
            return seat.say("case.title.order", number=record.merch_txn_id)
    return seat.say("case.title.refund", id=record.id)


def amount(record: Case) -> str:
    """Its sum; a refund's is negative, a credit check has none."""
    match record:
        case Payment():
            return wording.format_amount(record.captured_minor or record.asked_minor, record.currency)
        case Order():
            return wording.format_amount(record.total_minor, record.currency)
        case Refund():
            return wording.format_amount(-record.amount_minor, record.currency)
    return ""


def provider_word(name: str, seat: Seat) -> str:
    """A provider as people know it; one without a word is called by its name."""
    return seat.say(f"provider.{name}") if wording.has(f"provider.{name}") else name


def provider(record: Case, seat: Seat) -> str:
    match record:
        case CreditCheck():
            return seat.say("provider.alarmbox")
        case Payment():
            return provider_word(record.provider, seat)
    return ""


def shortened(text: str) -> str:
    """The ends of a long identifier, by which people compare."""
    return text if len(text) <= 20 else f"{text[:8]}…{text[-6:]}"


def payer(text: str | None) -> str:
    """A payer's reference with all but its end hidden; "" without one."""
    return "" if not text else text if text.startswith("*") else f"****{text[-4:]}"


def number_of(record: Case) -> str:
    """Its corporation number; "" where it has none."""
    return "" if isinstance(record, Refund) else record.corporation_number or ""


def name_of(record: Case, seat: Seat) -> str:
    """The company's name, its number where the name isn't known, else what the record is called."""
    if isinstance(record, CreditCheck):
        return record_words.name_of(record, seat)
    number = number_of(record)
    return wording.format_number(number) if number else title(record, seat)


def cause(record: Case, seat: Seat) -> str:
    """The short cause for a list."""
    code = None if isinstance(record, Order) else record.error_code
    for family, one in (("cause.", code), ("work.reason.", record.work.reason)):
        if one and wording.has(f"{family}{one}"):
            return seat.say(f"{family}{one}")
    return code or ""


def next_short(record: Case, now: datetime) -> str:
    """When something happens by itself; "" for nothing planned."""
    at = record.work.at
    if record.work.state is not WorkState.SCHEDULED or at is None:
        return ""
    same_day = wording.format_instant(at, "day") == wording.format_instant(now, "day")
    return record_words.clock(at) if same_day else wording.format_instant(at, "short")


def begun(record: Case) -> datetime | None:
    """When it began."""
    if isinstance(record, CreditCheck):
        return record.created_at or record.purchased_at
    return record.created_at


def is_open(record: Case) -> bool:
    """Whether something of it is still to be settled by somebody or by itself."""
    if isinstance(record, CreditCheck):
        lacking = bool(record.incomplete) and record.state.value == "success"
        waiting = record.certainty is Certainty.UNKNOWN or record.work.state is WorkState.NEEDS_REVIEW
        return not record.superseded and (lacking or waiting or record.state.value == "pending")
    if record.work.state is not WorkState.NONE:
        return True
    if isinstance(record, Order):
        return False
    if isinstance(record, Payment):
        return record.certainty is Certainty.UNKNOWN or record.state in (
            PaymentState.INITIALIZING, PaymentState.TOKEN_GENERATED, PaymentState.USER_PAYMENT,
        )  # fmt: skip
    return record.certainty is Certainty.UNKNOWN or record.state in (
        RefundState.REQUESTED, RefundState.APPROVED, RefundState.SUBMITTING, RefundState.SUBMITTED,
    )  # fmt: skip
