"""The ledger of payments: the amounts that the simulated providers have captured, refunded and reversed."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from threading import RLock

from console.sandbox.environment.clock import SandboxClock, format_instant
from console.sandbox.environment.settings import SandboxSettings
from console.sandbox.http.messages import JsonObject
from console.sandbox.payments.states import STATE_WORDS_BY_PROVIDER, ProviderStateWords

FIRST_REFUND_SERIAL = 900_000_001  # far above the ids of credit checks, so that the two never overlap


@dataclass(slots=True)
class Refund:
    """One accepted refund. `key` is the id that the merchant has given to the refund, `id` the id that the provider
    has given to it; `serial` identifies the refund in the sandbox. `payment` is the merchant's payment id; `state` is
    the provider's word for the refund's state (see STATE_WORDS_BY_PROVIDER).

    `requested_at` (seconds since 1970), `reason` and `product` (only Atom: the name of the refunded product) are
    values of the merchant's request. `delivered` is True if the correct answer about the refund was written to the
    caller completely. `fault` is the simulated fault of the call; None without a fault.
    """

    serial: int
    provider: str
    key: str
    id: str
    payment: str
    amount_minor: int
    currency: str
    state: str
    accepted_at: datetime
    reason: str | None = None
    requested_at: int = 0
    product: str | None = None
    delivered: bool = False
    fault: str | None = None

    def export_json(self) -> JsonObject:
        """Return the refund as JSON, with its state and two flags: `done` is True if the refund was executed, `void`
        if it won't be executed."""
        provider_words = STATE_WORDS_BY_PROVIDER[self.provider]
        return {
            "serial": self.serial, "provider": self.provider, "key": self.key, "id": self.id,
            "payment": self.payment, "amount_minor": self.amount_minor, "currency": self.currency,
            "state": self.state, "done": self.state in provider_words.refunded_states,
            "void": self.state in provider_words.void_states,
            "at": format_instant(self.accepted_at), "reason": self.reason, "delivered": self.delivered,
            "fault": self.fault,
        }  # fmt: skip


@dataclass(slots=True)
class Payment:
    """One payment at a simulated provider; amounts are in minor units (yen, paise). `merchant` is the merchant's id.
    `merchant_payment_id` is the id that the merchant has given to the payment; `id` is the id that the provider has
    given to it, None until the payer begins to pay. `state` is the provider's word for the payment's state (see
    STATE_WORDS_BY_PROVIDER). `surcharge_minor` is the amount that the payer pays in addition to the price; `details`
    are values that only one provider has. `earlier_attempts` has a copy of the payment for each attempt to pay before
    the current one.
    """

    provider: str
    merchant: str
    merchant_payment_id: str
    amount_minor: int
    currency: str
    state: str
    created_at: datetime
    expires_at: datetime | None = None
    details: JsonObject = field(default_factory=dict)
    id: str | None = None
    begun_at: datetime | None = None
    captured_at: datetime | None = None
    captured_minor: int = 0
    reversed_minor: int = 0
    surcharge_minor: int = 0
    cancel_requested_at: datetime | None = None
    refunds: list[Refund] = field(default_factory=list)
    earlier_attempts: list["Payment"] = field(default_factory=list)

    @property
    def provider_words(self) -> ProviderStateWords:
        return STATE_WORDS_BY_PROVIDER[self.provider]

    @property
    def accepted_refunds_minor(self) -> int:
        """The total of the accepted refunds in minor units, executed or not."""
        return sum(
            refund.amount_minor for refund in self.refunds if refund.state not in self.provider_words.void_states
        )

    @property
    def refunded_minor(self) -> int:
        """The total of the executed refunds in minor units."""
        return sum(
            refund.amount_minor for refund in self.refunds if refund.state in self.provider_words.refunded_states
        )

    @property
    def remaining_minor(self) -> int:
        """The amount in minor units that can still be refunded."""
        return self.captured_minor - self.reversed_minor - self.accepted_refunds_minor

    @property
    def is_captured(self) -> bool:
        return self.state in self.provider_words.captured_states

    def export_json(self) -> JsonObject:
        """Return the payment as JSON, with its amounts in minor units and its refunds."""
        return {
            "provider": self.provider, "merchant": self.merchant, "number": self.merchant_payment_id, "id": self.id,
            "state": self.state, "amount_minor": self.amount_minor, "currency": self.currency,
            "surcharge_minor": self.surcharge_minor, "captured_minor": self.captured_minor,
            "accepted_minor": self.accepted_refunds_minor, "refunded_minor": self.refunded_minor,
            "reversed_minor": self.reversed_minor, "left_minor": self.remaining_minor,
            "created": format_instant(self.created_at),
            "paid": format_instant(self.captured_at) if self.captured_at else None,
            "cancelled": self.cancel_requested_at is not None,
            "refunds": [refund.export_json() for refund in self.refunds],
        }  # fmt: skip


