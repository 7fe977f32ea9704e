"""What a row of a provider's history and a payment of ours say of one another. Reads nothing but the two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from console.domain.history_records import HistoryRow
from console.domain.money import Money
from console.domain.order_records import Payment, Refund
from console.domain.payment_news import Way, judge
from console.domain.payment_records import PaymentReport
from console.domain.payment_states import PaymentState, RefundState
from console.domain.records import Certainty
from console.domain.truth import ENDED_UNPAID, PAID, WAITING
from console.domain.worker_records import Verdict

STATE, AMOUNT, MISSING, UNKNOWN_REFUND = (
    "reconcile_state", "reconcile_amount", "reconcile_missing_there", "reconcile_unknown_refund",
)  # fmt: skip
RULES = (STATE, AMOUNT, MISSING, UNKNOWN_REFUND)
"""The rules of cases that a comparison opens."""
RULE_OF = {Verdict.DIFFERENT_STATE: STATE, Verdict.DIFFERENT_AMOUNT: AMOUNT, Verdict.MISSING_THERE: MISSING}
CLOCKS_DIFFER = timedelta(minutes=5)
_P, _R = PaymentState, RefundState
_SENT = frozenset({_R.SUBMITTING, _R.SUBMITTED, _R.COMPLETED})


class Follow(StrEnum):
    """What a comparison asks for beside being counted."""

    NOTHING = "nothing"
    FACT = "fact"
    IMPORT = "import"
    CASE = "case"


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict and what follows. A fact is written as a probe's answer would be; what is different even then is a
    case.
    """

    verdict: Verdict
    follow: Follow = Follow.NOTHING


MATCHED = Finding(Verdict.MATCHED)
_STATE_CASE = Finding(Verdict.DIFFERENT_STATE, Follow.CASE)


def compare(payment: Payment | None, row: HistoryRow) -> Finding:
    """A row about a payment itself, beside the payment of ours that it means."""
    if payment is None:
        return Finding(Verdict.IMPORTED, Follow.IMPORT) if row.state in PAID else MATCHED
    return _paid_there(payment, row) if row.state in PAID else _unpaid_there(payment, row)


def _paid_there(payment: Payment, row: HistoryRow) -> Finding:
    money = payment.state in PAID or payment.state is _P.REVERSED
    if money and row.provider_payment_id not in (None, payment.provider_payment_id):
        return _STATE_CASE  # the same number of ours was paid twice
    if row.amount != Money(payment.captured_minor if money else payment.asked_minor, payment.currency):
        return Finding(Verdict.DIFFERENT_AMOUNT, Follow.CASE if money else Follow.FACT)
    if payment.state is _P.REVERSED:
        return MATCHED if _heard_since(payment, row.at) else _STATE_CASE
    if not money:
        return Finding(Verdict.DIFFERENT_STATE, Follow.FACT)
    settled = payment.state is _P.COMPLETED and payment.certainty is Certainty.KNOWN
    return MATCHED if settled else Finding(Verdict.MATCHED, Follow.FACT)


def _unpaid_there(payment: Payment, row: HistoryRow) -> Finding:
    """A row tells of its moment: whoever paid later, or has been asked about since, is no difference."""
    if payment.state in ENDED_UNPAID or payment.state is _P.REVERSED:
        return MATCHED
    if payment.state in PAID:
        return MATCHED if payment.paid_at is not None and payment.paid_at > row.at else _STATE_CASE
    if row.state in WAITING or _heard_since(payment, row.at):
        return MATCHED
    return Finding(Verdict.DIFFERENT_STATE, Follow.FACT)


def _heard_since(payment: Payment, at: datetime) -> bool:
    return payment.told_at is not None and payment.told_at > at


def is_news(payment: Payment, report: PaymentReport, at: datetime, way: Way) -> bool:
    """Whether writing it would change anything: what is told again is not."""
    news = judge(payment, report, at, way)
    if news.unknown is not None:
        return payment.error_code != news.unknown or payment.certainty is not Certainty.UNKNOWN
    ends_unknown = payment.certainty is Certainty.UNKNOWN and (news.told or bool(news.path))
    return bool(news.path) or news.booked is not None or ends_unknown


def meant(refunds: Sequence[Refund], times: Sequence[datetime]) -> Mapping[datetime, Refund]:
    """The refunds of ours that lines of these times mean. Lines name a payment and a sum alone; `refunds` are those
    of both. One fits that was sent before, and not known to be done before; each is meant once, the oldest first.
    """
    left, found = sorted(refunds, key=lambda one: one.id), dict[datetime, Refund]()
    for at in sorted(times):
        one = next((refund for refund in left if _may_be(refund, at)), None)
        if one is not None:
            found[at] = one
            left.remove(one)
    return found


def _may_be(refund: Refund, at: datetime) -> bool:
    sent, told = refund.first_sent_at, refund.told_at
    if refund.state not in _SENT or sent is None:
        return False
    done_before = refund.state is _R.COMPLETED and told is not None and told + CLOCKS_DIFFER < at
    return sent - CLOCKS_DIFFER <= at and not done_before


def missing_refund(refund: Refund) -> str:
    """What is observed of a refund that is done here and not there."""
    return f"refund {refund.id} of {refund.amount_minor} {refund.currency}"


def ours_text(payment: Payment | None) -> str | None:
    """Our side in a few words."""
    if payment is None:
        return None
    return f"{payment.state.value} {payment.captured_minor or payment.asked_minor} {payment.currency}"


def theirs_text(row: HistoryRow) -> str:
    """Their side in a few words."""
    return f"{row.word} {row.amount.minor} {row.amount.currency}"
