"""Atom (NDPS AIPAY): tokens for a payment page, payments verified by order, refunds that are never sent twice."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from console.domain.clock import Clock, TimeScale
from console.domain.money import Money
from console.domain.outcomes import Outcome
from console.domain.payment_records import (
    PaymentQuestion,
    PaymentReport,
    PaymentRequest,
    RefundOrder,
    RefundReport,
    StartedPayment,
)
from console.providers.asking import never_sent
from console.providers.atom_answers import read_payment, read_refund, read_refund_status, read_token
from console.providers.atom_callback import AtomCallback, open_callback
from console.providers.atom_codes import Call
from console.providers.atom_line import READ_TIMEOUT_SECONDS, AtomLine, AtomUrls
from console.providers.atom_messages import (
    CURRENCY,
    AtomMerchant,
    auth_text,
    refund_status_text,
    refund_text,
    verification_text,
)
from console.providers.atom_opening import is_id
from console.providers.atom_patience import PATIENT, Patience, ask_patiently
from console.providers.atom_signing import ist_day
from console.providers.payment_protocol import PaymentCapabilities
from console.providers.protocol import RateGate

T = TypeVar("T")

__all__ = ["Atom", "AtomConfig", "AtomMerchant", "AtomReader", "AtomUrls", "open_atom"]

SPACING_SECONDS = 1.0
_LONGEST_PROVIDER_ID = 64


@dataclass(frozen=True, slots=True)
class AtomConfig:
    """Where Atom is and as whom it is asked; secrets show in no repr."""

    urls: AtomUrls
    merchant: AtomMerchant
    patience: Patience = PATIENT


class AtomReader:
    """The reading half; it has no way to move money."""

    name = "atom"
    capabilities = PaymentCapabilities(
        currency=CURRENCY,
        partial_refunds=True,
        repeated_refunds=True,
        most_refunds=None,
        refund_window_days=None,
        cancels=False,
        keeps_keys=False,
        not_found=None,
        asks_by_amount_and_day=True,
        refund_timeout=READ_TIMEOUT_SECONDS,
        spacing=SPACING_SECONDS,
        slow_refunds=True,
    )

    def __init__(self, line: AtomLine, patience: Patience) -> None:
        self._line = line
        self._patience = patience

    def payment(self, question: PaymentQuestion) -> Outcome[PaymentReport]:
        """How an order's payment stands; needs its sum and its day in India."""
        merchant, amount, day = self._line.merchant, question.amount, _day(question)
        if not is_id(question.merchant_payment_id):
            return never_sent("bad_id", buys=False)
        if amount is None or day is None:
            return never_sent("amount_and_day_needed", buys=False)
        if not _fits(amount):
            return never_sent("bad_amount", buys=False)
        text = verification_text(merchant, question.merchant_payment_id, amount, day)
        read = read_payment(merchant.merch_id, question)
        return self._patiently(lambda: self._line.ask(Call.PAYMENT, text, read))

    def refund_status(self, order: RefundOrder) -> Outcome[RefundReport]:
        """What is remarked of a refund of ours."""
        if not _known(order):
            return never_sent("bad_id", buys=False)
        text, read = refund_status_text(self._line.merchant, order), read_refund_status(order)
        return self._patiently(lambda: self._line.ask(Call.REFUND_STATUS, text, read))

    def callback(self, body: bytes) -> AtomCallback:
        """A form that came to the return or callback address; asks nobody."""
        return open_callback(body, self._line.merchant)

    def refund_until(self, paid_at: datetime) -> datetime | None:
        """No limit is published."""
        return None

    def cancel_until(self, paid_at: datetime) -> datetime | None:
        """There is no call that cancels."""
        return None

    def _patiently(self, ask: Callable[[], Outcome[T]]) -> Outcome[T]:
        return ask_patiently(ask, self._patience, self._line.clock, self._line.scale)


class Atom(AtomReader):
    """The whole provider. It promises nothing about a key that comes twice: a refund is sent once, ever."""

    def start(self, request: PaymentRequest) -> Outcome[StartedPayment]:
        """Get the token of a payment page; each attempt needs an id of its own."""
        if not is_id(request.merchant_payment_id):
            return never_sent("bad_id", buys=True)
        if not _fits(request.amount):
            return never_sent("bad_amount", buys=True)
        return self._line.ask(Call.AUTH, auth_text(self._line.merchant, request), read_token(request))

    def refund(self, order: RefundOrder) -> Outcome[RefundReport]:
        """Ask for the money to go back; PENDING is what a good answer says."""
        if not _known(order):
            return never_sent("bad_id", buys=True)
        if not _fits(order.amount):
            return never_sent("bad_amount", buys=True)
        return self._line.ask(Call.REFUND, refund_text(self._line.merchant, order), read_refund(order))

    def cancel(self, question: PaymentQuestion) -> Outcome[None]:
        """There is no such call: a payment is refunded instead."""
        return never_sent("not_supported", buys=True)

    def reader(self) -> AtomReader:
        """The same provider, unable to move money."""
        return AtomReader(self._line, self._patience)


def open_atom(config: AtomConfig, *, gate: RateGate, clock: Clock, scale: TimeScale) -> Atom:
    """Atom as configured; raises ConsoleError `bad_profile` for an unfit URL. Nothing is sent yet."""
    line = AtomLine(config.urls, config.merchant, gate=gate, clock=clock, scale=scale)
    return Atom(line, config.patience)


def _day(question: PaymentQuestion) -> date | None:
    if question.day is not None:
        return question.day
    return None if question.begun_at is None else ist_day(question.begun_at)


def _known(order: RefundOrder) -> bool:
    ours = is_id(order.key) and is_id(order.merchant_payment_id)
    return ours and is_id(order.provider_payment_id, _LONGEST_PROVIDER_ID)


def _fits(amount: Money) -> bool:
    return amount.currency == CURRENCY and amount.minor > 0
