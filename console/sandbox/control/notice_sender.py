"""Sends the notices of the simulated providers: PayPay's webhooks and Atom's callbacks."""

import http.client
import ipaddress
from collections import deque
from dataclasses import asdict, dataclass, field
from itertools import count
from threading import Lock, Thread, current_thread
from urllib.parse import urlsplit
from uuid import uuid4

from console.sandbox.atom.responses import make_callback_data, make_encrypted_callback
from console.sandbox.environment.clock import format_instant
from console.sandbox.faults.call_in_progress import CallInProgress
from console.sandbox.faults.sandbox_state import SandboxState
from console.sandbox.http.messages import HttpReply, JsonObject, encode_json
from console.sandbox.payments.ledger import Payment
from console.sandbox.payments.notices import NoticeCall, SimulatedNotice, make_transaction_notice
from console.sandbox.rules.fault_rules import FaultInstruction
from console.sandbox.rules.fault_table import NO_FAULT

NOTICE_CALL_NAME_BY_PROVIDER = {"paypay": "paypay_webhook", "atom": "atom_callback"}
FORM_MEDIA_TYPE = "application/x-www-form-urlencoded"
JSON_MEDIA_TYPE = "application/json"
SECONDS_BETWEEN_NOTICE_ATTEMPTS = 0.1
MAX_LOGGED_NOTICES = 20_000


@dataclass(slots=True)
class SentNotice:
    """Record of a notice that the sandbox has sent about the payment with the merchant's payment id `number` (`recon`
    for a notice about a file). `seq` is the position of the notice among all that the sandbox has sent, `manner`
    names the way in which its signature was made or damaged. `statuses` has the HTTP status of each attempt, None for
    an attempt without an answer. `size` is the size of the body in bytes, `at` the time of sending in UTC, such as
    `2026-11-20T03:20:01.123Z`.
    """

    seq: int
    provider: str
    number: str
    at: str
    size: int
    manner: str
    statuses: list[int | None] = field(default_factory=list)


class NoticeConnection:
    """The connection that the function of a fault gets for a notice, in place of a caller's connection. Its methods
    have no effect, because the sender of the notice has already read the receiver's answer and closed the real
    connection.
    """

    def write(self, data: bytes) -> bool:
        return True

    def close(self) -> None:
        """Do nothing: the connection on which the notice was sent is closed already."""

    def reset(self) -> None:
        """Do nothing: the connection on which the notice was sent is closed already."""

    def is_caller_disconnected(self) -> bool:
        return False


