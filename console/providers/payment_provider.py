"""Protocols of payment providers: one with the read-only calls, and one that adds the calls that move money."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from console.domain.payments.provider_messages import (
    PaymentQuestion,
    PaymentReport,
    PaymentRequest,
    RefundOrder,
    RefundReport,
    StartedPayment,
)
from console.domain.provider_outcome import Outcome


@dataclass(frozen=True, slots=True)
class NotFoundRule:
    """Rule by which "not found" answers prove that a refund didn't happen: `answers` of them are needed.
    `first_after` and `last_after` are real seconds after the refund was sent: an earlier answer doesn't count as the
    first or the last of them.
    """

    answers: int = 2
    first_after: float = 60.0
    last_after: float = 180.0


@dataclass(frozen=True, slots=True)
class PaymentCapabilities:
    """Features and limits of a provider. The services check these and never the provider's name.

    - `partial_refunds`: a refund may be smaller than the payment
    - `repeated_refunds`: a payment may have several refunds
    - `most_refunds`: number of refunds of one payment; None if no limit is published
    - `refund_window_days`: calendar days after the payment; None if the provider states none
    - `can_cancel`: the provider has a call that cancels a payment
    - `keeps_idempotency_keys`: a repeated refund key returns the earlier result
    - `not_found_rule`: None if "not found" never decides a refund
    - `asks_by_amount_and_day`: a payment can only be found by its amount and day
    - `refund_timeout`: real seconds before which an automatic probe of a refund is useless
    - `has_slow_refunds`: an accepted refund takes hours or longer
    """

    currency: str
    partial_refunds: bool
    repeated_refunds: bool
    most_refunds: int | None
    refund_window_days: int | None
    can_cancel: bool
    keeps_idempotency_keys: bool
    not_found_rule: NotFoundRule | None
    asks_by_amount_and_day: bool
    refund_timeout: float
    has_slow_refunds: bool = False


class PaymentReader(Protocol):
    """Read-only calls to a payment provider: with this protocol alone no money can be moved.

    No method raises for errors of the provider or the network: every answer and every missing answer becomes an
    Outcome. In a read, FAILED_DEFINITE means that the provider reports a failure of the payment or refund. A read
    without a result is UNKNOWN, and so is an answer that doesn't match the request (with the reason `other_amount`,
    `found` has the report).
    """

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> PaymentCapabilities: ...

    def read_payment(self, question: PaymentQuestion) -> Outcome[PaymentReport]:
        """Read a payment. A report of a success has an id and an amount only if its `bookable` is True."""
        ...

    def read_refund(self, order: RefundOrder) -> Outcome[RefundReport]:
        """Read one of our refunds by its idempotency key. The caller, a service, decides the meaning of NOT_FOUND."""
        ...

    def find_refund_deadline(self, paid_at: datetime) -> datetime | None:
        """Return the last second (aware) in which a payment can be refunded; None if the provider states none.
        `paid_at` is aware.
        """
        ...

    def find_cancel_deadline(self, paid_at: datetime) -> datetime | None:
        """Return the last second (aware) in which a payment can be cancelled; None if it never can. `paid_at` is
        aware.
        """
        ...


class PaymentVendor(PaymentReader, Protocol):
    """All calls to a payment provider, also those that move money. A call that moves money is sent once and isn't
    repeated automatically.

    For such a call, `sent` is NO only if certainly no byte of the request was sent. FAILED_DEFINITE, AUTH and
    RATE_LIMITED mean that nothing happened, PENDING that the provider has accepted the request; every other outcome
    except SUCCEEDED is UNKNOWN.
    """

    @property
    def merchant_id(self) -> str:
        """Our id at this provider. It isn't secret, and is part of a payment's identity."""
        ...

    def start(self, request: PaymentRequest) -> Outcome[StartedPayment]:
        """Request the code or the token with which the payer pays."""
        ...

    def refund(self, order: RefundOrder) -> Outcome[RefundReport]:
        """Refund money under the idempotency key `order.key`."""
        ...

    def cancel(self, question: PaymentQuestion) -> Outcome[None]:
        """Cancel a payment. If the provider has no such call, nothing is sent and the outcome is FAILED_DEFINITE with
        the reason `not_supported`.
        """
        ...

    def reader(self) -> PaymentReader:
        """Return this provider without the calls that move money."""
        ...
