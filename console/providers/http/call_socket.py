"""The socket of one call, with the call's time limit. The socket is connected only to allowed addresses, and is shut
down at the time limit even if the server still sends slowly. The module also records if a byte of the request can
have been sent."""

import select
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from functools import partial
from threading import RLock
from types import TracebackType
from typing import Any, Self

from console.domain.clock import Clock
from console.domain.network.url_policy import is_ip_address
from console.domain.process import sending_permission
from console.domain.process.daemon_threads import DaemonThread, DaemonTimer
from console.providers.http.failure_outcomes import AddressNotAllowed

Resolver = Callable[..., Sequence[tuple[Any, ...]]]
"""Function that resolves host names, with the signature of `socket.getaddrinfo`."""
_POLL_INTERVAL_SECONDS = 0.1


class CallSocket:
    """Opens the socket of one call. Shuts the socket down when the process is interrupted, or `budget_seconds` after
    this object was made. `is_allowed` returns True if the program may connect to an IP address. `resolve_host`
    replaces the system's resolver of host names; None: the system's resolver is used.

    A read timeout begins again with every byte, so it can't limit the time of a slow answer; the shutdown by a timer
    can. Bytes that have arrived can still be read after the shutdown, so a complete answer is never discarded.

    - `may_have_sent_bytes`: a byte of the request may have been sent
    - `is_budget_over`: the time budget is over
    - `is_interrupted`: a signal has asked this process to end
    - `is_sending_forbidden`: this thread has no permission to send (`sending_permission`)
    - `has_shut_down_socket`: this object shut the socket down, so the data may have ended before the server's last
      byte
    """

    def __init__(
        self,
        clock: Clock,
        budget_seconds: float,
        is_allowed: Callable[[str], bool],
        resolve_host: Resolver | None = None,
    ) -> None:
        self._clock = clock
        self._deadline = clock.monotonic() + budget_seconds
        self._is_allowed = is_allowed
        self._resolve, self._has_system_resolver = resolve_host or socket.getaddrinfo, resolve_host is None
        self._lock = RLock()  # a signal handler may call `interrupt` while the same thread holds it
        self._handle: socket.socket | None = None
        self._timer = DaemonTimer(budget_seconds, self._shut_down_at_budget_end)
        self.may_have_sent_bytes = self.is_budget_over = self.is_interrupted = self.has_shut_down_socket = False
        self.is_sending_forbidden = False
        self._timer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._close_duplicate_handle()

    def connect(self, host: str, port: int, timeout_seconds: float) -> socket.socket:
        """Return a connected TCP socket. The attempt at each address of the host takes at most `timeout_seconds`
        seconds; all attempts together take at most the rest of the time budget.

        Raises socket.gaierror if the host name can't be resolved, AddressNotAllowed if one of its addresses isn't
        allowed, TimeoutError if the time budget is over or a signal has asked the process to end, or another OSError
        if the connection fails at every address. Nothing was sent in any of these cases.
        """
        failure: OSError = OSError("no address")
        for family, kind, protocol, _, address in self._resolve_host(host, port, timeout_seconds):
            try:
                return self._connect_socket(socket.socket(family, kind, protocol), address, timeout_seconds)
            except OSError as error:
                failure = error
        raise failure

    def _resolve_host(self, host: str, port: int, timeout_seconds: float) -> Sequence[tuple[Any, ...]]:
        """Return all addresses of the host name. Raises AddressNotAllowed if any of them isn't allowed,
        TimeoutError if the resolver takes longer than `timeout_seconds` or the rest of the time budget, and the
        resolver's own error.

        The system's resolver has no timeout, so it runs in another thread. A result that comes too late is discarded;
        the request is then not sent. For an IP address the system asks no name server, so no thread is needed.
        """
        if self._has_system_resolver and is_ip_address(host):
            addresses = self._resolve(host, port, 0, socket.SOCK_STREAM)
        else:
            addresses = self._resolve_in_thread(host, port, timeout_seconds)
        if not all(self._is_allowed(row[4][0]) for row in addresses):
            raise AddressNotAllowed(f"{host} has an address that is not allowed")
        return addresses

    def _resolve_in_thread(self, host: str, port: int, timeout_seconds: float) -> Sequence[tuple[Any, ...]]:
        """Return the addresses from the resolver, which runs in another thread. Raises TimeoutError after
        `timeout_seconds` or at the end of the budget, or the resolver's own error."""
        future_addresses: Future[Sequence[tuple[Any, ...]]] = Future()
        DaemonThread(partial(self._run_resolver, future_addresses, host, port), "resolver").start()
        return self._await_addresses(
            future_addresses, self._clock.monotonic() + self._compute_time_left(timeout_seconds)
        )

    def _await_addresses(
        self, future_addresses: "Future[Sequence[tuple[Any, ...]]]", deadline: float
    ) -> Sequence[tuple[Any, ...]]:
        """Wait for the resolver's addresses and return them. The wait consists of short waits, so that an interrupt
        can end it. Raises TimeoutError after `deadline` (monotonic seconds), or the resolver's own error.
        """
        while True:
            seconds_left = deadline - self._clock.monotonic()
            try:
                return future_addresses.result(max(0.0, min(seconds_left, _POLL_INTERVAL_SECONDS)))
            except NotYet:
                if future_addresses.done():  # the resolver itself timed out
                    raise
                self._require_time_left()
                if seconds_left <= _POLL_INTERVAL_SECONDS:
                    raise

    def _run_resolver(self, future_addresses: "Future[Sequence[tuple[Any, ...]]]", host: str, port: int) -> None:
        """Resolve the host name and store the addresses, or the resolver's error, in `future_addresses`."""
        try:
            future_addresses.set_result(self._resolve(host, port, 0, socket.SOCK_STREAM))
        except BaseException as error:  # passed on to the waiting thread
            future_addresses.set_exception(error)

    def _connect_socket(self, sock: socket.socket, address: tuple[Any, ...], timeout_seconds: float) -> socket.socket:
        """Connect the socket to the address within `timeout_seconds` seconds, and return it. Raises an OSError if
        that fails."""
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(self._compute_time_left(timeout_seconds))
            self._store_duplicate_handle(sock)
            sock.connect(address)
            self._require_time_left()
        except BaseException:
            self._close_duplicate_handle()
            sock.close()
            raise
        return sock

    def _store_duplicate_handle(self, sock: socket.socket) -> None:
        """Store a duplicate handle of the socket. TLS takes over the original handle, but a shutdown of the duplicate
        handle still ends the connection."""
        with self._lock:
            self._require_time_left()
            self._handle = sock.dup()

    def _close_duplicate_handle(self) -> None:
        """Close the duplicate handle of the socket."""
        with self._lock:
            if self._handle is not None:
                self._handle.close()
                self._handle = None

    def record_first_byte(self) -> None:
        """Record that the caller now sends the first byte of the request. Raises TimeoutError if the time budget is
        over, if a signal has asked the process to end, or if this thread has no permission to send; the caller must
        then not send the byte."""
        if not self.may_have_sent_bytes:
            self._require_sending_permission()
        with self._lock:
            if not self.may_have_sent_bytes:
                self._require_time_left()
            self.may_have_sent_bytes = True

    def _require_sending_permission(self) -> None:
        """Raise TimeoutError if this thread has no permission to send, because its lease is over
        (`sending_permission`).
        """
        self.is_sending_forbidden = not sending_permission.is_sending_allowed()
        if self.is_sending_forbidden:
            raise TimeoutError("the lease was over before anything was sent")

    def _require_time_left(self) -> None:
        """Raise TimeoutError if the process was asked to end or the time budget is over."""
        if self.is_interrupted:
            raise TimeoutError("interrupted before anything was sent")
        if self.is_budget_over:
            raise TimeoutError("the budget was spent before anything was sent")

    def _compute_time_left(self, timeout_seconds: float) -> float:
        """Return the seconds until the end of the time budget, at most `timeout_seconds`. Raises TimeoutError if no
        time is left or the process was asked to end."""
        self._require_time_left()
        seconds_left = min(timeout_seconds, self._deadline - self._clock.monotonic())
        if seconds_left <= 0:
            raise TimeoutError("the budget was spent before anything was sent")
        return seconds_left

    def interrupt(self) -> None:
        """End the call immediately, because a signal has asked this process to end. A signal handler and any thread
        may call this method."""
        with self._lock:
            self.is_interrupted = True
            self._shut_down_socket()

    def _shut_down_at_budget_end(self) -> None:
        """Record that the time budget is over, and shut the socket down. The timer of the budget calls this."""
        with self._lock:
            self.is_budget_over = True
            self._shut_down_socket()

    def _shut_down_socket(self) -> None:
        """Shut the socket down, so that every wait for it ends. Do nothing if the server has closed its side of
        the connection: nothing waits then, and the server's data can still be read."""
        if self._handle is None or _has_server_closed_connection(self._handle):
            return
        self.has_shut_down_socket = True
        with suppress(OSError):  # not connected, or closed by the peer
            self._handle.shutdown(socket.SHUT_RDWR)


def _has_server_closed_connection(handle: socket.socket) -> bool:
    """True if the server has closed its side of the connection, so that all its data has arrived. False also if this
    operating system can't report that."""
    hang_up_event = getattr(select, "POLLRDHUP", 0)
    if not hang_up_event:
        return False
    poller = select.poll()
    poller.register(handle, hang_up_event)
    return any(events & hang_up_event for _, events in poller.poll(0))
