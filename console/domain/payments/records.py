"""The frozen values of what we keep about orders, payments and refunds; amounts are integers in minor units."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from console.domain.payment_states import PaymentState, RefundState
from console.domain.records import Certainty, Work


class OrderState(StrEnum):
    """Business state of an order as stored; the shop writes the order, the console moves its state."""

    PENDING = "pending"
    PAID = "paid"
    CANCELLED = "cancelled"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    REFUNDED = "refunded"


class SetAsideState(StrEnum):
    """What became of money that exceeded an account's limit."""

    OPEN = "open"
    REFUNDING = "refunding"
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class Order:
    """An order of the shop. `merch_txn_id` is its number as people know it."""

    id: int
    merch_txn_id: str
    corporation_number: str | None
    state: OrderState
    currency: str
    total_minor: int
    payment_ids: tuple[int, ...]
    version: int
    payment_method: str | None = None
    created_at: datetime | None = None
    changed_at: datetime | None = None
    work: Work = field(default_factory=Work)


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment process. Instants are aware UTC.

    `asked_minor` is the price as it was asked; `captured_minor` what the provider has taken, against which refunds
    are measured; `reserved_minor` what open refunds hold of it, `refunded_minor` what went back, `set_aside_minor`
    what exceeded an account's limit. `provider_…` is the provider's own word, as of `told_at`.
    """

    id: int
    order_id: int | None
    provider: str
    merchant_payment_id: str
    provider_payment_id: str | None
    corporation_number: str | None
    payer: str | None = field(repr=False)
    state: PaymentState
    certainty: Certainty
    work: Work
    currency: str
    asked_minor: int
    captured_minor: int
    reserved_minor: int
    refunded_minor: int
    set_aside_minor: int
    version: int
    by_code: bool = True
    handle: str | None = None
    url: str | None = None
    expires_at: datetime | None = None
    begun_at: datetime | None = None
    paid_at: datetime | None = None
    provider_state: str | None = None
    provider_minor: int | None = None
    provider_refunded_minor: int | None = None
    told_at: datetime | None = None
    last_event_id: str | None = None
    error_code: str | None = None
    operation_id: str | None = None
    created_at: datetime | None = None
    changed_at: datetime | None = None
    account_minor: int = 0
    """What it holds of its account's reservations until it is captured or has ended."""
    booked_at: datetime | None = None
    """When we learned that it was paid."""
    late_after: PaymentState | None = None
    """The end that it had come to, expired or failed, before it was paid after all."""

    @property
    def left_minor(self) -> int:
        """What could still be refunded freely."""
        return self.captured_minor - self.reserved_minor - self.refunded_minor - self.set_aside_minor


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund, from asking to its end. Instants are aware UTC.

    `checkers` are those who approved, `checkers_needed` how many must. `sends_after`: the end of the cooling-off;
    `decide_by`: after it nobody can approve. `key` is ours towards the provider, stored before the first call and
    never changed; `not_found` counts the provider's answers that know no such refund, since the last sending.
    """

    id: int
    payment_id: int
    order_id: int | None
    amount_minor: int
    currency: str
    state: RefundState
    certainty: Certainty
    work: Work
    maker: str
    checkers: tuple[str, ...]
    provider_refund_key: str | None
    provider_refund_id: str | None
    version: int
    reason: str = ""
    ticket: str | None = None
    intended_repeat: bool = False
    set_aside_id: int | None = None
    checkers_needed: int = 1
    sends_after: datetime | None = None
    decide_by: datetime | None = None
    declined_because: str | None = None
    first_sent_at: datetime | None = None
    last_sent_at: datetime | None = None
    sent_count: int = 0
    not_found: int = 0
    first_not_found_at: datetime | None = None
    provider_state: str | None = None
    told_at: datetime | None = None
    error_code: str | None = None
    operation_id: str | None = None
    created_at: datetime | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SetAside:
    """Money that was booked beyond an account's limit, with the refund that is proposed for it."""

    id: int
    payment_id: int
    account_id: int
    amount_minor: int
    currency: str
    state: SetAsideState
    refund_id: int | None
    version: int
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """How much of a currency may be held for a corporation: booked, and reserved by payments that were begun."""

    id: int
    corporation_number: str
    currency: str
    limit_minor: int
    balance_minor: int
    reserved_minor: int
    version: int

    @property
    def room_minor(self) -> int:
        return max(0, self.limit_minor - self.balance_minor - self.reserved_minor)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the table `limits` says for one currency, in minor units; seconds for the cooling-off."""

    currency: str
    per_refund: int
    per_person_day: int
    second_checker_above: int
    cooling_off_above: int
    cooling_off_seconds: int


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """What a maker asks for. `amount` is decimal text in the payment's currency; `saw` the payment's version as it
    was seen; `answers` the maker's words to each hit of the radar (rule → words).
    """

    payment_id: int
    amount: str
    reason: str
    intended_repeat: bool = False
    ticket: str | None = None
    set_aside_id: int | None = None
    saw: int | None = None
    answers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PaymentImport:
    """Which payment is to be booked from the provider; `amount` (decimal text) and `day` where it asks by them."""

    provider: str
    merchant_payment_id: str
    corporation_number: str | None = None
    amount: str | None = None
    day: date | None = None


@dataclass(frozen=True, slots=True)
class NoticePost:
    """A notice as it came to the receiver: raw bytes, headers by lower-case name, the address it came from."""

    source: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    peer: str | None = None
