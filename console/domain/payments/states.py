"""States of payments and refunds, and the allowed changes of a payment. They are separate from the records, so that
code that needs only the states imports less.
"""

from collections.abc import Mapping
from enum import StrEnum


class PaymentState(StrEnum):
    """Business state of a payment as stored."""

    INITIALIZING = "initializing"
    TOKEN_GENERATED = "token_generated"  # noqa: S105 (a state, no secret)
    USER_PAYMENT = "user_payment"
    PAYMENT_SUCCESS = "payment_success"
    PAYMENT_FAILED = "payment_failed"
    EXPIRED = "expired"
    CALLBACK_RECEIVED = "callback_received"
    SIGNATURE_VERIFIED = "signature_verified"
    COMPLETED = "completed"
    REVERSED = "reversed"


class RefundState(StrEnum):
    """Business state of a refund as stored."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    COMPLETED = "completed"
    FAILED = "failed"


_P = PaymentState

PAYMENT_STEPS: Mapping[PaymentState, frozenset[PaymentState]] = {
    _P.INITIALIZING: frozenset({_P.TOKEN_GENERATED, _P.EXPIRED}),
    _P.TOKEN_GENERATED: frozenset({_P.USER_PAYMENT, _P.EXPIRED}),
    _P.USER_PAYMENT: frozenset({_P.PAYMENT_SUCCESS, _P.PAYMENT_FAILED, _P.EXPIRED}),
    _P.PAYMENT_SUCCESS: frozenset({_P.CALLBACK_RECEIVED, _P.COMPLETED, _P.REVERSED}),
    _P.CALLBACK_RECEIVED: frozenset({_P.SIGNATURE_VERIFIED}),
    _P.SIGNATURE_VERIFIED: frozenset({_P.COMPLETED}),
    _P.COMPLETED: frozenset({_P.REVERSED}),
    _P.EXPIRED: frozenset({_P.PAYMENT_SUCCESS}),  # a late payment, proved by a report or by evidence
    _P.PAYMENT_FAILED: frozenset({_P.PAYMENT_SUCCESS}),  # a late payment, proved by a report or by evidence
    _P.REVERSED: frozenset(),
}


def payment_path(start: PaymentState, goal: PaymentState) -> tuple[PaymentState, ...]:
    """Return the states after `start` up to `goal`, each step in the table `PAYMENT_STEPS`; empty if there is no
    path.

    Nobody observed the states in between. So the path only passes through states that every payment has
    (token_generated, user_payment, payment_success), through completed before a reversal, and after a received
    callback through signature_verified: the evidence for the goal confirms the callback, as its signature would. The
    path never passes through a failure, an expiry or the receipt of a callback.
    """
    shortest: list[tuple[PaymentState, ...]] = [()]
    for path in shortest:
        state = path[-1] if path else start
        for step in sorted(PAYMENT_STEPS[state]):
            if step is goal:
                return (*path, step)
            if step in _PASSED_THROUGH and step not in path:
                shortest.append((*path, step))
    return ()


_PASSED_THROUGH = frozenset(
    {_P.TOKEN_GENERATED, _P.USER_PAYMENT, _P.PAYMENT_SUCCESS, _P.SIGNATURE_VERIFIED, _P.COMPLETED}
)
