"""How an Atom payment stands: one attempt as it is told in an answer or a callback, and which of several counts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from console.domain.outcomes import OutcomeClass
from console.domain.payment_records import PaymentQuestion, PaymentReport
from console.providers.atom_codes import PAYMENTS, Call, verdict
from console.providers.atom_opening import Fields, check_currency, code_in, id_in, part, rupees_in
from console.providers.atom_signing import from_ist
from console.providers.judging import Unusable
from console.providers.payment_verdicts import Verdict, unknown
from console.providers.strict_json import Unreadable

Attempt: TypeAlias = tuple[Verdict, PaymentReport | None]

# Any success wins, else any that may still become one, else what is not known; only then is a failure believed.
_RANK = (
    OutcomeClass.SUCCEEDED,
    OutcomeClass.PENDING,
    OutcomeClass.UNKNOWN,
    OutcomeClass.RATE_LIMITED,
    OutcomeClass.AUTH,
    OutcomeClass.FAILED_DEFINITE,
    OutcomeClass.NOT_FOUND,
)


def attempts_in(instrument: object) -> list[Fields]:
    """All attempts of an answer, which comes as a list or as a single one; raises Unreadable."""
    rows = instrument if isinstance(instrument, list) else [instrument]
    found = [row for row in rows if isinstance(row, dict)]
    if len(found) != len(rows):
        raise Unreadable("no attempt")
    return found


def judged_attempt(said: Fields, merch_id: str, question: PaymentQuestion) -> Attempt | None:
    """One attempt; None when it is one on another order, or another merchant's. One that can't be read is UNKNOWN:
    it does not hide what the others say."""
    try:
        ours = part(said, "merchDetails")
        if id_in(ours.get("merchId")) not in (None, merch_id) or _another(ours, question):
            return None
        return _judged(said, question)
    except Unusable as error:
        return unknown(error.reason), None
    except Unreadable:
        return unknown("unreadable"), None


def _judged(said: Fields, question: PaymentQuestion) -> Attempt:
    code = code_in(said)
    if code not in PAYMENTS:
        return verdict(Call.PAYMENT, code), None
    report = read_report(said, question.merchant_payment_id)
    if question.amount is not None and report.amount not in (None, question.amount):
        return unknown("other_amount"), report
    return PAYMENTS[code].verdict, report


def _another(ours: Fields, question: PaymentQuestion) -> bool:
    return id_in(ours.get("merchTxnId")) not in (None, question.merchant_payment_id)


def deciding(attempts: Sequence[Attempt], question: PaymentQuestion) -> Attempt:
    """The attempt that says how the payment stands; more successes than one are named in the report."""
    known = question.provider_payment_id
    mine = [one for one in attempts if _concerns(one, known)]
    if not mine:
        return unknown("other_payment"), None
    ranked = sorted(mine, key=lambda one: (_RANK.index(one[0].kind), _id(one) != known))
    said, report = ranked[0]
    if report is None or said.kind is not OutcomeClass.SUCCEEDED:
        return said, report
    if known is not None and report.provider_payment_id not in (None, known):
        return unknown("other_payment"), report
    more = {_id(one) for one in ranked[1:] if one[0].kind is OutcomeClass.SUCCEEDED} - {None, _id(ranked[0])}
    return said, replace(report, further_captures=tuple(sorted(filter(None, more))))


def _concerns(attempt: Attempt, known: str | None) -> bool:
    """Once a payment was captured, how another attempt failed says nothing about it; another success does."""
    return known is None or _id(attempt) in (None, known) or attempt[0].kind is OutcomeClass.SUCCEEDED


def _id(attempt: Attempt) -> str | None:
    return attempt[1].provider_payment_id if attempt[1] else None


def read_report(said: Fields, merchant_payment_id: str) -> PaymentReport:
    """An attempt with a listed code, field by field; raises Unusable or Unreadable."""
    code, pay, mode = code_in(said), part(said, "payDetails"), part(said, "payModeSpecificData")
    check_currency(pay)
    times = (pay.get("txnCompleteDate"), part(said, "merchDetails").get("merchTxnDate"))
    return PaymentReport(
        merchant_payment_id=merchant_payment_id,
        provider_payment_id=id_in(pay.get("atomTxnId")),
        provider_state=code,
        state=PAYMENTS[code].state,
        final=PAYMENTS[code].final,
        amount=rupees_in(pay.get("amount")),
        total=rupees_in(pay.get("totalAmount")),
        paid_at=next(filter(None, map(from_ist, times)), None),
        method=sub_channel(mode) or None,
        bank_reference=bank_id(mode) or None,
        settlement=_word(part(said, "settlementDetails").get("reconStatus")),
        payer=_payer(part(said, "custDetails")),
        refunds=None,  # Atom tells of them only when asked
    )


def sub_channel(mode: Fields) -> str:
    """The channel: the first of a list, or the text as a whole; `""` when there is none. Raises Unreadable."""
    said = mode.get("subChannel")
    found = (said[0] if said else None) if isinstance(said, list) else said
    if not isinstance(found, str | None) or len(found or "") > 64:
        raise Unreadable("no channel")
    return found or ""


def bank_id(mode: Fields) -> str:
    """The bank's own number, `""` when it is null. Raises Unreadable."""
    found = part(mode, "bankDetails").get("bankTxnId")
    if (found is not None and type(found) not in (str, int)) or len(str(found)) > 128:
        raise Unreadable("no bank id")
    return "" if found is None else str(found)


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value.isascii() and value.isalnum() and len(value) <= 16 else None


def _payer(customer: Fields) -> str | None:
    """Whom the payment can be looked up by."""
    said = (customer.get("custEmail"), customer.get("custMobile"))
    texts = [str(one).strip() for one in said if type(one) in (str, int)]
    return next((text[:255] for text in texts if text and text.isprintable()), None)
