"""Who does what next about a payment: its work axis between two pieces of news."""

from console.domain.errors import ConsoleError
from console.domain.order_records import Payment
from console.domain.payment_records import PaymentState
from console.domain.records import Work, WorkState
from console.domain.schedules import PAYMENT_POLLS, PAYMENT_PROBES, next_at
from console.domain.truth import WAITING
from console.services.desk import Desk
from console.store import cases, payments
from console.store.engine import Transaction

KIND = payments.KIND
UNKNOWN, POLL, CONFIRM, MOVE_ORDER = "unknown", "waiting", "confirm", "move_order"
"""Reasons of scheduled work: ask what happened, whether it was paid, whether a notice is true; move the order."""


def required(tx: Transaction, payment_id: int) -> Payment:
    """The payment as it is in this transaction. Raises not_found."""
    record = payments.find(tx.conn, payment_id)
    if record is None:
        raise ConsoleError("not_found", {"kind": KIND, "id": str(payment_id)})
    return record


def unknown(desk: Desk, payment: Payment) -> Work:
    """Asked about by itself until the schedule ends; what is scheduled so already stays."""
    if payment.work.reason == UNKNOWN and payment.work.state is WorkState.SCHEDULED:
        return payment.work
    return Work(WorkState.SCHEDULED, next_at(PAYMENT_PROBES, 0, desk.now(), desk.scale), UNKNOWN)


def resting(desk: Desk, tx: Transaction, payment: Payment, state: PaymentState) -> Work:
    """What is left to do for a payment in this state when nothing new is known: an open case comes first."""
    rules = cases.open_rules(tx.conn, KIND, payment.id)
    if rules:
        return Work(WorkState.NEEDS_REVIEW, reason=rules[0])
    if state in WAITING:
        return waiting(desk, payment)
    if state is PaymentState.SIGNATURE_VERIFIED:
        return Work(WorkState.SCHEDULED, next_at(PAYMENT_PROBES, 0, desk.now(), desk.scale), CONFIRM)
    return Work()


def waiting(desk: Desk, payment: Payment) -> Work:
    """Asked about by itself while the payer may pay."""
    attempt = payment.work.attempt if payment.work.reason == POLL else 0
    if attempt and payment.work.state is WorkState.SCHEDULED:
        return payment.work
    at = next_at(PAYMENT_POLLS, attempt, desk.now(), desk.scale)
    return Work(WorkState.SCHEDULED, at, POLL, attempt) if at else Work()


def close_case(desk: Desk, tx: Transaction, payment: Payment, rule: str) -> None:
    """What a person was to look at has been put right: the payment rests, or waits for what else is open. To be run
    again by whoever calls it, when the payment has changed since it was read.
    """
    cases.close_case(tx.conn, rule, KIND, payment.id, desk.now())
    if payment.work.state is WorkState.NEEDS_REVIEW and payment.work.reason == rule:
        work = payments.work_values(resting(desk, tx, payment, payment.state))
        payments.change(tx.conn, payment, desk.now(), **work)


@payments.runs_again()
def open_case(desk: Desk, tx: Transaction, payment_id: int, rule: str, observed: str, expected: str) -> bool:
    """A person has to look at this payment; True when nobody has been asked to before."""
    now = desk.now()
    if not cases.open_case(tx.conn, rule, KIND, payment_id, observed, expected, now):
        return False
    payment = payments.find(tx.conn, payment_id)
    if payment is not None and payment.work.reason != MOVE_ORDER:
        work = payments.work_values(Work(WorkState.NEEDS_REVIEW, reason=rule))
        payments.change(tx.conn, payment, now, **work)
    desk.note(tx, f"payment.{rule}", payment_id, {"observed": observed[:255]}, kind=KIND, reason=rule)
    return True
