"""Write the outcome of a payment's start into the payment. The module does this in the second transaction (tx2) of
the start, for answers of the provider that arrive after it, and for starts that have lapsed.
"""

from datetime import datetime, timedelta
from typing import Any

from console.domain.audit.actions import AuditAction
from console.domain.payments.provider_messages import StartedPayment
from console.domain.payments.records import Payment
from console.domain.payments.states import ENDED_UNPAID_STATES, WAITING_STATES, PaymentState
from console.domain.provider_outcome import Outcome, OutcomeClass
from console.domain.records import Certainty, Operation, OperationState, Work, WorkReason, WorkState
from console.services.guarded.operation import find_journal_state
from console.services.payments import account_limits as account_money
from console.services.payments import apply_report as reports
from console.services.payments import next_work as payment_work
from console.services.payments import order_columns
from console.services.process.context import ServiceContext
from console.store.database.engine import Transaction
from console.store.database.instants import read_current_time
from console.store.operations import journal
from console.store.payments import payments
from console.store.refunds import approvals

PAYMENT_KIND = payments.PAYMENT_KIND
REFUSED_OUTCOME_CLASSES = (OutcomeClass.FAILED_DEFINITE, OutcomeClass.AUTH, OutcomeClass.RATE_LIMITED)
"""Outcome classes which mean that the provider has not created the payment, so that the payer can't pay."""
DEFAULT_TIME_TO_PAY = timedelta(days=1)
"""Time in which the payer can pay if the provider's answer has no usable expiry time."""


def record_start_outcome(
    context: ServiceContext, tx: Transaction, payment_id: int, outcome: Outcome[StartedPayment]
) -> None:
    """Store the provider's answer to a start as evidence, and write the outcome into the payment. The pipeline
    calls this function in the second transaction (tx2) of the start, which also ends the journal row.
    """
    payment = payment_work.require_payment(tx, payment_id)
    reports.store_answer(context, tx, payment, "start", outcome)
    write_start_outcome(context, tx, payment, outcome)


def write_start_outcome(
    context: ServiceContext, tx: Transaction, payment: Payment, outcome: Outcome[StartedPayment]
) -> None:
    """Write the outcome of a start into the payment: the payer can pay, the provider has not created the payment, or
    the outcome is unknown. If a notice has changed the payment's state before the provider's answer came, keep the
    state of the notice. If the payment has ended unpaid in our database and the provider's answer has a code with
    which the payer can pay, only open a case."""
    if outcome.kind is OutcomeClass.SUCCEEDED and outcome.content is not None:
        if is_contradicting_answer(payment, outcome.content):
            observed = f"begun {outcome.content.merchant_payment_id}"  # without the code: it is the payer's alone
            payment_work.open_case(context, tx, payment.id, WorkReason.CONTRADICTED, observed, payment.state.value)
        else:
            _write_started_payment(context, tx, payment, outcome.content)
    elif payment.state is not PaymentState.INITIALIZING:
        return
    elif outcome.kind in REFUSED_OUTCOME_CLASSES:
        _write_start_refused(context, tx, payment, outcome.reason)
    else:
        write_unknown_outcome(context, tx, payment, outcome.reason)


def is_contradicting_answer(payment: Payment, start_answer: StartedPayment) -> bool:
    """True if the payment has ended unpaid in our database, but the provider's answer to its start contains a code or
    token with which the payer can pay.
    """
    return payment.state in ENDED_UNPAID_STATES and payment.handle != start_answer.handle[:128]


def _write_started_payment(
    context: ServiceContext, tx: Transaction, payment: Payment, start_answer: StartedPayment
) -> None:
    """Write into the payment that the provider has started it: the provider's handle and link, the expiry time and
    the next poll. Its outcome becomes known, and open proposals about it are closed. After the COMMIT, the values of
    the order's empty columns are written."""
    now = read_current_time(tx.conn, context.now())
    values: dict[str, object] = {
        "handle": start_answer.handle[:128],
        "url": start_answer.url if start_answer.url and len(start_answer.url) <= 255 else None,
        "payment_expires_at": _find_expiry_time(payment, start_answer) or now + DEFAULT_TIME_TO_PAY,
    }
    path: tuple[PaymentState, ...] = ()
    if payment.state is PaymentState.INITIALIZING:
        path = (PaymentState.TOKEN_GENERATED,)
    if payment.state in WAITING_STATES:
        _close_proposals(context, tx, payment)
        work = payments.make_work_values(payment_work.make_poll_work(context, payment))
        values |= {"certainty": Certainty.KNOWN, "error_code": None, **work}
    payments.move_payment_along_path(tx.conn, payment, path, now, **values)
    if payment.order_id is not None:
        tx.call_after_commit(lambda: order_columns.write_order_column_values(context, payment.id))
    context.record_audit(tx, AuditAction.PAYMENT_BEGUN, payment.id, {"provider": payment.provider}, kind=PAYMENT_KIND)


