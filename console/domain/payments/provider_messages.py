"""Immutable values that services and the adapters of payment providers exchange: requests, queries and reports."""

from dataclasses import dataclass, field
from datetime import date, datetime

from console.domain.money import Money
from console.domain.payments.states import PaymentState, RefundState


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """Values with which a payment is started at a provider. `merchant_payment_id` is our payment number,
    `description` the text that the payer sees. `requested_at` is aware. `repr` omits the payer's e-mail address and
    phone number.
    """

    merchant_payment_id: str
    amount: Money
    requested_at: datetime
    description: str = ""
    corporation_number: str | None = None
    payer_email: str = field(default="", repr=False)
    payer_mobile: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class StartedPayment:
    """A provider's answer to the start of a payment with our payment number `merchant_payment_id`; the payer has not
    paid yet. `handle` is the provider's id of a payment code, or a token for the provider's payment page. The payer
    opens this code or page with `url` or `deeplink`. `expires_at` is the instant (aware) after which the payer can't
    pay any more, None if the provider states none.
    """

    merchant_payment_id: str
    handle: str
    url: str | None = None
    deeplink: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PaymentQuestion:
    """A query to a provider about the state of a payment, with the values that the answer must have. An answer with
    other values counts as an answer about another payment. If `amount` is None, any amount is accepted.

    `merchant_payment_id` is our payment number. `provider_payment_id` is set after the capture; without it the answer
    may be about any attempt of the payer. `day` is the calendar day in the provider's time zone, for providers that
    need a day; if it is None, `begun_at` (aware) determines the day. `by_code` is True if the payer pays with a code
    that the console requested.
    """

    merchant_payment_id: str
    provider_payment_id: str | None = None
    amount: Money | None = None
    begun_at: datetime | None = None
    day: date | None = None
    by_code: bool = True


@dataclass(frozen=True, slots=True)
class RefundInstruction:
    """The values with which the console sends a refund to a provider and later queries its state.
    `merchant_payment_id` (our payment number) and `provider_payment_id` are those of the refunded payment. `key` is
    the refund's idempotency key, which never changes; `reason` is the text that the provider gets, "" for none.
    `requested_at` is aware and stored, so that every repetition sends the same values.
    """

    key: str
    merchant_payment_id: str
    provider_payment_id: str
    amount: Money
    requested_at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RefundReport:
    """A provider's statement about one refund, checked by its adapter. Instants are aware UTC.

    `key` is our idempotency key of the refund. `state` is submitted, completed or failed; `provider_state` is the
    provider's own word for it. `provider_refund_id` is the provider's id of the refund, or our idempotency key if the
    provider gives no id. A field is None if the provider didn't state the value.
    """

    key: str
    provider_refund_id: str | None
    provider_state: str
    state: RefundState
    amount: Money | None
    provider_payment_id: str | None = None
    accepted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedRefund:
    """One refund in a provider's list of a payment's refunds; another program may have sent it. `key` is its
    idempotency key. `amount` is the refunded amount. If the unit of the listed number is ambiguous, it is the largest
    possible amount; if the provider stated no readable amount, it is None.
    """

    key: str
    amount: Money | None


@dataclass(frozen=True, slots=True)
class PaymentReport:
    """A provider's statement about the payment with our payment number `merchant_payment_id`, checked by its adapter.
    Instants are aware UTC.

    A field is None if the provider didn't state the value. `amount` is the price, from which refunds are made;
    `total` is the amount that the payer was charged. `refunds` is None if they could not be read. `further_captures`
    has the provider's ids of further successful attempts for the same order; each of them collected money too.
    `is_final`: the provider will not change the state again. `method` is the provider's name of the way of paying,
    `bank_reference` the bank's id of the payment, `settlement` the provider's name of the state of its settlement,
    `payer` the text by which the provider identifies the payer. `has_payment_number`: the provider's answer contains
    our payment number, so that it can't belong to another request.
    """

    merchant_payment_id: str
    provider_payment_id: str | None
    provider_state: str
    state: PaymentState
    is_final: bool
    amount: Money | None
    total: Money | None = None
    paid_at: datetime | None = None
    method: str | None = None
    bank_reference: str | None = None
    settlement: str | None = None
    payer: str | None = field(default=None, repr=False)
    refunds: tuple[RefundReport, ...] | None = ()
    further_captures: tuple[str, ...] = ()
    has_payment_number: bool = True

    @property
    def is_bookable(self) -> bool:
        """True if the report has our payment number, the provider's payment id and the amount. A success without
        these values can't be booked.
        """
        return self.has_payment_number and self.provider_payment_id is not None and self.amount is not None
