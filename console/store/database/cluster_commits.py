"""Waits until a Galera cluster commits a transaction. A worker waits for desk requests with it: one statement that
waits at the server costs less than the many reads that it replaces, and it ends as soon as a request is committed, at
whichever node.

A single server has no such statement: MariaDB tells no session that a row was stored.
"""

import logging
import time
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from console.store.database.error_codes import is_lock_wait_timeout

COMMIT_WAIT_SECONDS = 1
"""Longest time (seconds) for which a statement waits for a commit. The server accepts whole seconds only, and the
presence lease of a worker is renewed each second."""
SECONDS_BEFORE_NEXT_TRY = 10.0
"""Time (seconds) for which no wait is tried after one has failed, for example on a node that has left its cluster, or
on a server that is too old for it."""
_LATEST_COMMIT_QUERY = text("SELECT CONVERT(WSREP_LAST_SEEN_GTID() USING utf8mb4)")
# The server computes the columns in this order, so the second one is read after the wait.
_WAIT_QUERY = text(
    "SELECT WSREP_SYNC_WAIT_UPTO_GTID(:next_commit, :wait_seconds), CONVERT(WSREP_LAST_SEEN_GTID() USING utf8mb4)"
)
_log = logging.getLogger("console.store")


@dataclass(frozen=True, slots=True)
class _Commit:
    """A committed transaction, by its GTID: the domain and the server id of the cluster, and the number of the
    transaction. Each commit at any node has the next number."""

    domain: str
    server: str
    number: int

    def make_next_gtid(self) -> str:
        return f"{self.domain}-{self.server}-{self.number + 1}"


class ClusterCommitWait:
    """Waits for commits of a Galera cluster, for one thread."""

    def __init__(self) -> None:
        self._latest_commit: _Commit | None = None
        self._next_try_at = float("-inf")

    def wait_for_commit(self, conn: Connection) -> bool:
        """Wait until a transaction is committed that was not yet committed at the end of the previous call, or at
        most COMMIT_WAIT_SECONDS. Whatever was committed before the end of this call, a later read of a connection
        with `wsrep_sync_wait` sees. The first call doesn't wait.

        Return False, without a wait, if the database can't tell its commits: on SQLite, on a single server, and for
        SECONDS_BEFORE_NEXT_TRY after a failed wait.
        """
        if conn.dialect.name == "sqlite" or time.monotonic() < self._next_try_at:
            return False
        try:
            commit = self._read_commit(conn)
        except DBAPIError as error:
            if is_lock_wait_timeout(error):
                return True  # nothing was committed
            _log.info("the database doesn't tell its commits: %s", error.orig)
            commit = None
        self._latest_commit = commit
        if commit is None:
            self._next_try_at = time.monotonic() + SECONDS_BEFORE_NEXT_TRY
        return commit is not None

    def _read_commit(self, conn: Connection) -> _Commit | None:
        """Wait for the commit after the latest known one, and return the latest commit then. If none is known, return
        the latest commit without a wait; None if the server belongs to no cluster."""
        if self._latest_commit is None:
            return _parse_gtid(conn.scalar(_LATEST_COMMIT_QUERY))
        values = {"next_commit": self._latest_commit.make_next_gtid(), "wait_seconds": COMMIT_WAIT_SECONDS}
        return _parse_gtid(conn.execute(_WAIT_QUERY, values).one()[1])


def _parse_gtid(gtid: str | None) -> _Commit | None:
    """Return the commit with this GTID. Return None for another form, and for the number 0, which a server without a
    cluster gives."""
    domain, _, rest = (gtid or "").partition("-")
    server, _, number = rest.partition("-")
    return _Commit(domain, server, int(number)) if number.isdecimal() and int(number) else None
