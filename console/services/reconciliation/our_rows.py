"""The second half of a reconciliation: what we have and their history doesn't tell; and, where there is no history,
each payment of ours asked about by its own number.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection

from console.domain import comparing
from console.domain.comparing import CLOCKS_DIFFER, MATCHED, compare, ours_text, theirs_text
from console.domain.errors import ConsoleError
from console.domain.history_records import HistoryRow
from console.domain.money import Money
from console.domain.order_records import Payment, Refund
from console.domain.outcomes import Outcome, OutcomeClass
from console.domain.payment_news import Way
from console.domain.payment_records import PaymentReport, PaymentState, RefundState
from console.domain.truth import PAID
from console.domain.worker_records import Difference, Verdict
from console.services.desk import Desk
from console.services.going_on import going_on
from console.services.happened import PaymentFact
from console.services.histories import HistorySource
from console.services.parts import part_code
from console.services.payment_probing import CALL, PaymentProbing, told
from console.services.reconcile_book import Book
from console.services.reconcile_facts import ReconcileFacts
from console.store import history_reads, payments, refunds
from console.store.engine import Transaction
from console.store.history_reads import Mark

BATCH = 200
REFUNDS = "refunds:"
"""Where the position stands among the refunds, which come after the payments."""
T = TypeVar("T", Payment, Refund)
Page = Callable[[Connection, Mark], Sequence[T]]


class Ours:
    """Goes through payments and refunds of ours, in order of time."""

    def __init__(self, desk: Desk, facts: ReconcileFacts, probing: PaymentProbing) -> None:
        self._desk, self._facts, self._probing = desk, facts, probing

    def go(
        self, provider: str, history: HistorySource, book: Book, span: tuple[datetime, datetime], after: str | None
    ) -> bool:  # fmt: skip
        """What was paid and refunded within `span`; False where the run is to stop before the end.

        What happened within minutes of its ends may stand in another day's history: nothing is said of that.
        """
        inner = span[0] + CLOCKS_DIFFER, span[1] - CLOCKS_DIFFER
        if not (after or "").startswith(REFUNDS) and not self._payments(provider, history, book, inner, after):
            return False
        return self._refunds(provider, history, book, inner, (after or "").partition(REFUNDS)[2] or None)

    def _payments(
        self, provider: str, history: HistorySource, book: Book, span: tuple[datetime, datetime], after: str | None
    ) -> bool:  # fmt: skip
        def page(conn: Connection, mark: Mark) -> Sequence[Payment]:
            return history_reads.paid(conn, provider, mark, span[1], BATCH)

        for payment in self._walk(book, page, _paid_at, _mark(after, span[0])):
            if payment is None:
                return False
            if payment.state in PAID and not history.holds(payment):
                self._missing(book, _key(_paid_at(payment), payment.id), payment, f"{provider} tells nothing of it")
        return True

    def _missing(self, book: Book, key: str, payment: Payment, observed: str, prefix: str = "ours:") -> None:
        ours = ours_text(payment) or ""
        expected = Difference(f"{prefix}{key}", Verdict.MISSING_THERE, payment.id, ours, None)

        def effect(tx: Transaction) -> Difference:
            return self._facts.missing(tx, payment.id, expected.row_key, observed, ours)

        book.write(key, expected, effect)

    def _refunds(
        self, provider: str, history: HistorySource, book: Book, span: tuple[datetime, datetime], after: str | None
    ) -> bool:  # fmt: skip
        if history.refund_times("", 0) is None:
            return True

        def page(conn: Connection, mark: Mark) -> Sequence[Refund]:
            return history_reads.refunds_sent(conn, mark, span[1], BATCH)

        for refund in self._walk(book, page, _sent_at, _mark(after, span[0]), REFUNDS):
            if refund is None:
                return False
            payment = self._untold(provider, history, refund, span[1])
            if payment is not None:
                observed = comparing.missing_refund(refund)
                self._missing(book, REFUNDS + _key(_sent_at(refund), refund.id), payment, observed, "")
        return True

    def _untold(
        self, provider: str, history: HistorySource, refund: Refund, until: datetime
    ) -> Payment | None:  # fmt: skip
        """Its payment, where the history should tell of the refund and doesn't."""
        if refund.state is not RefundState.COMPLETED or refund.told_at is None or refund.told_at >= until:
            return None
        with self._desk.database.read() as conn:
            payment = payments.find(conn, refund.payment_id)
            same = refunds.of_payment(conn, refund.payment_id)
        if payment is None or payment.provider != provider or payment.provider_payment_id is None:
            return None
        times = history.refund_times(payment.provider_payment_id, refund.amount_minor) or ()
        alike = [one for one in same if one.amount_minor == refund.amount_minor]
        said = comparing.meant(alike, times).values()
        return None if any(one.id == refund.id for one in said) else payment

    def _walk(
        self, book: Book, page: Page[T], at: Callable[[T], datetime], mark: Mark, prefix: str = ""
    ) -> Iterator[T | None]:
        """All of them, a page at a time, each page noted when it is through; None where the run is to stop."""
        while True:
            with self._desk.database.read() as conn:
                found = page(conn, mark)
            yield from found
            if len(found) < BATCH:
                return
            mark = at(found[-1]), found[-1].id
            book.passed(prefix + _key(*mark))
            book.pause()
            if not any(going_on((True,))):
                yield None
                return

    # By own keys

    def ask(self, provider: str, book: Book, span: tuple[datetime, datetime], after: str | None) -> bool:
        """Every payment that began within `span` is asked about; False where the run is to stop before the end.

        Raises provider_auth, rate_limited, provider_unreachable and outcome_unknown for the first one of which the
        provider says nothing: the run goes on with it another time.
        """

        def page(conn: Connection, mark: Mark) -> Sequence[Payment]:
            return history_reads.begun(conn, provider, mark, span[1], BATCH)

        for payment in self._walk(book, page, _begun_at, _mark(after, span[0])):
            if payment is None or not any(going_on((True,))):
                return False
            self._compare(provider, book, payment, _key(_begun_at(payment), payment.id))
            book.pause()
        return True

    def _compare(self, provider: str, book: Book, payment: Payment, key: str) -> None:
        asked_at, outcome = self._desk.now(), self._probing.ask(payment)
        if outcome is None:
            raise ConsoleError("outcome_unknown", {"reason": "no_read_call", "provider": provider})
        report = told(outcome)
        if report is None:
            self._untellable(book, payment, outcome, key)
            return
        row, fact = _row(payment, report, asked_at, key), PaymentFact(report, asked_at, Way.READ, CALL, outcome)
        finding = compare(payment, row)
        if finding == MATCHED and not self._has_cases(payment):
            self._refunds_of(book, payment, report, key)
            return
        expected = None
        if finding.verdict is not Verdict.MATCHED:
            expected = Difference(key, finding.verdict, payment.id, ours_text(payment), theirs_text(row))
        book.write(key, expected, lambda tx: self._facts.answer(tx, _fresh(tx, payment), row, fact, provider))

    def _has_cases(self, payment: Payment) -> bool:
        with self._desk.database.read() as conn:
            return bool(history_reads.open_cases(conn, (payment.id,), comparing.RULES))

    def _untellable(self, book: Book, payment: Payment, outcome: Outcome[PaymentReport], key: str) -> None:
        if outcome.kind is not OutcomeClass.NOT_FOUND:
            raise ConsoleError(part_code(outcome), {"record": payment, "reason": outcome.reason})
        if payment.state in PAID:
            self._missing(book, key, payment, f"{payment.provider} knows no such payment", "")
        else:
            book.matched(key)

    def _refunds_of(self, book: Book, payment: Payment, report: PaymentReport, key: str) -> None:
        """What went back, by the sums: each refund is asked about by its own key."""
        there = report.refunds
        done = sum(one.amount.minor for one in there or () if one.state is RefundState.COMPLETED and one.amount)
        if there is None or done == payment.refunded_minor or payment.reserved_minor:
            book.matched(key)
            return
        rule = comparing.UNKNOWN_REFUND if done > payment.refunded_minor else comparing.AMOUNT
        ours, theirs = f"refunded {payment.refunded_minor}", f"refunded {done}"

        def effect(tx: Transaction) -> Difference:
            self._facts.tell(tx, _fresh(tx, payment), rule, theirs, ours, settled=False)
            return Difference(key, Verdict.DIFFERENT_AMOUNT, payment.id, ours, theirs, case_opened=True)

        book.write(key, Difference(key, Verdict.DIFFERENT_AMOUNT, payment.id, ours, theirs), effect)


