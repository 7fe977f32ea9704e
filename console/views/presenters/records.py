"""Texts and icons for records of every kind: credit checks, orders, payments and refunds."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from console.domain.explanations.badges import DISAGREEING_VERDICTS, find_state_badge
from console.domain.explanations.records import explain_record
from console.domain.payments.consistency import compare_sides
from console.domain.payments.records import Order, Payment, PaymentRelations, Refund
from console.domain.payments.service_results import OrderView, PaymentView, RefundView
from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import Certainty, CreditCheck, Operation, WorkState
from console.domain.service_results import CertaintyBadge, Explanation, WorkBadge
from console.domain.views.any_record import CreditCheckView
from console.views.presenters import credit_checks as record_words
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import RecordPageRoute, Ref, route_to
from console.views.theme.design_tokens import Tone
from console.wording import catalogue as wording

ShownRecord: TypeAlias = CreditCheck | Order | Payment | Refund
RecordView: TypeAlias = CreditCheckView | OrderView | PaymentView | RefundView
"""A record together with the data of its page, as a service returns it; one class per kind of record."""

AWAITING_BADGE_KEY = WorkBadge.WAITING_FOR_APPROVAL.value
_VERDICT_LOOKS: Mapping[str, tuple[str, Tone]] = {
    "complete": ("check", "good"),
    "incomplete": ("open_ring_plus", "care"),
    "superseded": ("two_sheets", "muted"),
    "duplicate": ("not_equal", "care"),
    "unknown": ("question", "unknown"),
    "only_desk_knows": ("question", "unknown"),
    "operation_unknown": ("question", "unknown"),
    "error": ("cross", "bad"),
    "operation_failed": ("cross", "bad"),
    "operation_done": ("check", "good"),
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
    "order_pending": ("ring", "text"),
    "order_cancelled": ("ring_slash", "muted"),
    "order_refunded": ("arrow_back", "text"),
    "payment_refund_unknown": ("question", "unknown"),
    "payment_refund_requested": ("hourglass", "progress"),
    "payment_refund_approved": ("ring_check", "progress"),
    "payment_order_moved": ("square_bang", "care"),
    **{verdict.removeprefix("verdict."): ("not_equal", "bad") for verdict in DISAGREEING_VERDICTS},
}
"""Icon shape and colour tone of each verdict of an explanation; the key is the verdict's code without the prefix
`verdict.`.
"""


def kind_of(record: ShownRecord) -> str:
    """Return the kind of a record, such as "credit-check"."""
    match record:
        case CreditCheck():
            return "credit-check"
        case Payment():
            return "payment"
        case Order():
            return "order"
    return "refund"


def make_record_ref(record: ShownRecord) -> Ref:
    """Return the kind and id of a record as a Ref."""
    return kind_of(record), record.id


def subject_of(record: ShownRecord | Operation) -> tuple[str, int | str]:
    """Return the kind and id of a record or of an operation; the kind of an operation is "operation"."""
    return ("operation", record.id) if isinstance(record, Operation) else make_record_ref(record)


def route_of(record: ShownRecord, trail: tuple[int | Ref, ...] = (), place: str = "lookup") -> RecordPageRoute:
    """Return the route to the page of a record. `trail` has the records of the list from which the page is opened;
    `place` is the key of the highlighted sidebar entry.
    """
    return route_to(kind_of(record), record.id, trail, place)


def explanation_of(record: ShownRecord, now: datetime) -> Explanation:
    """Return the explanation (verdict, why, next step, badges) of a record. A list, its preview and the record's own
    page show the same one.
    """
    return explain_record(record, now)


def verdict_look(explanation: Explanation) -> tuple[str, Tone]:
    """Return the icon shape and the colour tone with which the window shows the verdict of an explanation."""
    name = explanation.verdict.removeprefix("verdict.").removesuffix("_money")
    return _VERDICT_LOOKS.get(name, ("check", "good") if name.startswith("order_") else ("half_disc", "progress"))


# -- the three states


def state_key(record: ShownRecord, *, derived: bool = True) -> str:
    """Return the key of the badge for the record's state (`find_state_badge`)."""
    return find_state_badge(record, derived=derived)


