"""A courtesy queue in front of SQLite's write lock.

SQLite's waiters sleep longer and longer, so the process that has just committed wins again and others starve
(seen: shares of 1 : 6,361). Whoever wants to write first passes a turnstile that the last writer has to queue at
again. It is never the lock: SQLite's own BEGIN IMMEDIATE is. Where it can't work, writing goes on without it.
"""

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

try:
    import fcntl
except ImportError:  # Windows: its desks are single, and the busy handler is enough
    fcntl = None  # type: ignore[assignment]  # absent there by design

_PATIENCE_SECONDS = 5.0
_LONGEST_NAP_SECONDS = 0.002


class Turnstile:
    """Two advisory locks on a side file: a gate that all queue at, and the way behind it for one writer."""

    def __init__(self, database: Path | None) -> None:
        self._path = database.with_name(database.name + "-turn") if database and fcntl is not None else None
        self._threads = Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the way while writing. Gives up waiting after a bounded time rather than block for ever."""
        if self._path is None:
            yield
            return
        with self._threads, _opened(self._path) as file:
            if file is None:
                yield
                return
            deadline = time.monotonic() + _PATIENCE_SECONDS
            gate = _acquire(file, 0, deadline)
            way = _acquire(file, 1, deadline)
            if gate:
                _release(file, 0)
            try:
                yield
            finally:
                if way:
                    _release(file, 1)


@contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    """The side file, or None where it can't be had."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        yield None
        return
    try:
        yield file
    finally:
        os.close(file)


def _acquire(file: int, byte: int, deadline: float) -> bool:
    while time.monotonic() < deadline:
        with suppress(OSError):
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
            return True
        time.sleep(random.uniform(0, _LONGEST_NAP_SECONDS))  # noqa: S311  # spreads waiters, guards nothing
    return False


def _release(file: int, byte: int) -> None:
    fcntl.lockf(file, fcntl.LOCK_UN, 1, byte)
