"""A lock with which the threads of one process append entries to their audit chain one after the other.

The lock saves repeated transactions. Without it the entries would still be right, because the database refuses a
second entry at the same place of the chain.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, local

from console.store.database.engine import Transaction

LONGEST_WAIT_SECONDS = 1.0
"""Longest wait for the lock, in seconds. After it the thread continues without the lock, because the thread that
holds the lock may be waiting for a row that this thread has locked.
"""


class _ThreadState(local):
    """The state of one thread: `may_lock` within a block of `allow_locking`, `is_locked` while it holds the lock."""

    may_lock = False
    is_locked = False


class ChainLock:
    """The lock of one process, held from the first audit entry of a transaction until its COMMIT or the end of
    `allow_locking`.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._thread_state = _ThreadState()

    @contextmanager
    def allow_locking(self) -> Iterator[None]:
        """Allow `acquire` to take the lock within the block; release the lock at the end of the block. Blocks can be
        nested.
        """
        was_offered, self._thread_state.may_lock = self._thread_state.may_lock, True
        try:
            yield
        finally:
            self.release()
            self._thread_state.may_lock = was_offered

    def acquire(self, tx: Transaction) -> None:
        """Acquire the lock until the COMMIT of `tx`, waiting up to LONGEST_WAIT_SECONDS. Does nothing unless the
        caller runs inside `with allow_locking()`.
        """
        if self._thread_state.may_lock and not self._thread_state.is_locked:
            self._thread_state.is_locked = self._lock.acquire(timeout=LONGEST_WAIT_SECONDS)
            tx.after_commit(self.release)

    def release(self) -> None:
        """Release the lock; without effect in a thread that doesn't hold it."""
        if self._thread_state.is_locked:
            self._thread_state.is_locked = False
            self._lock.release()
