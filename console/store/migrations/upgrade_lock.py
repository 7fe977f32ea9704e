"""Upgrade lock of a server database: only one process upgrades the database at a time, on all nodes of a cluster
together. If this process crashes, the lock expires after EXPIRES_AFTER_MS."""

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError

from console.domain.error_reasons import DatabaseLockedProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.process.daemon_threads import DaemonThread
from console.store.database.boot_clock import is_recent, read_uptime_ms
from console.store.database.engine import Database

LOCK_TABLE = "console_upgrade"
EXPIRES_AFTER_MS = 15_000
"""Time (milliseconds) after its last renewal at which the upgrade lock expires."""
LONGEST_WAIT_SECONDS = 600.0
"""Longest time (seconds) for which a process waits for the upgrade lock while another process holds it."""

_HEARTBEAT_INTERVAL_SECONDS = 3.0
"""Time (seconds) between two renewals of the upgrade lock."""
MAX_SECONDS_WITHOUT_CHECK = 5.0
"""Time (seconds) after a renewal of the upgrade lock during which statements are sent without a check of the lock. It
is much shorter than EXPIRES_AFTER_MS, so the lock can't have expired meanwhile. A check before each statement would
be a transaction of its own, during which an adoption holds its row locks.
"""
_CREATE_LOCK_TABLE_STATEMENT = text(
    "CREATE TABLE IF NOT EXISTS console_upgrade"
    " (one INTEGER PRIMARY KEY, token VARCHAR(36) NULL, until_ms BIGINT NOT NULL) ENGINE = InnoDB"
)
_INSERT_LOCK_ROW_STATEMENT = text("INSERT IGNORE INTO console_upgrade (one, until_ms) VALUES (1, 0)")
_ACQUIRE_LOCK_STATEMENT = text(
    "UPDATE console_upgrade SET token = :token, until_ms = CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED) + :ms"
    " WHERE until_ms < CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)"
)
_RENEW_LOCK_STATEMENT = text(
    "UPDATE console_upgrade SET until_ms = CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED) + :ms"
    " WHERE token = :token AND until_ms > 0"
)
_RELEASE_LOCK_STATEMENT = text("UPDATE console_upgrade SET until_ms = 0 WHERE token = :token")
_LOCK_HOLDER_QUERY = text("SELECT token FROM console_upgrade WHERE until_ms > 0")
_READING_KEYWORDS = ("SELECT", "SHOW", "SET", "DESCRIBE", "KILL")
"""First words of the statements that change no table, no row and no right."""


