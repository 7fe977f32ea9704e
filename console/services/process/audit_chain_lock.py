"""A lock that lets the threads of one process append entries to the audit trail one after another.

The entries of one process form a hash chain, in which each entry needs the entry before it. Without the lock the
chain would still be correct, because the database refuses a second entry at the same position. But the refused
transactions would have to be repeated, which the lock prevents.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, local

from console.store.database.engine import Transaction

LONGEST_LOCK_WAIT_SECONDS = 1.0
"""Longest wait for the lock, in seconds. After this time the waiting thread continues without the lock, because the
thread that holds the lock may itself wait for a row that the waiting thread has locked.
"""


class _ThreadLockState(local):
    """The state of one thread: `may_lock` is True within a block of `allow_locking`; `is_locked` is True while the
    thread holds the lock.
    """

    may_lock = False
    is_locked = False


class AuditChainLock:
    """The lock of one process's audit chain. A thread holds it from the first audit entry of a transaction until
    the COMMIT or until the end of `allow_locking`.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._thread_state = _ThreadLockState()

    @contextmanager
    def allow_locking(self) -> Iterator[None]:
        """Context manager: allow the calling thread to acquire the lock within the block; release the lock at the end
        of the block. Blocks can be nested.
        """
        could_lock_before, self._thread_state.may_lock = self._thread_state.may_lock, True
        try:
            yield
        finally:
            self.release()
            self._thread_state.may_lock = could_lock_before

    def acquire(self, tx: Transaction) -> None:
        """Acquire the lock and hold it until the COMMIT of `tx`. Wait at most LONGEST_LOCK_WAIT_SECONDS, then
        continue without the lock. Do nothing outside of a block of `allow_locking`.
        """
        if self._thread_state.may_lock and not self._thread_state.is_locked:
            self._thread_state.is_locked = self._lock.acquire(timeout=LONGEST_LOCK_WAIT_SECONDS)
            tx.call_after_commit(self.release)

    def release(self) -> None:
        """Release the lock. Do nothing in a thread that doesn't hold it."""
        if self._thread_state.is_locked:
            self._thread_state.is_locked = False
            self._lock.release()
