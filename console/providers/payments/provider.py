"""Protocols of payment providers: one protocol with the read-only calls, and one that adds the calls that move
money.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from console.domain.payments.provider_messages import (
    ListedRefund,
    PaymentQuestion,
    PaymentReport,
    PaymentRequest,
    RefundInstruction,
    RefundReport,
    StartedPayment,
)
from console.domain.provider_outcome import Outcome


@dataclass(frozen=True, slots=True)
class NotFoundRule:
    """Rule by which a provider's "not found" answers prove that a refund didn't happen. `needed_answer_count` is the
    number of "not found" answers that prove it. The first of these answers counts only if it comes at least
    `first_answer_after_seconds` real seconds after the refund was sent, the last answer only if it comes at least
    `last_answer_after_seconds` seconds after the sending.
    """

    needed_answer_count: int = 2
    first_answer_after_seconds: float = 60.0
    last_answer_after_seconds: float = 180.0


@dataclass(frozen=True, slots=True)
class PaymentCapabilities:
    """Features and limits of a payment provider. The services check these and never the provider's name.

    - `currency`: the only currency of its payments
    - `allows_partial_refunds`: a refund may be smaller than the payment
    - `allows_repeated_refunds`: a payment may have several refunds
    - `max_refund_count`: largest number of refunds of one payment; None if the provider publishes no limit
    - `refund_window_days`: calendar days after the payment in which a refund is possible; None: no limit is stated
    - `can_cancel`: the provider has a call that cancels a payment
    - `keeps_idempotency_keys`: a request with a repeated refund key returns the earlier result
    - `not_found_rule`: None if the answer "not found" never decides a refund
    - `needs_amount_and_day`: the provider finds a payment only if the query states its amount and day
    - `refund_probe_delay_seconds`: real seconds after the sending of a refund before which an automatic probe is
      useless
    - `has_slow_refunds`: an accepted refund takes hours or longer
    - `lists_refunds_with_payment`: each answer about a payment contains all refunds of the payment
    """

    currency: str
    allows_partial_refunds: bool
    allows_repeated_refunds: bool
    max_refund_count: int | None
    refund_window_days: int | None
    can_cancel: bool
    keeps_idempotency_keys: bool
    not_found_rule: NotFoundRule | None
    needs_amount_and_day: bool
    refund_probe_delay_seconds: float
    has_slow_refunds: bool = False
    lists_refunds_with_payment: bool = False


class PaymentReader(Protocol):
    """Read-only calls to a payment provider: a caller that has only this protocol can't move money.

    No method raises for errors of the provider or the network: every answer and every missing answer becomes an
    Outcome. In a read, FAILED_DEFINITE means that the provider reports a failure of the payment or refund. A read
    without a usable answer is UNKNOWN. An answer that doesn't match the request is UNKNOWN too; if the reason is
    `other_amount`, the outcome's field `content` has the provider's report.
    """

    @property
    def name(self) -> str:
        """The name of the provider, such as `paypay`, as it is stored with payments."""

    @property
    def capabilities(self) -> PaymentCapabilities:
        """The features and limits of the provider."""

    def read_payment(self, question: PaymentQuestion) -> Outcome[PaymentReport]:
        """Read the state of a payment, and return the outcome with the provider's report. A report of a successful
        payment has an id and an amount only if the report's `is_bookable` is True. The outcome PENDING has the reason
        NOT_PAID_YET_REASON (see `result_codes`) only if the payer has not tried to pay.
        """
        ...

    def read_refund(self, instruction: RefundInstruction) -> Outcome[RefundReport]:
        """Read the state of one of our refunds by its idempotency key, and return the outcome with the provider's
        report. The caller, a service, decides the meaning of NOT_FOUND.
        """
        ...

    def find_refund_deadline(self, paid_at: datetime) -> datetime | None:
        """Return the last second (aware) in which a payment can be refunded; None if the provider states no limit.
        `paid_at` is aware.
        """
        ...

    def find_cancel_deadline(self, paid_at: datetime) -> datetime | None:
        """Return the last second (aware) in which a payment can be cancelled; None if the provider can't cancel
        payments. `paid_at` is aware.
        """
        ...


NO_SUCH_CODE_REASON = "no_such_code"
"""Reason of the answer that the provider has no payment code with this id (see `CodeDeleter`)."""


@runtime_checkable
class RefundLister(Protocol):
    """Protocol of an adapter whose provider lists the refunds of a payment in a separate answer. Such an adapter
    implements this protocol in addition to PaymentReader; its payment reports contain no refunds."""

    def list_refunds(self, question: PaymentQuestion) -> Outcome[tuple[ListedRefund, ...]]:
        """Read all refunds of a payment, also those that the console didn't send, and return the outcome with them.
        Refunds that the provider reports as failed are left out. NOT_FOUND means that the payment has no refund. The
        outcome is UNKNOWN if a listed refund has no idempotency key. If `question` has no id that the provider has
        given to the payment, nothing is sent and the outcome is UNKNOWN.
        """
        ...


@runtime_checkable
class CodeDeleter(Protocol):
    """Protocol of an adapter whose provider can delete a payment code that nobody has used. Such an adapter
    implements this protocol in addition to PaymentProvider."""

    def delete_code(self, handle: str) -> Outcome[None]:
        """Delete an unpaid payment code, so that nobody can pay with it, and return the outcome of the call.
        FAILED_DEFINITE with the reason NO_SUCH_CODE_REASON means that the provider has no such code. `handle` is the
        id that the provider has given to the code.
        """
        ...


class PaymentProvider(PaymentReader, Protocol):
    """All calls to a payment provider, also those that move money. A call that moves money is sent once and isn't
    repeated automatically.

    For the Outcome of such a call, `sent` is NO only if certainly no byte of the request was sent. FAILED_DEFINITE,
    AUTH and RATE_LIMITED mean that nothing happened, PENDING that the provider has accepted the request; every other
    outcome except SUCCEEDED is UNKNOWN.
    """

    @property
    def merchant_id(self) -> str:
        """The id that this provider has given to our shop (merchant). It isn't secret, and is part of a payment's
        identity."""
        ...

    def start(self, request: PaymentRequest) -> Outcome[StartedPayment]:
        """Request the code or the token with which the payer pays, and return the outcome with this code or token. No
        money moves until the payer pays."""
        ...

    def refund(self, instruction: RefundInstruction) -> Outcome[RefundReport]:
        """Refund the amount of `instruction` under its idempotency key `key`, and return the outcome with the
        provider's report.
        """
        ...

    def cancel(self, question: PaymentQuestion) -> Outcome[None]:
        """Cancel a payment, and return the outcome of the call. If the provider has no such call, nothing is sent and
        the outcome is FAILED_DEFINITE with the reason `not_supported`.
        """
        ...

    def make_reader(self) -> PaymentReader:
        """Return an adapter of this provider without the calls that move money."""
        ...