def certainty_key(record: ShownRecord, now: datetime) -> str:
    """Return the key of the badge for the record's certainty, which belongs to its explanation."""
    return f"certainty.{explain_record(record, now).certainty}"


def work_key(record: ShownRecord, now: datetime) -> str:
    """Return the key of the badge for the record's next step, which belongs to its explanation."""
    return f"work.{explain_record(record, now).work}"


def badge_keys(record: ShownRecord, now: datetime, *, derived: bool = True) -> tuple[str, str, str]:
    """Return the keys of the three badges that every record has: state, certainty and work."""
    explanation = explain_record(record, now)
    return state_key(record, derived=derived), f"certainty.{explanation.certainty}", f"work.{explanation.work}"


def view_badges(view: RecordView) -> tuple[str, str, str]:
    """Return the keys of the three badges (state, certainty, work) for the page of a record. A credit check with
    missing parts has the state "success" here.
    """
    explanation = view.explanation
    state = state_key(view.record, derived=not isinstance(view, CreditCheckView))
    return state, f"certainty.{explanation.certainty}", f"work.{explanation.work}"


def most_specific_key(record: ShownRecord, now: datetime) -> str:
    """Return the key of the badge for a place that has room for only one: the badge of certainty if the outcome isn't
    simply known, otherwise the badge of the state.
    """
    certainty = explain_record(record, now).certainty
    is_plain = certainty in (CertaintyBadge.KNOWN, CertaintyBadge.OLD)
    return state_key(record) if is_plain else f"certainty.{certainty}"


# -- texts for lists


def short_title(record: ShownRecord, context: WindowContext) -> str:
    """Return the short name of a record: the order number of a payment or an order; for a credit check or a refund, a
    text with its id.
    """
    match record:
        case CreditCheck():
            return context.translate("record.short", id=record.id)
        case Payment():
            return record.merchant_payment_id
        case Order():
            return record.merch_txn_id
    return context.translate("case.refund_short", id=record.id)


def is_named(record: ShownRecord, text: str) -> bool:
    """Return True if `text` is our number or the provider's number of the record; upper and lower case count as
    equal. False for every credit check.
    """
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


def title(record: ShownRecord, context: WindowContext) -> str:
    """Return the title of a record, which contains its kind and its number."""
    match record:
        case CreditCheck():
            return context.translate("record.title", id=record.id)
        case Payment():
            return context.translate("case.title.payment", number=record.merchant_payment_id)
        case Order():
            return context.translate("case.title.order", number=record.merch_txn_id)
    return context.translate("case.title.refund", id=record.id)


def amount_text(record: ShownRecord) -> str:
    """Return the text of the record's amount: negative for a refund, "" for a credit check."""
    match record:
        case Payment():
            return wording.format_amount(record.captured_minor or record.asked_minor, record.currency)
        case Order():
            return wording.format_amount(record.total_minor, record.currency)
        case Refund():
            return wording.format_amount(-record.amount_minor, record.currency)
    return ""


def differs_in_amount(record: ShownRecord, now: datetime) -> bool:
    """Return True if the sides of the record's payment disagree about the amount: our payment, the provider's last
    statement, the order. For an order, this holds if it does for one of its payments.
    """
    if isinstance(record, Order):
        payments = record.relations.payments if record.relations is not None else ()
        return any(_payment_differs(payment, record, payment.relations, now) for payment in payments)
    if isinstance(record, Payment) and record.relations is not None:
        return _payment_differs(record, record.relations.order, record.relations, now)
    return False


def _payment_differs(
    payment: Payment, order: Order | None, relations: PaymentRelations | None, now: datetime
) -> bool:
    sides = compare_sides(payment, order, relations.provider_meaning if relations is not None else None, now)
    return any("amount" in side.differs for side in sides)


