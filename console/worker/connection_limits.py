"""Limits of the receiver of notices: number and size of requests, connections per address, waiting service calls,
and the time within which a request must arrive."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from console.settings.settings import Settings
from console.worker.abuse_limiter import RefusalTokenBuckets

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection, Request

MAX_BODY_BYTES = 1 << 20
REFUSAL_RESPONSE_BODY = b"refused\n"
REFUSAL_RESPONSE_HEADERS = (
    (b"content-length", b"%d" % len(REFUSAL_RESPONSE_BODY)),
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"Connection", b"close"),
)
"""Headers of the answer to every refused request. The name `Connection` has the upper and lower case letters with
which the library h11 writes it.
"""
LIVE_FEED_PATH = "/live"
IS_LAST_REQUEST_KEY = "last"
"""Key in the state of a request; its value is True if it is the last request on its connection."""
CONNECTION_SLOT_KEY = "slot"
"""Key in the state of a request; its value is the slot of the connection."""
_UNREPEATABLE_HEADER_NAMES = (b"host", b"content-length", b"content-type", b"x-notice-signature", b"authorization")
"""Headers that a request may contain only once. If one is repeated, this program and a proxy could use different
values.
"""

ResultT = TypeVar("ResultT")


class RequestRefused(Exception):
    """Raised if the receiver refuses a request. The receiver sends the same answer for every refused request, so only
    tests read the text of this exception."""


class BodyTooSlow(Exception):
    """Raised if the body of a request doesn't arrive in time. The receiver could not check the notice, which may be
    genuine, so it tells the sender to try again later."""


class NoCapacity(Exception):
    """Raised if a call can't be made because its thread pool is full, or if a listener can't be added because there
    are too many listeners of `/live`. The receiver then tells the sender of a notice, or the listener, to try again
    later. A call that nobody waits for, such as the audit entry about a refusal, isn't made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverOptions:
    """Address and limits of the receiver. A name with `seconds` is a time in seconds, a name with `bytes` a size.

    If `port` is 0, the operating system chooses a free port. `trusted_proxies` are IP addresses of proxies whose
    header X-Forwarded-For the receiver uses. `certificate_file` and `key_file` are PEM files, for TLS without a
    proxy.

    Some pools (`ServiceCallThreads`) store a sender's notices or ask its provider. Each of these pools runs
    `threads_per_pool` calls at the same time, and `queue_length` more calls wait. The other pools have fixed numbers
    of threads.

    `max_connections` is the largest number of open connections, `max_connections_per_address` the largest number from
    one address. The head and the body of a request may have `max_head_bytes` and `max_body_bytes`, and must arrive
    within `head_timeout_seconds` and `body_timeout_seconds`. The receiver closes an idle connection after
    `idle_timeout_seconds`. After `max_connection_seconds` or `max_requests_per_connection` requests, a connection
    gets its last answer. When the worker stops, running requests may take `drain_timeout_seconds`.

    The receiver reads the figures of the metrics from the database at most once in `metrics_interval_seconds`. At
    most `max_live_clients` listeners of `/live` are connected; the receiver disconnects a listener if more than
    `max_live_queue_length` messages wait for this listener. The receiver reads the changes every
    `live_interval_seconds`, and disconnects all listeners if it could not read them for `max_live_outage_seconds`.
    """

    bind_address: str = "127.0.0.1"
    port: int = 0
    trusted_proxies: tuple[str, ...] = ()
    certificate_file: Path | None = None
    key_file: Path | None = None
    threads_per_pool: int = 4
    queue_length: int = 28
    max_connections: int = 512
    max_connections_per_address: int = 64
    max_body_bytes: int = MAX_BODY_BYTES
    max_head_bytes: int = 16 * 1024
    head_timeout_seconds: float = 5.0
    body_timeout_seconds: float = 10.0
    idle_timeout_seconds: int = 5
    max_connection_seconds: float = 60.0
    max_requests_per_connection: int = 1_000
    drain_timeout_seconds: int = 10
    metrics_interval_seconds: float = 5.0
    max_live_clients: int = 64
    max_live_queue_length: int = 64
    live_interval_seconds: float = 0.5
    max_live_outage_seconds: float = 10.0

    @staticmethod
    def from_settings(settings: Settings) -> "ReceiverOptions":
        """Return the receiver's options with the address, certificate and other values of these settings. The
        limits keep their default values."""
        return ReceiverOptions(
            bind_address=settings.receiver_address,
            port=settings.receiver_port,
            trusted_proxies=settings.receiver_trusted_proxies,
            certificate_file=settings.receiver_certificate,
            key_file=settings.receiver_key,
        )


def parse_ip_address(text: str | None) -> IPv4Address | IPv6Address | None:
    """Return the IP address in the text; None if the text is not an IP address. An IPv4 address that is mapped
    into IPv6 is returned as IPv4. A zone (after `%`) is removed, because it may be any text."""
    try:
        ip = ip_address((text or "").strip().partition("%")[0])
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


