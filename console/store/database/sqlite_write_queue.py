"""Fair queue of writers in front of SQLite's write lock.

SQLite's busy handler sleeps longer after each try. So the process that has just committed gets the lock again, and
other processes wait too long. (Measured: one process made 6,361 writes while another made 1.) With this queue, each
writer first locks a file next to the database, and a writer that has committed must queue again.

The queue only makes the order of writers fair; BEGIN IMMEDIATE still admits one writer at a time. If the queue fails,
writers continue without it.
"""

import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Lock

from console.settings.private_files import make_private_file

if sys.platform != "win32":
    import fcntl

WRITER_LOCK_SUFFIX = "-turn"
"""Suffix of the file, next to a database, with the locks of its writers."""
_LONGEST_WAIT_SECONDS = 5.0
"""Longest time (seconds) for which a writer waits in the queue. After that it writes outside the queue."""
_LONGEST_RETRY_PAUSE_SECONDS = 0.002
"""Longest pause (seconds) before the next try to lock a byte."""


class WriteQueueLock:
    """Two advisory locks on a file next to the database (the file's name ends in `-turn`). All waiting writers try to
    lock byte 0 of the file; the present writer holds the lock of byte 1.

    For a database in memory (`database` is None) there are no locks, and writers don't wait.
    """

    def __init__(self, database: Path | None) -> None:
        self._path = database.with_name(database.name + WRITER_LOCK_SUFFIX) if database else None
        self._thread_lock = Lock()

    @contextmanager
    def hold_writer_lock(self) -> Iterator[None]:
        """Context manager: hold the writer's lock during the block. If the lock isn't free after
        _LONGEST_WAIT_SECONDS, the block runs without it. The time for which the writer waits for other threads of
        this process counts, too.
        """
        if self._path is None:
            yield
            return
        deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
        with self._hold_thread_lock() as is_first, _open_lock_file(self._path) if is_first else nullcontext() as file:
            if file is None:
                yield
                return
            has_passed_gate = _lock_byte(file, 0, deadline)
            is_writer = _lock_byte(file, 1, deadline)
            if has_passed_gate:
                _unlock_byte(file, 0)
            try:
                yield
            finally:
                if is_writer:
                    _unlock_byte(file, 1)

    @contextmanager
    def _hold_thread_lock(self) -> Iterator[bool]:
        """Context manager: hold the lock between the threads of this process during the block, and yield True. Yield
        False if the lock isn't free after _LONGEST_WAIT_SECONDS. While another process holds the database's lock,
        each thread of this process would otherwise wait until all threads before it have given up.
        """
        is_locked = self._thread_lock.acquire(timeout=_LONGEST_WAIT_SECONDS)
        try:
            yield is_locked
        finally:
            if is_locked:
                self._thread_lock.release()


@contextmanager
def _open_lock_file(path: Path) -> Iterator[int | None]:
    """Context manager: open the lock file and yield its descriptor; None if the file can't be created or opened."""
    try:
        if not path.exists():
            make_private_file(path)
        file = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        yield None
        return
    try:
        yield file
    finally:
        os.close(file)


def _lock_byte(file: int, byte_offset: int, deadline: float) -> bool:
    """Lock one byte of the file, with retries until `deadline` (monotonic seconds). Return False if it wasn't free
    in time, or if the file system has no locks."""
    while time.monotonic() < deadline:
        try:
            _lock_free_byte(file, byte_offset)
            return True
        except (BlockingIOError, PermissionError):  # EAGAIN or EACCES: another writer holds the lock
            time.sleep(random.uniform(0, _LONGEST_RETRY_PAUSE_SECONDS))  # noqa: S311  # spreads waiting writers
        except OSError:
            return False
    return False


def _lock_free_byte(file: int, byte_offset: int) -> None:
    """Lock one byte of the file without waiting. Raises OSError if it can't be locked now."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(file, byte_offset, os.SEEK_SET)  # `locking` begins at the position of the file
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte_offset)


def _unlock_byte(file: int, byte_offset: int) -> None:
    """Unlock one byte of the file. If this fails, the byte is unlocked when the file is closed after the write."""
    with suppress(OSError):
        if sys.platform == "win32":
            import msvcrt

            os.lseek(file, byte_offset, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_UNLCK, 1)
        else:
            fcntl.lockf(file, fcntl.LOCK_UN, 1, byte_offset)
