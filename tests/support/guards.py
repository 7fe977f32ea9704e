"""Checks that `tests/conftest.py` applies to every test. A test must not connect to the network, log an unexpected
warning, leave a thread running or leave an SQLite file open.
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

from tests.support.waiting import MAX_WAIT_SECONDS

if TYPE_CHECKING:
    from console.store.database.engine import Database
    from console.store.registry.reader import RegistryReader

# ---------------------------------------------------------------- network


class NetworkBlocker:
    """Allows connections to loopback only, and lists all other attempts in `attempts`. A refused connection raises
    `OSError`, as on a machine without a network. The tested code may handle this error, so the test fails because of
    the list. A look-up of a name under `.invalid`, a domain that never exists (RFC 6761), is refused but not listed.
    """

    def __init__(self) -> None:
        self.attempts: list[str] = []

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Replace the functions of `socket` that connect and look up names, until `patch` is undone."""
        connect, connect_ex, lookup = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

        def connect_if_local(sock: socket.socket, address: Any) -> None:
            self._refuse_unless_local(address)
            connect(sock, address)

        def connect_ex_if_local(sock: socket.socket, address: Any) -> int:
            self._refuse_unless_local(address)
            return connect_ex(sock, address)

        def look_up_if_local(host: Any, *args: Any, **kwargs: Any) -> Any:
            if not is_local(host):
                self._record_attempt(f"look-up of {host}")
                raise socket.gaierror(socket.EAI_NONAME, "tests have no name service")
            return lookup(host, *args, **kwargs)

        patch.setattr(socket.socket, "connect", connect_if_local)
        patch.setattr(socket.socket, "connect_ex", connect_ex_if_local)
        patch.setattr(socket, "getaddrinfo", look_up_if_local)

    def _refuse_unless_local(self, address: Any) -> None:
        if isinstance(address, tuple) and not is_local(address[0]):
            self._record_attempt(f"connection to {address[0]}")
            raise OSError(f"tests reach loopback only, not {address[0]}")

    def _record_attempt(self, attempt: str) -> None:
        if not attempt.endswith(".invalid"):
            self.attempts.append(attempt)


def is_local(host: Any) -> bool:
    """True if the host, given as a name or an address, is this machine."""
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(str(name).split("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


# ---------------------------------------------------------------- logs


class WarningCollector(logging.Handler):
    """Collects log records of level WARNING and above."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(f"{record.levelname} {record.name}: {record.getMessage()}")


@contextmanager
def collect_warnings() -> Iterator[list[str]]:
    """Yield a list to which the text of each warning that is logged within the block is added."""
    handler = WarningCollector()
    logging.getLogger().addHandler(handler)
    try:
        yield handler.records
    finally:
        logging.getLogger().removeHandler(handler)


# ---------------------------------------------------------------- threads

THREAD_END_WAIT_SECONDS = MAX_WAIT_SECONDS
LIBRARY_PATHS = ("/threading.py", "/concurrent/futures/", "/socketserver.py", "/site-packages/")


def record_starters_of_threads(patch: pytest.MonkeyPatch) -> None:
    """From now on store in each new thread the line of code that started it."""
    start = threading.Thread.start

    def record_starter_and_start(thread: threading.Thread) -> None:
        thread.__dict__["_started_by"] = _find_caller()
        start(thread)

    patch.setattr(threading.Thread, "start", record_starter_and_start)


def find_leaked_threads(threads_before: set[threading.Thread]) -> list[str]:
    """Return the names of the non-daemon threads that aren't in `threads_before` and don't end within
    THREAD_END_WAIT_SECONDS, each with the line of code that started it.
    """
    deadline = time.monotonic() + THREAD_END_WAIT_SECONDS
    new = [thread for thread in threading.enumerate() if thread not in threads_before and not thread.daemon]
    for thread in new:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [
        f"{thread.name}, started by {thread.__dict__.get('_started_by', 'unknown')}"
        for thread in new
        if thread.is_alive()
    ]


def _find_caller() -> str:
    frame = sys._getframe(2)
    while frame.f_back and any(library in frame.f_code.co_filename for library in LIBRARY_PATHS):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


# ---------------------------------------------------------------- files of SQLite

unclosed_connections: list[str] = []
"""For each SQLite connection that was freed without being closed since the last check: the line of code that opened
it.
"""
objects_opened_by_tests: "list[Database | RegistryReader]" = []
"""The databases and registries that the code of the present test has opened; they are closed at its end. The program
must close those that it opens itself.
"""


class WatchedConnection(sqlite3.Connection):
    """An SQLite connection that is listed in `unclosed_connections` if the garbage collection frees it before it was
    closed. The garbage collection frees it because a connection and its statements refer to each other. Python 3.13
    and newer warn about such a connection, older versions don't. While the connection exists, Windows can't delete
    its file.
    """

    opened_in_code_line = opened_by_test = ""
    is_closed = True

    def close(self) -> None:
        """Close the connection, which may then be freed."""
        self.is_closed = True
        super().close()

    def __del__(self) -> None:
        if not self.is_closed:
            if self.opened_by_test == _get_present_test():  # a later test has nothing to do with it
                unclosed_connections.append(self.opened_in_code_line)
            with suppress(sqlite3.ProgrammingError):  # another thread opened it
                self.close()


def _get_present_test() -> str:
    return os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0]


_watched_factories: dict[type, type[WatchedConnection]] = {}


def _make_watched_factory(factory: type) -> type[WatchedConnection]:
    """Return the subclass of `factory` that is also a WatchedConnection. Each such subclass is made only once."""
    if factory not in _watched_factories:
        _watched_factories[factory] = type(f"Watched{factory.__name__}", (WatchedConnection, factory), {})
    return _watched_factories[factory]


def watch_connections(patch: pytest.MonkeyPatch) -> None:
    """Until `patch` is undone, make each new SQLite connection of this process a WatchedConnection, which is listed
    if it isn't closed, and record the databases and registries that tests open. Connections that other threads than
    the main thread have opened aren't listed."""
    from console.store.database.engine import Database
    from console.store.registry.reader import RegistryReader

    connect = sqlite3.connect

    def connect_watched(*args: Any, factory: type = sqlite3.Connection, **kwargs: Any) -> Any:
        connection = connect(*args, factory=_make_watched_factory(factory), **kwargs)
        # A thread of a window may open a connection while its desk closes; the garbage collection closes it then.
        if threading.current_thread() is threading.main_thread():
            connection.opened_in_code_line, connection.opened_by_test, connection.is_closed = (
                _find_caller(),
                _get_present_test(),
                False,
            )
        return connection

    patch.setattr(sqlite3, "connect", connect_watched)
    patch.setattr(sqlite3.dbapi2, "connect", connect_watched)
    for owner in (Database, RegistryReader):
        patch.setattr(owner, "__init__", _extend_constructor(owner.__init__))


def _extend_constructor(init: Callable[..., None]) -> Callable[..., None]:
    """Return a constructor that calls `init` and adds the object to `objects_opened_by_tests` if the code of a test
    made the object, directly or through one function of the program.
    """

    def init_and_record(opened: Any, *args: Any, **kwargs: Any) -> None:
        init(opened, *args, **kwargs)
        frame = sys._getframe(1)
        callers = frame.f_code.co_filename, frame.f_back.f_code.co_filename if frame.f_back else ""
        if any(f"{os.sep}tests{os.sep}" in name for name in callers):
            objects_opened_by_tests.append(opened)

    return init_and_record
