"""The truth about payments: what the simulated providers captured, refunded and sent back."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from threading import RLock

from console.sandbox.clock import SandboxClock, instant_text
from console.sandbox.payment_states import TONGUES, Tongue
from console.sandbox.settings import Settings
from console.sandbox.wire import JsonObject

FIRST_SERIAL = 900_000_001  # far from the ids of credit checks, so that both can be looked up by one number


@dataclass(slots=True)
class Refund:
    """One refund that the provider accepted. `key` is the merchant's name for it, `id` the provider's own."""

    serial: int
    provider: str
    key: str
    id: str
    payment: str
    amount_minor: int
    currency: str
    state: str
    at: datetime
    reason: str | None = None
    requested_at: int = 0
    product: str | None = None
    delivered: bool = False
    fault: str | None = None

    def as_json(self) -> JsonObject:
        tongue = TONGUES[self.provider]
        return {
            "serial": self.serial, "provider": self.provider, "key": self.key, "id": self.id,
            "payment": self.payment, "amount_minor": self.amount_minor, "currency": self.currency,
            "state": self.state, "done": self.state in tongue.refunded, "void": self.state in tongue.void,
            "at": instant_text(self.at), "reason": self.reason, "delivered": self.delivered, "fault": self.fault,
        }  # fmt: skip


@dataclass(slots=True)
class Payment:
    """One payment; amounts are minor units. `id` is the provider's, None while nobody has begun to pay."""

    provider: str
    merchant: str
    number: str
    amount_minor: int
    currency: str
    state: str
    created: datetime
    expires: datetime | None = None
    details: JsonObject = field(default_factory=dict)
    id: str | None = None
    begun: datetime | None = None
    ended: datetime | None = None
    captured_minor: int = 0
    reversed_minor: int = 0
    surcharge_minor: int = 0
    cancelled: datetime | None = None
    refunds: list[Refund] = field(default_factory=list)
    past: list["Payment"] = field(default_factory=list)

    @property
    def tongue(self) -> Tongue:
        return TONGUES[self.provider]

    @property
    def accepted_minor(self) -> int:
        """Refunds that the provider took on, executed or not."""
        return sum(refund.amount_minor for refund in self.refunds if refund.state not in self.tongue.void)

    @property
    def refunded_minor(self) -> int:
        """Refunds that are executed."""
        return sum(refund.amount_minor for refund in self.refunds if refund.state in self.tongue.refunded)

    @property
    def left_minor(self) -> int:
        """What can still be refunded."""
        return self.captured_minor - self.reversed_minor - self.accepted_minor

    @property
    def captured(self) -> bool:
        return self.state in self.tongue.captured

    def as_json(self) -> JsonObject:
        return {
            "provider": self.provider, "merchant": self.merchant, "number": self.number, "id": self.id,
            "state": self.state, "amount_minor": self.amount_minor, "currency": self.currency,
            "surcharge_minor": self.surcharge_minor, "captured_minor": self.captured_minor,
            "accepted_minor": self.accepted_minor, "refunded_minor": self.refunded_minor,
            "reversed_minor": self.reversed_minor, "left_minor": self.left_minor,
            "created": instant_text(self.created), "paid": instant_text(self.ended) if self.ended else None,
            "cancelled": self.cancelled is not None, "refunds": [refund.as_json() for refund in self.refunds],
        }  # fmt: skip