def _row(payment: Payment, report: PaymentReport, at: datetime, key: str) -> HistoryRow:
    """An answer as a row of a history; a sum that it doesn't name is ours."""
    amount = report.amount or Money(payment.captured_minor or payment.asked_minor, payment.currency)
    paid = report.state is PaymentState.PAYMENT_SUCCESS and report.paid_at
    theirs = report.provider_payment_id
    number, word = payment.merchant_payment_id, report.provider_state
    return HistoryRow(key, theirs, number, report.state, word, paid or at, amount)


def _fresh(tx: Transaction, payment: Payment) -> Payment:
    return payments.find(tx.conn, payment.id) or payment


def _paid_at(payment: Payment) -> datetime:
    return _known(payment.paid_at)


def _begun_at(payment: Payment) -> datetime:
    return _known(payment.begun_at)


def _sent_at(refund: Refund) -> datetime:
    return _known(refund.first_sent_at)


def _known(at: datetime | None) -> datetime:
    """An instant by which rows were chosen, so there is one."""
    if at is None:
        raise LookupError("a row without the instant by which it was found")
    return at


def _key(at: datetime, row_id: int) -> str:
    return f"{at.isoformat(timespec='microseconds')}|{row_id}"


def _mark(position: str | None, first: datetime) -> Mark:
    """Where to go on: after what was written last, else at the beginning."""
    at, _, number = (position or "").partition("|")
    return (datetime.fromisoformat(at), int(number)) if number else (first - timedelta(microseconds=1), 0)
