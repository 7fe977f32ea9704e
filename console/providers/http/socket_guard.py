"""One call's socket and time: it connects only where allowed, and ends however slowly the peer drips."""

import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock, Thread, Timer
from types import TracebackType
from typing import Any, Self

from console.domain.clock import Clock
from console.providers.failures import AddressNotAllowed

Resolver = Callable[..., Sequence[tuple[Any, ...]]]
"""Shaped like `socket.getaddrinfo`."""


class Watch:
    """Opens the call's one socket and shuts it down when the budget (seconds) is spent.

    The time runs from the making. A read timeout restarts with every byte; shutting the socket down from a
    timer ends a drip for certain.
    """

    def __init__(
        self,
        clock: Clock,
        budget: float,
        admits: Callable[[str], bool],
        resolve: Resolver | None = None,
    ) -> None:
        self._clock = clock
        self._ends = clock.monotonic() + budget
        self._admits = admits
        self._resolve = resolve or socket.getaddrinfo
        self._lock = Lock()
        self._handle: socket.socket | None = None
        self._timer = Timer(budget, self._end)
        self._timer.daemon = True
        self.spent = False
        self._timer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            if self._handle is not None:
                self._handle.close()

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        """A connected TCP socket; every address may take `timeout` seconds, all of them what is left.

        Raises socket.gaierror, TimeoutError, AddressNotAllowed or another OSError; nothing was sent then.
        """
        failure: OSError = OSError("no address")
        for family, kind, protocol, _, address in self._addresses(host, port, timeout):
            try:
                return self._connected(socket.socket(family, kind, protocol), address, timeout)
            except OSError as error:
                failure = error
        raise failure

    def _addresses(self, host: str, port: int, timeout: float) -> Sequence[tuple[Any, ...]]:
        """All addresses of the name, none if any of them is out of bounds.

        The system's resolver knows no timeout, so it works aside; a late answer is dropped, nothing is sent.
        """
        answer: Future[Sequence[tuple[Any, ...]]] = Future()
        Thread(target=self._look_up, args=(answer, host, port), daemon=True).start()
        found = answer.result(self._left(timeout))
        if not all(self._admits(row[4][0]) for row in found):
            raise AddressNotAllowed(f"{host} leads where it may not")
        return found

    def _look_up(self, answer: "Future[Sequence[tuple[Any, ...]]]", host: str, port: int) -> None:
        try:
            answer.set_result(self._resolve(host, port, 0, socket.SOCK_STREAM))
        except BaseException as error:  # handed over whole to the thread that waits for it
            answer.set_exception(error)

    def _connected(self, sock: socket.socket, address: tuple[Any, ...], timeout: float) -> socket.socket:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(self._left(timeout))
            sock.connect(address)
            self._take(sock)
        except BaseException:
            sock.close()
            raise
        return sock

    def _take(self, sock: socket.socket) -> None:
        """Keep a second handle: TLS takes the first one over; shutting down works on the connection."""
        with self._lock:
            if self.spent:
                raise TimeoutError("the budget was spent before anything was sent")
            self._handle = sock.dup()

    def _left(self, timeout: float) -> float:
        left = min(timeout, self._ends - self._clock.monotonic())
        if left <= 0:
            raise TimeoutError("the budget was spent before anything was sent")
        return left

    def _end(self) -> None:
        with self._lock:
            self.spent = True
            if self._handle is not None:
                with suppress(OSError):  # already closed by the other side
                    self._handle.shutdown(socket.SHUT_RDWR)
