"""Set an order to paid after its payment was booked, in a separate transaction. If the transaction fails, a due
task repeats it until it succeeds. Set it to refunded when all its money was given back.
"""

import re
from dataclasses import replace

from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.consistency import (
    is_order_covered,
    is_order_refunded,
    is_refunded_in_full,
    sum_retained_minor,
)
from console.domain.payments.records import Order, OrderState, Payment
from console.domain.payments.states import CONFIRMED_PAID_STATES, DONE_OUTSIDE, PAID_STATES
from console.domain.records import Work, WorkReason, WorkState
from console.domain.recovery.decision_rules import find_set_order_paid_refusal
from console.domain.tasks.records import Alert
from console.domain.tasks.retry_schedules import PAYMENT_PROBE_WAITS, compute_next_attempt_time
from console.domain.transitions.tables import ORDER_TRANSITIONS
from console.services.audit import refusals
from console.services.guarded.leases import lock_until_commit
from console.services.payments import next_work as payment_work
from console.services.payments import order_columns
from console.services.payments.listed_facts import FACT_SEPARATOR, close_case_that_lacks_a_fact
from console.services.process.context import ServiceContext
from console.services.process.failure_suppression import log_and_suppress
from console.store.alerts import alerts
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.payments import orders, payments
from console.store.refunds import approvals

ORDER_KIND = orders.ORDER_KIND
PAID_AFTER_CANCEL_RULE = WorkReason.PAID_AFTER_CANCEL
ORDER_NOT_SET_PAID_RULE = WorkReason.NOT_MOVED
SET_ORDER_PAID_ACTION = AuditAction.PAYMENT_MOVE_ORDER
_PAYMENT_COUNT_PATTERN = re.compile("[0-9]+ payments")
"""Pattern of a fact in the text of a case: the number of the order's payments in this database."""


def set_order_paid_after_payment(context: ServiceContext, payment_id: int) -> None:
    """Set the payment's order to paid, directly after the payment was booked. If this fails, only write the failure
    to the log; a due task then repeats the attempt.
    """
    with log_and_suppress(f"the order of payment {payment_id}"):
        _write_order_paid(context, payment_id)


def set_order_paid(context: ServiceContext, payment_id: int) -> Order:
    """Set the payment's order to paid if the paid payments of the order cover its total. Return the order, changed or
    not. Open a case about the payment if the payments don't cover the total, if the order is cancelled, or if other
    payments have already paid the order. This function calls no provider.

    Raises not_found if the payment is missing or has no order.
    """
    order_id = _write_order_paid(context, payment_id)
    with context.database.read() as conn:
        order = orders.find(conn, order_id)
    if order is None:
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": ORDER_KIND, "id": str(order_id)})
    return order


def _write_order_paid(context: ServiceContext, payment_id: int) -> int:
    """Set the payment's order to paid in a write transaction, between two failpoints. Return the id of the order."""
    context.failpoints.reach("before_order_move")
    order_id = context.write(lambda tx: _set_order_paid(context, tx, payment_id))
    context.failpoints.reach("after_order_move")
    return order_id


def set_order_paid_by_person(context: ServiceContext, payment_id: int) -> Order:
    """Set the payment's order to paid because the acting person requests it. Return the order. Raises not_allowed if
    the person has no right to resolve; read_only while a read-only switch stops this change; not_found if the payment
    is missing or has no order; nothing_to_resolve if the order can't be set to paid.
    """
    with refusals.audit_refusals(context, SET_ORDER_PAID_ACTION, payment_id, kind=payments.PAYMENT_KIND):
        # The right of one person is enough: the provider's answer has proved the payment.
        context.require_right("resolve")
        _require_order_can_be_set_paid(context, payment_id)
        return set_order_paid(context, payment_id)


