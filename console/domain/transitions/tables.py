"""Transition tables: the allowed state changes of each kind of record except payments (see `PAYMENT_TRANSITIONS`).
The store writes no other change.
"""

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
"""Allowed state changes of a credit check: the states that may follow each state."""

OPERATION_TRANSITIONS: Mapping[OperationState, frozenset[OperationState]] = {
    OperationState.CALLING: frozenset({OperationState.DONE, OperationState.FAILED, OperationState.UNKNOWN}),
    OperationState.UNKNOWN: frozenset({OperationState.DONE, OperationState.FAILED}),
    OperationState.DONE: frozenset(),
    OperationState.FAILED: frozenset(),
}
"""Allowed state changes of an operation in the journal."""

ORDER_TRANSITIONS: Mapping[OrderState, frozenset[OrderState]] = {
    OrderState.PENDING: frozenset({OrderState.PAID, OrderState.CANCELLED}),
    OrderState.PAID: frozenset({OrderState.SHIPPED, OrderState.REFUNDED}),
    OrderState.SHIPPED: frozenset({OrderState.DELIVERED, OrderState.REFUNDED}),
    OrderState.DELIVERED: frozenset({OrderState.REFUNDED}),
    OrderState.CANCELLED: frozenset(),
    OrderState.REFUNDED: frozenset(),
}

REFUND_TRANSITIONS: Mapping[RefundState, frozenset[RefundState]] = {
    RefundState.REQUESTED: frozenset(
        {RefundState.APPROVED, RefundState.REJECTED, RefundState.WITHDRAWN, RefundState.EXPIRED}
    ),
    RefundState.APPROVED: frozenset({RefundState.SUBMITTING, RefundState.WITHDRAWN, RefundState.EXPIRED}),
    # Back to approved only if nothing was sent, or if the provider has proved that it made no refund.
    RefundState.SUBMITTING: frozenset(
        {RefundState.SUBMITTED, RefundState.COMPLETED, RefundState.FAILED, RefundState.APPROVED}
    ),
    RefundState.SUBMITTED: frozenset({RefundState.COMPLETED, RefundState.FAILED}),
    RefundState.REJECTED: frozenset(),
    RefundState.WITHDRAWN: frozenset(),
    RefundState.EXPIRED: frozenset(),
    RefundState.COMPLETED: frozenset(),
    RefundState.FAILED: frozenset(),
}
ENDED_REFUND_STATES = frozenset(state for state, targets in REFUND_TRANSITIONS.items() if not targets)
"""States of a refund after which no other state follows."""

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
"""Allowed state changes of a stock reservation."""

_State = TypeVar("_State")


class ForbiddenTransition(Exception):
    """Raised if the program tries a state change that isn't in the transition table. This is a bug of the program,
    not a person's mistake.
    """


def require_credit_check_transition(state: CheckState, target: CheckState) -> None:
    """Check that a credit check may change from `state` to `target`; two equal states are allowed. Raises
    ForbiddenTransition for any other change."""
    if state is not target and target not in CREDIT_CHECK_TRANSITIONS[state]:
        raise ForbiddenTransition(f"credit check {state} -> {target}")


def list_earlier_operation_states(target: OperationState) -> tuple[str, ...]:
    """Return the states from which an operation may change to `target`. An UPDATE of the journal has these states in
    its WHERE clause, so that it changes no operation in another state."""
    return tuple(source.value for source, targets in OPERATION_TRANSITIONS.items() if target in targets)


def require_transition(table: Mapping[_State, frozenset[_State]], state: _State, target: _State) -> None:
    """Check that `table` allows the change from `state` to `target`; two equal states are allowed. Raises
    ForbiddenTransition for any other change."""
    if state != target and target not in table[state]:
        raise ForbiddenTransition(f"{state} -> {target}")
