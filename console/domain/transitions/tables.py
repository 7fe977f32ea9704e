"""Transition tables: what may follow what. The store writes nothing that is not in them."""

from collections.abc import Mapping
from typing import TypeVar

from console.domain.order_records import OrderState, SetAsideState
from console.domain.payment_states import PaymentState, RefundState
from console.domain.records import CheckState, OperationState
from console.domain.worker_records import SagaState, StockState

CREDIT_CHECK: Mapping[CheckState, frozenset[CheckState]] = {
    CheckState.PENDING: frozenset({CheckState.SUCCESS, CheckState.ERROR}),
    CheckState.SUCCESS: frozenset(),
    CheckState.ERROR: frozenset(),
}

OPERATION: Mapping[OperationState, frozenset[OperationState]] = {
    OperationState.CALLING: frozenset({OperationState.DONE, OperationState.FAILED, OperationState.UNKNOWN}),
    OperationState.UNKNOWN: frozenset({OperationState.DONE, OperationState.FAILED}),
    OperationState.DONE: frozenset(),
    OperationState.FAILED: frozenset(),
}

_O, _P, _R = OrderState, PaymentState, RefundState

ORDER: Mapping[OrderState, frozenset[OrderState]] = {
    _O.PENDING: frozenset({_O.PAID, _O.CANCELLED}),
    _O.PAID: frozenset({_O.SHIPPED, _O.REFUNDED}),
    _O.SHIPPED: frozenset({_O.DELIVERED, _O.REFUNDED}),
    _O.DELIVERED: frozenset({_O.REFUNDED}),
    _O.CANCELLED: frozenset(),
    _O.REFUNDED: frozenset(),
}

PAYMENT: Mapping[PaymentState, frozenset[PaymentState]] = {
    _P.INITIALIZING: frozenset({_P.TOKEN_GENERATED, _P.EXPIRED}),
    _P.TOKEN_GENERATED: frozenset({_P.USER_PAYMENT, _P.EXPIRED}),
    _P.USER_PAYMENT: frozenset({_P.PAYMENT_SUCCESS, _P.PAYMENT_FAILED, _P.EXPIRED}),
    _P.PAYMENT_SUCCESS: frozenset({_P.CALLBACK_RECEIVED, _P.COMPLETED, _P.REVERSED}),
    _P.CALLBACK_RECEIVED: frozenset({_P.SIGNATURE_VERIFIED}),
    _P.SIGNATURE_VERIFIED: frozenset({_P.COMPLETED}),
    _P.COMPLETED: frozenset({_P.REVERSED}),
    _P.EXPIRED: frozenset({_P.PAYMENT_SUCCESS}),  # late, with evidence
    _P.PAYMENT_FAILED: frozenset({_P.PAYMENT_SUCCESS}),  # late, with evidence
    _P.REVERSED: frozenset(),
}

REFUND: Mapping[RefundState, frozenset[RefundState]] = {
    _R.REQUESTED: frozenset({_R.APPROVED, _R.REJECTED, _R.WITHDRAWN, _R.EXPIRED}),
    _R.APPROVED: frozenset({_R.SUBMITTING, _R.WITHDRAWN, _R.EXPIRED}),
    # Back to approved only when nothing was sent, or it was proven not to have happened.
    _R.SUBMITTING: frozenset({_R.SUBMITTED, _R.COMPLETED, _R.FAILED, _R.APPROVED}),
    _R.SUBMITTED: frozenset({_R.COMPLETED, _R.FAILED}),
    _R.REJECTED: frozenset(),
    _R.WITHDRAWN: frozenset(),
    _R.EXPIRED: frozenset(),
    _R.COMPLETED: frozenset(),
    _R.FAILED: frozenset(),
}
OPEN_REFUND = frozenset({_R.REQUESTED, _R.APPROVED, _R.SUBMITTING})
"""One refund of a payment at a time is in these."""
HOLDING_REFUND = OPEN_REFUND | {_R.SUBMITTED}
"""Refunds that reserve their sum of the captured amount."""
ENDED_REFUND = frozenset(state for state, targets in REFUND.items() if not targets)

SET_ASIDE: Mapping[SetAsideState, frozenset[SetAsideState]] = {
    SetAsideState.OPEN: frozenset({SetAsideState.REFUNDING}),
    SetAsideState.REFUNDING: frozenset({SetAsideState.REFUNDED, SetAsideState.OPEN}),
    SetAsideState.REFUNDED: frozenset(),
}

SAGA: Mapping[SagaState, frozenset[SagaState]] = {
    SagaState.RUNNING: frozenset({SagaState.DONE, SagaState.COMPENSATED, SagaState.STUCK}),
    SagaState.DONE: frozenset(),
    SagaState.COMPENSATED: frozenset(),
    SagaState.STUCK: frozenset({SagaState.RUNNING}),
}

STOCK: Mapping[StockState, frozenset[StockState]] = {
    StockState.HELD: frozenset({StockState.RELEASED, StockState.USED}),
    StockState.RELEASED: frozenset(),
    StockState.USED: frozenset(),
}

_State = TypeVar("_State")


class ForbiddenTransition(Exception):
    """Our own code tried to write a transition that no table has: a bug, never a person's mistake."""


def require_check(before: CheckState, after: CheckState) -> None:
    """Raise ForbiddenTransition unless a credit check may go from `before` to `after` (staying is allowed)."""
    if before is not after and after not in CREDIT_CHECK[before]:
        raise ForbiddenTransition(f"credit check {before} -> {after}")


def sources_of_operation(after: OperationState) -> tuple[str, ...]:
    """States a journal row may come from; used in the WHERE of each write, so that the row decides."""
    return tuple(before.value for before, targets in OPERATION.items() if after in targets)


def require(table: Mapping[_State, frozenset[_State]], before: _State, after: _State) -> None:
    """Raise ForbiddenTransition unless `table` leads from `before` to `after` (staying is allowed)."""
    if before != after and after not in table[before]:
        raise ForbiddenTransition(f"{before} -> {after}")


def payment_path(before: PaymentState, after: PaymentState) -> tuple[PaymentState, ...]:
    """The steps after `before` that lead to `after`, each of them in the table; empty when there is no way.

    Only where no step says what nobody knows: a payment that was asked about without a call of ours being seen in
    between has passed through the waiting states, never through a failure, an expiry or a notice.
    """
    shortest: list[tuple[PaymentState, ...]] = [()]
    for path in shortest:
        last = path[-1] if path else before
        for step in sorted(PAYMENT[last]):
            if step is after:
                return (*path, step)
            if step in _PASSED_THROUGH and step not in path:
                shortest.append((*path, step))
    return ()


_PASSED_THROUGH = frozenset({_P.TOKEN_GENERATED, _P.USER_PAYMENT, _P.PAYMENT_SUCCESS})
