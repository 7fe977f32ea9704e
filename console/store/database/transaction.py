"""One unit of work as its author sees it: a connection, how to prove that it was committed, what follows then."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Select

from console.store.troubles import RunAgain

_log = logging.getLogger("console.store")

_Row = TypeVar("_Row", bound=tuple[Any, ...])
Proof = Callable[[Connection], bool]


class Transaction:
    """One unit of work: a connection inside a write transaction, and what to do once it has been committed."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self.proof: Proof | None = None
        self.result: Any = None
        self._hooks: list[Callable[[], None]] = []

    def prove_by(self, proof: Proof) -> None:
        """How to see on another connection whether this transaction was committed: by a row that only it can have
        written. The last one counts: what is written last (the audit row) is what nobody ever changes. A
        transaction without any is run again when nobody knows, so running it twice must be as good as once.
        """
        self.proof = proof

    def after_commit(self, hook: Callable[[], None]) -> None:
        """Run `hook` when, and only when, COMMIT has returned."""
        self._hooks.append(hook)

    def run_hooks(self) -> None:
        """After COMMIT. What is committed is done: a hook that fails is told, and changes nothing about it."""
        for hook in self._hooks:
            try:
                hook()
            except Exception:
                _log.exception("what follows a commit failed")


def settled(query: Select[_Row]) -> Select[_Row]:
    """A proof's question, asked so that a COMMIT still at work is waited for. Nothing is written on its answer.

    SQLite, where no COMMIT is ever in doubt, drops the lock in silence.
    """
    return query.with_for_update(read=True)  # house: waits, and decides nothing


class NotThere(RunAgain):
    """COMMIT was not answered, and what it should have left is not there."""

    def __init__(self, tx: Transaction) -> None:
        super().__init__("a COMMIT was lost")
        self.tx = tx
