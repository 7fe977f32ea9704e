"""What the simulated providers send of their own accord: PayPay's webhooks and Atom's callbacks."""

import http.client
import ipaddress
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from threading import Lock, Thread, current_thread
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from console.sandbox.atom_answers import callback_data, sealed_callback
from console.sandbox.calls import Call
from console.sandbox.clock import instant_text
from console.sandbox.exchange import Exchange
from console.sandbox.fault_table import ORDINARY
from console.sandbox.payment_book import Payment
from console.sandbox.paypay_notices import transaction_notice
from console.sandbox.rules import Order
from console.sandbox.wire import JsonObject, Reply, encode
from console.sandbox.world import World

CALL = {"paypay": "paypay_webhook", "atom": "atom_callback"}
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
RETRY_SECONDS = 0.1
KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice before it is written. `manner`: how it is sealed and signed, where there is a seal."""

    provider: str
    number: str
    data: JsonObject
    render: Callable[[JsonObject, str], bytes]
    media_type: str
    manner: str = "good"

    def altered(self, **changes: Any) -> "Notice":
        return replace(self, **changes)

    @property
    def body(self) -> bytes:
        return self.render(self.data, self.manner)


@dataclass(frozen=True, slots=True)
class NoticeCall(Call):
    """A notice as rules and faults see it; `deliver` sends it, or another one in its place.

    `before`: how many notices were dealt with when this one was handed in.
    """

    notice: Notice | None = None
    before: int = 0
    deliver: Callable[[Notice], Reply] | None = None


@dataclass(slots=True)
class Sent:
    """One sending. `statuses`: what each try was answered, null for no answer."""

    seq: int
    provider: str
    number: str
    at: str
    size: int
    manner: str
    statuses: list[int | None] = field(default_factory=list)


class NoWire:
    """Where a notice's answer goes: it was read already."""

    def write(self, data: bytes) -> bool:
        return True

    def close(self) -> None:
        """Nothing is open."""

    def reset(self) -> None:
        """Nothing is open."""

    def caller_gone(self) -> bool:
        return False


class PostOffice:
    """Sends notices, each in a thread of its own, where the control room said; tells what became of them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = Lock()
        self._threads: set[Thread] = set()
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self.addresses: dict[str, str] = {}
            self._seq = count(1)
            self._sent: deque[Sent] = deque(maxlen=KEPT)
            self._tries = 0
            self._world.notices_ended = 0

    def send_to(self, provider: str, address: str | None) -> None:
        """Where a provider's notices go; None: nowhere. Raises `ValueError` for what is not on this machine."""
        if provider not in CALL:
            raise ValueError(f"{provider} sends no notices")
        if address is not None:
            _check_loopback(address)
        with self._lock:
            if address is None:
                self.addresses.pop(provider, None)
            else:
                self.addresses[provider] = address

    def compose(self, payment: Payment) -> Notice:
        """What would be told about a payment now. Raises `ValueError` while there is nothing to tell."""
        if payment.id is None:
            raise ValueError("nobody has begun to pay")
        if payment.provider == "paypay":
            return Notice("paypay", payment.number, transaction_notice(payment), lambda data, _: encode(data), JSON)
        merchant = self._world.atom_door.merchant(payment.merchant)
        if merchant is None:
            raise ValueError("the merchant is not known any more")
        return Notice("atom", payment.number, callback_data(payment),
                      lambda data, manner: sealed_callback(merchant, data, manner), FORM)  # fmt: skip

    def announce_file(self, url: str) -> None:
        """Tell PayPay's merchant that a reconciliation file is there."""
        now = str(int(self._world.clock.now().timestamp()))
        data = {"notification_type": "file.created", "notification_id": str(uuid4()),
                "fileType": "transaction_recon", "path": url, "requestedAt": now}  # fmt: skip
        self.hand_in(Notice("paypay", "recon", data, lambda told, _: encode(told), JSON))

    def hand_in(self, notice: Notice) -> bool:
        """Send it soon, or meet a fault; False when nobody said where to."""
        if notice.provider not in self.addresses:
            return False
        call = NoticeCall(notice.provider, CALL[notice.provider], lambda: self._deliver(notice), notice.number,
                          payment=notice.number, notice=notice, before=self._world.notices_ended,
                          deliver=self._deliver)  # fmt: skip
        order = self._world.rules.pick(call) or Order(ORDINARY)
        thread = Thread(target=self._carry, args=(Exchange(call, order, NoWire(), self._world),), daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()
        return True

    def stop(self, seconds: float) -> None:
        """Wait a moment for what is on its way."""
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(seconds)

    def as_json(self) -> JsonObject:
        with self._lock:
            sent = [asdict(each) for each in self._sent]
            return {"addresses": dict(self.addresses), "ended": self._world.notices_ended, "sent": sent}

    def tries(self) -> int:
        """How often a notice was put on the wire."""
        with self._lock:
            return self._tries

    def _carry(self, exchange: Exchange) -> None:
        try:
            exchange.order.kind.perform(exchange)
        finally:
            with self._lock:
                self._world.notices_ended += 1
                self._threads.discard(current_thread())
            self._world.holds.ring()

    def _deliver(self, notice: Notice) -> Reply:
        """Post it; PayPay asks again when it is not answered 200."""
        body = notice.body
        address = self.addresses.get(notice.provider)
        at = instant_text(self._world.clock.now())
        with self._lock:
            sent = Sent(next(self._seq), notice.provider, notice.number, at, len(body), notice.manner)
            self._sent.append(sent)
            self._tries += 1
        self._world.holds.ring()
        tries = 1 + (self._world.settings.notice_retries if notice.provider == "paypay" else 0)
        for turn in range(tries if address else 0):
            if turn and not self._world.holds.pause(RETRY_SECONDS):
                break
            sent.statuses.append(_post(str(address), body, notice.media_type, self._world.settings.notice_seconds))
            if sent.statuses[-1] == 200:
                break
        return Reply(sent.statuses[-1] or 0 if sent.statuses else 0)


def _post(address: str, body: bytes, media_type: str, seconds: float) -> int | None:
    place = urlsplit(address)
    line = http.client.HTTPConnection(place.netloc, timeout=seconds)
    try:
        line.request("POST", place.path or "/", body, {"Content-Type": media_type, "User-Agent": "sandbox"})
        answer = line.getresponse()
        answer.read(1 << 16)
    except (OSError, http.client.HTTPException):
        return None
    finally:
        line.close()
    return answer.status


def _check_loopback(address: str) -> None:
    place = urlsplit(address)
    host = place.hostname or ""
    if place.scheme != "http" or not (host == "localhost" or _is_loopback(host)):
        raise ValueError("notices go to http addresses of this machine only")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
