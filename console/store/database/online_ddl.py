"""Changes of a table that others use at this moment: none of their statements waits long for one of ours.

An ALTER needs the table for itself for a moment. While it waits for a transaction that uses the table, everybody
who comes later waits behind it. So a watch looks on: an ALTER that has to wait is called off and tried again later.
"""

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from console.domain.errors import ConsoleError
from console.store import troubles
from console.store.engine import Database

LONGEST_WAIT_SECONDS = 0.3
"""How long others may be held up by an ALTER that waits for its turn."""

PATIENCE_SECONDS = 180.0
"""How long an ALTER is tried again and again. What was done until then stays done."""

_LOOK_SECONDS = 0.03
_PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds between tries
_CALLED_OFF = {1205, 1213, 1317, 1969, 3024}  # lock wait, deadlock, and the ways in which KILL QUERY is told
_NEEDS_COPY = {1845, 1846}
_STATE = text("SELECT state FROM information_schema.processlist WHERE id = :id")
_log = logging.getLogger("console.store")

Done = Callable[[], bool]


class NeedsCopy(Exception):
    """The server can make this change only by copying the table while nobody writes to it."""


def alter(database: Database, sql: str, done: Done) -> None:
    """Run one ALTER on a server, unless and until `done`. Raises NeedsCopy where the server can't do it in place,
    database_locked when the table was in use the whole time, IntegrityError for a duplicate key.
    """
    deadline, tries = time.monotonic() + PATIENCE_SECONDS, 0
    while not done():
        try:
            _try(database, sql)
        except DBAPIError as trouble:
            number = troubles.number_of(trouble)
            if number in _NEEDS_COPY:
                raise NeedsCopy(str(trouble.orig)) from trouble
            if number not in _CALLED_OFF:
                raise
            if time.monotonic() >= deadline:
                raise ConsoleError("database_locked", {"problem": "table_in_use"}) from trouble
            _log.info("the table is in use, tried again: %s", trouble.orig)
            time.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)])
            tries += 1
        else:
            return


def _try(database: Database, sql: str) -> None:
    watch = _Watch(database)
    with database.engine.connect() as conn:
        conn.exec_driver_sql("SET SESSION lock_wait_timeout = 1")  # if this process dies while it waits
        if (
            copies := " MODIFY " in sql or " ENGINE " in sql
        ):  # a copy takes over what new rows may not hold: 0000-00-00
            conn.exec_driver_sql("SET SESSION sql_mode = 'NO_ENGINE_SUBSTITUTION'")
        watch.begin(int(conn.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()))
        try:
            conn.exec_driver_sql(sql)
        finally:
            watch.end()
            if watch.called_off or copies:  # a KILL that came too late, and settings, are nobody else's
                conn.invalidate()
            else:
                conn.exec_driver_sql("SET SESSION lock_wait_timeout = DEFAULT")


class _Watch:
    """Looks at one statement from another connection, and calls it off when it waits for others."""

    def __init__(self, database: Database) -> None:
        self.called_off = False
        self._database = database
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, connection: int) -> None:
        self._thread = threading.Thread(target=self._look_on, args=(connection,), name="ddl watch", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _look_on(self, connection: int) -> None:
        since: float | None = None
        while not self._over.wait(_LOOK_SECONDS):
            try:
                with self._database.read() as conn:
                    waiting = "metadata lock" in str(conn.scalar(_STATE, {"id": connection})).lower()
                    since = (since or time.monotonic()) if waiting else None
                    if since is not None and time.monotonic() - since >= LONGEST_WAIT_SECONDS:
                        self._call_off(conn, connection)
                        since = None
            except (ConsoleError, DBAPIError) as trouble:  # without a watch the server's own limit holds
                _log.info("the watch over an ALTER: %s", trouble)

    def _call_off(self, conn: Connection, connection: int) -> None:
        if not self._over.is_set():
            self.called_off = True
            conn.exec_driver_sql(f"KILL QUERY {connection}")
