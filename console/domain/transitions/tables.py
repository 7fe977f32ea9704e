"""Transition tables: the allowed state changes of each kind of record. The store writes no other change."""

from collections.abc import Mapping
from typing import TypeVar

from console.domain.payments.records import OrderState, SetAsideState
from console.domain.payments.states import RefundState
from console.domain.records import CheckState, OperationState
from console.domain.tasks.states import SagaState, StockState

CREDIT_CHECK_TRANSITIONS: Mapping[CheckState, frozenset[CheckState]] = {
    CheckState.PENDING: frozenset({CheckState.SUCCESS, CheckState.ERROR}),
    CheckState.SUCCESS: frozenset(),
    CheckState.ERROR: frozenset(),
}

OPERATION_TRANSITIONS: Mapping[OperationState, frozenset[OperationState]] = {
    OperationState.CALLING: frozenset({OperationState.DONE, OperationState.FAILED, OperationState.UNKNOWN}),
    OperationState.UNKNOWN: frozenset({OperationState.DONE, OperationState.FAILED}),
    OperationState.DONE: frozenset(),
    OperationState.FAILED: frozenset(),
}

_O, _R = OrderState, RefundState

ORDER_TRANSITIONS: Mapping[OrderState, frozenset[OrderState]] = {
    _O.PENDING: frozenset({_O.PAID, _O.CANCELLED}),
    _O.PAID: frozenset({_O.SHIPPED, _O.REFUNDED}),
    _O.SHIPPED: frozenset({_O.DELIVERED, _O.REFUNDED}),
    _O.DELIVERED: frozenset({_O.REFUNDED}),
    _O.CANCELLED: frozenset(),
    _O.REFUNDED: frozenset(),
}

REFUND_TRANSITIONS: Mapping[RefundState, frozenset[RefundState]] = {
    _R.REQUESTED: frozenset({_R.APPROVED, _R.REJECTED, _R.WITHDRAWN, _R.EXPIRED}),
    _R.APPROVED: frozenset({_R.SUBMITTING, _R.WITHDRAWN, _R.EXPIRED}),
    # Back to approved only if nothing was sent, or if the provider has proved that it made no refund.
    _R.SUBMITTING: frozenset({_R.SUBMITTED, _R.COMPLETED, _R.FAILED, _R.APPROVED}),
    _R.SUBMITTED: frozenset({_R.COMPLETED, _R.FAILED}),
    _R.REJECTED: frozenset(),
    _R.WITHDRAWN: frozenset(),
    _R.EXPIRED: frozenset(),
    _R.COMPLETED: frozenset(),
    _R.FAILED: frozenset(),
}
OPEN_REFUND_STATES = frozenset({_R.REQUESTED, _R.APPROVED, _R.SUBMITTING})
"""States of an open refund. At most one refund of a payment is in one of these states."""
HOLDING_REFUND_STATES = OPEN_REFUND_STATES | {_R.SUBMITTED}
"""States in which a refund's amount is reserved on its payment."""
ENDED_REFUND_STATES = frozenset(state for state, targets in REFUND_TRANSITIONS.items() if not targets)

SET_ASIDE_TRANSITIONS: Mapping[SetAsideState, frozenset[SetAsideState]] = {
    SetAsideState.OPEN: frozenset({SetAsideState.REFUNDING}),
    SetAsideState.REFUNDING: frozenset({SetAsideState.REFUNDED, SetAsideState.OPEN}),
    SetAsideState.REFUNDED: frozenset(),
}

SAGA_TRANSITIONS: Mapping[SagaState, frozenset[SagaState]] = {
    SagaState.RUNNING: frozenset({SagaState.DONE, SagaState.COMPENSATED, SagaState.STUCK}),
    SagaState.DONE: frozenset(),
    SagaState.COMPENSATED: frozenset(),
    SagaState.STUCK: frozenset({SagaState.RUNNING}),
}

STOCK_TRANSITIONS: Mapping[StockState, frozenset[StockState]] = {
    StockState.HELD: frozenset({StockState.RELEASED, StockState.USED}),
    StockState.RELEASED: frozenset(),
    StockState.USED: frozenset(),
}

_State = TypeVar("_State")


class ForbiddenTransition(Exception):
    """The program tried a state change that isn't in the transition table. This is a bug of the program, not a
    person's mistake.
    """


def require_check_transition(state: CheckState, target: CheckState) -> None:
    """Raise ForbiddenTransition unless a credit check may change from `state` to `target`, or both are equal."""
    if state is not target and target not in CREDIT_CHECK_TRANSITIONS[state]:
        raise ForbiddenTransition(f"credit check {state} -> {target}")


def sources_of_operation(target: OperationState) -> tuple[str, ...]:
    """Return the states from which an operation may change to `target`. Each UPDATE compares the stored state with
    these states in its WHERE clause.
    """
    return tuple(source.value for source, targets in OPERATION_TRANSITIONS.items() if target in targets)


def require_transition(table: Mapping[_State, frozenset[_State]], state: _State, target: _State) -> None:
    """Raise ForbiddenTransition unless `table` allows the change from `state` to `target`, or both are equal."""
    if state != target and target not in table[state]:
        raise ForbiddenTransition(f"{state} -> {target}")
