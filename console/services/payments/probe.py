"""Asking a provider how a payment stands: people's probes, polls while the payer may pay, and notices confirmed."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from console.domain.errors import ConsoleError
from console.domain.money import Money
from console.domain.order_records import Payment
from console.domain.outcomes import Outcome, OutcomeClass
from console.domain.payment_news import Way
from console.domain.payment_records import PaymentQuestion, PaymentReport
from console.domain.records import Certainty, Work, WorkState
from console.domain.schedules import PAYMENT_POLLS, PAYMENT_PROBES, next_at
from console.domain.truth import PAID
from console.services import happened, payment_work, refusals
from console.services.desk import Desk
from console.services.happened import Done, PaymentFact, what_happened
from console.services.heartbeat import LEASE_SECONDS
from console.services.parts import part_code
from console.services.payment_starting import PaymentSettler, is_lapsed
from console.services.payment_vendors import PaymentVendors
from console.services.settling import tolerated
from console.store import journal, leases, payments
from console.store.engine import Transaction

KIND = payments.KIND
ACTION = "payment.probe"
USABLE = (OutcomeClass.SUCCEEDED, OutcomeClass.PENDING, OutcomeClass.FAILED_DEFINITE)
"""Answers that say how a payment stands."""
MISFITS = ("other_id", "other_payment", "other_amount", "other_currency")
"""Answers about another payment than the one that was asked about, or another sum."""
CALL = "payment"
_log = logging.getLogger("console.guard")


def lease_name(payment_id: int) -> str:
    """The payment's own lease: probes and decisions exclude one another."""
    return f"payment_{payment_id}"


