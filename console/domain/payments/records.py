"""Immutable values of stored orders, payments, refunds and accounts. Amounts are integers in minor units."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from console.domain.payments.refund_reasons import RefundReason
from console.domain.payments.states import DONE_OUTSIDE, PaymentState, RefundState
from console.domain.records import Certainty, ReadOnlySwitch, Work, WorkReason

if TYPE_CHECKING:  # a program without a registry doesn't import its values
    from console.domain.registry.facts import RegistryEntry

SHOWN_PAYER_SUFFIX_LENGTH = 4
"""Number of characters at the end of a payer's text that a masked payer shows."""
MIN_PARTLY_SHOWN_PAYER_LENGTH = 8
"""Length (characters) of the shortest payer's text of which the end is shown; a shorter one is masked completely."""


class OrderState(StrEnum):
    """Business state of an order, stored in its row: it is pending until it is paid or cancelled; a paid order is
    shipped, delivered or refunded. The shop inserts orders; shop and console change their state."""

    PENDING = "pending"
    PAID = "paid"
    CANCELLED = "cancelled"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    REFUNDED = "refunded"


class SetAsideState(StrEnum):
    """State of a set-aside (a paid amount above an account's limit). OPEN: no refund of it is open; REFUNDING: a
    person or the program has requested its refund, which has not ended; REFUNDED: the amount was refunded. If the
    refund ends without success, the state is OPEN again. REVERSED: the payment was reversed, so nothing is left to
    refund. The row of such a set-aside has the state OPEN; the store finds REVERSED by the payment's state."""

    OPEN = "open"
    REFUNDING = "refunding"
    REFUNDED = "refunded"
    REVERSED = "reversed"


