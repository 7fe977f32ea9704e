"""The one place where news of a payment ends: webhook, callback, poll, reconciliation, import and people's probes.

Idempotent, and only along the table of transitions. In the caller's transaction: the answer is kept as evidence, then
the payment takes its steps, then its money is booked. Its order follows in a transaction of its own, so that nothing
about an order keeps a payment from being booked.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.exc import IntegrityError

from console.domain.money import Money
from console.domain.order_records import Payment
from console.domain.outcomes import Outcome
from console.domain.payment_news import News, Way, judge, settles
from console.domain.payment_records import PaymentReport, PaymentState, RefundReport, RefundState
from console.domain.records import Certainty, OperationState, Work, WorkState
from console.domain.schedules import PAYMENT_PROBES, next_at
from console.domain.truth import ENDED_UNPAID, PAID
from console.services import account_money, order_moving, payment_work, timed_out
from console.services.desk import Desk
from console.store import approvals, cases, evidence, journal, payments
from console.store.engine import RunAgain, Transaction

KIND = payments.KIND
LONGEST_WORD = 40
Done = Literal["booked", "changed", "unchanged", "unknown"]


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """One report of a payment, true at the instant `at`. `call`: what told us (`payment`, `callback`, `notice`,
    `import`), as evidence names it; `answer`: what is kept as evidence; `event_id`: of a notice.
    """

    report: PaymentReport
    at: datetime
    way: Way
    call: str
    answer: Outcome[PaymentReport]
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Happened:
    """What the news did to the payment."""

    payment_id: int
    done: Done


@payments.runs_again()
def what_happened(
    desk: Desk, tx: Transaction, payment: Payment, fact: PaymentFact, *, read: bool = False
) -> Happened:  # fmt: skip
    """Write what a report means for a payment, which is read afresh here, unless it was `read` in this transaction.

    Raises not_found for a payment that is gone.
    """
    before = payment if read else payment_work.required(tx, payment.id)
    news = _possible(tx, before, fact, judge(before, fact.report, fact.at, fact.way))
    if fact.way is not Way.PEOPLE:  # whose evidence is their own
        keep_answer(desk, tx, before, fact.call, fact.answer)
    try:
        _write(desk, tx, before, fact, news)
    except IntegrityError:  # another payment was given the provider's id at this very moment
        raise RunAgain from None
    _pass_on_refunds(desk, tx, before, fact.report)
    return Happened(before.id, _done(news))


def keep_answer(desk: Desk, tx: Transaction, payment: Payment, call: str, answer: Outcome[object]) -> int:
    """Keep what a provider said, or didn't, as evidence of the payment."""
    who, source = desk.holder().operator, f"{payment.provider}.{call}"
    return evidence.add_answer(tx.conn, (KIND, payment.id), payment.operation_id, source, who, answer, desk.now())


def _possible(tx: Transaction, payment: Payment, fact: PaymentFact, news: News) -> News:
    """No two payments of ours are one payment of the provider's."""
    theirs = fact.report.provider_payment_id
    if news.booked is None or theirs is None:
        return news
    other = payments.by_provider_id(tx.conn, payment.provider, theirs)
    if other is None or other.id == payment.id:
        return news
    return News(unknown="other_payment", case="other_payment", observed=f"{theirs} of {other.id}", told=news.told)


def _write(desk: Desk, tx: Transaction, payment: Payment, fact: PaymentFact, news: News) -> None:
    if settles(news, payment):
        cases.close_cases(tx.conn, KIND, payment.id, desk.now())
    new_case = news.case is not None and _open_case(desk, tx, payment, news)
    values = _values(desk, payment, fact, news)
    ended = news.path[-1] if news.path else payment.state
    if _is_released(payment, ended):
        account_money.release(tx, payment)
        values["account_minor"] = 0
    follows = _order_follows(payment, fact, news, ended)
    work = _work(desk, tx, payment, news, ended, new_case=new_case, follows=follows)
    values |= payments.work_values(work)
    payments.follow(tx.conn, payment, news.path, desk.now(), **values)
    if news.booked is not None:
        _book(desk, tx, payment, news.booked)
    if follows:
        tx.after_commit(lambda: order_moving.follow(desk, payment.id))
    if ended is PaymentState.REVERSED and news.path:
        account_money.take_back(tx, payment_work.required(tx, payment.id))
    if news.path and ended in ENDED_UNPAID:
        timed_out.begin_behind(desk, tx, payment)
    if settles(news, payment):
        _settle_operation(desk, tx, payment, fact)
    _note(desk, tx, payment, fact, news, ended)


def _settle_operation(desk: Desk, tx: Transaction, payment: Payment, fact: PaymentFact) -> None:
    """Nobody need decide any more, and the call that left it open has ended."""
    now = desk.now()
    approvals.close(tx.conn, KIND, str(payment.id), now)
    if payment.operation_id is not None:
        journal.settle(tx.conn, payment.operation_id, OperationState.DONE, fact.answer, now)


def _order_follows(payment: Payment, fact: PaymentFact, news: News, ended: PaymentState) -> bool:
    """Whether the order is to become paid: what a callback says is first confirmed by a read."""
    if payment.order_id is None or not news.path:
        return False
    by_notice = news.booked is not None and fact.way is Way.NOTICE and ended in PAID
    return ended is PaymentState.COMPLETED or by_notice