class PaymentBook:
    """All payments and refunds. Whoever reads and then writes does so under `lock`; it may be taken twice."""

    def __init__(self, clock: SandboxClock, settings: Settings, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._settings = settings
        self._ring = ring
        self.lock = RLock()
        self.clear()

    def clear(self) -> None:
        with self.lock:
            self._serials = count(FIRST_SERIAL)
            self._payments: dict[tuple[str, str], Payment] = {}
            self._by_id: dict[tuple[str, str], Payment] = {}
            self._refunds: dict[int, Refund] = {}
            self._by_key: defaultdict[str, list[Refund]] = defaultdict(list)
            self._numbers = {provider: count(tongue.first_payment) for provider, tongue in TONGUES.items()}
            self._refund_ids = count(1519)

    # Reading; what was promised for now is settled before it is read

    def find(self, provider: str, number: str) -> Payment | None:
        """By the merchant's number."""
        with self.lock:
            return self._settled(self._payments.get((provider, number)))

    def by_id(self, provider: str, provider_id: str) -> Payment | None:
        """By the provider's number."""
        with self.lock:
            return self._settled(self._by_id.get((provider, provider_id)))

    def payments(self, provider: str | None = None, number: str | None = None) -> list[Payment]:
        """In the order in which they began."""
        with self.lock:
            if number is not None:
                named = [self.find(each, number) for each in TONGUES if provider in (None, each)]
                return [payment for payment in named if payment is not None]
            found = [payment for payment in self._payments.values() if provider in (None, payment.provider)]
            for payment in found:
                self._settled(payment)
            return found

    def refunds(self, key: str | None = None, payment: str | None = None) -> list[Refund]:
        """In the order in which they were accepted; the same key twice is two refunds."""
        with self.lock:
            named = self._by_key.get(key, []) if key is not None else list(self._refunds.values())
            found = [refund for refund in named if payment in (None, refund.payment)]
            for refund in found:
                self.find(refund.provider, refund.payment)
            return found

    @property
    def refund_count(self) -> int:
        return len(self._refunds)

    # Writing

    def add(self, payment: Payment) -> Payment:
        with self.lock:
            self._payments[payment.provider, payment.number] = payment
            return payment

    def move(self, payment: Payment, to: str) -> Payment:
        """Bring a payment into a state, by the common word or the provider's. Raises `ValueError`."""
        tongue = payment.tongue
        state = tongue.state(to)
        with self.lock:
            if payment.cancelled and state in tongue.captured:
                state = tongue.failed
            if payment.id is None and state not in tongue.unpaid:
                self._begin(payment)
            payment.state = state
            if state in tongue.captured:
                self._capture(payment)
            elif state in tongue.gone_back and payment.captured_minor:
                payment.reversed_minor += payment.left_minor
        self._ring()
        return payment

    def name(self, payment: Payment, provider_id: str) -> None:
        """Give a payment the provider's number that it has elsewhere. Raises `ValueError` for one in use."""
        with self.lock:
            if self._by_id.setdefault((payment.provider, provider_id), payment) is not payment:
                raise ValueError("that id exists already")
            payment.id = provider_id
            payment.begun = payment.begun or payment.created

    def begin_again(self, payment: Payment) -> None:
        """Another attempt at the same payment: the one before is kept, with its own number."""
        with self.lock:
            payment.past.append(replace(payment, past=[], refunds=[]))
            payment.id = payment.begun = None

    def accept(
        self, payment: Payment, key: str, amount_minor: int, *,
        reason: str | None = None, requested_at: int = 0, product: str | None = None,
    ) -> Refund:  # fmt: skip
        """Take a refund on; whether it may be is the provider's business."""
        with self.lock:
            tongue = payment.tongue
            state = tongue.refund_state("completed" if self._settings.refund_at_once else "accepted")
            refund = Refund(next(self._serials), payment.provider, key, str(next(self._refund_ids)), payment.number,
                            amount_minor, payment.currency, state, self._clock.now(), reason, requested_at,
                            product)  # fmt: skip
            self._enter(payment, refund)
        self._ring()
        return refund

    def repeat(self, serial: int) -> None:
        """Execute an accepted refund once more, as no provider ever should."""
        with self.lock:
            first = self._refunds[serial]
            again = replace(first, serial=next(self._serials), id=str(next(self._refund_ids)), delivered=False)
            self._enter(self._payments[first.provider, first.payment], again)
        self._ring()

    def move_refund(self, refund: Refund, to: str) -> Refund:
        """Bring a refund into a state, by the common word or the provider's. Raises `ValueError`."""
        with self.lock:
            refund.state = TONGUES[refund.provider].refund_state(to)
        self._ring()
        return refund

    def told(self, serial: int) -> None:
        """The true answer about a refund was written to the caller in full."""
        with self.lock:
            if serial in self._refunds:
                self._refunds[serial].delivered = True

    def happened_under(self, serial: int, fault: str) -> None:
        """Name the fault that accompanied a refund; a later answer about it changes nothing."""
        with self.lock:
            if serial in self._refunds:
                self._refunds[serial].fault = self._refunds[serial].fault or fault

    # Within

    def _enter(self, payment: Payment, refund: Refund) -> None:
        payment.refunds.append(refund)
        self._refunds[refund.serial] = refund
        self._by_key[refund.key].append(refund)

    def _begin(self, payment: Payment) -> None:
        numbers = self._numbers[payment.provider]
        ids = (payment.tongue.payment_id(number) for number in numbers)
        payment.id = next(one for one in ids if (payment.provider, one) not in self._by_id)
        payment.begun = payment.begun or self._clock.now()
        self._by_id[payment.provider, payment.id] = payment

    def _capture(self, payment: Payment) -> None:
        payment.ended = payment.ended or self._clock.now()
        payment.captured_minor, payment.reversed_minor = payment.amount_minor, 0

    def _settled(self, payment: Payment | None) -> Payment | None:
        if payment is None or self._settings.settle_by_hand:
            return payment
        due = self._clock.now() - timedelta(seconds=self._settings.settle_seconds)
        if payment.cancelled and payment.captured and payment.cancelled <= due:
            self.move(payment, "failed")
        for refund in payment.refunds:
            if refund.state in payment.tongue.accepted and refund.at <= due:
                refund.state = payment.tongue.refund_state("completed")
        return payment