@dataclass(frozen=True, slots=True)
class Order:
    """An order of the shop. `merch_txn_id` is the order number that people use. `payment_method`, `atom_token_id` and
    `atom_txn_id` are columns that the shop created; if the shop leaves them empty, the console fills them from the
    payment. `total_minor` is the price in minor units. A field is None if the shop left it empty or its value wasn't
    read.
    """

    id: int
    merch_txn_id: str
    corporation_number: str | None
    state: OrderState
    currency: str
    total_minor: int
    payment_ids: tuple[int, ...]
    version: int
    payment_method: str | None = None
    atom_token_id: str | None = None
    atom_txn_id: str | None = None
    created_at: datetime | None = None
    changed_at: datetime | None = None
    work: Work = field(default_factory=Work)
    state_since: datetime | None = None
    """The instant at which the state last changed; None if it is unknown."""
    relations: "OrderRelations | None" = field(default=None, repr=False, compare=False)
    """The related records from which the explanation of the order's state is made; None if they were not read."""
    registry_entry: "RegistryEntry | None" = field(default=None, repr=False, compare=False)
    """The registry's facts about the record's corporation; None if they were not read, or if there are none."""
    name_in_credit_check: str | None = field(default=None, repr=False, compare=False)
    """The company's name in the newest credit check of the same corporation number that has a name; None if it was
    not read, if there is none, or if the registry has the corporation."""


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment. `merchant_payment_id` is our number of the payment. Instants are aware UTC.

    `asked_minor` is the requested price; `captured_minor` the amount that the provider has collected, from which
    refunds are made; `reserved_minor` the part reserved by open refunds; `refunded_minor` the part paid back;
    `set_aside_minor` the part above an account's limit; `outside_minor` the part that the payer got back by another
    way than the provider, as two people have decided. `provider_state`, `provider_minor` and
    `provider_refunded_minor` are the provider's last statement about the payment, true at the instant `told_at`.
    `by_code` is True if the payer pays with a code that the console requested.

    - `handle`: the provider's id of the payment code, or the token of its payment page; `url` opens the code or page
    - `last_event_id`: the id of the last notice that was applied to the payment
    - `account_minor`: the amount that the payment reserves on its account until it is booked or has ended unpaid
    - `booked_at`: the instant at which the console learned that the payment was paid
    - `late_after`: the state expired or failed that the payment had before it was paid; None if it wasn't paid late
    - `state_since`: the instant at which the state or the certainty last changed
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
    outside_minor: int = 0
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
    state_since: datetime | None = None
    """The instant at which state or certainty last changed; None if it is unknown."""
    account_minor: int = 0
    """Amount in minor units that the payment reserves on the corporation's account until it is booked or has ended
    unpaid; 0 after that."""
    booked_at: datetime | None = None
    """The instant at which the console learned that the payment was paid."""
    late_after: PaymentState | None = None
    """The final state (expired or failed) that the payment had before it was paid late; None if it wasn't late."""
    relations: "PaymentRelations | None" = field(default=None, repr=False, compare=False)
    """The related records from which the explanation of the payment's state is made; None if they were not read."""
    registry_entry: "RegistryEntry | None" = field(default=None, repr=False, compare=False)
    """The registry's facts about the record's corporation; None if they were not read, or if there are none."""
    name_in_credit_check: str | None = field(default=None, repr=False, compare=False)
    """The company's name in the newest credit check of the same corporation number that has a name; None if it was
    not read, if there is none, or if the registry has the corporation."""

    @property
    def given_back_minor(self) -> int:
        """The amount in minor units that the payer has got back: by completed refunds, and outside."""
        return self.refunded_minor + self.outside_minor

    @property
    def refundable_minor(self) -> int:
        """The amount in minor units that can still be refunded, without the amount set aside."""
        return self.captured_minor - self.reserved_minor - self.given_back_minor - self.set_aside_minor

    @property
    def is_only_set_aside_money_left(self) -> bool:
        """True if nothing of the payment can be refunded except money that is set aside. The window requests the
        refund of this money; the terminal can't."""
        return self.refundable_minor <= 0 < self.set_aside_minor

    @property
    def requestable_minor(self) -> int:
        """The largest amount (minor units) that a new refund can have; never negative. It is the refundable amount.
        If the provider has reported refunds that our sums don't contain, because another program made them, it is
        smaller."""
        own_minor = self.refunded_minor + self.reserved_minor
        made_elsewhere_minor = max(0, (self.provider_refunded_minor or 0) - own_minor)
        given_minor = own_minor + made_elsewhere_minor + self.outside_minor
        return max(0, min(self.refundable_minor, self.captured_minor - given_minor))


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund, from its request to its end. Instants are aware UTC. `checkers` are the people whose approvals
    count, `checkers_needed` is the required number of them. `sends_after` is the end of the cooling-off period; after
    `decide_by` no person can approve the refund. `provider_refund_key` is the idempotency key for the provider,
    stored before the first call and never changed.

    `not_found` counts the provider's answers "not found" since the last submission. `told_at` is the instant at
    which the provider made its last report. `first_sent_at` and `last_sent_at` are the times of the first and the
    last submission, `sent_count` is the number of submissions. `ticket` is the number of a support ticket.
    `declined_because` is the reason of a rejection. `intended_repeat`: the maker has confirmed that this refund
    repeats an earlier one of the same payment and amount.
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
    reason_code: RefundReason | None = None
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
    state_since: datetime | None = None
    """The instant at which state or certainty last changed; None if it is unknown."""
    relations: "RefundRelations | None" = field(default=None, repr=False, compare=False)
    """The related facts from which the explanation of the refund's state is made; None if they were not read."""
    registry_entry: "RegistryEntry | None" = field(default=None, repr=False, compare=False)
    """The registry's facts about the record's corporation; None if they were not read, or if there are none."""
    name_in_credit_check: str | None = field(default=None, repr=False, compare=False)
    """The company's name in the newest credit check of the same corporation number that has a name; None if it was
    not read, if there is none, or if the registry has the corporation."""

    @property
    def cooling_off_end(self) -> datetime | None:
        """The end of the cooling-off period; None if the refund has none. A limit that was changed between the
        request and the approval can make the period longer than `sends_after`; the work of the approved refund then
        waits for the later end."""
        waits_until = self.work.at if self.work.reason == WorkReason.COOLING_OFF else None
        return max((end for end in (self.sends_after, waits_until) if end is not None), default=None)