class PaymentProbing:
    """Reads payments at their providers. Holds only their reading halves."""

    def __init__(self, desk: Desk, vendors: PaymentVendors) -> None:
        self._desk = desk
        self._vendors = vendors
        self._settler = PaymentSettler(desk)

    def probe(self, payment_id: int, *, automatic: bool = False) -> Payment:
        """The payment as known afterwards. Raises outcome_unknown while nobody can tell (detail.record),
        in_progress while its call runs, provider_auth, rate_limited and provider_unreachable.
        """
        with refusals.audited(self._desk, ACTION, payment_id, kind=KIND):
            self._desk.require("probe")
            with self.held(payment_id) as payment:
                return self._probe(payment, automatic=automatic)

    def _probe(self, payment: Payment, *, automatic: bool) -> Payment:
        self._desk.failpoints.reach("before_probe")
        asked_at, outcome = self._desk.now(), self.ask(payment)
        if outcome is None:
            return self._nobody_to_ask(payment, automatic=automatic)
        self._desk.failpoints.reach("after_probe")
        self.learn(payment, outcome, asked_at)
        self._desk.write(lambda tx: self._plan(tx, payment, automatic=automatic, by_person=not automatic))
        after = self.current(payment.id)
        self._require_known(after, outcome)
        return after

    def _nobody_to_ask(self, payment: Payment, *, automatic: bool) -> Payment:
        """A mere source of notices; or a provider that isn't configured here, of which a person is told."""
        if automatic:
            self._desk.write(lambda tx: self._plan(tx, payment, automatic=True, by_person=False))
        else:
            self._require_configured(payment.provider)
        if payment.certainty is Certainty.UNKNOWN:
            raise ConsoleError("outcome_unknown", {"record": payment, "reason": "no_read_call"})
        return payment

    def _require_configured(self, provider: str) -> None:
        try:
            self._vendors.reader(provider)
        except ConsoleError as unfit:
            if unfit.code != "not_found":
                raise

    def _require_known(self, payment: Payment, outcome: Outcome[PaymentReport]) -> None:
        """Raise what a person has to know of an answer that taught nothing, or not enough."""
        detail = {"record": payment, "reason": outcome.reason, "status": outcome.status}
        if outcome.kind not in (*USABLE, OutcomeClass.NOT_FOUND) and outcome.found is None:
            code = part_code(outcome)
            asked_in_vain = code in ("provider_auth", "rate_limited", "provider_unreachable")
            raise ConsoleError(code if asked_in_vain else "outcome_unknown", detail)
        if payment.certainty is Certainty.UNKNOWN:
            raise ConsoleError("outcome_unknown", detail)

    # Holding

    @contextmanager
    def held(self, payment_id: int) -> Iterator[Payment]:
        """The payment under its lease; a beginning whose process went away is first written down as unknown.

        Raises not_found, and in_progress while somebody else is at it or its call runs.
        """
        desk, name = self._desk, lease_name(payment_id)
        self._refuse_running(self.current(payment_id))
        seconds = desk.scale.lease_seconds(LEASE_SECONDS)
        lease = desk.write(lambda tx: leases.take(tx, name, desk.holder(), desk.now(), seconds))
        if lease is None:
            with desk.database.read() as conn:
                holder = leases.holder_of(conn, name)
            raise ConsoleError("in_progress", {"record": self.current(payment_id), **refusals.holding(holder)})
        try:
            yield self._written_down(payment_id)
        finally:
            with tolerated("giving a lease up"):
                desk.write(lambda tx: leases.release(tx.conn, lease))

    def _refuse_running(self, payment: Payment) -> None:
        with self._desk.database.read() as conn:
            running = journal.running_of(conn, KIND, payment.id)
        if running is not None and running.action in journal.EFFECTS:
            holder = {"operator": running.operator, "desk": running.desk}
            raise ConsoleError("in_progress", {"record": payment, "holder": holder, "since": running.started_at})

    def _written_down(self, payment_id: int) -> Payment:
        payment = self.current(payment_id)
        if payment.operation_id is not None and is_lapsed(payment.work):
            self._settler.lapse(payment.operation_id)
            payment = self.current(payment_id)
        return payment

    def current(self, payment_id: int) -> Payment:
        """The payment as everybody sees it. Raises not_found."""
        with self._desk.database.read() as conn:
            found = payments.find(conn, payment_id, journal.lapsed_subjects(conn, KIND))
        if found is None:
            raise ConsoleError("not_found", {"kind": KIND, "id": str(payment_id)})
        return found

    # Asking, and what it teaches

    def ask(self, payment: Payment) -> Outcome[PaymentReport] | None:
        """The provider's answer, no transaction open; None where nobody can be asked."""
        reader = self._vendors.asker(payment.provider)
        return None if reader is None else reader.payment(question(payment))

    def confirm(self, payment_id: int, event_id: str | None = None) -> Done | None:
        """Ask because something was heard: what the answer did, None when it taught nothing. For whoever takes
        notices: without the lease, as news is written in any order.
        """
        self._desk.failpoints.reach("before_confirm")
        payment, asked_at = self.current(payment_id), self._desk.now()
        outcome = self.ask(payment)
        self._desk.failpoints.reach("after_confirm")
        return None if outcome is None else self.learn(payment, outcome, asked_at, event_id=event_id)

    def learn(
        self, payment: Payment, outcome: Outcome[PaymentReport], asked_at: datetime, call: str = CALL,
        event_id: str | None = None,
    ) -> Done | None:  # fmt: skip
        """Write what an answer means, in a transaction of its own, and say what it did; None when it taught nothing.

        `asked_at`: since then the answer may have been true.
        """
        return self._desk.write(lambda tx: self.take(tx, payment, outcome, asked_at, call, event_id))

    def take(
        self, tx: Transaction, payment: Payment, outcome: Outcome[PaymentReport], asked_at: datetime,
        call: str = CALL, event_id: str | None = None,
    ) -> Done | None:  # fmt: skip
        """The same in a transaction of the caller's."""
        report = told(outcome)
        if report is None:
            return self._keep(tx, payment, outcome, call)
        fact = PaymentFact(report, asked_at, Way.READ, call, outcome, event_id)
        return what_happened(self._desk, tx, payment, fact).done

    @payments.runs_again()
    def _keep(self, tx: Transaction, payment: Payment, outcome: Outcome[PaymentReport], call: str) -> None:
        """An answer that says nothing about money changes no state; one about something else is for a person, and so
        is what was paid and is not to be found.
        """
        desk, fresh = self._desk, payment_work.required(tx, payment.id)
        happened.keep_answer(desk, tx, fresh, call, outcome)
        if outcome.reason in MISFITS:
            self._contradict(tx, fresh, outcome.reason)
        if outcome.kind is not OutcomeClass.NOT_FOUND:
            return
        if fresh.state in PAID:
            self._contradict(tx, fresh, "not_found")
        elif fresh.certainty is Certainty.UNKNOWN:
            payments.change(tx.conn, fresh, desk.now(), error_code="not_found")

    def _contradict(self, tx: Transaction, payment: Payment, observed: str) -> None:
        expected = f"{payment.state} {payment.captured_minor or payment.asked_minor} {payment.currency}"
        if payment.certainty is Certainty.UNKNOWN and payment.error_code != observed:
            payments.change(tx.conn, payment, self._desk.now(), error_code=observed)
        payment_work.open_case(self._desk, tx, payment.id, "contradicted", observed, expected)

    # What is next

    @payments.runs_again()
    def _plan(self, tx: Transaction, payment: Payment, *, automatic: bool, by_person: bool) -> None:
        """Note a person's probe; plan the next automatic one, or call a person when the schedule has ended."""
        desk, fresh = self._desk, payment_work.required(tx, payment.id)
        if by_person:
            desk.note(tx, "payment.probed", payment.id, {"state": fresh.state.value}, kind=KIND)
        if not automatic or fresh.work.state is not WorkState.SCHEDULED or fresh.work != payment.work:
            return
        if fresh.work.reason == payment_work.MOVE_ORDER:
            return
        attempt = fresh.work.attempt + 1
        schedule = PAYMENT_POLLS if fresh.work.reason == payment_work.POLL else PAYMENT_PROBES
        at = next_at(schedule, attempt, desk.now(), desk.scale)
        work = Work(WorkState.SCHEDULED, at, fresh.work.reason, attempt)
        if at is None:
            work = Work(WorkState.NEEDS_REVIEW, None, "probes_ended", attempt)
        payments.change(tx.conn, fresh, desk.now(), **payments.work_values(work))


def question(payment: Payment) -> PaymentQuestion:
    """What is asked about a payment: by our number, its price and the time it began."""
    amount = Money(payment.captured_minor or payment.asked_minor, payment.currency)
    begun = payment.begun_at or payment.paid_at or payment.created_at
    return PaymentQuestion(
        payment.merchant_payment_id,
        provider_payment_id=payment.provider_payment_id,
        amount=amount,
        begun_at=begun,
        by_code=payment.by_code,
    )


def told(outcome: Outcome[PaymentReport]) -> PaymentReport | None:
    """The report of an answer that says how a payment stands; a success over another sum is one too: it is known,
    and can't be booked.
    """
    report = outcome.found
    if report is None or outcome.kind in USABLE:
        return report
    return report if outcome.reason == "other_amount" and report.state in PAID else None