class NoticeSender:
    """Sends notices to the addresses that the control API has set, each in a thread of its own, and records the
    results.
    """

    def __init__(self, state: SandboxState) -> None:
        self._state = state
        self._lock = Lock()
        self._threads: set[Thread] = set()
        self.reset()

    def reset(self) -> None:
        """Delete the addresses and the record of sent notices, and set the number of handled notices to 0."""
        with self._lock:
            self.addresses: dict[str, str] = {}
            self._sequence_numbers = count(1)
            self._sent_notices: deque[SentNotice] = deque(maxlen=MAX_LOGGED_NOTICES)
            self._state.notices_ended = 0

    def set_notice_address(self, provider: str, address: str | None) -> None:
        """Set the URL to which a provider's notices are sent. With None no notices of this provider are sent.

        Raises `ValueError` for an unknown provider, and for a URL that isn't on this machine.
        """
        if provider not in NOTICE_CALL_NAME_BY_PROVIDER:
            raise ValueError(f"{provider} sends no notices")
        if address is not None:
            _require_loopback(address)
        with self._lock:
            if address is None:
                self.addresses.pop(provider, None)
            else:
                self.addresses[provider] = address

    def compose_notice(self, payment: Payment) -> SimulatedNotice:
        """Return the notice about a payment in its current state.

        Raises `ValueError` if the payer hasn't begun to pay, because the provider sends no notice yet, or if the
        merchant is no longer registered.
        """
        if payment.id is None:
            raise ValueError("nobody has begun to pay")
        if payment.provider == "paypay":
            return SimulatedNotice(
                "paypay",
                payment.merchant_payment_id,
                make_transaction_notice(payment),
                lambda data, _: encode_json(data),
                JSON_MEDIA_TYPE,
            )
        merchant = self._state.atom_merchants.find_merchant(payment.merchant)
        if merchant is None:
            raise ValueError("the merchant is not known any more")
        return SimulatedNotice(
            "atom",
            payment.merchant_payment_id,
            make_callback_data(payment),
            lambda data, manner: make_encrypted_callback(merchant, data, manner),
            FORM_MEDIA_TYPE,
        )

    def send_file_notice(self, url: str) -> None:
        """Send PayPay's notice that a reconciliation file can be downloaded from `url`."""
        now = str(int(self._state.clock.now().timestamp()))
        notice_data = {
            "notification_type": "file.created",
            "notification_id": str(uuid4()),
            "fileType": "transaction_recon",
            "path": url,
            "requestedAt": now,
        }
        self.send_in_thread(
            SimulatedNotice("paypay", "recon", notice_data, lambda fields, _: encode_json(fields), JSON_MEDIA_TYPE)
        )

    def send_in_thread(self, notice: SimulatedNotice) -> bool:
        """Send a notice in a new thread, with the fault of the fault rule that matches the notice. Return False if no
        address is set for the notice's provider.
        """
        if notice.provider not in self.addresses:
            return False
        call_name = NOTICE_CALL_NAME_BY_PROVIDER[notice.provider]
        call = NoticeCall(notice.provider, call_name, lambda: self._deliver_notice(notice), notice.payment_number,
                          payment=notice.payment_number, notice=notice, handled_count=self._state.notices_ended,
                          deliver_notice=self._deliver_notice)  # fmt: skip
        instruction = self._state.fault_rules.pick_fault(call) or FaultInstruction(NO_FAULT)
        thread = Thread(
            target=self._send_with_fault,
            args=(CallInProgress(call, instruction, NoticeConnection(), self._state),),
            daemon=True,
        )
        with self._lock:
            self._threads.add(thread)
        thread.start()
        return True

    def wait_until_sent(self, timeout_seconds: float) -> None:
        """Wait until the threads that are sending notices have ended, at most `timeout_seconds` for each thread."""
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(timeout_seconds)

    def export_json(self) -> JsonObject:
        """Return the addresses of the notices, the number of handled notices, and the sent notices as JSON."""
        with self._lock:
            notice_objects = [asdict(sent_notice) for sent_notice in self._sent_notices]
            return {"addresses": dict(self.addresses), "ended": self._state.notices_ended, "sent": notice_objects}

    def _send_with_fault(self, call_in_progress: CallInProgress) -> None:
        """Send a notice with its fault, then count it as handled and wake the waiting threads. Runs in the notice's
        own thread."""
        try:
            call_in_progress.instruction.kind.apply(call_in_progress)
        finally:
            with self._lock:
                self._state.notices_ended += 1
                self._threads.discard(current_thread())
            self._state.held_calls.notify_waiters()

    def _deliver_notice(self, notice: SimulatedNotice) -> HttpReply:
        """Send a notice, record the HTTP statuses, and return a reply whose status is the last one of these (0 if no
        notice was answered). A notice of PayPay is sent again if it isn't answered with 200.
        """
        body = notice.body
        address = self.addresses.get(notice.provider)
        sent_at = format_instant(self._state.clock.now())
        with self._lock:
            sent_notice = SentNotice(
                next(self._sequence_numbers),
                notice.provider,
                notice.payment_number,
                sent_at,
                len(body),
                notice.signature_kind,
            )
            self._sent_notices.append(sent_notice)
        self._state.held_calls.notify_waiters()
        try_count = 1 + (self._state.settings.notice_retries if notice.provider == "paypay" else 0)
        for try_number in range(try_count if address else 0):
            if try_number and not self._state.held_calls.pause(SECONDS_BETWEEN_NOTICE_ATTEMPTS):
                break
            sent_notice.statuses.append(
                _post_notice(str(address), body, notice.media_type, self._state.settings.notice_seconds)
            )
            if sent_notice.statuses[-1] == 200:
                break
        return HttpReply(sent_notice.statuses[-1] or 0 if sent_notice.statuses else 0)


def _post_notice(address: str, body: bytes, media_type: str, timeout_seconds: float) -> int | None:
    """Send a notice to the URL `address` and return the HTTP status of its answer; None if there is no answer within
    `timeout_seconds`. `media_type` is the Content-Type of `body`."""
    address_parts = urlsplit(address)
    connection = http.client.HTTPConnection(address_parts.netloc, timeout=timeout_seconds)
    try:
        connection.request(
            "POST", address_parts.path or "/", body, {"Content-Type": media_type, "User-Agent": "sandbox"}
        )
        answer = connection.getresponse()
        answer.read(1 << 16)
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return answer.status


def _require_loopback(address: str) -> None:
    """Raise `ValueError` unless the URL is http and its host is this machine."""
    address_parts = urlsplit(address)
    host = address_parts.hostname or ""
    if address_parts.scheme != "http" or not (host == "localhost" or _is_loopback(host)):
        raise ValueError("notices go to http addresses of this machine only")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
