"""Checks of the actions and remains that no test may have: reach the network, log an unexpected warning, keep a
thread running, leave a file of SQLite open.

`tests/conftest.py` puts these around every test.
"""

import ipaddress
import logging
import os
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    from console.store.database.engine import Database
    from console.store.registry.reader import RegistryReader

# ---------------------------------------------------------------- network


class NetworkGuard:
    """Lets sockets reach loopback only, and remembers who tried otherwise.

    A refused connection raises `OSError`, as a machine without network would; since the code under test may
    rightly handle that, `attempts` lets the suite fail the test all the same. Names under `.invalid` exist
    nowhere by definition (RFC 6761): asking for one is refused, but is no attempt.
    """

    def __init__(self) -> None:
        self.attempts: list[str] = []

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Replace the doors to the network until `patch` is undone."""
        connect, connect_ex, lookup = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

        def guarded_connect(sock: socket.socket, address: Any) -> None:
            self._admit(address)
            connect(sock, address)

        def guarded_connect_ex(sock: socket.socket, address: Any) -> int:
            self._admit(address)
            return connect_ex(sock, address)

        def guarded_lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
            if not is_local(host):
                self._note(f"look-up of {host}")
                raise socket.gaierror(socket.EAI_NONAME, "tests have no name service")
            return lookup(host, *args, **kwargs)

        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_lookup)

    def _admit(self, address: Any) -> None:
        if isinstance(address, tuple) and not is_local(address[0]):
            self._note(f"connection to {address[0]}")
            raise OSError(f"tests reach loopback only, not {address[0]}")

    def _note(self, attempt: str) -> None:
        if not attempt.endswith(".invalid"):
            self.attempts.append(attempt)


def is_local(host: Any) -> bool:
    """Whether a host, given as a name or an address, is this machine."""
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(str(name).split("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


# ---------------------------------------------------------------- logs


class Warnings(logging.Handler):
    """Collects log records of level WARNING and above."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(f"{record.levelname} {record.name}: {record.getMessage()}")


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """The warnings that are logged meanwhile, one text each."""
    handler = Warnings()
    logging.getLogger().addHandler(handler)
    try:
        yield handler.records
    finally:
        logging.getLogger().removeHandler(handler)


# ---------------------------------------------------------------- threads

GRACE_SECONDS = PATIENCE_SECONDS
LIBRARIES = ("/threading.py", "/concurrent/futures/", "/socketserver.py", "/site-packages/")


def note_where_threads_start(patch: pytest.MonkeyPatch) -> None:
    """From now on each thread remembers which line started it."""
    start = threading.Thread.start

    def noting_start(thread: threading.Thread) -> None:
        thread.__dict__["_started_by"] = _caller()
        start(thread)

    patch.setattr(threading.Thread, "start", noting_start)


def leaked_threads(before: set[threading.Thread]) -> list[str]:
    """Non-daemon threads, new since `before`, that don't end within the grace; with where they began."""
    deadline = time.monotonic() + GRACE_SECONDS
    new = [thread for thread in threading.enumerate() if thread not in before and not thread.daemon]
    for thread in new:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [
        f"{thread.name}, started by {thread.__dict__.get('_started_by', 'unknown')}"
        for thread in new
        if thread.is_alive()
    ]


def _caller() -> str:
    frame = sys._getframe(2)
    while frame.f_back and any(library in frame.f_code.co_filename for library in LIBRARIES):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


# ---------------------------------------------------------------- files of SQLite

unclosed_connections: list[str] = []
"""Where the connections to SQLite were opened that were freed without being closed, since a test last looked."""
opened_by_tests: "list[Database | RegistryReader]" = []
"""The objects that the present test has opened by its own lines; `watched` closes them. The product must close the
objects that it opens itself.
"""


class WatchedConnection(sqlite3.Connection):
    """A connection that is remembered if it is freed before anybody closed it, which the collector of garbage does:
    a connection and its statements refer to each other.

    Python 3.13 and newer warn about such a connection, older ones do not; Windows can't delete its file meanwhile.
    """

    opened_at = opened_by = ""
    is_closed = True

    def close(self) -> None:
        """Close the connection, after which it may be freed."""
        self.is_closed = True
        super().close()

    def __del__(self) -> None:
        if not self.is_closed:
            if self.opened_by == _present_test():  # a later test has nothing to do with it
                unclosed_connections.append(self.opened_at)
            with suppress(sqlite3.ProgrammingError):  # another thread opened it
                self.close()


def _present_test() -> str:
    return os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0]


_watched_factories: dict[type, type[WatchedConnection]] = {}


def _watched(factory: type) -> type[WatchedConnection]:
    """The watched kind of this class of connections, made once."""
    if factory not in _watched_factories:
        _watched_factories[factory] = type(f"Watched{factory.__name__}", (WatchedConnection, factory), {})
    return _watched_factories[factory]


def watch_connections(patch: pytest.MonkeyPatch) -> None:
    """From now on each connection to SQLite in this process is watched."""
    from console.store.database.engine import Database
    from console.store.registry.reader import RegistryReader

    connect = sqlite3.connect

    def watched_connect(*args: Any, factory: type = sqlite3.Connection, **kwargs: Any) -> Any:
        connection = connect(*args, factory=_watched(factory), **kwargs)
        # A window's thread may still open one while its desk closes, which then waits for the collector of garbage.
        if threading.current_thread() is threading.main_thread():
            connection.opened_at, connection.opened_by, connection.is_closed = _caller(), _present_test(), False
        return connection

    patch.setattr(sqlite3, "connect", watched_connect)
    patch.setattr(sqlite3.dbapi2, "connect", watched_connect)
    for owner in (Database, RegistryReader):
        patch.setattr(owner, "__init__", _noting_who_opens(owner.__init__))


def _noting_who_opens(init: Callable[..., None]) -> Callable[..., None]:
    """`init`, which also notes what a test opens, also by one function of the product."""

    def noting_init(opened: Any, *args: Any, **kwargs: Any) -> None:
        init(opened, *args, **kwargs)
        frame = sys._getframe(1)
        callers = frame.f_code.co_filename, frame.f_back.f_code.co_filename if frame.f_back else ""
        if any(f"{os.sep}tests{os.sep}" in name for name in callers):
            opened_by_tests.append(opened)

    return noting_init