class SenderAddressFinder:
    """Finds the address of a request's sender, also if a trusted proxy has forwarded the request."""

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        self._trusted_networks = [ip_network(text) for text in trusted_proxies]

    def is_trusted_proxy(self, remote_host: str | None) -> bool:
        """True if the TCP peer (IP address as text, None if unknown) is a trusted proxy, so that the receiver uses
        its header X-Forwarded-For.
        """
        peer_address = parse_ip_address(remote_host)
        return peer_address is not None and any(
            peer_address in network for network in self._trusted_networks if network.version == peer_address.version
        )

    def find_sender_address(self, remote_host: str | None, forwarded_values: Sequence[str]) -> str | None:
        """Return the IP address of the sender. This is the address of the TCP peer or, if the peer is a trusted
        proxy, the last address in X-Forwarded-For (`forwarded_values` are the values of this header). Return None if
        the text of this address is not an IP address.
        """
        joined_values = ",".join(forwarded_values)
        claimed_address = (
            joined_values.rpartition(",")[2] if joined_values and self.is_trusted_proxy(remote_host) else remote_host
        )
        sender = parse_ip_address(claimed_address)
        return None if sender is None else str(sender)


def count_request(connection: "HTTPConnection", *, is_genuine: bool) -> None:
    """Count an HTTP or WebSocket request, as genuine or as refused, for the address of its sender. `connection` is
    the request, from whose connection the slot is read (`ConnectionSlot.count_request`)."""
    slot: ConnectionSlot | None = connection.scope.get("state", {}).get(CONNECTION_SLOT_KEY)
    if slot is not None:
        slot.count_request(is_genuine=is_genuine)


