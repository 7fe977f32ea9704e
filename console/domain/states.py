"""Transition tables: what may follow what. The store writes nothing that is not in them."""

from collections.abc import Mapping

from console.domain.records import CheckState, OperationState

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


class ForbiddenTransition(Exception):
    """Our own code tried to write a transition that no table has: a bug, never a person's mistake."""


def require_check(before: CheckState, after: CheckState) -> None:
    """Raise ForbiddenTransition unless a credit check may go from `before` to `after` (staying is allowed)."""
    if before is not after and after not in CREDIT_CHECK[before]:
        raise ForbiddenTransition(f"credit check {before} -> {after}")


def sources_of_operation(after: OperationState) -> tuple[str, ...]:
    """States a journal row may come from; used in the WHERE of each write, so that the row decides."""
    return tuple(before.value for before, targets in OPERATION.items() if after in targets)