class UpgradeLock:
    """The upgrade lock of a server database, from the view of the process that holds it. A process that was suspended
    may have lost the lock. So `require_lock` is called between the steps of the upgrade and of the adoption, and,
    inside `check_changing_statements`, before a statement that changes the database, if the last renewal is older
    than MAX_SECONDS_WITHOUT_CHECK."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._token = str(uuid.uuid4())
        self._end_event = threading.Event()
        self._is_lost = False
        self._renewed_at_ms = 0
        self._heartbeat = DaemonThread(self._renew_until_released, "upgrade lock")

    def require_lock(self) -> None:
        """Renew the lock. Raise ConsoleError `database_locked` if this process has lost the lock: the lock expired,
        for example while the process was suspended, and another process has acquired it. Each call queries the
        database, because the next heartbeat may come later than the next step.
        """
        self._is_lost = self._is_lost or not self._database.write(lambda tx: self._renew_lock(tx.conn))
        if self._is_lost:
            raise ConsoleError(ErrorCode.DATABASE_LOCKED, {"problem": DatabaseLockedProblem.ANOTHER_UPGRADE})

    @contextmanager
    def check_changing_statements(self) -> Iterator[None]:
        """Context manager: inside the block, call `require_lock` before a changing statement of this `Database`,
        unless the lock was renewed in the last MAX_SECONDS_WITHOUT_CHECK seconds (including the time of a sleep). A
        statement that follows the loss of the lock isn't sent: the other process may have finished the upgrade, so
        that desks already use the tables.
        """
        engines = (self._database.engine, self._database._read_engine)
        for engine in engines:
            event.listen(engine, "before_cursor_execute", self._require_lock_before_change)
        try:
            yield
        finally:
            for engine in engines:
                event.remove(engine, "before_cursor_execute", self._require_lock_before_change)

    def _require_lock_before_change(self, _conn: object, _cursor: object, sql: str, *_: object) -> None:
        """Listener of SQLAlchemy: call `require_lock` if the statement `sql` changes the database and the last
        renewal isn't recent. The statements of the lock itself aren't checked."""
        if LOCK_TABLE in sql or sql.lstrip().upper().startswith(_READING_KEYWORDS):
            return
        if self._is_lost or not is_recent(self._renewed_at_ms, MAX_SECONDS_WITHOUT_CHECK):
            self.require_lock()

    def acquire(self) -> None:
        """Wait until the lock is free, acquire it, and from then on renew it by heartbeat. Raises ConsoleError
        `database_locked` after LONGEST_WAIT_SECONDS.
        """
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while not self._database.write(lambda tx: self._try_acquire(tx.conn)):
            if time.monotonic() >= deadline:
                raise ConsoleError(ErrorCode.DATABASE_LOCKED, {"problem": DatabaseLockedProblem.ANOTHER_UPGRADE})
            time.sleep(0.2)
        self._heartbeat.start()

    def release(self) -> None:
        """Stop the heartbeat and release the upgrade lock, so that another process can acquire it."""
        self._end_event.set()
        if self._heartbeat.ident is not None:
            self._heartbeat.join()
        self._database.write(lambda tx: tx.conn.execute(_RELEASE_LOCK_STATEMENT, {"token": self._token}))

    def _try_acquire(self, conn: Connection) -> bool:
        """Acquire the lock if it is free or has expired. Return True if this process holds it afterwards."""
        conn.execute(_INSERT_LOCK_ROW_STATEMENT)
        conn.execute(_ACQUIRE_LOCK_STATEMENT, {"token": self._token, "ms": EXPIRES_AFTER_MS})
        return bool(conn.scalar(_LOCK_HOLDER_QUERY) == self._token)

    def _renew_until_released(self) -> None:
        """Renew the lock every _HEARTBEAT_INTERVAL_SECONDS until it is released. The method runs in a thread of its
        own."""
        while not self._end_event.wait(_HEARTBEAT_INTERVAL_SECONDS):
            try:
                self._is_lost = not self._database.write(lambda tx: self._renew_lock(tx.conn)) or self._is_lost
            except (ConsoleError, DBAPIError):  # the next heartbeat may succeed, or the lock expires
                continue

    def _renew_lock(self, conn: Connection) -> bool:
        """Extend the lock of this process. Return False if this process no longer holds it, because another process
        has acquired it.
        """
        begun_at_ms = read_uptime_ms()
        conn.execute(_RENEW_LOCK_STATEMENT, {"token": self._token, "ms": EXPIRES_AFTER_MS})
        is_held = bool(conn.scalar(_LOCK_HOLDER_QUERY) == self._token)
        if is_held:
            self._renewed_at_ms = begun_at_ms
        return is_held


@contextmanager
def hold_upgrade_lock(database: Database) -> Iterator[UpgradeLock | None]:
    """Context manager: hold the upgrade lock during the block and yield it. On SQLite, yield None, because its
    upgrade is one short transaction.

    On a server each DDL statement commits by itself, so no transaction can protect the upgrade. A server's named lock
    would protect only one node of a cluster. So the lock is a row, which is acquired by compare-and-swap and renewed
    by heartbeat. It protects every node. Inside the block the lock is checked before a statement that changes the
    database, if the last renewal is older than MAX_SECONDS_WITHOUT_CHECK. The check raises ConsoleError
    `database_locked` if another process has acquired the lock. The same error is raised before the block if another
    process holds the lock for more than LONGEST_WAIT_SECONDS.
    """
    if not database.is_server:
        yield None
        return
    with database.write_without_retries() as tx:
        tx.conn.execute(_CREATE_LOCK_TABLE_STATEMENT)
    lock = UpgradeLock(database)
    lock.acquire()
    try:
        with lock.check_changing_statements():
            yield lock
    finally:
        lock.release()
