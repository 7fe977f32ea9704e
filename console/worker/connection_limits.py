"""How much the receiver takes in at once, from whom, and how long it waits for it."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from console.settings import Settings
from console.worker.offences import Offences

if TYPE_CHECKING:
    from starlette.requests import Request

LARGEST_BODY = 1 << 20
REFUSAL = b"refused\n"
REFUSAL_HEADERS = (
    (b"content-length", b"%d" % len(REFUSAL)),
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"Connection", b"close"),
)
"""All that is ever said to somebody who is refused; the last header stands, and is written, as h11 does it where it
has to.
"""
LIVE = "/live"
LAST, SEAT = "last", "seat"
"""In a request's state: it is the last one on its connection; the connection's seat."""
_ONCE = (b"host", b"content-length", b"content-type", b"x-notice-signature", b"authorization")
"""Headers that say one thing: a second one is for somebody who reads otherwise than we do."""

T = TypeVar("T")


class Refused(Exception):
    """It gets the one uniform refusal; the reason is for tests and nobody else."""


class Busy(Exception):
    """No room now: whoever sent it is to come again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Where the receiver listens and what it puts up with. Seconds, bytes and counts.

    `threads` work in each lane while `waiting` more wait; `connections` are open at most, `per_peer` of them from one
    address; `certificate` and `key` are PEM files, for TLS without a proxy.
    """

    bind: str = "127.0.0.1"
    port: int = 0
    trusted_proxies: tuple[str, ...] = ()
    certificate: Path | None = None
    key: Path | None = None
    threads: int = 4
    waiting: int = 28
    connections: int = 512
    per_peer: int = 64
    largest_body: int = LARGEST_BODY
    largest_head: int = 16 * 1024
    head_seconds: float = 5.0
    body_seconds: float = 10.0
    idle_seconds: int = 5
    connection_seconds: float = 60.0
    connection_requests: int = 1_000
    drain_seconds: int = 10
    metrics_seconds: float = 5.0
    live_clients: int = 64
    live_backlog: int = 64
    live_seconds: float = 0.5

    @staticmethod
    def of(settings: Settings) -> "Options":
        """As the desk is told."""
        return Options(
            bind=settings.receiver_bind,
            port=settings.receiver_port,
            trusted_proxies=settings.receiver_trusted_proxies,
            certificate=settings.receiver_certificate,
            key=settings.receiver_key,
        )


def address(text: str | None) -> IPv4Address | IPv6Address | None:
    """An address as it is written by itself, an IPv4 one within IPv6 as what it is; None for anything else."""
    try:
        found = ip_address((text or "").strip())
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


class Origins:
    """Tells where a request comes from."""

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        self._trusted = [ip_network(text) for text in trusted_proxies]

    def trusts(self, peer: str | None) -> bool:
        """Whether what a peer says of others is believed."""
        found = address(peer)
        return found is not None and any(found in net for net in self._trusted if net.version == found.version)

    def source(self, peer: str | None, forwarded: Sequence[str]) -> str | None:
        """The TCP peer, or the last forwarded address where the peer is a trusted proxy. `forwarded`: the values of
        X-Forwarded-For as they came. None where a proxy says something that is no address.
        """
        told = ",".join(forwarded)
        named = told.rpartition(",")[2] if told and self.trusts(peer) else peer
        found = address(named)
        return None if found is None else str(found)


class Crowd:
    """Who is connected. A trusted proxy stands for many and is counted among all alone.

    Where there is no seat left, whoever has waited longest with an unfinished request, or none, gives its own up: of
    the same peer, or, when all seats are taken, of the peer that has the most. So whoever speaks is heard, however
    many hold connections and say nothing. Who is refused all the time gets no seat for a while.
    """

    def __init__(
        self, most: int, per_peer: int, origins: Origins, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._per_peer, self._origins = most, per_peer, origins
        self.offences = Offences(clock)
        self._seats: Counter[str] = Counter()
        self._waiting: dict[str, dict[Seat, None]] = {}
        self.size = self.turned_away = 0

    def enter(self, peer: str | None, give_up: Callable[[], None]) -> "Seat | None":
        """A seat, or None where nobody can give one up. `give_up`: ends the connection; called at most once."""
        name, one = _household(peer), not self._origins.trusts(peer)
        if one and self.offences.is_spent(name):
            self.turned_away += 1
            return None
        crowded = one and self._seats[name] >= self._per_peer
        if crowded or self.size >= self._most:
            largest = max(self._waiting, key=self._seats.__getitem__, default=name)
            self.turned_away += 1
            if not self._displace(name if crowded else largest):
                return None
        self.size += 1
        self._seats[name] += 1
        seat = Seat(self, name, give_up)
        self.waits(seat, waiting=True)
        return seat

    def _displace(self, name: str) -> bool:
        seat = next(iter(self._waiting.get(name, ())), None)
        if seat is not None:
            seat.leave()
            seat.give_up()
        return seat is not None

    def waits(self, seat: "Seat", *, waiting: bool) -> None:
        """Whether it may be displaced; who waits already keeps its place among those who wait."""
        if waiting:
            self._waiting.setdefault(seat.name, {}).setdefault(seat)
        elif seat in (row := self._waiting.get(seat.name, {})):
            del row[seat]
            if not row:
                del self._waiting[seat.name]

    def left(self, name: str) -> None:
        self.size -= 1
        self._seats[name] -= 1
        if not self._seats[name]:
            del self._seats[name]


def _household(peer: str | None) -> str:
    """One address; of IPv6 the network that one subscriber has."""
    found = address(peer)
    if isinstance(found, IPv6Address):
        return str(ip_network((int(found) >> 64 << 64, 64)))
    return str(found or "?")


class Seat:
    """One connection's place; given up once."""

    def __init__(self, crowd: Crowd, name: str, give_up: Callable[[], None]) -> None:
        self._crowd, self.name, self.give_up = crowd, name, give_up
        self._taken = True

    def waits(self, waiting: bool) -> None:
        """Whether it waits for its client to say something, so that somebody else may have its place."""
        if self._taken:
            self._crowd.waits(self, waiting=waiting)

    def judged(self, *, genuine: bool) -> None:
        """What it brought was genuine, or was refused: that is remembered of whom it belongs to."""
        offences = self._crowd.offences
        (offences.vouch if genuine else offences.add)(self.name)

    def leave(self) -> None:
        if self._taken:
            self._crowd.waits(self, waiting=False)
            self._taken = False
            self._crowd.left(self.name)


