"""Changes a table of a server while other sessions use it. The statements of these sessions wait for at most
LONGEST_LOCK_WAIT_SECONDS.

An ALTER needs an exclusive metadata lock for a moment. While it waits for a transaction that uses the table, all
later statements on the table must also wait. So a thread with another connection watches the ALTER and cancels it if
it waits too long. Later the ALTER is tried again.
"""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from console.domain.error_reasons import DatabaseLockedProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.process.daemon_threads import DaemonThread
from console.store.database import error_codes
from console.store.database.engine import Database

LONGEST_LOCK_WAIT_SECONDS = 0.3
"""Longest time (seconds) for which other sessions may wait behind a waiting ALTER."""

LONGEST_RETRY_SECONDS = 180.0
"""Time (seconds) during which a cancelled ALTER is tried again. If it can't be made in this time, the changes of the
table that were made before it stay.
"""

_POLL_INTERVAL_SECONDS = 0.03
_RETRY_WAITS_SECONDS = (0.5, 1.0, 2.0, 4.0)  # seconds between tries
_CANCELLED_ERRORS = {1205, 1213, 1317, 1969, 3024}  # lock wait, deadlock, KILL QUERY, time limit of a statement
_COPY_NEEDED_ERRORS = {1845, 1846}
"""Numbers of the errors with which a server refuses to change a table in place; the change needs a copy of the
table."""
_STATEMENT_STATE_QUERY = text("SELECT state FROM information_schema.processlist WHERE id = :id")
_log = logging.getLogger("console.store")

CompletionCheck = Callable[[], bool]
"""Function that returns True if the change of the table is done already."""


class CopyNeeded(Exception):
    """Raised if the server refuses to change a table in place. The server could make the change only by copying the
    table, and meanwhile no session could write to the table."""


def alter_table(database: Database, sql: str, is_done: CompletionCheck) -> None:
    """Run the ALTER statement `sql` on a server, and run it again after each cancellation. Return when it has
    succeeded, or when `is_done` returns True before a try.

    Raises CopyNeeded if the server can't make the change in place, ConsoleError `database_locked` if other sessions
    used the table for LONGEST_RETRY_SECONDS, IntegrityError for a duplicate key.
    """
    deadline, try_count = time.monotonic() + LONGEST_RETRY_SECONDS, 0
    while not is_done():
        try:
            _run_watched_statement(database, sql)
        except DBAPIError as error:
            number = error_codes.find_error_number(error)
            if number in _COPY_NEEDED_ERRORS:
                raise CopyNeeded(str(error.orig)) from error
            if number not in _CANCELLED_ERRORS:
                raise
            if time.monotonic() >= deadline:
                raise ConsoleError(
                    ErrorCode.DATABASE_LOCKED, {"problem": DatabaseLockedProblem.TABLE_IN_USE}
                ) from error
            _log.info("the table is in use, tried again: %s", error.orig)
            time.sleep(_RETRY_WAITS_SECONDS[min(try_count, len(_RETRY_WAITS_SECONDS) - 1)])
            try_count += 1
        else:
            return


def _run_watched_statement(database: Database, sql: str) -> None:
    """Run the ALTER statement `sql` on a separate connection, and cancel it if it waits for
    LONGEST_LOCK_WAIT_SECONDS."""
    lock_wait_watch = _LockWaitWatch(database)
    with database.engine.connect() as conn:
        # A limit in case this process dies while the ALTER waits.
        conn.exec_driver_sql("SET SESSION lock_wait_timeout = 1")
        if copies := " MODIFY " in sql or " ENGINE " in sql:  # the copy must accept old values such as 0000-00-00
            conn.exec_driver_sql("SET SESSION sql_mode = 'NO_ENGINE_SUBSTITUTION'")
        lock_wait_watch.begin(int(conn.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()))
        try:
            conn.exec_driver_sql(sql)
        finally:
            lock_wait_watch.end()
            if (
                lock_wait_watch.was_cancelled or copies
            ):  # a late KILL QUERY and the changed settings must not affect the next user of this connection
                conn.invalidate()
            else:
                conn.exec_driver_sql("SET SESSION lock_wait_timeout = DEFAULT")


class _LockWaitWatch:
    """Watches an ALTER from a thread with another connection. Cancels the ALTER if it waits for a metadata lock
    for LONGEST_LOCK_WAIT_SECONDS."""

    def __init__(self, database: Database) -> None:
        self.was_cancelled = False
        self._database = database
        self._end_event = threading.Event()
        self._thread: DaemonThread | None = None

    def begin(self, connection_id: int) -> None:
        self._thread = DaemonThread(partial(self._watch_until_end, connection_id), "ddl watch")
        self._thread.start()

    def end(self) -> None:
        self._end_event.set()
        if self._thread is not None:
            self._thread.join()

    def _watch_until_end(self, connection_id: int) -> None:
        waiting_since: float | None = None
        while not self._end_event.wait(_POLL_INTERVAL_SECONDS):
            try:
                with self._database.read() as conn:
                    is_waiting = (
                        "metadata lock" in str(conn.scalar(_STATEMENT_STATE_QUERY, {"id": connection_id})).lower()
                    )
                    waiting_since = (waiting_since or time.monotonic()) if is_waiting else None
                    if waiting_since is not None and time.monotonic() - waiting_since >= LONGEST_LOCK_WAIT_SECONDS:
                        self._kill_query(conn, connection_id)
                        waiting_since = None
            except (ConsoleError, DBAPIError) as error:  # without the watch, lock_wait_timeout limits the wait
                _log.info("a running ALTER could not be watched: %s", error)

    def _kill_query(self, conn: Connection, connection_id: int) -> None:
        if not self._end_event.is_set():
            self.was_cancelled = True
            conn.exec_driver_sql(f"KILL QUERY {connection_id}")
