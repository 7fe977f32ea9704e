"""What the answer to the beginning of a payment means: from tx2, delivered late, or never given."""

from datetime import timedelta
from typing import Any

from console.domain.order_records import Payment
from console.domain.outcomes import Outcome, OutcomeClass
from console.domain.payment_records import PaymentState, StartedPayment
from console.domain.records import Certainty, Work, WorkState
from console.domain.truth import WAITING
from console.services import account_money, happened, payment_work
from console.services.described import ended_state
from console.services.desk import Desk
from console.services.settling import tolerated
from console.store import journal, payments
from console.store.engine import Transaction

KIND = payments.KIND
REFUSED = (OutcomeClass.FAILED_DEFINITE, OutcomeClass.AUTH, OutcomeClass.RATE_LIMITED)
"""Nothing exists at the provider: nobody can pay."""
LONGEST_WAIT = timedelta(days=1)
"""How long the payer has where the provider names no end."""


@payments.runs_again()
def record_start(desk: Desk, tx: Transaction, payment_id: int, outcome: Outcome[StartedPayment]) -> None:
    """Write the outcome in the transaction that ends its journal row."""
    payment = payment_work.required(tx, payment_id)
    happened.keep_answer(desk, tx, payment, "start", outcome)
    write_outcome(desk, tx, payment, outcome)


def write_outcome(desk: Desk, tx: Transaction, payment: Payment, outcome: Outcome[StartedPayment]) -> None:
    """The payer can go on; or nothing exists there; or nobody knows. A notice may have been faster than the answer:
    what it said stays.
    """
    if outcome.kind is OutcomeClass.SUCCEEDED and outcome.found is not None:
        _write_begun(desk, tx, payment, outcome.found)
    elif payment.state is not PaymentState.INITIALIZING:
        return
    elif outcome.kind in REFUSED:
        _write_refused(desk, tx, payment, outcome.reason)
    else:
        write_unknown(desk, tx, payment, outcome.reason)


def _write_begun(desk: Desk, tx: Transaction, payment: Payment, started: StartedPayment) -> None:
    now = desk.now()
    values: dict[str, object] = {
        "handle": started.handle[:128],
        "url": started.url if started.url and len(started.url) <= 255 else None,
        "payment_expires_at": started.expires_at or now + LONGEST_WAIT,
    }
    path: tuple[PaymentState, ...] = ()
    if payment.state is PaymentState.INITIALIZING:
        path = (PaymentState.TOKEN_GENERATED,)
    if payment.state in WAITING:
        work = payments.work_values(payment_work.waiting(desk, payment))
        values |= {"certainty": Certainty.KNOWN, "error_code": None, **work}
    payments.follow(tx.conn, payment, path, now, **values)
    desk.note(tx, "payment.begun", payment.id, {"provider": payment.provider}, kind=KIND)


def _write_refused(desk: Desk, tx: Transaction, payment: Payment, cause: str) -> None:
    """It ends before it began; its account's room is free again."""
    now = desk.now()
    if payment.account_minor:
        account_money.release(tx, payment)
    values = {"certainty": Certainty.KNOWN, "error_code": cause[:64], "account_minor": 0}
    ended = (PaymentState.EXPIRED,)
    payments.follow(tx.conn, payment, ended, now, **values, **payments.work_values(Work()))
    desk.note(tx, "payment.not_begun", payment.id, kind=KIND, reason=cause[:64])


def write_unknown(desk: Desk, tx: Transaction, payment: Payment, cause: str) -> None:
    """The payer may or may not be able to pay: asked about by itself."""
    work = payments.work_values(payment_work.unknown(desk, payment))
    values: dict[str, object] = {"certainty": Certainty.UNKNOWN, "error_code": cause[:64], **work}
    if payment.expires_at is None and payment.begun_at is not None:  # for when it is known that somebody may pay
        values["payment_expires_at"] = payment.begun_at + LONGEST_WAIT
    payments.change(tx.conn, payment, desk.now(), **values)
    desk.note(tx, "payment.unknown", payment.id, kind=KIND, reason=cause[:64])


class PaymentSettler:
    """What becomes of beginnings that their own process didn't end."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def deliver(self, operation_id: str, outcome: Outcome[Any]) -> bool:
        """Settle by an answer that came too late for tx2; harmless when repeated."""
        desk = self._desk
        if not desk.write(lambda tx: self._deliver(tx, operation_id, outcome)):
            return False
        with tolerated("end of a delivered operation"):
            if outcome.kind is not OutcomeClass.UNKNOWN:
                desk.spool.ended(operation_id, holds_claim=False)
        return True

    @payments.runs_again()
    def _deliver(self, tx: Transaction, operation_id: str, outcome: Outcome[Any]) -> bool:
        desk, operation = self._desk, journal.find(tx.conn, operation_id)
        payment = payments.find(tx.conn, operation.subject_id or 0) if operation else None
        if payment is None:
            return False
        happened.keep_answer(desk, tx, payment, "start", outcome)
        journal.settle(tx.conn, operation_id, ended_state(outcome, effect=True), outcome, desk.now())
        facts = {"operation": operation_id, "outcome": outcome.kind.value}
        desk.note(tx, "payment.late_answer", payment.id, facts, kind=KIND)
        write_outcome(desk, tx, payment, outcome)
        return True

    def lapse(self, operation_id: str) -> bool:
        """Write down that the process went away in the middle: nobody knows whether the payer can pay."""
        return self._desk.write(lambda tx: self._lapse(tx, operation_id))

    @payments.runs_again()
    def _lapse(self, tx: Transaction, operation_id: str) -> bool:
        desk, operation = self._desk, journal.find(tx.conn, operation_id)
        if operation is None:
            return False
        if not journal.lapse(tx.conn, operation_id, journal.state_after_lapse(operation.action), desk.now()):
            return False
        payment = payments.find(tx.conn, operation.subject_id or 0)
        if payment is not None and payment.state is PaymentState.INITIALIZING:
            write_unknown(desk, tx, payment, "lapsed")
        return True


def is_lapsed(work: Work) -> bool:
    """Whether a payment reads as unknown because its process went away, and nobody has written that down yet."""
    return work.state is WorkState.NEEDS_REVIEW and work.reason == "lapsed"
