"""Choose the work of a payment: its next step, the time of the step, and the actor of the step (a due task or a
person)."""

from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.records import Payment
from console.domain.payments.states import PAID_BY_CALLBACK_STATES, WAITING_STATES, PaymentState
from console.domain.records import Work, WorkReason, WorkState
from console.domain.tasks.retry_schedules import PAYMENT_POLL_WAITS, PAYMENT_PROBE_WAITS, compute_next_attempt_time
from console.services.payments.listed_facts import end_acknowledged_case
from console.services.process.context import ServiceContext
from console.store.alerts import cases
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal
from console.store.payments import payments

PAYMENT_KIND = payments.PAYMENT_KIND
PROBE_REASON = WorkReason.UNKNOWN
"""Reason of work on a payment: a due task must probe the payment, because its outcome is unknown."""
POLL_REASON = WorkReason.WAITING
"""Reason of work on a payment: a due task must read the open payment at its provider."""
CONFIRM_REASON = WorkReason.CONFIRM
"""Reason of work on a payment: a due task must read the payment at its provider, because a callback has arrived."""
MOVE_ORDER_REASON = WorkReason.MOVE_ORDER
"""Reason of work on a payment: a due task must set the payment's order to paid."""


def require_payment(tx: Transaction, payment_id: int) -> Payment:
    """Return the payment as it is stored, read in the transaction `tx`. Raises not_found if there is none."""
    return _require_existing_payment(payments.find(tx.conn, payment_id), payment_id)


def require_payment_after_lapse(conn: Connection, payment_id: int) -> Payment:
    """Return the payment. If the process that started the payment has ended without recording an answer, its
    certainty is unknown, also if no due task has stored that yet. Raises not_found if there is no such payment."""
    lapsed_ids = journal.list_lapsed_record_ids(conn, PAYMENT_KIND)
    return _require_existing_payment(payments.find(conn, payment_id, lapsed_ids), payment_id)


def _require_existing_payment(payment: Payment | None, payment_id: int) -> Payment:
    if payment is None:
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": PAYMENT_KIND, "id": str(payment_id)})
    return payment


def make_probe_work(context: ServiceContext, payment: Payment) -> Work:
    """Return the work of a payment whose outcome is unknown: the first scheduled probe, or the payment's present
    work if a probe is already scheduled."""
    if payment.work.reason == PROBE_REASON and payment.work.state is WorkState.SCHEDULED:
        return payment.work
    return Work(
        WorkState.SCHEDULED,
        compute_next_attempt_time(PAYMENT_PROBE_WAITS, 0, context.now(), context.scale),
        PROBE_REASON,
    )


def choose_work(context: ServiceContext, tx: Transaction, payment: Payment, state: PaymentState) -> Work:
    """Return the work of a payment that is in `state`: review by a person if the payment has an open case;
    otherwise a scheduled read at the provider if a payment in this state needs one; otherwise no work."""
    rules = cases.list_rules_of_open_cases(tx.conn, PAYMENT_KIND, payment.id)
    if rules:
        return Work(WorkState.NEEDS_REVIEW, reason=rules[0])
    if state in WAITING_STATES:
        return make_poll_work(context, payment)
    if state in PAID_BY_CALLBACK_STATES:
        return Work(
            WorkState.SCHEDULED,
            compute_next_attempt_time(PAYMENT_PROBE_WAITS, 0, context.now(), context.scale),
            CONFIRM_REASON,
        )
    return Work()


def make_poll_work(context: ServiceContext, payment: Payment) -> Work:
    """Return the work of a payment that the payer can still pay: a due task reads the payment at the provider again.
    After the last read of the schedule, return no work."""
    attempt = payment.work.attempt if payment.work.reason == POLL_REASON else 0
    if attempt and payment.work.state is WorkState.SCHEDULED:
        return payment.work
    at = compute_next_attempt_time(PAYMENT_POLL_WAITS, attempt, context.now(), context.scale)
    return Work(WorkState.SCHEDULED, at, POLL_REASON, attempt) if at else Work()


def close_case(context: ServiceContext, tx: Transaction, payment: Payment, rule: str) -> None:
    """Close the payment's case of the alert rule `rule`. If the payment waited for a review because of this case,
    set the payment's next work.

    Raises StaleRow if the payment has changed since it was read; the caller then repeats its transaction.
    """
    cases.close_case(tx.conn, rule, PAYMENT_KIND, payment.id, context.now())
    if payment.work.state is WorkState.NEEDS_REVIEW and payment.work.reason == rule:
        work = payments.make_work_values(choose_work(context, tx, payment, payment.state))
        payments.change_payment(tx.conn, payment, context.now(), **work)


@payments.run_again_if_stale()
def open_case(
    context: ServiceContext, tx: Transaction, payment_id: int, rule: str, observed: str, expected: str
) -> bool:
    """Open a case of the alert rule `rule` about the payment, with the observed and the expected value. Return True
    if the case was opened. Set the payment's work to needs_review (unless its order must still be set to paid), and
    write an audit entry.

    If a case of this rule is already open, the new case replaces it only if a person has acknowledged it and the
    observed value is new. Otherwise do nothing and return False.
    """
    now = context.now()
    end_acknowledged_case(context, tx, (PAYMENT_KIND, payment_id), rule, observed)
    if not cases.open_case(tx.conn, rule, PAYMENT_KIND, payment_id, observed, expected, now):
        return False
    payment = payments.find(tx.conn, payment_id)
    if payment is not None and payment.work.reason != MOVE_ORDER_REASON:
        work = payments.make_work_values(Work(WorkState.NEEDS_REVIEW, reason=rule))
        payments.change_payment(tx.conn, payment, now, **work)
    context.record_audit(
        tx, AuditAction(f"payment.{rule}"), payment_id, {"observed": observed[:255]}, kind=PAYMENT_KIND, reason=rule
    )
    return True
