"""What a piece of news means for a payment: which steps it takes, what is booked, what is a case for a person.

News comes late, twice and in any order. Its place is its time, not its arrival: what is older than what we know only
adds what is not contradicted by it, and never undoes anything.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from console.domain.money import Money
from console.domain.order_records import Payment
from console.domain.payment_records import PaymentReport, PaymentState
from console.domain.records import Certainty
from console.domain.states import payment_path
from console.domain.truth import ENDED_UNPAID, PAID, WAITING

_P = PaymentState


class Way(StrEnum):
    """How the news came, and so how much it proves. A `read` is the provider's answer to a question of ours, a
    `callback` is signed and still to be confirmed by a read, a `notice` is signed and all the evidence there is,
    `people` are two of them with evidence.
    """

    READ = "read"
    CALLBACK = "callback"
    NOTICE = "notice"
    PEOPLE = "people"


@dataclass(frozen=True, slots=True)
class News:
    """What follows. `path`: the steps, in order, each in the table. `booked`: what is taken, at the step into
    payment_success. `unknown`: why nobody knows (any more). `case`: the rule that a person has to look at, with what
    was `observed`. `told`: the provider's word in it is the newest.
    """

    path: tuple[PaymentState, ...] = ()
    booked: Money | None = None
    unknown: str | None = None
    case: str | None = None
    observed: str = ""
    told: bool = True


def judge(payment: Payment, report: PaymentReport, at: datetime, way: Way) -> News:
    """What this report, true at the instant `at`, means for the payment as it is."""
    newer = payment.told_at is None or at >= payment.told_at
    if report.state in PAID:
        return _success(payment, report, way, newer=newer)
    if not newer:
        return News(told=False)
    if report.state is _P.PAYMENT_FAILED:
        return _failure(payment, report, way)
    return _expiry(payment, report) if report.state is _P.EXPIRED else _waiting(payment, report, way)


def _success(payment: Payment, report: PaymentReport, way: Way, *, newer: bool) -> News:
    if payment.state is _P.REVERSED:
        return _contradiction(report) if newer else News(told=False)
    if payment.state in PAID:
        return _success_again(payment, report, way, newer=newer)
    if not report.bookable or report.amount is None:
        return News(unknown="not_bookable", told=newer)
    if report.amount != Money(payment.asked_minor, payment.currency) and way is not Way.PEOPLE:
        return News(unknown="other_amount", case="amount_differs", observed=_said(report), told=newer)
    path, rule, observed = _steps_of_success(payment.state, way), *_further(report)
    if not newer and payment.state is _P.PAYMENT_FAILED:  # what is known to have failed since was taken back
        path, rule, observed = (*_confirmed(path), _P.REVERSED), "reversed", payment.provider_state or ""
    return News(path, report.amount, case=rule, observed=observed, told=newer)


def _success_again(payment: Payment, report: PaymentReport, way: Way, *, newer: bool) -> News:
    theirs, ours = report.provider_payment_id, payment.provider_payment_id
    if theirs is not None and ours is not None and theirs != ours:
        return News(case="paid_twice", observed=theirs, told=False)
    if report.amount not in (None, Money(payment.captured_minor, payment.currency)):
        return _contradiction(report, told=newer)
    rule, observed = _further(report)
    return News(_steps_on(payment.state, way), case=rule, observed=observed, told=newer)


def _further(report: PaymentReport) -> tuple[str | None, str]:
    """More successful attempts on the same order, each of which took money too."""
    return ("paid_twice", ", ".join(report.further_captures)) if report.further_captures else (None, "")


def _steps_of_success(before: PaymentState, way: Way) -> tuple[PaymentState, ...]:
    paid = payment_path(before, _P.PAYMENT_SUCCESS)
    return paid + _steps_on(_P.PAYMENT_SUCCESS, way)


def _steps_on(before: PaymentState, way: Way) -> tuple[PaymentState, ...]:
    """From paid to as far as the evidence goes: a good callback counts as seen and verified, a read completes."""
    if way in (Way.READ, Way.PEOPLE):
        return () if before is _P.COMPLETED else (_P.COMPLETED,)
    if way is Way.CALLBACK and before is _P.PAYMENT_SUCCESS:
        return (_P.CALLBACK_RECEIVED, _P.SIGNATURE_VERIFIED)
    return ()


def _confirmed(path: tuple[PaymentState, ...]) -> tuple[PaymentState, ...]:
    """Only what was paid or completed can be reversed; a callback in between is confirmed by what took it back."""
    return (*path, _P.COMPLETED) if path[-1] is _P.SIGNATURE_VERIFIED else path


def _failure(payment: Payment, report: PaymentReport, way: Way) -> News:
    if payment.state in WAITING:
        return News(payment_path(payment.state, _P.PAYMENT_FAILED))
    if payment.state not in PAID:
        return News()
    if way is Way.CALLBACK or _of_another_attempt(payment, report):
        return News(told=False)  # how this payment stands, a read will tell
    path = () if payment.state is _P.PAYMENT_SUCCESS else _confirmed((payment.state,))[1:]
    return News((*path, _P.REVERSED), case="reversed", observed=report.provider_state)


def _of_another_attempt(payment: Payment, report: PaymentReport) -> bool:
    return report.provider_payment_id not in (None, payment.provider_payment_id)


def _expiry(payment: Payment, report: PaymentReport) -> News:
    if payment.state in WAITING:
        return News((_P.EXPIRED,))
    return _contradiction(report) if payment.state in PAID else News()


def _waiting(payment: Payment, report: PaymentReport, way: Way) -> News:
    if payment.state is _P.COMPLETED and way is Way.READ:
        return _contradiction(report)
    if payment.state in PAID or payment.state in ENDED_UNPAID:
        return News(told=payment.state in ENDED_UNPAID)
    return News(payment_path(payment.state, _P.USER_PAYMENT) if payment.state in WAITING else ())


def _contradiction(report: PaymentReport, *, told: bool = True) -> News:
    return News(case="contradicted", observed=_said(report), told=told)


def _said(report: PaymentReport) -> str:
    amount = f" {report.amount.minor} {report.amount.currency}" if report.amount else ""
    return f"{report.provider_state}{amount}"


def settles(news: News, payment: Payment) -> bool:
    """Whether it ends an unknown: every usable word of the provider about it does, if it isn't an old one."""
    usable = news.unknown is None and (news.told or bool(news.path))
    return usable and payment.certainty is Certainty.UNKNOWN