@dataclass(frozen=True, slots=True)
class OutsideRefundProposal:
    """A first person's statement that the payer of a payment got an amount back outside, which a second person must
    still confirm: the amount (`amount_minor`, minor units of the payment's currency), the Japanese day of the refund,
    the first person's name, and the instant of the statement (UTC)."""

    amount_minor: int
    day: date
    person: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PaymentRelations:
    """The related records of a payment, and the possible actions of this desk on it. Lists and screens read them
    together with the payment, so that all of them give the same explanation.

    - `order_payments`: all payments of the order; `refunds`: the refunds of this payment, newest first
    - `refund_refusal`: the reason for which no refund of this payment can be requested now, a wording key without
      `reason.`; None if a refund can be requested, or if none is advised
    - `proposed_state`: the state, or DONE_OUTSIDE, that a first person has proposed as the decision about the
      payment; None if no decision is proposed
    - `outside_proposal`: the proposed decision, if it is that an amount was given back outside (DONE_OUTSIDE) and its
      evidence can be read; otherwise None
    - `lacks_second_person`: no person except the first one may confirm the proposed decision now
    - `is_proposal_contradicted`: a later answer of the provider contradicts the proposal, so a service would
      refuse the decision
    - `known_provider_state`: our payment state that corresponds to the state in the provider's own words; None if
      these words are unknown or there are none
    - `can_ask_provider`: this desk can query the provider about the payment
    - `read_only_switch`: the switch that stops changes at the provider; None if no switch does, or if the payment has
      no next step
    - `contradicting_answer_text`: the provider's answer that contradicts the payment, as its open alert stores it;
      None without such an alert
    """

    order: Order | None = None
    order_payments: tuple[Payment, ...] = field(default=(), repr=False)
    refunds: tuple[Refund, ...] = ()
    refund_refusal: str | None = None
    proposed_state: str | None = None
    is_proposal_contradicted: bool = False
    known_provider_state: PaymentState | None = None
    can_ask_provider: bool = True
    read_only_switch: ReadOnlySwitch | None = None
    contradicting_answer_text: str | None = None
    lacks_second_person: bool = False
    outside_proposal: OutsideRefundProposal | None = None

    @property
    def awaits_second_person(self) -> bool:
        """True if a first person has proposed a decision, and a second person must still confirm it."""
        return self.proposed_state is not None

    @property
    def is_outside_refund_proposed(self) -> bool:
        """True if the proposed decision is that an amount was given back outside, which doesn't concern the payment's
        state."""
        return self.proposed_state == DONE_OUTSIDE

    @property
    def pending_refund(self) -> Refund | None:
        """The refund of this payment that has not ended; None if all have ended. If several have not ended, it is the
        first of these that exists: one with an unknown outcome; one that is requested, approved or being sent; one
        that the provider has accepted.
        """
        return find_pending_refund(self.refunds)


@dataclass(frozen=True, slots=True)
class RefundRelations:
    """The related facts of a refund.

    - `payment`: its payment; None if it was not read
    - `proposed_state`: the state that a first person has proposed as the decision about the refund; None if no
      decision is proposed
    - `lacks_second_person`: no person except the first one may confirm the proposed decision now
    - `approval_refusal`: the reason for which no person can approve the refund now, a wording key without `reason.`;
      None if an approver can, or if the refund isn't requested
    - `request_refusal`: the reason for which no refund of the payment can be requested now, a wording key without
      `reason.`; None if a refund can be requested, or if none is advised
    - `lacks_approver`: the refund is requested, and no person may approve it now except its maker and the people who
      have already approved it
    - `read_only_switch`: the switch that stops changes at the payment's provider; None if no switch does, or if the
      refund has no next step
    - `contradicting_answer_text`: the provider's answer that contradicts the refund, as its open alert stores it;
      None without such an alert
    """

    payment: Payment | None = None
    approval_refusal: str | None = None
    read_only_switch: ReadOnlySwitch | None = None
    contradicting_answer_text: str | None = None
    lacks_second_person: bool = False
    lacks_approver: bool = False
    request_refusal: str | None = None
    proposed_state: str | None = None

    @property
    def awaits_second_person(self) -> bool:
        """True if a first person has proposed a decision, and a second person must still confirm it."""
        return self.proposed_state is not None


@dataclass(frozen=True, slots=True)
class OrderRelations:
    """The related records of an order. `payments` is read only for an order with an open alert; all other fields are
    read for every order.

    - `alert_rule`, `alert_detected_at`: rule and time of the open alert about the order; None without an alert
    - `is_cancelled_unpaid`: the program cancelled the order because the customer did not pay in time
    - `stuck_payment_id`: the id of the payment whose saga, which cancels the order, can't continue; None if there is
      none
    - `is_expiring`: such a saga has steps to do, and the time in which the customer could pay the order is over
    - `pending_refund`: the refund of its payments that has not ended; None if there is none
    - `contradicted_refund`: a refund of its payments whose stored outcome the provider contradicts; None if there is
      none
    - `unknown_payment`: the payment of a pending order with an unknown outcome; None if there is none, or if the
      order isn't pending
    - `reviewed_payment`: its payment that a person must look at (`WorkState.NEEDS_REVIEW`), one with a mismatch
      before others; None if there is none
    - `ended_payment`: the newest payment of a pending order whose payments have all ended unpaid or were reversed;
      None if the order isn't pending, if it has no payment, or if one of them has another state
    - `providers`: the providers of its payments, sorted
    """

    payments: tuple[Payment, ...] = field(default=(), repr=False)
    alert_rule: str | None = None
    alert_detected_at: datetime | None = None
    is_cancelled_unpaid: bool = False
    stuck_payment_id: int | None = None
    is_expiring: bool = False
    pending_refund: "Refund | None" = field(default=None, repr=False)
    contradicted_refund: "Refund | None" = field(default=None, repr=False)
    unknown_payment: Payment | None = field(default=None, repr=False)
    reviewed_payment: Payment | None = field(default=None, repr=False)
    ended_payment: Payment | None = field(default=None, repr=False)
    providers: tuple[str, ...] = ()