def _require_order_can_be_set_paid(context: ServiceContext, payment_id: int) -> None:
    """Raise nothing_to_resolve, with the reason, if the payment's order can't be set to paid."""
    with context.database.read() as conn:
        payment = payments.find(conn, payment_id)
        order = orders.find(conn, payment.order_id) if payment and payment.order_id else None
        is_covered = order is not None and is_order_covered(list_paid_payments(conn, order), order)
    reason = find_set_order_paid_refusal(payment, order, is_order_covered=is_covered) if payment else None
    if reason is not None:
        raise ConsoleError(ErrorCode.NOTHING_TO_RESOLVE, {"record": payment, "reason": reason})


def list_paid_payments(conn: Connection, order: Order) -> list[Payment]:
    """Return the payments of an order that are in a paid state."""
    return [payment for payment in payments.find_by_order(conn, order.id) if payment.state in PAID_STATES]


@orders.run_again_if_stale()
def _set_order_paid(context: ServiceContext, tx: Transaction, payment_id: int) -> int:
    """Set the payment's order to paid in the transaction `tx` if the paid payments of the order cover its total;
    otherwise a case may be opened (see `_apply_payment_to_order`). Also fill the order's empty columns and, if the
    payment's work was to set its order to paid, write the payment's next work. Return the order's id. Raises
    not_found if the payment is missing or has no order."""
    payment = payments.find(tx.conn, payment_id)
    order = orders.find(tx.conn, payment.order_id) if payment and payment.order_id else None
    if payment is None or order is None:
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": ORDER_KIND, "payment": str(payment_id)})
    if len(order.payment_ids) > 1:
        # Without the lock, two processes that book two payments at once may leave a case about the first payment open
        # although the second one has set the order to paid.
        lock_until_commit(context, tx, f"paid_order_{order.id}")
    order = order_columns.fill_empty_order_columns(context, tx, payment, order)
    has_case = payment.state in CONFIRMED_PAID_STATES and _apply_payment_to_order(context, tx, payment, order)
    if payment.work.reason == payment_work.MOVE_ORDER_REASON:
        _update_payment_work(context, tx, payment_work.require_payment(tx, payment.id) if has_case else payment)
    return order.id


def _apply_payment_to_order(context: ServiceContext, tx: Transaction, payment: Payment, order: Order) -> bool:
    """Set a pending order to paid if its paid payments cover its total. Open a case and return True if the payments
    don't cover the total, if the order is cancelled, or if other payments have already paid the order; otherwise
    return False."""
    paid_payments = list_paid_payments(tx.conn, order)
    if order.state is OrderState.CANCELLED:
        _open_case_of_late_payment(context, tx, payment, order)
        return True
    if order.state is not OrderState.PENDING:
        is_paid_twice = _is_order_paid_by_others(payment, paid_payments, order)
        if is_paid_twice:
            expected = f"{order.merch_txn_id} is {order.state}"
            facts = [f"{len(paid_payments)} payments"]
            observed = close_case_that_lacks_a_fact(context, tx, payment.id, WorkReason.PAID_TWICE, facts).case_text
            if observed is not None:
                payment_work.open_case(context, tx, payment.id, WorkReason.PAID_TWICE, observed, expected)
        return is_paid_twice
    if not is_order_covered(paid_payments, order):
        observed = f"{payment.captured_minor} {payment.currency}"
        expected = f"{order.total_minor} {order.currency}"
        payment_work.open_case(context, tx, payment.id, ORDER_NOT_SET_PAID_RULE, observed, expected)
        return True
    orders.change_order(tx.conn, order, context.now(), status=OrderState.PAID, **orders.make_work_values(Work()))
    context.record_audit(tx, AuditAction.ORDER_PAID, order.id, {"payment": payment.id}, kind=ORDER_KIND)
    for paid_payment in paid_payments:
        if paid_payment.work.state is WorkState.NEEDS_REVIEW:
            payment_work.close_case(context, tx, paid_payment, ORDER_NOT_SET_PAID_RULE)
    return False