def _is_released(payment: Payment, ended: PaymentState) -> bool:
    """What a payment held of its account's room is free again when it has ended unpaid."""
    return payment.account_minor > 0 and ended in ENDED_UNPAID


def _values(desk: Desk, payment: Payment, fact: PaymentFact, news: News) -> dict[str, object]:
    """Columns beside the state: the provider's word where it is the newest, certainty, and what was booked."""
    report, values = fact.report, dict[str, object]()
    if news.told and fact.way is not Way.PEOPLE:
        values |= told_values(report, payment, fact.at)
    if fact.event_id is not None:
        values["payment_last_event_id"] = fact.event_id[:128]
    if news.unknown is not None:
        return values | {"certainty": Certainty.UNKNOWN, "error_code": news.unknown}
    if settles(news, payment) or news.path:
        cause = fact.answer.reason[:64] if news.path and news.path[-1] in ENDED_UNPAID else None
        values |= {"certainty": Certainty.KNOWN, "error_code": cause}
    if news.booked is not None:
        values |= {
            "provider_payment_id": report.provider_payment_id,
            "paid_at": report.paid_at or fact.at,
            "account_minor": 0,
        }
    if report.payer is not None and payment.payer is None:
        values["payer_ref"] = report.payer[:255]
    return values


def told_values(report: PaymentReport, payment: Payment, at: datetime) -> dict[str, object]:
    """What the provider says of itself, as of `at`; an amount in another currency is not told."""
    amount = report.amount if report.amount and report.amount.currency == payment.currency else None
    values: dict[str, object] = {"provider_state": report.provider_state[:LONGEST_WORD], "told_at": at}
    if amount is not None:
        values["provider_minor"] = amount.minor
    if report.refunds is not None:
        values["provider_refunded_minor"] = _refunded(report.refunds)
    return values


def _refunded(refunds: tuple[RefundReport, ...]) -> int:
    done = (one for one in refunds if one.state is RefundState.COMPLETED)
    return sum(one.amount.minor for one in done if one.amount is not None)


def _book(desk: Desk, tx: Transaction, payment: Payment, amount: Money) -> None:
    """The money, by its own sums, after the state; whatever exceeds an account's limit is set aside."""
    payments.capture(tx.conn, payment.id, amount.minor, desk.now())
    account_money.book(desk, tx, payment, amount)


def _open_case(desk: Desk, tx: Transaction, payment: Payment, news: News) -> bool:
    expected = f"{payment.state} {payment.captured_minor or payment.asked_minor} {payment.currency}"
    return cases.open_case(
        tx.conn, news.case or "", KIND, payment.id, news.observed, expected, desk.now()
    )  # fmt: skip


def _work(
    desk: Desk, tx: Transaction, payment: Payment, news: News, ended: PaymentState, *, new_case: bool, follows: bool
) -> Work:  # fmt: skip
    now = desk.now()
    if news.unknown is not None and news.case is None:
        return payment_work.unknown(desk, payment)
    if payment.work.reason == payment_work.MOVE_ORDER and ended in PAID:
        return payment.work  # its order comes first, whatever else is told meanwhile: then open cases have their turn
    if follows:
        return Work(WorkState.SCHEDULED, next_at(PAYMENT_PROBES, 0, now, desk.scale), payment_work.MOVE_ORDER)
    if new_case or news.unknown is not None:
        return Work(WorkState.NEEDS_REVIEW, reason=news.case)
    if not news.path and not settles(news, payment):
        return payment.work
    return payment_work.resting(desk, tx, payment, ended)


def _note(
    desk: Desk, tx: Transaction, payment: Payment, fact: PaymentFact, news: News, ended: PaymentState
) -> None:  # fmt: skip
    """The trail says what changed; an answer that changed nothing is evidence alone."""
    what = _word(payment, news, ended)
    if what is None:
        return
    word = fact.report.provider_state[:LONGEST_WORD]
    facts: dict[str, object] = {"by": fact.call, "state": ended.value, "word": word}
    if news.booked is not None:
        facts |= {"minor": news.booked.minor, "currency": news.booked.currency}
    if payment.state in ENDED_UNPAID and news.booked is not None:
        facts["late"] = True
    desk.note(tx, f"payment.{what}", payment.id, facts, kind=KIND, reason=news.unknown or news.case)


def _word(payment: Payment, news: News, ended: PaymentState) -> str | None:
    if news.unknown is not None:
        return None if payment.error_code == news.unknown else "unknown"
    if ended is PaymentState.REVERSED and news.path:
        return "reversed"
    if news.booked is not None:
        return "booked"
    if news.case is not None:
        return news.case
    return "moved" if news.path else None


def _done(news: News) -> Done:
    if news.unknown is not None:
        return "unknown"
    if news.booked is not None:
        return "booked"
    return "changed" if news.path or news.case else "unchanged"


def _pass_on_refunds(desk: Desk, tx: Transaction, payment: Payment, report: PaymentReport) -> None:
    """What a payment's report says of its refunds: ours are settled where refunds are, others are a case."""
    if not report.refunds:
        return
    from console.services.refund_settling import refund_seen

    strange = [one.key for one in report.refunds if not refund_seen(desk, tx, one)]
    if strange:
        payment_work.open_case(desk, tx, payment.id, "unknown_refund", ", ".join(strange), "no refund of ours")
