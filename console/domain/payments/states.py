"""States of payments and refunds, and the allowed changes of a payment. They are separate from the records, so that
code that needs only the states imports less.
"""

from collections.abc import Mapping
from enum import StrEnum


class PaymentState(StrEnum):
    """State of a payment, stored in its row. INITIALIZING, TOKEN_GENERATED and USER_PAYMENT: the payment waits for
    the payer. PAYMENT_SUCCESS, CALLBACK_RECEIVED, SIGNATURE_VERIFIED and COMPLETED: the payment is paid.
    PAYMENT_FAILED and EXPIRED: the payment ended unpaid. REVERSED: the money was taken back after the payment. An
    unknown outcome isn't a state but a `Certainty`.
    """

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
    """State of a refund, stored in its row. REQUESTED waits for approvers, APPROVED for its sending. SUBMITTING: the
    call is being sent. SUBMITTED: the provider has accepted the refund but not completed it. The other states are
    final. An unknown outcome isn't a state but a `Certainty`.
    """

    REQUESTED = "requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    COMPLETED = "completed"
    FAILED = "failed"


PAID_STATES = frozenset(
    {
        PaymentState.PAYMENT_SUCCESS,
        PaymentState.CALLBACK_RECEIVED,
        PaymentState.SIGNATURE_VERIFIED,
        PaymentState.COMPLETED,
    }
)
"""Payment states in which the payer has paid and the payment isn't reversed."""
PAID_BY_CALLBACK_STATES = frozenset({PaymentState.CALLBACK_RECEIVED, PaymentState.SIGNATURE_VERIFIED})
"""Payment states in which a callback says that the payer has paid, and no answer of the provider has confirmed this
yet.
"""
CONFIRMED_PAID_STATES = PAID_STATES - PAID_BY_CALLBACK_STATES
"""Payment states in which an answer of the provider, a signed notice, or people say that the payer has paid. Only in
these states does a payment count for its order.
"""
WAITING_STATES = frozenset({PaymentState.INITIALIZING, PaymentState.TOKEN_GENERATED, PaymentState.USER_PAYMENT})
"""Payment states in which the payer has not paid and may still pay."""
ENDED_UNPAID_STATES = frozenset({PaymentState.PAYMENT_FAILED, PaymentState.EXPIRED})
"""Payment states in which the payment has ended and the payer has not paid."""
ENDED_WITHOUT_MONEY_STATES = ENDED_UNPAID_STATES | {PaymentState.REVERSED}
"""Payment states in which the payment has ended and no money is left of it: not paid, or reversed."""
FINAL_STATES = frozenset({PaymentState.COMPLETED}) | ENDED_WITHOUT_MONEY_STATES
"""Payment states that normally don't change again."""
DONE_OUTSIDE = "done_outside"
"""The decision of two people that the payer of a payment got an amount back other than through its provider, such as
a bank transfer. It isn't a state: the payment stays paid, and the amount can't be refunded any more."""
RECORD_OUTSIDE_ACTION = "record_outside"
"""Name of the action by which a person makes the decision DONE_OUTSIDE."""
OPEN_REFUND_STATES = frozenset({RefundState.REQUESTED, RefundState.APPROVED, RefundState.SUBMITTING})
"""States of an open refund. At most one refund of a payment is in one of these states."""
RESERVING_REFUND_STATES = OPEN_REFUND_STATES | {RefundState.SUBMITTED}
"""States in which a refund's amount is reserved on its payment."""
SENDING_STATE_BY_KIND: Mapping[str, str] = {
    "payment": PaymentState.INITIALIZING.value,
    "refund": RefundState.SUBMITTING.value,
}
"""The state of a payment or refund while the operation that starts or sends it calls the provider, by kind."""

PAYMENT_TRANSITIONS: Mapping[PaymentState, frozenset[PaymentState]] = {
    PaymentState.INITIALIZING: frozenset({PaymentState.TOKEN_GENERATED, PaymentState.EXPIRED}),
    PaymentState.TOKEN_GENERATED: frozenset({PaymentState.USER_PAYMENT, PaymentState.EXPIRED}),
    PaymentState.USER_PAYMENT: frozenset(
        {PaymentState.PAYMENT_SUCCESS, PaymentState.PAYMENT_FAILED, PaymentState.EXPIRED}
    ),
    PaymentState.PAYMENT_SUCCESS: frozenset(
        {PaymentState.CALLBACK_RECEIVED, PaymentState.COMPLETED, PaymentState.REVERSED}
    ),
    PaymentState.CALLBACK_RECEIVED: frozenset({PaymentState.SIGNATURE_VERIFIED}),
    PaymentState.SIGNATURE_VERIFIED: frozenset({PaymentState.COMPLETED}),
    PaymentState.COMPLETED: frozenset({PaymentState.REVERSED}),
    # A late payment, proved by a report or by evidence.
    PaymentState.EXPIRED: frozenset({PaymentState.PAYMENT_SUCCESS}),
    PaymentState.PAYMENT_FAILED: frozenset({PaymentState.PAYMENT_SUCCESS}),
    PaymentState.REVERSED: frozenset(),
}
"""The allowed changes of a payment's state: the states that may follow each state."""


def find_payment_state_path(start: PaymentState, target: PaymentState) -> tuple[PaymentState, ...]:
    """Return the states that lead from `start` to `target`: without `start`, with `target` as the last one. Each
    state may follow the one before it by the table `PAYMENT_TRANSITIONS`. Empty if there is no such path.

    The console didn't observe the states between `start` and `target`. So the path contains only states that every
    payment with these two states has certainly had: token_generated, user_payment and payment_success.

    After callback_received the path also contains signature_verified, because the evidence for `target` confirms the
    callback as a valid signature would. A path from signature_verified to reversed also contains completed. No path
    contains a failure, an expiry or the receipt of a callback between `start` and `target`.
    """
    shortest: list[tuple[PaymentState, ...]] = [()]
    for path in shortest:
        state = path[-1] if path else start
        for step in sorted(PAYMENT_TRANSITIONS[state]):
            if step is target:
                return (*path, step)
            if step in _INTERMEDIATE_STATES and step not in path:
                shortest.append((*path, step))
    return ()


_INTERMEDIATE_STATES = frozenset(
    {
        PaymentState.TOKEN_GENERATED,
        PaymentState.USER_PAYMENT,
        PaymentState.PAYMENT_SUCCESS,
        PaymentState.SIGNATURE_VERIFIED,
        PaymentState.COMPLETED,
    }
)
"""States through which a payment may pass without a report about them."""
