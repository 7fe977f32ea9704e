"""Client of Atom (NDPS AIPAY): requests tokens for a payment page, reads payments by our payment number, and sends
each refund once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from console.domain.clock import Clock, TimeScale
from console.domain.money import Money
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
from console.providers.atom.callbacks import parse_callback
from console.providers.atom.encrypted_requests import READ_TIMEOUT_SECONDS, AtomRequestSender, AtomUrls
from console.providers.atom.envelopes import is_valid_id
from console.providers.atom.read_retries import DEFAULT_RETRY_LIMITS, RetryLimits, read_with_retries
from console.providers.atom.request_bodies import (
    ATOM_CURRENCY,
    AtomMerchant,
    make_auth_text,
    make_refund_status_text,
    make_refund_text,
    make_verification_text,
)
from console.providers.atom.responses import (
    make_payment_reader,
    make_refund_list_reader,
    make_refund_reader,
    make_refund_status_reader,
    make_token_reader,
)
from console.providers.atom.signing import find_india_day
from console.providers.atom.status_codes import AtomCall
from console.providers.http.rate_limiter import RateLimiter
from console.providers.http.single_request import make_unsent_outcome
from console.providers.payments.notices import SignedCallback
from console.providers.payments.provider import PaymentCapabilities

T = TypeVar("T")

__all__ = ["Atom", "AtomConfig", "AtomMerchant", "AtomReader", "AtomUrls", "make_atom_adapter"]

_LONGEST_PROVIDER_ID_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class AtomConfig:
    """URLs of Atom's calls, and our credentials at Atom (`merchant`); the secrets are hidden in `repr`.
    `retry_limits` are the limits for repeated reads.
    """

    urls: AtomUrls
    merchant: AtomMerchant
    retry_limits: RetryLimits = DEFAULT_RETRY_LIMITS


class AtomReader:
    """Read-only calls to Atom; this class has no call that moves money."""

    name = "atom"
    capabilities = PaymentCapabilities(
        currency=ATOM_CURRENCY,
        allows_partial_refunds=True,
        allows_repeated_refunds=True,
        max_refund_count=None,
        refund_window_days=None,
        can_cancel=False,
        keeps_idempotency_keys=False,
        not_found_rule=None,
        needs_amount_and_day=True,
        refund_probe_delay_seconds=READ_TIMEOUT_SECONDS,
        has_slow_refunds=True,
    )

    def __init__(self, sender: AtomRequestSender, retry_limits: RetryLimits) -> None:
        self._sender = sender
        self._retry_limits = retry_limits

    def read_payment(self, question: PaymentQuestion) -> Outcome[PaymentReport]:
        """Read a payment by our payment number, and return the outcome with Atom's report. Atom also needs the
        payment's amount and its calendar day in India. If the number, the amount or the day is missing or invalid,
        nothing is sent and the outcome is UNKNOWN with the reason `bad_id`, `amount_and_day_needed` or `bad_amount`.
        """
        merchant, amount, day = self._sender.merchant, question.amount, _find_india_day(question)
        if not is_valid_id(question.merchant_payment_id):
            return make_unsent_outcome("bad_id", has_effect=False)
        if amount is None or day is None:
            return make_unsent_outcome("amount_and_day_needed", has_effect=False)
        if not _is_payable(amount):
            return make_unsent_outcome("bad_amount", has_effect=False)
        text = make_verification_text(merchant, question.merchant_payment_id, amount, day)
        read_content = make_payment_reader(merchant.merch_id, question)
        return self._ask_with_retries(lambda: self._sender.send(AtomCall.PAYMENT, text, read_content))

    def read_refund(self, instruction: RefundInstruction) -> Outcome[RefundReport]:
        """Query Atom about the state of one of our refunds, and return the outcome with Atom's report. The answer has
        the state as words in its field `remarks`. If one of the instruction's ids isn't valid, nothing is sent and
        the outcome is UNKNOWN with the reason `bad_id`.
        """
        if not _has_valid_ids(instruction):
            return make_unsent_outcome("bad_id", has_effect=False)
        text = make_refund_status_text(self._sender.merchant, instruction.provider_payment_id)
        read_content = make_refund_status_reader(instruction)
        return self._ask_with_retries(lambda: self._sender.send(AtomCall.REFUND_STATUS, text, read_content))

    def list_refunds(self, question: PaymentQuestion) -> Outcome[tuple[ListedRefund, ...]]:
        """Request all refunds of a payment from Atom, and return the outcome with these refunds.
        `question.provider_payment_id` is the id that Atom has given to the payment. If it is missing or not valid,
        nothing is sent and the outcome is UNKNOWN with the reason `bad_id`.
        """
        payment_id = question.provider_payment_id
        if payment_id is None or not is_valid_id(payment_id, _LONGEST_PROVIDER_ID_CHARACTERS):
            return make_unsent_outcome("bad_id", has_effect=False)
        text = make_refund_status_text(self._sender.merchant, payment_id)
        read_content = make_refund_list_reader(payment_id, question.amount)
        return self._ask_with_retries(lambda: self._sender.send(AtomCall.REFUND_STATUS, text, read_content))

    def parse_callback(self, body: bytes) -> SignedCallback:
        """Return the content of the form that Atom has sent to our return address or callback address. If its
        signature is wrong or the form can't be read, the result has `has_valid_signature` False. The method sends
        nothing.
        """
        return parse_callback(body, self._sender.merchant)

    def find_refund_deadline(self, paid_at: datetime) -> datetime | None:
        """Return None: Atom publishes no time limit for refunds."""
        return None

    def find_cancel_deadline(self, paid_at: datetime) -> datetime | None:
        """Return None: Atom has no call that cancels a payment."""
        return None

    def _ask_with_retries(self, ask_provider: Callable[[], Outcome[T]]) -> Outcome[T]:
        """Call `ask_provider`, which sends a read, and repeat it after temporary failures within `retry_limits`;
        return the last outcome."""
        return read_with_retries(ask_provider, self._retry_limits, self._sender.clock, self._sender.scale)


class Atom(AtomReader):
    """All calls to Atom, including those that move money. If a refund is sent again with the same idempotency key,
    Atom could execute it twice. So the adapter sends each refund only once.
    """

    @property
    def merchant_id(self) -> str:
        """The id that Atom has given to our shop (merchant)."""
        return self._sender.merchant.merch_id

    def start(self, request: PaymentRequest) -> Outcome[StartedPayment]:
        """Request the token of a payment page, and return the outcome with the token. Each attempt of a payer needs a
        payment number of its own (`merchant_payment_id`). If this number isn't valid, or if the amount isn't in
        rupees or isn't above 0, nothing is sent and the outcome is FAILED_DEFINITE with the reason `bad_id` or
        `bad_amount`.
        """
        if not is_valid_id(request.merchant_payment_id):
            return make_unsent_outcome("bad_id", has_effect=True)
        if not _is_payable(request.amount):
            return make_unsent_outcome("bad_amount", has_effect=True)
        return self._sender.send(
            AtomCall.AUTH, make_auth_text(self._sender.merchant, request), make_token_reader(request)
        )

    def refund(self, instruction: RefundInstruction) -> Outcome[RefundReport]:
        """Request a refund, and return the outcome with Atom's report. The outcome of a request that Atom accepts is
        PENDING. If one of the instruction's ids isn't valid, or if its amount isn't in rupees or isn't above 0,
        nothing is sent and the outcome is FAILED_DEFINITE with the reason `bad_id` or `bad_amount`.
        """
        if not _has_valid_ids(instruction):
            return make_unsent_outcome("bad_id", has_effect=True)
        if not _is_payable(instruction.amount):
            return make_unsent_outcome("bad_amount", has_effect=True)
        return self._sender.send(
            AtomCall.REFUND, make_refund_text(self._sender.merchant, instruction), make_refund_reader(instruction)
        )

    def cancel(self, question: PaymentQuestion) -> Outcome[None]:
        """Return FAILED_DEFINITE `not_supported` without sending anything: Atom has no call that cancels. A payment
        can be refunded instead.
        """
        return make_unsent_outcome("not_supported", has_effect=True)

    def make_reader(self) -> AtomReader:
        """Return an adapter of Atom without the calls that move money."""
        return AtomReader(self._sender, self._retry_limits)


def make_atom_adapter(config: AtomConfig, *, rate_limiter: RateLimiter, clock: Clock, scale: TimeScale) -> Atom:
    """Return the adapter of Atom for this configuration, without sending a request. `rate_limiter` keeps the minimum
    time between two calls, `scale` divides the durations in tests. Raises ConsoleError `bad_profile` for an invalid
    URL.
    """
    sender = AtomRequestSender(config.urls, config.merchant, rate_limiter=rate_limiter, clock=clock, scale=scale)
    return Atom(sender, config.retry_limits)


def _find_india_day(question: PaymentQuestion) -> date | None:
    """Return the calendar day in India of the payment that the query `question` is about: its `day`, otherwise the
    day on which the payment was begun; None if `question` has neither."""
    if question.day is not None:
        return question.day
    return None if question.begun_at is None else find_india_day(question.begun_at)


def _has_valid_ids(instruction: RefundInstruction) -> bool:
    """True if Atom accepts the ids of the instruction: the refund's idempotency key, our payment number and Atom's
    payment id."""
    are_own_ids_valid = is_valid_id(instruction.key) and is_valid_id(instruction.merchant_payment_id)
    return are_own_ids_valid and is_valid_id(instruction.provider_payment_id, _LONGEST_PROVIDER_ID_CHARACTERS)


def _is_payable(amount: Money) -> bool:
    """True if Atom can move this amount: it is in rupees and above 0."""
    return amount.currency == ATOM_CURRENCY and amount.minor > 0