def _is_order_paid_by_others(payment: Payment, paid_payments: list[Payment], order: Order) -> bool:
    """True if other payments have paid the order, which is no longer pending. False if the order has no other payment
    in a paid state, or if its total needs this payment too: then another payment's booking has set the order to paid,
    with this payment's money, before an interrupted attempt for this payment was repeated.

    Other payments that are partly refunded, also outside, have paid the order nevertheless. Only if all payments
    together leave no more than the total, this payment replaces the refunded money. Money that is reserved for a
    refund counts as refunded; if the refund is declined, the page of each payment shows the excess.
    """
    other_payments = [paid_payment for paid_payment in paid_payments if paid_payment.id != payment.id]
    others_before_refunds = [
        replace(other, refunded_minor=0, reserved_minor=0, outside_minor=0) for other in other_payments
    ]
    has_surplus = sum_retained_minor(paid_payments) > order.total_minor
    is_needed = (
        order.state is OrderState.PAID
        and is_order_covered(paid_payments, order)
        and not (has_surplus and is_order_covered(others_before_refunds, order))
    )
    return bool(other_payments) and not is_needed


def list_further_capture_cases(conn: Connection, payment_id: int) -> tuple[Alert, ...]:
    """Return the open and closed cases that name a further capture of the payer's money under this payment's number.
    A further capture is no part of this payment's amount, and has no payment of its own in this database.
    """
    return tuple(
        case
        for case in alerts.find_by_subject(conn, payments.PAYMENT_KIND, payment_id)
        if case.rule_id == WorkReason.PAID_TWICE and not _has_only_payment_counts(case)
    )


def _has_only_payment_counts(case: Alert) -> bool:
    """True if a case about an order that was paid twice only counts the order's payments in this database, perhaps
    several times (`2 payments, 3 payments`), and names no further capture."""
    return all(_PAYMENT_COUNT_PATTERN.fullmatch(fact) for fact in case.observed.split(FACT_SEPARATOR))


def close_cases_of_refunded_payment(context: ServiceContext, tx: Transaction, payment_id: int) -> None:
    """Close the cases that ask people to refund this payment, because it is fully refunded: the case about its
    cancelled order, and the case about another payment of its order. A case about further captures of the payer's
    money stays open, because they are no part of this payment's amount.
    """
    payment_work.close_case(context, tx, payment_work.require_payment(tx, payment_id), PAID_AFTER_CANCEL_RULE)
    is_about_payments_here = any(
        case.rule_id == WorkReason.PAID_TWICE and case.resolved_at is None and _has_only_payment_counts(case)
        for case in alerts.find_by_subject(tx.conn, payments.PAYMENT_KIND, payment_id)
    )
    if is_about_payments_here:
        payment_work.close_case(context, tx, payment_work.require_payment(tx, payment_id), WorkReason.PAID_TWICE)


@payments.run_again_if_stale()
def set_order_refunded(context: ServiceContext, tx: Transaction, payment_id: int) -> None:
    """After a completed refund, or one done outside, set the order of the payment to refunded, if the order's state
    allows this and all money of the order's payments was given back. If this payment waits for a review and was given
    back in full, also close its cases that ask people to refund it. Of a payment that was given back in full, also
    close the proposal that an amount was given back outside: nobody could confirm or replace it. If the row of the
    order or of one of its payments can't be read, leave the order unchanged: the outcome, in the same transaction, is
    stored nevertheless, and a case names the row."""
    payment = payments.find(tx.conn, payment_id)
    order_ids = [payment.order_id] if payment and payment.order_id is not None else []
    order = next(iter(orders.find_by_ids(tx.conn, order_ids, skips_unreadable=True)), None)
    if payment and is_refunded_in_full(payment):
        # The payment is fully refunded, so people need not decide about it any more.
        if payment.work.state is WorkState.NEEDS_REVIEW:
            close_cases_of_refunded_payment(context, tx, payment.id)
        proposal = approvals.find_open_proposal(tx.conn, payments.PAYMENT_KIND, str(payment.id))
        if proposal is not None and proposal.proposed_state == DONE_OUTSIDE:
            approvals.close_proposals(tx.conn, payments.PAYMENT_KIND, str(payment.id), context.now())
    if order is None or OrderState.REFUNDED not in ORDER_TRANSITIONS[order.state]:
        return
    if len(order.payment_ids) > 1:
        # Without the lock, two processes that complete refunds of two payments at once don't see each other's
        # outcome, and neither sets the order to refunded.
        lock_until_commit(context, tx, f"refunded_order_{order.id}")
    order_payments = payments.find_by_orders(tx.conn, order_ids, skips_unreadable=True)
    is_whole = {order_payment.id for order_payment in order_payments}.issuperset(order.payment_ids)
    if is_whole and is_order_refunded(order_payments):
        orders.change_order(tx.conn, order, context.now(), status=OrderState.REFUNDED)
        context.record_audit(tx, AuditAction.ORDER_REFUNDED, order.id, {"payment": payment_id}, kind=ORDER_KIND)


