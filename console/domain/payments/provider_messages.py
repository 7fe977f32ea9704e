"""The frozen values of payments and refunds as providers tell them: questions, orders, reports."""

from dataclasses import dataclass, field
from datetime import date, datetime

from console.domain.money import Money
from console.domain.payment_states import PaymentState as PaymentState
from console.domain.payment_states import RefundState as RefundState


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """What is needed to begin a payment; `requested_at` is aware. The payer's contact shows in no repr."""

    merchant_payment_id: str
    amount: Money
    requested_at: datetime
    description: str = ""
    corporation_number: str | None = None
    payer_email: str = field(default="", repr=False)
    payer_mobile: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class StartedPayment:
    """Where the payer goes on: a code with its links, or a token for the provider's page. Nothing is paid yet."""

    merchant_payment_id: str
    handle: str
    url: str | None = None
    deeplink: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PaymentQuestion:
    """Which payment is asked about, and what is believed of it; an answer that differs is not taken for one.

    `provider_payment_id`: under which it was captured; None before that, when any attempt may be the one.
    `day`: the calendar day in the provider's zone, for providers that ask by day; otherwise it is taken from
    `begun_at` (aware). `by_code`: the payer came by a code of ours.
    """

    merchant_payment_id: str
    provider_payment_id: str | None = None
    amount: Money | None = None
    begun_at: datetime | None = None
    day: date | None = None
    by_code: bool = True


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """One refund as it is sent and asked about; `key` is ours, one for life. `requested_at` is aware and stored,
    so that whatever is sent again is the same.
    """

    key: str
    merchant_payment_id: str
    provider_payment_id: str
    amount: Money
    requested_at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RefundReport:
    """What a provider says of one refund, already judged by its adapter. Instants are aware UTC.

    `state` is one of submitted, completed, failed. `provider_refund_id` is the provider's own number, or our key
    where the provider has no number of its own.
    """

    key: str
    provider_refund_id: str | None
    provider_state: str
    state: RefundState
    amount: Money | None
    provider_payment_id: str | None = None
    accepted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PaymentReport:
    """What a provider says of one payment, already judged by its adapter. Instants are aware UTC.

    None is what was not said. `amount` is the price, against which refunds are measured; `total` is what the payer
    was charged. `refunds` is None when nothing could be read of them. `further_captures`: ids of more successful
    attempts on the same order, each of which took money too.
    """

    merchant_payment_id: str
    provider_payment_id: str | None
    provider_state: str
    state: PaymentState
    final: bool
    amount: Money | None
    total: Money | None = None
    paid_at: datetime | None = None
    method: str | None = None
    bank_reference: str | None = None
    settlement: str | None = None
    payer: str | None = field(default=None, repr=False)
    refunds: tuple[RefundReport, ...] | None = ()
    further_captures: tuple[str, ...] = ()

    @property
    def bookable(self) -> bool:
        """Whether it names the payment and the sum; without them a success is known but can't be booked."""
        return self.provider_payment_id is not None and self.amount is not None
