"""The words of payments and refunds as stored, apart from their records: who lists credit checks needs no more."""

from enum import StrEnum


class PaymentState(StrEnum):
    """Business state of a payment process as stored."""

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