def marked_amount_text(record: ShownRecord, context: WindowContext) -> str:
    """Return the text of the record's amount, with ≠ before it if the sides disagree about it."""
    text = amount_text(record)
    if differs_in_amount(record, context.now()):
        return context.translate("money.amount_differs", amount=text)
    return text


def provider_word(name: str, context: WindowContext) -> str:
    """Return the name of a provider for the screen, or its code `name` if there is no text for it."""
    return wording.provider_name(name, context.language)


def provider_name(record: ShownRecord, context: WindowContext) -> str:
    """Return the name of the record's provider for the screen; "" for an order or a refund."""
    match record:
        case CreditCheck():
            return context.translate("provider.alarmbox")
        case Payment():
            return provider_word(record.provider, context)
    return ""


def shorten_text(text: str) -> str:
    """Return an identifier for the screen. If it has more than 20 characters, return its first 8, "…" and its last
    6.
    """
    return text if len(text) <= 20 else f"{text[:8]}…{text[-6:]}"


def masked_payer(text: str | None) -> str:
    """Return a payer's reference with all but the last four characters replaced by "****"; "" for None."""
    return "" if not text else text if text.startswith("*") else f"****{text[-4:]}"


def number_of(record: ShownRecord) -> str:
    """Return the record's corporation number; "" if it has none."""
    return "" if isinstance(record, Refund) else record.corporation_number or ""


def company_name(record: ShownRecord, context: WindowContext) -> str:
    """Return the name of the record's company: that of the provider, else the registry's official name, marked as
    such; "" if neither is known.
    """
    if isinstance(record, CreditCheck):
        return record_words.known_name(record, context)
    entry = record.registry_entry
    return record_words.marked_name(entry.corporation.name, context) if entry is not None else ""


def name_of(record: ShownRecord, context: WindowContext) -> str:
    """Return the text that names the record's company: its name, else its corporation number, else the title of the
    record.
    """
    number = number_of(record)
    return company_name(record, context) or (wording.format_number(number) if number else title(record, context))


def cause_text(record: ShownRecord, context: WindowContext) -> str:
    """Return the text of a record's problem for a list: the cause of its last failed call, else the reason of its
    Work; "" if there is no problem.
    """
    code = None if isinstance(record, Order) else record.error_code
    for family, name in (("cause.", code), ("work.reason.", record.work.reason)):
        if name and wording.has_sentence(f"{family}{name}"):
            return context.translate(f"{family}{name}")
    return code or ""


def next_attempt_text(record: ShownRecord, now: datetime) -> str:
    """Return the text of the instant at which the next scheduled step of the record runs; "" if none is scheduled."""
    due_at = record.work.at
    if record.work.state is not WorkState.SCHEDULED or due_at is None:
        return ""
    return wording.format_moment(due_at, now)


def began_at(record: ShownRecord) -> datetime | None:
    """Return the instant at which the record was created; for a credit check without this instant, the instant of its
    purchase. None if neither is stored.
    """
    if isinstance(record, CreditCheck):
        return record.created_at or record.purchased_at
    return record.created_at


def is_open(record: ShownRecord) -> bool:
    """Return True if the record still needs a step: by a person, by the worker, or by the provider."""
    if isinstance(record, CreditCheck):
        lacks_parts = bool(record.incomplete) and record.state.value == "success"
        is_waiting = record.certainty is Certainty.UNKNOWN or record.work.state is WorkState.NEEDS_REVIEW
        return not record.superseded and (lacks_parts or is_waiting or record.state.value == "pending")
    if record.work.state is not WorkState.NONE:
        return True
    if isinstance(record, Order):
        return False
    if isinstance(record, Payment):
        return record.certainty is Certainty.UNKNOWN or record.state in (
            PaymentState.INITIALIZING,
            PaymentState.TOKEN_GENERATED,
            PaymentState.USER_PAYMENT,
        )
    return record.certainty is Certainty.UNKNOWN or record.state in (
        RefundState.REQUESTED,
        RefundState.APPROVED,
        RefundState.SUBMITTING,
        RefundState.SUBMITTED,
    )
