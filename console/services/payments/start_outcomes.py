"""Write the meaning of a start's outcome into the payment: in the second transaction (tx2) of the start, for a late
answer, and for a lapsed start.
"""

from datetime import timedelta
from typing import Any

from console.domain.audit_actions import AuditAction
from console.domain.payments.consistency import ENDED_UNPAID_STATES, WAITING_STATES
from console.domain.payments.provider_messages import StartedPayment
from console.domain.payments.records import Payment
from console.domain.payments.states import PaymentState
from console.domain.provider_outcome import Outcome, OutcomeClass
from console.domain.records import Certainty, Operation, Work, WorkReason, WorkState
from console.services.guarded.operation import find_ended_state
from console.services.payments import account_limits as account_money
from console.services.payments import apply_report as happened
from console.services.payments import next_work as payment_work
from console.services.payments import order_columns
from console.services.process.context import ServiceContext
from console.store.database.engine import Transaction
from console.store.operations import journal
from console.store.payments import payments

KIND = payments.KIND
REFUSED_CLASSES = (OutcomeClass.FAILED_DEFINITE, OutcomeClass.AUTH, OutcomeClass.RATE_LIMITED)
"""Classes of outcomes in which the provider has not created the payment, so that nobody can pay."""
DEFAULT_PAYING_TIME = timedelta(days=1)
"""Time in which the payer can pay if the provider's answer has no expiry time."""


def record_start(context: ServiceContext, tx: Transaction, payment_id: int, outcome: Outcome[StartedPayment]) -> None:
    """Write the outcome in the second transaction (tx2), which also ends the journal row."""
    payment = payment_work.require_payment(tx, payment_id)
    happened.keep_answer(context, tx, payment, "start", outcome)
    write_outcome(context, tx, payment, outcome)


def write_outcome(
    context: ServiceContext, tx: Transaction, payment: Payment, outcome: Outcome[StartedPayment]
) -> None:
    """Write one of three meanings: the payer can pay, the provider has no payment, or the outcome is unknown. If a
    notice has changed the payment's state before the answer came, this state stays.
    """
    if outcome.kind is OutcomeClass.SUCCEEDED and outcome.found is not None:
        if contradicts(payment, outcome.found):
            observed = f"begun {outcome.found.merchant_payment_id} {outcome.found.handle}"
            payment_work.open_case(context, tx, payment.id, WorkReason.CONTRADICTED, observed, payment.state.value)
        else:
            _write_started(context, tx, payment, outcome.found)
    elif payment.state is not PaymentState.INITIALIZING:
        return
    elif outcome.kind in REFUSED_CLASSES:
        _write_refused(context, tx, payment, outcome.reason)
    else:
        write_unknown(context, tx, payment, outcome.reason)


def contradicts(payment: Payment, start_answer: StartedPayment) -> bool:
    """True if the payment has ended unpaid here, but the provider has created a code or token with which the payer
    can pay.
    """
    return payment.state in ENDED_UNPAID_STATES and payment.handle != start_answer.handle[:128]


def _write_started(context: ServiceContext, tx: Transaction, payment: Payment, start_answer: StartedPayment) -> None:
    now = context.now()
    values: dict[str, object] = {
        "handle": start_answer.handle[:128],
        "url": start_answer.url if start_answer.url and len(start_answer.url) <= 255 else None,
        "payment_expires_at": start_answer.expires_at or now + DEFAULT_PAYING_TIME,
    }
    path: tuple[PaymentState, ...] = ()
    if payment.state is PaymentState.INITIALIZING:
        path = (PaymentState.TOKEN_GENERATED,)
    if payment.state in WAITING_STATES:
        work = payments.work_values(payment_work.make_poll_work(context, payment))
        values |= {"certainty": Certainty.KNOWN, "error_code": None, **work}
    payments.follow_path(tx.conn, payment, path, now, **values)
    if payment.order_id is not None:
        tx.after_commit(lambda: order_columns.write_values(context, payment.id))
    context.record_audit(tx, AuditAction.PAYMENT_BEGUN, payment.id, {"provider": payment.provider}, kind=KIND)


def _write_refused(context: ServiceContext, tx: Transaction, payment: Payment, cause: str) -> None:
    """Set the payment to expired, because the provider has not created it, and release its reserved amount."""
    now = context.now()
    if payment.account_minor:
        account_money.release_amount(tx, payment)
    values = {"certainty": Certainty.KNOWN, "error_code": cause[:64], "account_minor": 0}
    path = (PaymentState.EXPIRED,)
    payments.follow_path(tx.conn, payment, path, now, **values, **payments.work_values(Work()))
    context.record_audit(tx, AuditAction.PAYMENT_NOT_BEGUN, payment.id, kind=KIND, reason=cause[:64])


def write_unknown(context: ServiceContext, tx: Transaction, payment: Payment, cause: str) -> None:
    """Set the certainty to unknown, because the payer may be able to pay, and schedule a probe."""
    work = payments.work_values(payment_work.make_unknown_work(context, payment))
    values: dict[str, object] = {"certainty": Certainty.UNKNOWN, "error_code": cause[:64], **work}
    # The payment may exist at the provider, so it needs an expiry time.
    if payment.expires_at is None and payment.begun_at is not None:
        values["payment_expires_at"] = payment.begun_at + DEFAULT_PAYING_TIME
    payments.change_payment(tx.conn, payment, context.now(), **values)
    context.record_audit(tx, AuditAction.PAYMENT_UNKNOWN, payment.id, kind=KIND, reason=cause[:64])


def settle_late(
    context: ServiceContext, tx: Transaction, operation_id: str, outcome: Outcome[Any], _key: str | None
) -> bool:
    """Settle a start with an answer that its own second transaction (tx2) did not record. Safe to repeat. Return
    False if the operation or the payment is missing.
    """
    operation = journal.find(tx.conn, operation_id)
    payment = payments.find(tx.conn, operation.subject_id or 0) if operation else None
    if payment is None:
        return False
    happened.keep_answer(context, tx, payment, "start", outcome)
    journal.settle_operation(tx.conn, operation_id, find_ended_state(outcome, effect=True), outcome, context.now())
    facts = {"operation": operation_id, "outcome": outcome.kind.value}
    context.record_audit(tx, AuditAction.PAYMENT_LATE_ANSWER, payment.id, facts, kind=KIND)
    write_outcome(context, tx, payment, outcome)
    return True


def write_lapsed(context: ServiceContext, tx: Transaction, operation: Operation) -> None:
    """Record that the process ended during the start: the outcome becomes unknown, unless the payment's state has
    changed meanwhile.
    """
    payment = payments.find(tx.conn, operation.subject_id or 0)
    if payment is not None and payment.state is PaymentState.INITIALIZING:
        write_unknown(context, tx, payment, "lapsed")


def is_lapsed(work: Work) -> bool:
    """True if this is the work of a payment whose start has lapsed, and no process has recorded the lapse yet."""
    return work.state is WorkState.NEEDS_REVIEW and work.reason == WorkReason.LAPSED
