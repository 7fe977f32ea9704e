"""Who changes the schema takes a turn: one at a time on any node, and a turn whose holder died soon runs out."""

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from console.domain.errors import ConsoleError
from console.store.engine import Database

TABLE = "console_upgrade"
TURN_MS = 15_000
PATIENCE_SECONDS = 600.0
"""How long one waits for another whose turn goes on."""

_BEAT_SECONDS = 3.0
_MAKE = text(
    "CREATE TABLE IF NOT EXISTS console_upgrade"
    " (one INTEGER PRIMARY KEY, token VARCHAR(36) NULL, until_ms BIGINT NOT NULL) ENGINE = InnoDB"
)
_FIRST = text("INSERT IGNORE INTO console_upgrade (one, until_ms) VALUES (1, 0)")
_TAKE = text(
    "UPDATE console_upgrade SET token = :token, until_ms = CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED) + :ms"
    " WHERE until_ms < CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)"
)
_BEAT = text(
    "UPDATE console_upgrade SET until_ms = CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED) + :ms"
    " WHERE token = :token AND until_ms > 0"
)
_END = text("UPDATE console_upgrade SET until_ms = 0 WHERE token = :token")
_WHOSE = text("SELECT token FROM console_upgrade WHERE until_ms > 0")


class Turn:
    """A turn that is held. `check` before each step: a process that slept may have lost it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._token = str(uuid.uuid4())
        self._over = threading.Event()
        self._lost = False
        self._keeper = threading.Thread(target=self._keep, name="schema turn", daemon=True)

    def check(self) -> None:
        """Raises database_locked when the turn ran out and somebody else has it."""
        if self._lost:
            raise ConsoleError("database_locked", {"problem": "another_upgrade"})

    def take(self) -> None:
        """Wait for it, and keep it by heartbeat."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._database.write(lambda tx: self._taken(tx.conn)):
            if time.monotonic() >= deadline:
                raise ConsoleError("database_locked", {"problem": "another_upgrade"})
            time.sleep(0.2)
        self._keeper.start()

    def end(self) -> None:
        self._over.set()
        if self._keeper.ident is not None:
            self._keeper.join()
        self._database.write(lambda tx: tx.conn.execute(_END, {"token": self._token}))

    def _taken(self, conn: Connection) -> bool:
        conn.execute(_FIRST)
        conn.execute(_TAKE, {"token": self._token, "ms": TURN_MS})
        return bool(conn.scalar(_WHOSE) == self._token)

    def _keep(self) -> None:
        while not self._over.wait(_BEAT_SECONDS):
            try:
                self._lost = not self._database.write(lambda tx: self._beat(tx.conn))
            except (ConsoleError, DBAPIError):  # the next one may arrive, or the turn runs out
                continue

    def _beat(self, conn: Connection) -> bool:
        conn.execute(_BEAT, {"token": self._token, "ms": TURN_MS})
        return bool(conn.scalar(_WHOSE) == self._token)


@contextmanager
def alone(database: Database) -> Iterator[Turn | None]:
    """One change of the schema at a time. SQLite's are short transactions, which need no turn. On a server DDL
    commits by itself, and a named lock holds on one node of a cluster only; a row, taken by compare-and-swap and
    kept by heartbeat, holds everywhere.
    """
    if not database.is_server:
        yield None
        return
    with database.attempt() as tx:
        tx.conn.execute(_MAKE)
    turn = Turn(database)
    turn.take()
    try:
        yield turn
    finally:
        turn.end()