def _open_case_of_late_payment(context: ServiceContext, tx: Transaction, payment: Payment, order: Order) -> None:
    """Open a case about a payment whose order was cancelled before the payment was booked, and set the order's work
    to needs_review."""
    amount = f"{payment.captured_minor} {payment.currency}"
    observed = f"{ORDER_KIND} {order.id}={order.state}; payment {payment.id}={payment.state} {amount}"
    payment_work.open_case(context, tx, payment.id, PAID_AFTER_CANCEL_RULE, observed, "refund|compensation")
    if order.work.reason != PAID_AFTER_CANCEL_RULE:
        work = orders.make_work_values(Work(WorkState.NEEDS_REVIEW, reason=PAID_AFTER_CANCEL_RULE))
        orders.change_order(tx.conn, order, context.now(), **work)
        context.record_audit(
            tx,
            AuditAction.ORDER_PAID_AFTER_CANCEL,
            order.id,
            {"payment": payment.id},
            kind=ORDER_KIND,
            reason=PAID_AFTER_CANCEL_RULE,
        )


def _update_payment_work(context: ServiceContext, tx: Transaction, payment: Payment) -> None:
    """Write the payment's next work after its order was changed: a review if the payment has an open case, otherwise
    the next scheduled step or none."""
    work = payment_work.choose_work(context, tx, payment, payment.state)
    payments.change_payment(tx.conn, payment, context.now(), **payments.make_work_values(work))


def retry_set_order_paid(context: ServiceContext, payment: Payment) -> bool:
    """Set the payment's order to paid in a due task, after an earlier attempt failed. Return True, because the due
    task counts this payment as handled.

    If this attempt fails, for example because the database is unreachable, schedule the next attempt and raise the
    error of this attempt again. If the schedule has no further attempt, set the payment's work to needs_review
    instead.
    """
    try:
        set_order_paid(context, payment.id)
    except Exception:
        context.write(lambda tx: _plan_next_attempt_to_set_order_paid(context, tx, payment.id))
        raise
    return True


@payments.run_again_if_stale()
def _plan_next_attempt_to_set_order_paid(context: ServiceContext, tx: Transaction, payment_id: int) -> None:
    """Schedule the next attempt to set the payment's order to paid; after the last attempt, set the payment's work to
    needs_review. Do nothing if the payment's work is no longer to set its order to paid."""
    current_payment = payments.find(tx.conn, payment_id)
    if current_payment is None or current_payment.work.reason != payment_work.MOVE_ORDER_REASON:
        return
    attempt = current_payment.work.attempt + 1
    at = compute_next_attempt_time(PAYMENT_PROBE_WAITS, attempt, context.now(), context.scale)
    work = Work(WorkState.SCHEDULED, at, payment_work.MOVE_ORDER_REASON, attempt)
    if at is None:
        work = Work(WorkState.NEEDS_REVIEW, None, ORDER_NOT_SET_PAID_RULE, attempt)
    payments.change_payment(tx.conn, current_payment, context.now(), **payments.make_work_values(work))
