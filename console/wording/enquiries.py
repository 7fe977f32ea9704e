"""The text of a letter to the provider of a payment, which asks for the outcome of the payment or of one of its
refunds. A person copies it into a mail if the provider's answers don't state the outcome."""

from collections.abc import Iterator
from datetime import datetime

from console.domain.calendar_days import JST
from console.domain.payments import provider_registry
from console.domain.payments.records import Payment, Refund
from console.wording.sentences.catalogue import format_amount, get_provider_name, translate
from console.wording.sentences.formats import format_instant_in_zones


def format_enquiry(payment: Payment, refund: Refund | None) -> str:
    """Return the letter about `refund`, or about `payment` itself if `refund` is None. It is in Japanese for a
    provider whose days are Japanese days, otherwise in English. It contains the numbers, amounts, times and the
    provider's last answer, as far as they are known, and no personal data: no payer and no name of a person.
    """
    language = "ja" if provider_registry.get_time_zone(payment.provider) == JST else "en"
    kind = "payment" if refund is None else "refund"
    lines = (
        translate("enquiry.to", language, provider=get_provider_name(payment.provider, language)),
        "",
        translate(f"enquiry.{kind}.request", language),
        "",
        *_format_fact_lines(payment, refund, language),
        "",
        translate(f"enquiry.{kind}.questions", language),
    )
    return "\n".join(lines)


def _format_fact_lines(payment: Payment, refund: Refund | None, language: str) -> Iterator[str]:
    """Yield one line for each known fact of the payment and of the refund."""
    facts: dict[str, object] = {
        "our_number": payment.merchant_payment_id,
        "your_number": payment.provider_payment_id,
        "amount": format_amount(payment.captured_minor or payment.asked_minor, payment.currency),
        "paid_at": _format_time(payment.paid_at, payment.provider),
    }
    if refund is None:
        facts |= {"begun_at": _format_time(payment.begun_at, payment.provider)}
    else:
        facts |= {
            "refund_key": refund.provider_refund_key,
            "refund_number": refund.provider_refund_id,
            "refund_amount": format_amount(refund.amount_minor, refund.currency),
            "sent_at": _format_time(refund.first_sent_at, payment.provider),
        }
    record = payment if refund is None else refund
    facts |= {"last_answer": record.provider_state, "answered_at": _format_time(record.told_at, payment.provider)}
    for name, value in facts.items():
        if value:
            yield translate(f"enquiry.fact.{name}", language, value=value)


def _format_time(at: datetime | None, provider: str) -> str:
    """Return the instant in Japanese time and in the provider's; "" for None."""
    return "" if at is None else format_instant_in_zones(at, provider_registry.get_time_zone(provider), " / ")
