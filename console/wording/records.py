"""Texts of records of every kind, for the window and for exports: names, amounts, companies, reasons, and the keys
of their badges."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias

from console.domain.explanations.badges import find_state_badge
from console.domain.explanations.records import explain_record
from console.domain.payments import records as payment_records
from console.domain.payments.consistency import compare_payment_sides
from console.domain.payments.records import Order, Payment, PaymentRelations, Refund
from console.domain.payments.refund_reasons import RefundReason
from console.domain.queues.filters import find_cause
from console.domain.reconciliation.row_comparison import DIFFERENT_AMOUNT_RULE, find_contradicting_rule
from console.domain.records import RESOLVED_BY_PEOPLE_CAUSE, Certainty, CreditCheck
from console.domain.recovery.decision_rules import can_probe_ask_provider
from console.domain.recovery.records import WaitingProposal
from console.wording import credit_checks as check_words
from console.wording.sentences import catalogue as wording
from console.wording.sentences.text_context import TextContext

ShownRecord: TypeAlias = CreditCheck | Order | Payment | Refund

_RECORD_KINDS_WITH_AMOUNT = ("order", "payment", "refund")


def get_record_kind(record: ShownRecord) -> str:
    """Return the kind of a record, such as "credit-check"."""
    match record:
        case CreditCheck():
            return "credit-check"
        case Payment():
            return "payment"
        case Order():
            return "order"
    return "refund"


def get_state_badge_key(record: ShownRecord) -> str:
    """Return the key, in the design tokens, of the badge that shows the state of a record, such as
    `payment.completed`. The badge of a payment with refunds says "refunded" or "partly refunded". The badge of a
    credit check with missing parts says "incomplete".
    """
    return find_state_badge(record)


def get_certainty_badge_key(record: ShownRecord, now: datetime) -> str:
    """Return the key, in the design tokens, of the badge that shows the certainty of a record at the instant
    `now`, such as `certainty.unknown`."""
    return f"certainty.{explain_record(record, now).certainty}"


def get_work_badge_key(record: ShownRecord, now: datetime) -> str:
    """Return the key, in the design tokens, of the badge that shows the next step (the work) of a record at the
    instant `now`."""
    return f"work.{explain_record(record, now).work}"


def list_probed_changes(before: ShownRecord, after: ShownRecord, language: str) -> dict[str, tuple[str, str]]:
    """Return the fields that a probe has changed: for each field name, the text of its value before and after the
    probe."""
    old, new = _list_probed_values(before, language), _list_probed_values(after, language)
    return {name: (text, new[name]) for name, text in old.items() if text != new[name]}


def _list_probed_values(record: ShownRecord, language: str) -> dict[str, str]:
    """Return the texts of the fields that a probe may change, by the name of the field."""
    values = {"state": wording.get_badge_word(get_state_badge_key(record), language)}
    if not isinstance(record, Order):
        values["certainty"] = wording.get_badge_word(f"certainty.{record.certainty}", language)
    if isinstance(record, Payment | Refund):
        values["gateway_code"] = record.provider_state or wording.NO_VALUE
    if isinstance(record, Payment):
        amounts = {"amount": record.provider_minor, "refunded": record.provider_refunded_minor}
        values |= {
            name: wording.NO_VALUE if minor is None else wording.format_amount(minor, record.currency)
            for name, minor in amounts.items()
        }
    return values


def get_unanswered_side_key_suffix(payment: Payment) -> str:
    """Return the last part of the wording key `record.side.…` for a payment whose state the provider hasn't reported.
    It is `no_answer` if the payment's outcome is unknown, or if two people had to decide the outcome; otherwise it is
    `never_asked_short`."""
    is_without_answer = payment.certainty is Certainty.UNKNOWN or payment.error_code == RESOLVED_BY_PEOPLE_CAUSE
    return "no_answer" if is_without_answer else "never_asked_short"


def get_proposed_state_word(kind: str, state: str, context: TextContext) -> str:
    """Return the word for the proposed state of a record. `kind` is the record's kind, such as "payment". The only
    state that can be proposed for a credit check is that it was not bought, and for an operation that it failed."""
    match kind:
        case "credit-check":
            return context.translate("dialog.resolve.as_error")
        case "operation":
            return context.translate("state.operation.failed")
    return wording.get_badge_word(f"{kind}.{state}", context.language)


def format_short_title(record: ShownRecord, context: TextContext) -> str:
    """Return the short name of a record: the number of a payment or an order; for a credit check or a refund, a
    text with its id."""
    match record:
        case CreditCheck():
            return context.translate("record.short", id=record.id)
        case Payment():
            return record.merchant_payment_id
        case Order():
            return record.merch_txn_id
    return context.translate("case.refund_short", id=record.id)


def format_record_title(record: ShownRecord, context: TextContext) -> str:
    """Return the title of a record: its kind, and its number or id."""
    match record:
        case CreditCheck():
            return context.translate("record.title", id=record.id)
        case Payment():
            return context.translate("case.title.payment", number=record.merchant_payment_id)
        case Order():
            return context.translate("case.title.order", number=record.merch_txn_id)
    return context.translate("case.title.refund", id=record.id)


def format_record_amount(record: ShownRecord) -> str:
    """Return the amount of a record as text: negative for a refund, "" for a credit check."""
    minor, currency = compute_signed_amount(record)
    return "" if minor is None or currency is None else wording.format_amount(minor, currency)


def format_sums_by_kind(sums_minor_by_kind: Mapping[str, Mapping[str, int]], translate: Callable[..., str]) -> str:
    """Return the sums of the amounts of several records as text: one part for each kind of record, with a word for
    the kind and the sum of each currency. Sums of refunds are negative. The argument contains the sums in minor
    units, by kind and currency; if it is empty, the result is ""."""
    sums_texts = {
        kind: translate("list.separator").join(list_sum_texts(kind, sums_minor_by_kind[kind]))
        for kind in _RECORD_KINDS_WITH_AMOUNT
        if sums_minor_by_kind.get(kind)
    }
    return wording.join_facts(
        (translate(f"queue.sums.{kind}", sums=text) for kind, text in sums_texts.items()), translate
    )


def list_sum_texts(kind: str, sums_minor: Mapping[str, int]) -> list[str]:
    """Return the sum of each currency as text; the sums of refunds are negative. `sums_minor` are the sums of the
    amounts of all records of this kind, in minor units by currency."""
    sign = -1 if kind == "refund" else 1
    return [wording.format_amount(sign * minor, currency) for currency, minor in sorted(sums_minor.items())]


def compute_signed_amount(record: ShownRecord) -> tuple[int | None, str | None]:
    """Return the amount of a record in minor units and its currency: negative for a refund, None for a credit
    check."""
    match record:
        case Payment():
            return record.captured_minor or record.asked_minor, record.currency
        case Order():
            return record.total_minor, record.currency
        case Refund():
            return -record.amount_minor, record.currency
    return None, None


def is_paid_amount_unknown(payment: Payment) -> bool:
    """True if the payment's outcome is unknown and no captured amount is stored: the payer may have paid or not, so
    the screens must show neither an amount nor 0 as paid."""
    return payment.certainty is Certainty.UNKNOWN and not payment.captured_minor


def has_amount_mismatch(record: ShownRecord, now: datetime) -> bool:
    """Return True if our payment, the provider and the order disagree, at the instant `now`, about the amount of a
    payment. For an order, return True if they disagree about one of the order's payments. For a record of another
    kind, return False."""
    if isinstance(record, Order):
        payments = record.relations.payments if record.relations is not None else ()
        return any(_has_payment_amount_difference(payment, record, payment.relations, now) for payment in payments)
    if isinstance(record, Payment) and record.relations is not None:
        return _has_payment_amount_difference(record, record.relations.order, record.relations, now)
    return False


def _has_payment_amount_difference(
    payment: Payment, order: Order | None, relations: PaymentRelations | None, now: datetime
) -> bool:
    """True if the amount of the provider, of its history or of the order contradicts our payment. `order` and
    `relations` are None if they weren't read; a value of None contradicts nothing.
    """
    if find_contradicting_rule(payment) == DIFFERENT_AMOUNT_RULE:
        return True
    sides = compare_payment_sides(
        payment, order, relations.known_provider_state if relations is not None else None, now
    )
    return any("amount" in side.differs for side in sides)


def format_amount_with_difference_mark(record: ShownRecord, context: TextContext) -> str:
    """Return the amount of a record as text. If our payment, the provider and the order disagree about the amount, a
    ≠ precedes it."""
    text = format_record_amount(record)
    if has_amount_mismatch(record, context.now()):
        return context.translate("money.amount_differs", amount=text)
    return text


def get_provider_name(name: str, context: TextContext) -> str:
    """Return the name of a provider in words; if there is no text for its code `name`, return the code."""
    return wording.get_provider_name(name, context.language)


def get_record_provider_name(record: ShownRecord, context: TextContext) -> str:
    """Return the name of the provider of a record. For a refund, return the provider of its payment ("" if the
    payment wasn't read); for an order, return the providers of its payments ("" without payments)."""
    match record:
        case CreditCheck():
            return context.translate("provider.alarmbox")
        case Payment():
            return get_provider_name(record.provider, context)
        case Refund():
            payment = record.relations.payment if record.relations is not None else None
            return get_provider_name(payment.provider, context) if payment is not None else ""
        case Order():
            providers = record.relations.providers if record.relations is not None else ()
            return wording.join_facts([get_provider_name(name, context) for name in providers], context.translate)


def mask_payer(text: str | None) -> str:
    """Return the masked form of the text by which a provider identifies a payer, as the function `mask_payer` of the
    domain returns it, but "" instead of None. A masked text is returned unchanged.
    """
    return payment_records.mask_payer(text) or ""


def get_corporation_number(record: ShownRecord) -> str:
    """Return the corporation number of a record; for a refund, the corporation number of its payment. Return "" if
    there is no number, or if the payment of a refund wasn't read."""
    if isinstance(record, Refund):
        payment = record.relations.payment if record.relations is not None else None
        return get_corporation_number(payment) if payment is not None else ""
    return record.corporation_number or ""


def get_record_company_name(record: ShownRecord | WaitingProposal, context: TextContext) -> str:
    """Return the name of the company of a record or proposal: for a credit check the name that the provider gave for
    it; otherwise the official name in the corporation registry, marked as a name from the registry; otherwise the
    name in another credit check of the company. Return "" if no name is known."""
    if isinstance(record, CreditCheck):
        return check_words.get_company_name_of_credit_check(record, context)
    entry = record.registry_entry
    if entry is None:
        return record.name_in_credit_check or ""
    return check_words.format_official_name_with_mark(entry.corporation.name, context)


def format_company_name_and_number(record: ShownRecord, context: TextContext) -> str:
    """Return the name of the record's company and the corporation number, as far as they are known."""
    number, name = get_corporation_number(record), get_record_company_name(record, context)
    return wording.join_facts((name, wording.format_corporation_number(number) if number else ""), context.translate)


def format_labelled_corporation_number(number: str, context: TextContext) -> str:
    """Return the corporation number with the words "Corporation number" before it, for a place where it stands
    without its company's name; "" for an empty number."""
    return context.translate("corporation.number_line", number=number) if number else ""


def format_company_or_title(record: ShownRecord, context: TextContext) -> str:
    """Return the name of the record's company. If the name is unknown, return the corporation number; if the record
    has no corporation number, return the title of the record."""
    number = get_corporation_number(record)
    return get_record_company_name(record, context) or (
        wording.format_corporation_number(number) if number else format_record_title(record, context)
    )


def format_record_problem(record: ShownRecord, context: TextContext) -> str:
    """Return a text about the problem of a record for a list: the cause of its last failed call, otherwise the reason
    why the record needs work. Return "" if the record has no problem."""
    return wording.capitalize_first_letter(wording.format_cause(find_cause(record), context.translate))


def get_creation_time(record: ShownRecord) -> datetime | None:
    """Return the instant at which the record was created. For a credit check without this instant, return the instant
    of its purchase. Return None if neither instant is stored."""
    if isinstance(record, CreditCheck):
        return record.created_at or record.purchased_at
    return record.created_at


def format_refund_reason(refund: Refund, context: TextContext) -> str:
    """Return the reason of the refund as text: the word for the reason's code, and the requester's own text if the
    requester has typed one."""
    return format_refund_reason_text(refund.reason_code, refund.reason, context)


def get_unchanged_probe_key(record: ShownRecord) -> str:
    """Return the wording key of the sentence about a probe that has changed nothing in `record`. If the probe has
    asked nobody, the sentence says so, because "No change" would be read as the provider's answer."""
    if can_probe_ask_provider(record):
        return "record.no_change"
    return "record.nothing_to_probe" if isinstance(record, Refund) else "reason.no_read_call"


def format_proposal_reason(evidence_summary: str, context: TextContext) -> str:
    """Return the reason for a proposed outcome from the stored summary of the first person's evidence: the stated
    reason, or the beginning of a written statement if the person has stated no reason. Return "" if no reason was
    stated and the evidence is no UTF-8 text, and for an empty summary."""
    is_statement = "\ufffd" not in evidence_summary  # bytes that are no text, as of a picture
    reason = wording.format_stated_reason(evidence_summary, context.language)
    return reason or (evidence_summary.strip() if is_statement else "")


def format_refund_reason_text(code: RefundReason | None, own_text: str, context: TextContext) -> str:
    """Return the reason of a refund as text: the word for the reason's code `code`, and `own_text`, the requester's
    own text ("" for no text). If there is no code, return `own_text`."""
    if code is None:
        return own_text
    word = context.translate(f"refund_reason.{code}")
    return context.translate("refund_reason.line", reason=word, words=own_text) if own_text else word