class PaymentLedger:
    """All payments and refunds of the simulated providers. A caller that reads a value and then writes a value that
    depends on it must hold `lock` (reentrant) around the read and the write. `on_change` is called after a refund was
    accepted or repeated, and by `change_payment_state` and `change_refund_state`.
    """

    def __init__(self, clock: SandboxClock, settings: SandboxSettings, on_change: Callable[[], None]) -> None:
        self._clock = clock
        self._settings = settings
        self._on_change = on_change
        self.lock = RLock()
        self.delete_all_payments()

    def delete_all_payments(self) -> None:
        with self.lock:
            self._serials = count(FIRST_REFUND_SERIAL)
            self._payments: dict[tuple[str, str], Payment] = {}
            self._payment_by_id_at_provider: dict[tuple[str, str], Payment] = {}
            self._refunds: dict[int, Refund] = {}
            self._refunds_by_key: defaultdict[str, list[Refund]] = defaultdict(list)
            self._payment_id_counters = {
                provider: count(provider_words.first_payment_id)
                for provider, provider_words in STATE_WORDS_BY_PROVIDER.items()
            }
            self._refund_ids = count(1519)

    # -- reading; due refunds and cancels are executed before a payment is returned

    def find_payment(self, provider: str, payment_number: str) -> Payment | None:
        """Return the payment of a provider with the merchant's payment id `payment_number`; None if the provider has
        no such payment."""
        with self.lock:
            return self._execute_due_changes(self._payments.get((provider, payment_number)))

    def find_payment_by_id_at_provider(self, provider: str, id_at_provider: str) -> Payment | None:
        """Return the payment to which the provider has given the id `id_at_provider`; None if no payment has this
        id."""
        with self.lock:
            return self._execute_due_changes(self._payment_by_id_at_provider.get((provider, id_at_provider)))

    def list_payments(self, provider: str | None = None, payment_number: str | None = None) -> list[Payment]:
        """Return the payments of `provider` (None: of all providers) with the merchant's payment id `payment_number`
        (None: with any id). If the two arguments are given, a returned payment meets both conditions. The payments
        are in the sequence in which they were added; with a `payment_number` there is at most one of each provider.
        """
        with self.lock:
            if payment_number is not None:
                found_payments = [
                    self.find_payment(provider_name, payment_number)
                    for provider_name in STATE_WORDS_BY_PROVIDER
                    if provider in (None, provider_name)
                ]
                return [payment for payment in found_payments if payment is not None]
            matching_payments = [
                payment for payment in self._payments.values() if provider in (None, payment.provider)
            ]
            for payment in matching_payments:
                self._execute_due_changes(payment)
            return matching_payments

    def list_refunds(self, key: str | None = None, payment: str | None = None) -> list[Refund]:
        """Return the refunds with the merchant's refund id `key` (None: with any id) of the payment with the
        merchant's payment id `payment` (None: of all payments), in the sequence in which they were accepted. If the
        two arguments are given, a returned refund meets both conditions. Two refunds may have the same `key`.
        """
        with self.lock:
            refunds_with_key = self._refunds_by_key.get(key, []) if key is not None else list(self._refunds.values())
            matching_refunds = [refund for refund in refunds_with_key if payment in (None, refund.payment)]
            for refund in matching_refunds:
                self.find_payment(refund.provider, refund.payment)
            return matching_refunds

    @property
    def refund_count(self) -> int:
        return len(self._refunds)

    # -- writing

    def add_payment(self, payment: Payment) -> Payment:
        with self.lock:
            self._payments[payment.provider, payment.merchant_payment_id] = payment
            return payment

    def change_payment_state(self, payment: Payment, new_state: str) -> Payment:
        """Change the state of a payment, and return the payment. `new_state` is a common word (`paid`) or the
        provider's own word for the state. After an accepted cancellation, the payment gets the failed state in place
        of a paid one.

        Raises `ValueError` for an unknown word.
        """
        provider_words = payment.provider_words
        provider_state = provider_words.get_payment_state(new_state)
        with self.lock:
            if payment.cancel_requested_at and provider_state in provider_words.captured_states:
                provider_state = provider_words.failed_state
            if payment.id is None and provider_state not in provider_words.unpaid_states:
                self._assign_id_at_provider(payment)
            payment.state = provider_state
            if provider_state in provider_words.captured_states:
                self._capture_payment(payment)
            elif provider_state in provider_words.money_returned_states and payment.captured_minor:
                payment.reversed_minor += payment.remaining_minor
        self._on_change()
        return payment

    def set_id_at_provider(self, payment: Payment, id_at_provider: str) -> None:
        """Set `id_at_provider` as the id that the provider has given to a payment that was begun outside of the
        sandbox.

        Raises `ValueError` if another payment of the provider has this id.
        """
        with self.lock:
            if self._payment_by_id_at_provider.setdefault((payment.provider, id_at_provider), payment) is not payment:
                raise ValueError("that id exists already")
            payment.id = id_at_provider
            payment.begun_at = payment.begun_at or payment.created_at

    def begin_attempt(self, payment: Payment) -> None:
        """Begin another attempt of a payment. The previous attempt is stored in `earlier_attempts` with its own
        id.
        """
        with self.lock:
            payment.earlier_attempts.append(replace(payment, earlier_attempts=[], refunds=[]))
            payment.id = payment.begun_at = None

    def accept_refund(
        self,
        payment: Payment,
        key: str,
        amount_minor: int,
        *,
        reason: str | None = None,
        requested_at: int = 0,
        product: str | None = None,
    ) -> Refund:
        """Record an accepted refund and return it, after the provider's routes have checked the request. `key` is the
        merchant's refund id; `amount_minor` is in minor units. `reason`, `requested_at` and `product` are the fields
        of Refund.
        """
        with self.lock:
            provider_words = payment.provider_words
            provider_state = provider_words.get_refund_state(
                "completed" if self._settings.completes_refunds_at_once else "accepted"
            )
            refund = Refund(next(self._serials), payment.provider, key, str(next(self._refund_ids)),
                            payment.merchant_payment_id, amount_minor, payment.currency, provider_state,
                            self._clock.now(), reason, requested_at, product)  # fmt: skip
            self._store_refund(payment, refund)
        self._on_change()
        return refund

    def repeat_refund(self, serial: int) -> None:
        """Record an accepted refund a second time, with another id of the provider, which no provider should do. Only
        a fault calls this method."""
        with self.lock:
            first_refund = self._refunds[serial]
            repeated_refund = replace(
                first_refund, serial=next(self._serials), id=str(next(self._refund_ids)), delivered=False
            )
            self._store_refund(self._payments[first_refund.provider, first_refund.payment], repeated_refund)
        self._on_change()

    def change_refund_state(self, refund: Refund, new_state: str) -> Refund:
        """Change the state of a refund, and return the refund. `new_state` is a common word (`completed`) or the
        provider's own word for the state.

        Raises `ValueError` for an unknown word.
        """
        with self.lock:
            refund.state = STATE_WORDS_BY_PROVIDER[refund.provider].get_refund_state(new_state)
        self._on_change()
        return refund

    def mark_delivered(self, serial: int) -> None:
        """Record that the correct answer about the refund with the number `serial` was written to the caller
        completely.
        """
        with self.lock:
            if serial in self._refunds:
                self._refunds[serial].delivered = True

    def record_fault(self, serial: int, fault: str) -> None:
        """Record the simulated fault of the call that made the refund with the number `serial`. If a fault is
        recorded already, the method changes nothing.
        """
        with self.lock:
            if serial in self._refunds:
                self._refunds[serial].fault = self._refunds[serial].fault or fault

    # -- internal

    def _store_refund(self, payment: Payment, refund: Refund) -> None:
        """Add a refund to the payment and to the lists of all refunds."""
        payment.refunds.append(refund)
        self._refunds[refund.serial] = refund
        self._refunds_by_key[refund.key].append(refund)

    def _assign_id_at_provider(self, payment: Payment) -> None:
        """Give the payment the provider's next free payment id, because the payer begins to pay."""
        numbers = self._payment_id_counters[payment.provider]
        ids = (payment.provider_words.make_payment_id(number) for number in numbers)
        payment.id = next(
            payment_id for payment_id in ids if (payment.provider, payment_id) not in self._payment_by_id_at_provider
        )
        payment.begun_at = payment.begun_at or self._clock.now()
        self._payment_by_id_at_provider[payment.provider, payment.id] = payment

    def _capture_payment(self, payment: Payment) -> None:
        """Record that the payer has paid the whole amount: at the present time, unless a time is set already."""
        payment.captured_at = payment.captured_at or self._clock.now()
        payment.captured_minor, payment.reversed_minor = payment.amount_minor, 0

    def _execute_due_changes(self, payment: Payment | None) -> Payment | None:
        """Execute those cancellations and refunds of the payment that the provider accepted at least `settle_seconds`
        (a setting) ago. Do nothing if only the control API may execute them (setting `waits_for_manual_settling`).
        Return the payment; None if `payment` is None.
        """
        if payment is None or self._settings.waits_for_manual_settling:
            return payment
        due_time = self._clock.now() - timedelta(seconds=self._settings.settle_seconds)
        if payment.cancel_requested_at and payment.is_captured and payment.cancel_requested_at <= due_time:
            self.change_payment_state(payment, "failed")
        for refund in payment.refunds:
            if refund.state in payment.provider_words.accepted_states and refund.accepted_at <= due_time:
                refund.state = payment.provider_words.get_refund_state("completed")
        return payment
