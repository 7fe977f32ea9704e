"""When there is something to decide about a record: rules that the decision table and the services share. No I/O."""

from console.domain.order_records import Order, OrderState, Payment, Refund
from console.domain.payment_records import PaymentState, RefundState
from console.domain.records import Certainty, CreditCheck, WorkState
from console.domain.states import payment_path
from console.domain.truth import ENDED_UNPAID, PAID, WAITING

_P, _R = PaymentState, RefundState


def is_open_check(check: CreditCheck) -> bool:
    """Whether people may decide what became of it."""
    return check.certainty is Certainty.UNKNOWN


def is_open_refund(refund: Refund) -> bool:
    """Whether people may decide what became of it: unknown, or accepted and its provider can't tell any more."""
    stuck = refund.state is _R.SUBMITTED and refund.work.state is WorkState.NEEDS_REVIEW
    return refund.certainty is Certainty.UNKNOWN or stuck


def way_of_decision(before: PaymentState, target: PaymentState) -> tuple[PaymentState, ...]:
    """The steps of a decision about a payment, each in its table; empty when there is no way."""
    if target is _P.REVERSED and before is _P.SIGNATURE_VERIFIED:
        return (_P.COMPLETED, _P.REVERSED)
    if target is _P.REVERSED and before in WAITING | ENDED_UNPAID:
        return ()  # nothing was paid that could be taken back
    return payment_path(before, target)


def why_not_decide(payment: Payment, target: PaymentState) -> str | None:
    """Why nobody may decide that a payment ended so; None when it is open and there is a way."""
    waits = payment.certainty is Certainty.UNKNOWN or payment.work.state is WorkState.NEEDS_REVIEW
    reversal = target is _P.REVERSED and payment.state in PAID
    if target is not payment.state and not way_of_decision(payment.state, target):
        return "no_such_step"
    return None if waits or reversal else "outcome_known"


def why_not_move(payment: Payment, order: Order | None, *, covered: bool) -> str | None:
    """Why an order doesn't follow its payment."""
    if order is None:
        return "payment_no_order"
    if payment.state not in PAID:
        return "payment_not_paid"
    if order.state is not OrderState.PENDING:
        return "order_knows"
    return None if covered else "order_not_covered"
