"""Texts about a company: the sums of its payments and refunds, and a summary for a support ticket."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from console.domain.lookup.lookup_result import LookupResult
from console.domain.payments.records import Order, Payment, Refund
from console.domain.records import CreditCheck
from console.domain.views.company import CompanyTotals
from console.wording.records import get_certainty_badge_key, get_state_badge_key, get_work_badge_key
from console.wording.sentences.catalogue import get_badge_word, translate
from console.wording.sentences.formats import format_amount, format_corporation_number

_KIND_BY_RECORD_CLASS: dict[type, str] = {
    CreditCheck: "credit-check",
    Order: "order",
    Payment: "payment",
    Refund: "refund",
}


def format_company_totals(totals: CompanyTotals, language: str) -> str:
    """Return a sentence with the sums of a company's money in one currency: its payments of the last twelve months,
    its refunds of the last twelve months, the refunds that the provider has accepted but not executed, and the
    refunds whose outcome is unknown.
    """
    amounts = {
        name: format_amount(getattr(totals, f"{name}_minor"), totals.currency)
        for name in ("paid", "refunded", "sending", "unknown")
    }
    return translate("company_page.totals", language, currency=totals.currency, **amounts)


def format_company_summary(
    result: LookupResult,
    company_name: str,
    open_records: Sequence[CreditCheck | Order | Payment | Refund],
    now: datetime,
    language: str,
) -> str:
    """Return a summary of a company's records, in several lines, for a support ticket: the company's name
    `company_name` and number, the counts of records in `result`, the sums of money, and each record of
    `open_records` with its state at the instant `now`. The summary contains no personal data: no payer, no person's
    name, no note."""
    return "\n".join(_format_summary_lines(result, company_name, open_records, now, language))


def _get_record_number(record: CreditCheck | Order | Payment | Refund) -> str:
    """Return the number by which people know a record: the number of an order or payment; for a record of another
    kind, its id."""
    match record:
        case Payment():
            return record.merchant_payment_id
        case Order():
            return record.merch_txn_id
        case Refund():
            return f"R-{record.id}"
    return str(record.id)


def _format_summary_lines(
    result: LookupResult,
    company_name: str,
    open_records: Sequence[CreditCheck | Order | Payment | Refund],
    now: datetime,
    language: str,
) -> Iterator[str]:
    yield f"{company_name} {format_corporation_number(result.corporation_number)}".strip()
    record_counts = {
        "payments": len(result.payments),
        "refunds": len(result.refunds),
        "orders": len(result.orders),
        "checks": len(result.credit_checks),
    }
    yield translate("company_page.summary.records", language, open=len(open_records), **record_counts)
    yield from (format_company_totals(totals, language) for totals in result.totals)
    for record in open_records:
        yield translate(
            "company_page.summary.open",
            language,
            kind=translate(f"kind.{_KIND_BY_RECORD_CLASS[type(record)]}", language),
            name=_get_record_number(record),
            state=get_badge_word(get_state_badge_key(record), language),
            certainty=get_badge_word(get_certainty_badge_key(record, now), language),
            work=get_badge_word(get_work_badge_key(record, now), language),
        )
    yield translate("company_page.summary.at", language, at=now)
