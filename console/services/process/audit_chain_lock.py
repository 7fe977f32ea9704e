"""Threads of one process take turns at their chain of the audit trail: a courtesy, the database decides."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, local

from console.store.engine import Transaction

SECONDS = 1.0
"""After this nobody waits for the turn any more; whoever has it may be waiting for one of our rows."""


class _Mine(local):
    """What this thread has of it."""

    offered = False
    held = False


class Turn:
    """One lock, held from a transaction's first entry in the trail until its COMMIT or its end."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._mine = _Mine()

    @contextmanager
    def offered(self) -> Iterator[None]:
        """Within the block this thread takes turns; a block inside, after the outer one's COMMIT, has its own."""
        before, self._mine.offered = self._mine.offered, True
        try:
            yield
        finally:
            self.give()
            self._mine.offered = before

    def take(self, tx: Transaction) -> None:
        """Wait for the turn, where it is offered; it is given up first of all that follows the COMMIT."""
        if self._mine.offered and not self._mine.held:
            self._mine.held = self._lock.acquire(timeout=SECONDS)
            tx.after_commit(self.give)

    def give(self) -> None:
        """Without effect for who doesn't have it."""
        if self._mine.held:
            self._mine.held = False
            self._lock.release()
