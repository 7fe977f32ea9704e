"""Rules that tell if people may decide the outcome of a record. The decision table and the services use the same
rules. No I/O.
"""

from console.domain.error_reasons import NothingToResolveReason
from console.domain.payments.consistency import ENDED_UNPAID_STATES, PAID_STATES, WAITING_STATES
from console.domain.payments.records import Order, OrderState, Payment, Refund
from console.domain.payments.states import PaymentState, RefundState, payment_path
from console.domain.records import Certainty, CreditCheck, WorkState

_P, _R = PaymentState, RefundState


def is_open_check(check: CreditCheck) -> bool:
    """True if people may decide the outcome of a credit check, because this outcome is unknown."""
    return check.certainty is Certainty.UNKNOWN


def is_open_refund(refund: Refund) -> bool:
    """True if people may decide the outcome of a refund: the outcome is unknown, or the provider has accepted the
    refund but doesn't report its outcome any more.
    """
    stuck = refund.state is _R.SUBMITTED and refund.work.state is WorkState.NEEDS_REVIEW
    return refund.certainty is Certainty.UNKNOWN or stuck


def path_of_decision(state: PaymentState, target: PaymentState) -> tuple[PaymentState, ...]:
    """Return the states through which a decision changes a payment from `state` to `target`, each step in the
    transition table; empty if there is no such path.
    """
    if target is _P.REVERSED and state is _P.SIGNATURE_VERIFIED:
        return (_P.COMPLETED, _P.REVERSED)
    if target is _P.REVERSED and state in WAITING_STATES | ENDED_UNPAID_STATES:
        return ()  # nothing was paid that could be reversed
    return payment_path(state, target)


def refusal_reason_of_decision(payment: Payment, target: PaymentState) -> str | None:
    """Return the reason for which people can't decide that a payment is in the state `target`; None if they can."""
    is_open = payment.certainty is Certainty.UNKNOWN or payment.work.state is WorkState.NEEDS_REVIEW
    reversal = target is _P.REVERSED and payment.state in PAID_STATES
    if target is not payment.state and not path_of_decision(payment.state, target):
        return "no_such_step"
    return None if is_open or reversal else "outcome_known"


def refusal_reason_of_order_move(
    payment: Payment, order: Order | None, *, covered: bool
) -> NothingToResolveReason | None:
    """Return the reason for which an order can't be moved to paid because of its payment; None if it can. `covered`:
    the paid payments of the order cover the order's total.
    """
    if order is None:
        return NothingToResolveReason.PAYMENT_NO_ORDER
    if payment.state not in PAID_STATES:
        return NothingToResolveReason.PAYMENT_NOT_PAID
    if order.state is not OrderState.PENDING:
        return NothingToResolveReason.ORDER_KNOWS
    return None if covered else NothingToResolveReason.ORDER_NOT_COVERED