class OpenConnections:
    """The open connections of the receiver; each connection has a slot. Connections from a trusted proxy have no
    limit per address, because they come from many senders.

    If no slot is free, the receiver closes a connection that waits for a complete request, and gives its slot to the
    new connection. If the limit of the new connection's address is reached, the receiver closes the connection of
    that address that has waited longest. If only the total limit is reached, it closes the longest-waiting connection
    of the address with the most connections. So idle connections can't prevent a sender of another address from
    connecting.

    An address whose requests are refused too often gets no slot for some time.
    """

    def __init__(
        self,
        max_connections: int,
        max_per_address: int,
        sender_addresses: SenderAddressFinder,
        read_monotonic_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_connections, self._max_per_address, self._sender_addresses = (
            max_connections,
            max_per_address,
            sender_addresses,
        )
        self.refusal_buckets = RefusalTokenBuckets(read_monotonic_seconds)
        self._slot_counts: Counter[str] = Counter()
        self._waiting_slots: dict[str, dict[ConnectionSlot, None]] = {}
        self.connection_count = self.rejected_count = 0

    def open_slot(self, remote_host: str | None, abort_connection: Callable[[], None]) -> "ConnectionSlot | None":
        """Return a slot for a new connection from the address `remote_host`; None if the receiver must reject the
        connection. `abort_connection` is a function that closes this connection. It is called at most once, when the
        connection loses its slot.
        """
        address, is_direct = (
            _make_address_key(remote_host),
            not self._sender_addresses.is_trusted_proxy(remote_host),
        )
        if is_direct and self.refusal_buckets.is_blocked(address):
            self.rejected_count += 1
            return None
        is_limit_reached = is_direct and self._slot_counts[address] >= self._max_per_address
        if is_limit_reached or self.connection_count >= self._max_connections:
            busiest_address = max(self._waiting_slots, key=self._slot_counts.__getitem__, default=address)
            self.rejected_count += 1
            if not self._release_waiting_slot(address if is_limit_reached else busiest_address):
                return None
        self.connection_count += 1
        self._slot_counts[address] += 1
        slot = ConnectionSlot(self, address, abort_connection)
        self.mark_waiting(slot, is_waiting=True)
        return slot

    def _release_waiting_slot(self, address: str) -> bool:
        """Of the connections from `address` that wait for their senders, find the one that has waited longest.
        Release its slot, and abort the connection. Return False if no connection from this address is waiting."""
        slot = next(iter(self._waiting_slots.get(address, ())), None)
        if slot is not None:
            slot.release()
            slot.abort_connection()
        return slot is not None

    def mark_waiting(self, slot: "ConnectionSlot", *, is_waiting: bool) -> None:
        """If `is_waiting` is True, mark the connection of this slot as waiting for its sender; otherwise remove this
        mark. A waiting connection may lose its slot to a new connection; the connection that has waited longest loses
        its slot first. Marking a waiting connection again doesn't change its place in this sequence.
        """
        if is_waiting:
            self._waiting_slots.setdefault(slot.address, {}).setdefault(slot)
        elif slot in (slots_of_address := self._waiting_slots.get(slot.address, {})):
            del slots_of_address[slot]
            if not slots_of_address:
                del self._waiting_slots[slot.address]

    def subtract_released_slot(self, address: str) -> None:
        """Subtract one connection from the total number and from the number of this address, after the connection has
        released its slot.
        """
        self.connection_count -= 1
        self._slot_counts[address] -= 1
        if not self._slot_counts[address]:
            del self._slot_counts[address]


def _make_address_key(remote_host: str | None) -> str:
    """Return the key under which the connections of an address are counted: for IPv4 the address, for IPv6 its /64
    network, which belongs to one subscriber. Connections with an unknown address (None) share one key.
    """
    ip_address = parse_ip_address(remote_host)
    if isinstance(ip_address, IPv6Address):
        return str(ip_network((int(ip_address) >> 64 << 64, 64)))
    return str(ip_address or "?")


class ConnectionSlot:
    """The permission for one connection to stay open within the receiver's limits (`OpenConnections`). The connection
    releases its slot when it is closed.
    """

    def __init__(self, open_connections: OpenConnections, address: str, abort_connection: Callable[[], None]) -> None:
        self._open_connections, self.address, self.abort_connection = open_connections, address, abort_connection
        self._is_held = True

    def mark_waiting(self, is_waiting: bool) -> None:
        """If `is_waiting` is True, mark the connection as waiting for its sender; otherwise remove this mark. A
        waiting connection may lose its slot to a new connection.
        """
        if self._is_held:
            self._open_connections.mark_waiting(self, is_waiting=is_waiting)

    def count_request(self, *, is_genuine: bool) -> None:
        """Count a request of this connection for the sender's address: as a genuine request (from a listener or with
        a verified notice), or as a refused request."""
        refusal_buckets = self._open_connections.refusal_buckets
        (refusal_buckets.mark_genuine_sender if is_genuine else refusal_buckets.count_refusal)(self.address)

    def release(self) -> None:
        """Release the slot, so that another connection can get it. A repeated call has no effect."""
        if self._is_held:
            self._open_connections.mark_waiting(self, is_waiting=False)
            self._is_held = False
            self._open_connections.subtract_released_slot(self.address)


class ServiceCallThreads:
    """A thread pool for service calls that block. `thread_count` calls run at the same time, `queue_length` calls
    wait, and further calls are refused.

    The pool must be used on the thread of the event loop. If this pool is full, calls in other pools aren't delayed.
    """

    def __init__(self, pool_name: str, thread_count: int, queue_length: int) -> None:
        self._pool = ThreadPoolExecutor(thread_count, thread_name_prefix=f"receiver-{pool_name}")
        self._capacity = thread_count + queue_length
        self.unfinished_calls = 0

    async def run(self, service_call: Callable[[], ResultT]) -> ResultT:
        """Run `service_call` in a thread of the pool, and return its result or raise its exception. Raises NoCapacity
        if the pool is full, or if the operating system starts no further thread; in the second case, the call may
        still run later. If the task that called `run` is cancelled, the service call continues."""
        if self.unfinished_calls >= self._capacity:
            raise NoCapacity
        try:
            future = asyncio.get_running_loop().run_in_executor(self._pool, service_call)
        except (RuntimeError, MemoryError) as no_thread:
            raise NoCapacity from no_thread
        self.unfinished_calls += 1
        future.add_done_callback(self._finish_call)
        return await asyncio.shield(future)

    def _finish_call(self, future: "asyncio.Future[ResultT]") -> None:
        """Count a service call as ended."""
        self.unfinished_calls -= 1
        if not future.cancelled():
            future.exception()  # read the exception, so that asyncio doesn't report it as unhandled

    def close(self) -> None:
        """Cancel the waiting calls. If no call is running, wait until the threads have ended. If a call is running,
        return at once without waiting for it."""
        self._pool.shutdown(wait=not self.unfinished_calls, cancel_futures=True)


def require_unambiguous_request(request: "Request", largest_bytes: int) -> None:
    """Raise RequestRefused if this program and a proxy could read the request in different ways. This is possible if
    one of _UNREPEATABLE_HEADER_NAMES is repeated, if the request has both Content-Length and Transfer-Encoding, or if
    its body is compressed (Content-Encoding). Also raise RequestRefused if the Content-Length is no number or above
    `largest_bytes`.
    """
    header_names = [name for name, _ in request.headers.raw]
    headers = dict(request.headers.raw)
    if any(header_names.count(name) > 1 for name in _UNREPEATABLE_HEADER_NAMES):
        raise RequestRefused("header_twice")
    if b"transfer-encoding" in headers and b"content-length" in headers:
        raise RequestRefused("two_lengths")
    if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"identity", b""):
        raise RequestRefused("encoded")
    length_text = headers.get(b"content-length", b"0").strip()
    if not length_text.isdigit() or len(length_text) > 12 or int(length_text) > largest_bytes:
        raise RequestRefused("length")


async def read_body(request: "Request", largest_bytes: int, timeout_seconds: float) -> bytes:
    """Return the whole body of the request.

    Raises RequestRefused if the body has more than `largest_bytes` bytes, or if the sender disconnects; BodyTooSlow
    if the body does not arrive within `timeout_seconds`.
    """
    from starlette.requests import ClientDisconnect

    body = bytearray()
    try:
        async with asyncio.timeout(timeout_seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > largest_bytes:
                    raise RequestRefused("length")
    except TimeoutError:
        raise BodyTooSlow from None
    except ClientDisconnect:
        raise RequestRefused("gone") from None
    return bytes(body)
