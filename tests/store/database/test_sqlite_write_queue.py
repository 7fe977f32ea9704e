"""Tests of the queue of writers with the byte locks of Windows, on file systems without locks, and of threads."""

import errno
import os
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

import pytest

from console.store.database import sqlite_write_queue
from console.store.database.sqlite_write_queue import WriteQueueLock
from tests.support.waiting import MAX_WAIT_SECONDS

fcntl = pytest.importorskip("fcntl", reason="the locks of Windows are replayed by those of Linux")
pytestmark = pytest.mark.skipif(not hasattr(fcntl, "F_OFD_SETLK"), reason="the system has no locks of open files")

LOCK_MODE, UNLOCK_MODE = 2, 0  # the numbers of LK_NBLCK and LK_UNLCK


def lock_like_windows(file: int, mode: int, byte_count: int) -> None:
    """Lock or unlock bytes from the file's position on, as msvcrt.locking does: the lock belongs to the opened file,
    a byte that is locked through another opened file can't be locked, and only a locked byte can be unlocked.
    """
    kind = {LOCK_MODE: fcntl.F_WRLCK, UNLOCK_MODE: fcntl.F_UNLCK}[mode]
    offset = os.lseek(file, 0, os.SEEK_CUR)
    try:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", kind, os.SEEK_SET, offset, byte_count, 0))
    except BlockingIOError:
        raise PermissionError(errno.EACCES, "Permission denied") from None


@pytest.fixture
def windows_locks(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    msvcrt = SimpleNamespace(locking=lock_like_windows, LK_NBLCK=LOCK_MODE, LK_UNLCK=UNLOCK_MODE)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "msvcrt", msvcrt)
        patch.setattr(sys, "platform", "win32")
        patch.setattr(sqlite_write_queue, "fcntl", None)
        yield msvcrt


def is_byte_free(database: Path, offset: int) -> bool:
    """Return True if another opened file could lock this byte of the lock file now."""
    file = os.open(f"{database}-turn", os.O_RDWR)
    try:
        os.lseek(file, offset, os.SEEK_SET)
        lock_like_windows(file, LOCK_MODE, 1)
    except PermissionError:
        return False
    finally:
        os.close(file)
    return True


def test_the_writer_on_windows_holds_its_own_byte(windows_locks: SimpleNamespace, tmp_path: Path) -> None:
    """During a write the second byte of the lock file is locked, and the first one is free for the next writer to
    wait. Afterwards both are free, also after a write that failed.
    """
    database = tmp_path / "console.db"
    with suppress(ZeroDivisionError), WriteQueueLock(database).hold_writer_lock():
        assert [is_byte_free(database, offset) for offset in (0, 1)] == [True, False]
        raise ZeroDivisionError
    assert [is_byte_free(database, offset) for offset in (0, 1)] == [True, True]


def test_a_second_process_on_windows_waits_for_the_writer(
    windows_locks: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second writer waits with the first byte of the lock file locked, until the time for the wait is over, and
    then writes without the lock."""
    database = tmp_path / "console.db"
    free_bytes_during_wait: list[bool] = []
    wait = time.sleep

    def check_bytes_and_wait(seconds: float) -> None:
        if not free_bytes_during_wait:
            free_bytes_during_wait.extend(is_byte_free(database, offset) for offset in (0, 1))
        wait(seconds)

    monkeypatch.setattr(sqlite_write_queue, "_LONGEST_WAIT_SECONDS", 0.05)
    monkeypatch.setattr(time, "sleep", check_bytes_and_wait)
    has_written = False
    with WriteQueueLock(database).hold_writer_lock(), WriteQueueLock(database).hold_writer_lock():
        has_written = True
    assert free_bytes_during_wait == [False, False]
    assert has_written


@pytest.mark.parametrize("system", ["linux", "windows"])
def test_no_writer_waits_on_a_file_system_without_locks(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """A file system may refuse each lock. Then a writer writes at once, instead of trying again for ten seconds."""

    def raise_locks_unsupported(*_: object) -> None:
        raise OSError(errno.EINVAL if system == "windows" else errno.ENOLCK, "no locks")

    if system == "windows":
        request.getfixturevalue("windows_locks").locking = raise_locks_unsupported
    else:
        monkeypatch.setattr(fcntl, "lockf", raise_locks_unsupported)
    monkeypatch.setattr(time, "sleep", lambda _seconds: pytest.fail("the writer waited"))
    has_written = False
    with WriteQueueLock(tmp_path / "console.db").hold_writer_lock():
        has_written = True
    assert has_written


def test_a_thread_waits_no_longer_because_of_other_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer waits in the queue of its process for at most the same time, and then writes outside the queue. If
    another process holds the database's lock, the threads of this process so give up together, not one after another.
    """
    monkeypatch.setattr(sqlite_write_queue, "_LONGEST_WAIT_SECONDS", 0.05)
    queue, has_written = WriteQueueLock(tmp_path / "console.db"), Event()

    def write_with_lock() -> None:
        with queue.hold_writer_lock():
            has_written.set()

    thread = Thread(target=write_with_lock, daemon=True)
    with queue.hold_writer_lock():
        thread.start()
        assert has_written.wait(MAX_WAIT_SECONDS)
    thread.join(MAX_WAIT_SECONDS)
    with queue.hold_writer_lock():  # the thread has released no lock that it didn't have
        assert queue._thread_lock.locked()