_PENDING_REFUND_STATES = frozenset(
    {RefundState.REQUESTED, RefundState.APPROVED, RefundState.SUBMITTING, RefundState.SUBMITTED}
)
"""States of a refund that has not ended."""


def find_pending_refund(refunds: Iterable["Refund"]) -> "Refund | None":
    """Return the refund that has not ended; None if all have ended. If several have not ended, return the first of
    these that exists: one with an unknown outcome; one that is requested, approved or being sent; one that the
    provider has accepted."""
    pending = [refund for refund in refunds if refund.state in _PENDING_REFUND_STATES]
    return min(pending, key=_make_refund_urgency_key, default=None)


def _make_refund_urgency_key(refund: Refund) -> tuple[bool, bool]:
    """Return the sort key by which `find_pending_refund` chooses a refund. A refund with an unknown outcome is sorted
    before one that is requested, approved or being sent, and this before one that the provider has accepted."""
    return refund.certainty is Certainty.KNOWN, refund.state is RefundState.SUBMITTED


@dataclass(frozen=True, slots=True)
class SetAside:
    """An amount that was paid above an account's limit. `refund_id` is the id of the refund that gives the amount
    back; None if there is no such refund. `amount_minor` is in minor units.
    """

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
    """A corporation's limit in one currency. The sum of `balance_minor` (paid amounts that were neither refunded
    nor reversed) and `reserved_minor` (amounts of payments that have begun) isn't larger than `limit_minor`.
    """

    id: int
    corporation_number: str
    currency: str
    limit_minor: int
    balance_minor: int
    reserved_minor: int
    version: int

    @property
    def available_minor(self) -> int:
        """The amount in minor units of the account that new payments can still reserve; never negative."""
        return max(0, self.limit_minor - self.balance_minor - self.reserved_minor)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of refunds in one currency, from the table `limits`. Amounts are in minor units. A limit without a
    row has its strictest value, which allows no refund.

    - `per_refund`: the largest amount of one refund
    - `per_person_day`: the largest sum of the refunds that one maker requests on one Japanese day
    - `second_checker_above`: the amount above which a refund needs a second approver
    - `cooling_off_above`: the amount above which an approved refund waits for `cooling_off_seconds` before it is sent
    - `conditions`: further conditions for a second approver, as `find_second_checker_reasons` reads them: the value
      by the condition's name, such as 30 (days) for `second_checker_age`. A condition without a row isn't in this
      mapping and doesn't apply.
    """

    currency: str
    per_refund: int
    per_person_day: int
    second_checker_above: int
    cooling_off_above: int
    cooling_off_seconds: int
    conditions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """A maker's request for a refund. `amount` is decimal text in the payment's currency. The reason is a code, or
    the maker's own text `reason`, or both; the text is required if there is no code or the code is OTHER. If
    `intended_repeat` is True, the maker has confirmed that this refund is wanted in addition to an equal recent one.
    `saw` is the version of the payment that the maker's screen showed. `answers` are the maker's comments on risk
    signals, as pairs of rule and text. `set_aside_id` is the id of the set-aside that the refund gives back, None for
    another refund. `ticket` is the number of a support ticket, None if there is none.
    """

    payment_id: int
    amount: str
    reason: str
    intended_repeat: bool = False
    ticket: str | None = None
    set_aside_id: int | None = None
    saw: int | None = None
    answers: tuple[tuple[str, str], ...] = ()
    reason_code: RefundReason | None = None


@dataclass(frozen=True, slots=True)
class PaymentImport:
    """A request to import the payment with our payment number `merchant_payment_id` from its provider. Some providers
    can only find a payment by its `amount` (decimal text) and `day` (in the provider's time zone).
    """

    provider: str
    merchant_payment_id: str
    corporation_number: str | None = None
    amount: str | None = None
    day: date | None = None


@dataclass(frozen=True, slots=True)
class ReceivedNotice:
    """A notice of the provider `source` as the receiver got it: the raw body, the headers with names in lower case,
    and the network address of the sender (`peer`).
    """

    source: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    peer: str | None = None


def mask_payer(text: str | None) -> str | None:
    """Return the masked form of the text by which a provider identifies a payer, such as an e-mail address: `****`
    and the last four characters of the text. For a text of fewer than eight characters, return only `****`; for None
    or an empty text, return None."""
    if not text:
        return None
    return "****" + (text[-SHOWN_PAYER_SUFFIX_LENGTH:] if len(text) >= MIN_PARTLY_SHOWN_PAYER_LENGTH else "")
