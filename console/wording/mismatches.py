"""Texts about a payment or order on which our record, the provider and the order disagree: the sides that differ from
our record, each with its state and amount, and the provider's history that contradicts our record."""

from collections.abc import Iterator

from console.domain.payments.compared_sides import ComparedSide
from console.domain.payments.provider_registry import get_time_zone, lacks_history
from console.domain.payments.records import Payment
from console.domain.queues.mismatches import Mismatch
from console.domain.reconciliation.row_comparison import (
    MISSING_THERE_RULE,
    find_contradicting_rule,
    format_our_state,
    is_refund_missing,
)
from console.domain.records import RECONCILIATION_CASE_RULES
from console.wording.sentences import catalogue as wording


def format_mismatch(record: object, mismatch: Mismatch, language: str) -> str:
    """Return a text with each side that differs from our record, and with the difference, such as `PayPay: ¥11,500 ≠
    our record: ¥12,000`. If the sides don't differ now, or if a reconciliation found the difference, the text begins
    with the finding of the open case.
    """
    side_texts = list(_format_differences_by_side(record, mismatch, language)) if isinstance(record, Payment) else []
    if mismatch.rule is not None and (not side_texts or mismatch.rule in RECONCILIATION_CASE_RULES):
        side_texts.insert(0, _format_case_finding(mismatch, language))
    return wording.join_facts(side_texts, lambda key: wording.translate(key, language))


def format_history_contradiction(payment: Payment, language: str) -> str:
    """Return the statement of the provider's history that contradicts the payment, such as `history: Paid ¥67,100` or
    `not in the history of 2026-11-29`; "" if a person needn't look at the payment for this reason.
    """
    rule = find_contradicting_rule(payment)
    if rule is None:
        return ""
    observed = payment.relations.contradicting_answer_text if payment.relations is not None else None
    if observed is None:
        return wording.translate(f"work.reason.{rule}", language)
    text = wording.format_finding(observed, language, format_our_state(payment))
    if rule != MISSING_THERE_RULE:
        return wording.translate("money.side.history", language, text=text)
    if is_refund_missing(observed):
        return wording.translate("money.side.refund_not_in_history", language, refund=text)
    if payment.paid_at is None or lacks_history(payment.provider):
        return text
    day = payment.paid_at.astimezone(get_time_zone(payment.provider)).date().isoformat()
    return wording.translate("money.side.not_in_history", language, day=day)


def _format_differences_by_side(payment: Payment, mismatch: Mismatch, language: str) -> Iterator[str]:
    """Yield, for each side that differs from our record: the name of the side, and the values of the differing fields
    on that side and in our record."""
    for side in mismatch.sides:
        if side.differs:
            yield wording.translate(
                "difference.of_side",
                language,
                side=_get_side_name(side, payment, language),
                theirs=[_format_side_value(side, field, language) for field in side.differs],
                ours=[_format_side_value(mismatch.sides[0], field, language) for field in side.differs],
            )


def _get_side_name(side: ComparedSide, payment: Payment, language: str) -> str:
    if side.name == "order":
        return wording.translate("difference.order", language)
    return wording.get_provider_name(payment.provider, language)


def _format_side_value(side: ComparedSide, field: str, language: str) -> str:
    """Return the value of `field` (amount, refunded, currency or state) on one compared side: our record, the
    provider or the order. Return – if the value is missing."""
    match field:
        case "amount" if side.minor is not None and side.currency is not None:
            return wording.format_amount(side.minor, side.currency)
        case "refunded" if side.refunded_minor is not None and side.currency is not None:
            amount = wording.format_amount(side.refunded_minor, side.currency)
            return f"{wording.translate('field.refunded', language)} {amount}"
        case "currency" if side.currency is not None:
            return side.currency
        case "state" if side.state is not None:
            return wording.translate(f"state.{'order' if side.name == 'order' else 'payment'}.{side.state}", language)
        case "state" if side.word:
            return side.word
    return wording.NO_VALUE


def _format_case_finding(mismatch: Mismatch, language: str) -> str:
    """Return a sentence about the open case or alert: its rule, its observed and its expected value."""
    observed, expected = mismatch.observed or "", mismatch.expected or ""
    key = "difference.of_reconciliation" if mismatch.rule in RECONCILIATION_CASE_RULES else "difference.of_case"
    return wording.translate(
        key,
        language,
        rule=wording.translate(wording.find_alert_rule_sentence_key(mismatch.rule or "") or "column.cause", language),
        theirs=wording.format_finding(observed, language, expected),
        ours=wording.format_finding(expected, language, observed),
    )