class Lane:
    """Calls of services, which block, on threads of their own: so many at once, so many waiting, and no more.

    For the event loop's thread alone. What one lane waits for keeps no other one waiting.
    """

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"receiver-{name}")
        self._room = threads + waiting
        self.in_flight = 0

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises; Busy where the lane is full. Whoever stops waiting stops nothing."""
        if self.in_flight >= self._room:
            raise Busy
        self.in_flight += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        future.add_done_callback(self._left)
        return await asyncio.shield(future)

    def _left(self, future: "asyncio.Future[T]") -> None:
        self.in_flight -= 1
        if not future.cancelled():
            future.exception()  # looked at, also where nobody waits for it any more

    def close(self) -> None:
        """Nothing new begins; what runs is waited for only where it is about to end anyway."""
        self._pool.shutdown(wait=not self.in_flight, cancel_futures=True)


def require_plain(request: "Request", largest: int) -> None:
    """Only what can be read in one way. Raises Refused."""
    names = [name for name, _ in request.headers.raw]
    said = dict(request.headers.raw)
    if any(names.count(name) > 1 for name in _ONCE):
        raise Refused("header_twice")
    if b"transfer-encoding" in said and b"content-length" in said:
        raise Refused("two_lengths")
    if said.get(b"content-encoding", b"identity").strip().lower() not in (b"identity", b""):
        raise Refused("encoded")
    length = said.get(b"content-length", b"0").strip()
    if not length.isdigit() or len(length) > 12 or int(length) > largest:
        raise Refused("length")


async def read_body(request: "Request", largest: int, seconds: float) -> bytes:
    """The whole body, no more than `largest` bytes within so many seconds. Raises Refused."""
    from starlette.requests import ClientDisconnect

    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for piece in request.stream():
                body += piece
                if len(body) > largest:
                    raise Refused("length")
    except TimeoutError:
        raise Refused("slow") from None
    except ClientDisconnect:
        raise Refused("gone") from None
    return bytes(body)
