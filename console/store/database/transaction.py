"""The write transaction: a connection, a function that proves its COMMIT, and the hooks that run after the COMMIT."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Select

from console.store.database.error_codes import RunAgain

_log = logging.getLogger("console.store")

_Row = TypeVar("_Row", bound=tuple[Any, ...])
CommitProof = Callable[[Connection], bool]
"""Type of a function that returns True if a transaction was committed. Its argument is another connection."""


class Transaction:
    """One write transaction: its connection, the function `proof` that proves the COMMIT on another connection (None:
    not set), and the hooks that run after COMMIT. `result` is the value that the caller's function returned.
    """

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self.proof: CommitProof | None = None
        self.result: Any = None
        self._hooks: list[Callable[[], None]] = []

    def set_commit_proof(self, proof: CommitProof) -> None:
        """Set the query that proves on another connection that this transaction was committed: it looks for a row
        that only this transaction can have written.

        A later call of this method replaces the query. The audit row is written last and never changes, so a query
        for it is a good proof. If the server doesn't answer the COMMIT of a transaction without a proof, the database
        layer runs this transaction again. So two runs of it must have the same effect as one.
        """
        self.proof = proof

    def call_after_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` after COMMIT has returned. It isn't called if the transaction fails."""
        self._hooks.append(callback)

    def run_commit_hooks(self) -> None:
        """Call the functions that were registered by `call_after_commit`, in their order, after COMMIT has
        returned. An exception of a function is only logged."""
        for hook in self._hooks:
            try:
                hook()
            except Exception:
                _log.exception("a function that follows the commit failed")


def make_locking_read(query: Select[_Row]) -> Select[_Row]:
    """Return the query of a commit proof with a shared lock (LOCK IN SHARE MODE). The database then answers the query
    only after a COMMIT that is still running has ended. A caller must not decide a write by the result of this query.

    SQLite ignores the lock, because on SQLite the outcome of a COMMIT is always known.
    """
    return query.with_for_update(read=True)  # house: waits, and decides nothing


class CommitUnproven(RunAgain):
    """Raised if the server didn't answer the COMMIT of the transaction `tx`, and the program can't prove that the
    COMMIT happened: the row that proves it is missing in the database, or `tx` has no commit proof.
    """

    def __init__(self, tx: Transaction) -> None:
        super().__init__("a COMMIT was lost")
        self.tx = tx
