"""What every payment provider offers the services: a half that reads, and a half that moves money."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from console.domain.outcomes import Outcome
from console.domain.payment_records import (
    PaymentQuestion,
    PaymentReport,
    PaymentRequest,
    RefundOrder,
    RefundReport,
    StartedPayment,
)


@dataclass(frozen=True, slots=True)
class NotFoundRule:
    """When "not found" proves that a refund did not happen: so many answers, the first and the last not before so
    many seconds (real ones) after sending."""

    answers: int = 2
    first_after: float = 60.0
    last_after: float = 180.0


@dataclass(frozen=True, slots=True)
class PaymentCapabilities:
    """What a provider can do at all; services ask this, never the provider's name.

    `most_refunds`: per payment, None where no limit is published. `refund_window_days`: calendar days after the
    payment, None where the provider names none. `keeps_keys`: the same refund key again brings the earlier result.
    `not_found`: None where "not found" never settles anything. `asks_by_amount_and_day`: a payment can't be found
    without its sum and day. `refund_timeout`: seconds before which no automatic probe of a refund makes sense.
    `spacing`: seconds between the starts of calls. `slow_refunds`: an accepted refund takes hours at least.
    """

    currency: str
    partial_refunds: bool
    repeated_refunds: bool
    most_refunds: int | None
    refund_window_days: int | None
    cancels: bool
    keeps_keys: bool
    not_found: NotFoundRule | None
    asks_by_amount_and_day: bool
    refund_timeout: float
    spacing: float
    slow_refunds: bool = False


class PaymentReader(Protocol):
    """The reading half of a provider: whoever holds only this can't move money.

    No method raises for what the provider or the network does: every answer and every silence is an Outcome. In
    the answer to a read, FAILED_DEFINITE is the provider's word that the thing failed; a read that taught nothing
    is UNKNOWN, and so is an answer that doesn't fit the question (`other_amount` keeps what was read in `found`).
    """

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> PaymentCapabilities: ...

    def payment(self, question: PaymentQuestion) -> Outcome[PaymentReport]:
        """What the provider says of a payment. A report of a success that is not `bookable` lacks id or sum."""
        ...

    def refund_status(self, order: RefundOrder) -> Outcome[RefundReport]:
        """What the provider says of a refund of ours, found by its key; NOT_FOUND is never decided on here."""
        ...

    def refund_until(self, paid_at: datetime) -> datetime | None:
        """The last second (UTC) at which a payment can be refunded; None where the provider names none."""
        ...

    def cancel_until(self, paid_at: datetime) -> datetime | None:
        """The last second (UTC) at which a payment can be cancelled; None where it never can."""
        ...


class PaymentVendor(PaymentReader, Protocol):
    """A whole provider. What moves money is sent once and never repeated by itself.

    `sent` is NO only when no byte can have left; FAILED_DEFINITE, AUTH and RATE_LIMITED mean that nothing happened,
    PENDING that it was accepted; anything else that is not SUCCEEDED is UNKNOWN.
    """

    def start(self, request: PaymentRequest) -> Outcome[StartedPayment]:
        """Get the code or token with which the payer pays."""
        ...

    def refund(self, order: RefundOrder) -> Outcome[RefundReport]:
        """Give money back, under the order's key."""
        ...

    def cancel(self, question: PaymentQuestion) -> Outcome[None]:
        """Undo a payment; FAILED_DEFINITE `not_supported`, nothing sent, where there is no such call."""
        ...

    def reader(self) -> PaymentReader:
        """The same provider without what moves money."""
        ...