def _find_expiry_time(payment: Payment, start_answer: StartedPayment) -> datetime | None:
    """Return the expiry time in the provider's answer; None if the answer has none, or if the time is before the
    payment's beginning. A time before the beginning is wrong, and the payer may still be able to pay."""
    expires_at, begun_at = start_answer.expires_at, payment.begun_at or payment.created_at
    return expires_at if expires_at is not None and (begun_at is None or expires_at > begun_at) else None


def _write_start_refused(context: ServiceContext, tx: Transaction, payment: Payment, cause: str) -> None:
    """Set the payment to expired, because the provider has not created it, and release its reserved amount.
    `cause` is stored in the payment's column `error_code`.
    """
    now = context.now()
    if payment.account_minor:
        account_money.release_amount(tx, payment)
    _close_proposals(context, tx, payment)
    values = {"certainty": Certainty.KNOWN, "error_code": cause[:64], "account_minor": 0}
    path = (PaymentState.EXPIRED,)
    payments.move_payment_along_path(tx.conn, payment, path, now, **values, **payments.make_work_values(Work()))
    context.record_audit(tx, AuditAction.PAYMENT_NOT_BEGUN, payment.id, kind=PAYMENT_KIND, reason=cause[:64])


def _close_proposals(context: ServiceContext, tx: Transaction, payment: Payment) -> None:
    """Close the open proposals about the unknown outcome of the payment's start, because the provider's answer has
    made it known."""
    if payment.certainty is Certainty.UNKNOWN:
        approvals.close_proposals(tx.conn, PAYMENT_KIND, str(payment.id), context.now())


def write_unknown_outcome(context: ServiceContext, tx: Transaction, payment: Payment, cause: str) -> None:
    """Set the payment's certainty to unknown, because the payer may be able to pay, and schedule a probe. `cause`
    is stored in the payment's column `error_code`.
    """
    work = payments.make_work_values(payment_work.make_probe_work(context, payment))
    values: dict[str, object] = {"certainty": Certainty.UNKNOWN, "error_code": cause[:64], **work}
    # The payment may exist at the provider, so it needs an expiry time.
    if payment.expires_at is None and payment.begun_at is not None:
        values["payment_expires_at"] = payment.begun_at + DEFAULT_TIME_TO_PAY
    payments.change_payment(tx.conn, payment, context.now(), **values)
    context.record_audit(tx, AuditAction.PAYMENT_UNKNOWN, payment.id, kind=PAYMENT_KIND, reason=cause[:64])


def settle_late_start(
    context: ServiceContext, tx: Transaction, operation_id: str, outcome: Outcome[Any], _key: str | None
) -> bool:
    """Settle the start `operation_id` with an outcome that the second transaction (tx2) of the start did not record.
    If the same successful answer is already recorded, write nothing. Any other repeated call stores the evidence and
    the audit entry again.

    Return False if the operation or its payment is missing, otherwise True. `_key`, the answer key, is not used.
    """
    operation = journal.find(tx.conn, operation_id)
    payment = payments.find(tx.conn, operation.subject_id or 0) if operation else None
    if operation is None or payment is None:
        return False
    if _is_start_recorded(operation, payment, outcome):
        return True
    reports.store_answer(context, tx, payment, "start", outcome)
    journal.settle_operation(
        tx.conn, operation_id, find_journal_state(outcome, has_effect=True), outcome, context.now()
    )
    facts = {"operation": operation_id, "outcome": outcome.kind.value}
    context.record_audit(tx, AuditAction.PAYMENT_LATE_ANSWER, payment.id, facts, kind=PAYMENT_KIND)
    write_start_outcome(context, tx, payment, outcome)
    return True


def _is_start_recorded(operation: Operation, payment: Payment, outcome: Outcome[StartedPayment]) -> bool:
    """True if an earlier transaction has already recorded this answer: the payment has the answer's code or token,
    and its operation is done. One transaction writes both, together with the evidence. The process of that
    transaction ended before it marked the operation as ended in the desk's spool.
    """
    handle = outcome.content.handle[:128] if outcome.kind is OutcomeClass.SUCCEEDED and outcome.content else None
    return (
        bool(handle)
        and payment.handle == handle
        and payment.operation_id == operation.id
        and payment.certainty is Certainty.KNOWN
        and payment.state is not PaymentState.INITIALIZING
        and operation.state is OperationState.DONE
    )


def write_start_lapse(context: ServiceContext, tx: Transaction, operation: Operation) -> None:
    """Record that the process which started the payment ended without recording an answer. The payment's outcome
    becomes unknown, unless the payment's state has changed meanwhile."""
    payment = payments.find(tx.conn, operation.subject_id or 0)
    if payment is not None and payment.state is PaymentState.INITIALIZING:
        write_unknown_outcome(context, tx, payment, "lapsed")


def has_start_lapsed(work: Work) -> bool:
    """True if `work` says that the payment's start has lapsed (its process ended without recording an answer) and
    that no process has recorded this lapse yet.
    """
    return work.state is WorkState.NEEDS_REVIEW and work.reason == WorkReason.LAPSED
