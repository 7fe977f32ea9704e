"""The local journal: opens the SQLite file of a desk, waits for its lock, makes a write durable if the caller asks
for it, and translates errors of SQLite.

Raises ConsoleError:

- `storage_full`: no space, read-only, or the file can't be opened or written
- `bad_profile`: the file is damaged, isn't a spool, was written by a newer program, or was removed while in use
- `database_locked`: other processes held the lock for LOCK_WAIT_SECONDS
"""

import itertools
import random
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar, Unpack

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.reason import ForeignText
from console.domain.setting_problems import SettingProblem
from console.settings.disk_sync import sync_folder
from console.settings.private_files import (
    has_free_descriptor,
    make_private_file,
    make_private_folder,
    read_file_identity,
)

if TYPE_CHECKING:
    from console.domain.errors.details import BadProfileDetail

T = TypeVar("T")
SqliteValue: TypeAlias = str | int | bytes | None

LOCK_WAIT_SECONDS = 30.0
"""Longest time (seconds) for which a statement waits for the lock of the file."""
_LONGEST_RETRY_PAUSE_SECONDS = 0.002
SQLITE_APPLICATION_ID = 0x44534B31  # "DSK1"
_LOCKED_CODES = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_STORAGE_FULL_CODES = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
}
_DAMAGED_CODES = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_INCOMPLETE_FILE_MESSAGE_PARTS = ("no such table", "no such column", "has no column named")
"""Parts of SQLite's messages about a file of this program's version that lacks a table or column, for example
because a person has repaired it with other tools.
"""


class _Connection(sqlite3.Connection):
    """A connection to the SQLite file. `is_durable` is True if each of its writes is synced to the disk.
    `wal_identity` is the identity of the write-ahead log that the connection has opened."""

    is_durable = True
    wal_identity: tuple[int, int] | None = None


class LocalJournal:
    """Connections to one SQLite file for short statements.

    Any thread and any number of processes may use the file. A statement borrows an idle connection or opens a new
    one. So there are never more connections than threads that run a statement at the same time. SQLite's own busy
    handler waits longer after each try, so that a new process gets the lock before a process that has waited for a
    long time. Therefore this class tries again after short random pauses.
    """

    def __init__(
        self,
        path: Path,
        tables: Sequence[str],
        upgrades: Sequence[Sequence[str]] = (),
        on_first_open: Callable[[sqlite3.Connection], None] | None = None,
    ) -> None:
        """`tables`: the statements that create a new file. `upgrades`: for each later version of the file, the
        statements that upgrade an older file by this one version. `on_first_open` is called with the first connection
        of this object, before any other use of it.
        """
        self.path = path
        self._tables = tables
        self._schema_upgrades = upgrades
        self._on_first_open = on_first_open
        self._version = 1 + len(upgrades)
        self._idle_connections: deque[_Connection] = deque()
        self._is_closed = False
        self._file_identity: tuple[int, int] | None = None
        self._has_lost_wal = False

    def read(self, sql: str, values: Sequence[SqliteValue] = ()) -> list[tuple[SqliteValue, ...]]:
        """Run a query with the parameters `values` and return its rows."""
        with self._lend_connection() as conn:
            return _retry_while_locked(lambda: conn.execute(sql, values).fetchall())

    def stream_rows(self, sql: str, values: Sequence[SqliteValue] = ()) -> Iterator[tuple[SqliteValue, ...]]:
        """Yield the rows of a query with the parameters `values` one by one, from one snapshot of the file. The rows
        aren't collected in memory."""
        with self._lend_connection() as conn:
            cursor = _retry_while_locked(lambda: conn.execute(sql, values))
            try:
                yield from cursor
            finally:
                cursor.close()

    def write(self, sql: str, values: Sequence[SqliteValue], *, is_durable: bool) -> int:
        """Run one statement with the parameters `values` in a transaction of its own, and return the number of rows
        that it changed.

        With `is_durable`, return after the change has been synced to the disk.
        """
        with self._lend_connection() as conn:
            _set_durability(conn, is_durable)
            return _retry_while_locked(lambda: conn.execute(sql, values).rowcount)

    def write_all(self, sql: str, rows: Sequence[Sequence[SqliteValue]], *, is_durable: bool) -> None:
        """Run one statement with the values of each of `rows`, in one transaction. With `is_durable`, return after
        the changes have been synced to the disk."""
        if len(rows) == 1:
            self.write(sql, rows[0], is_durable=is_durable)
            return
        with self._lend_connection() as conn:
            _set_durability(conn, is_durable)
            with write_transaction(conn):
                conn.executemany(sql, rows)

    def close(self) -> None:
        """Close all idle connections. A connection that another thread is using is closed at the end of its
        statement, and so is every connection that is opened later."""
        self._is_closed = True
        self._close_idle_connections()

    def _close_idle_connections(self) -> None:
        with suppress(IndexError):  # another thread may close them at the same time
            while True:
                self._idle_connections.pop().close()

    @contextmanager
    def _lend_connection(self) -> Iterator[_Connection]:
        """Context manager: yield a connection that no other thread uses during the block. After the block the
        connection becomes idle and can be used again; after an exception it is closed."""
        with translate_errors(self.path):
            conn = self._borrow_connection()
            try:
                yield conn
            except BaseException:
                conn.close()
                raise
            self._idle_connections.append(conn)
            if self._is_closed:
                self._close_idle_connections()

    def _borrow_connection(self) -> _Connection:
        """Return an idle connection, or a new one. Raises ConsoleError `bad_profile` if the file or its write-ahead
        log was removed or replaced, because writes to the old file or log would be lost."""
        if self._file_identity is not None and self._file_identity != read_file_identity(self.path):
            self._close_idle_connections()
            raise self._make_unusable_file_error(SettingProblem.DESK_FILE_REMOVED)
        try:
            conn = self._idle_connections.pop()
        except IndexError:
            conn = self._open_connection()
        self._require_same_wal(conn)
        return conn

    def _require_same_wal(self, conn: _Connection) -> None:
        """Raise ConsoleError `bad_profile` if the write-ahead log that `conn` uses isn't beside the file any more,
        because another program has deleted or replaced it: no other process would see the writes of this process.
        SQLite itself deletes a log only after the last connection of all processes was closed. The error is raised
        for each later connection, too, because SQLite shares the index of the deleted log within a process.
        """
        wal_identity = read_file_identity(f"{self.path}-wal")
        if conn.wal_identity is None:
            conn.wal_identity = wal_identity
        if self._has_lost_wal or conn.wal_identity != wal_identity:
            self._has_lost_wal = True
            conn.close()
            self._close_idle_connections()
            raise self._make_unusable_file_error(SettingProblem.DESK_FILE_REMOVED)

    def _open_connection(self) -> _Connection:
        """Open and return a new connection to the file; create the file or upgrade its tables if necessary."""
        _create_private_file(self.path)
        conn = sqlite3.connect(
            self.path, timeout=0, isolation_level=None, check_same_thread=False, factory=_Connection
        )
        try:
            # A change of the journal mode doesn't wait for the lock, whatever the timeout is.
            _retry_while_locked(lambda: conn.execute("PRAGMA journal_mode=WAL").close())
            conn.execute("PRAGMA synchronous=FULL")
            conn.execute("PRAGMA fullfsync=ON")
            self._prepare_tables(conn)
            if self._on_first_open is not None and self._file_identity is None:
                self._on_first_open(conn)
        except BaseException:
            conn.close()
            raise
        self._file_identity = self._file_identity or read_file_identity(self.path)
        return conn

    def _make_unusable_file_error(
        self, problem: SettingProblem, /, **facts: Unpack["BadProfileDetail"]
    ) -> ConsoleError:
        """Return the error `bad_profile` for this file. The error contains the file's path, the reason `problem` for
        which the file can't be used, and further `facts`.
        """
        return ConsoleError(ErrorCode.BAD_PROFILE, {"file": str(self.path), "problem": problem, **facts})

    def _prepare_tables(self, conn: sqlite3.Connection) -> None:
        """Create the tables of a new file, or upgrade the tables of an older version. Raises ConsoleError
        `bad_profile` for a file of another program or of a newer version."""
        if _read_application_id_and_version(conn) == (SQLITE_APPLICATION_ID, self._version):
            return
        with write_transaction(conn):
            id_and_version = _read_application_id_and_version(conn)
            if id_and_version == (SQLITE_APPLICATION_ID, self._version):
                return
            is_older_version = id_and_version[0] == SQLITE_APPLICATION_ID and 0 < id_and_version[1] < self._version
            if not is_older_version and (
                id_and_version != (0, 0) or conn.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
            ):
                if id_and_version[0] != SQLITE_APPLICATION_ID:
                    raise self._make_unusable_file_error(SettingProblem.FILE_OF_OTHER_PROGRAM)
                raise self._make_unusable_file_error(
                    SettingProblem.FILE_OF_NEWER_VERSION, found=id_and_version[1], needed=self._version
                )
            for statement in (
                itertools.chain(*self._schema_upgrades[id_and_version[1] - 1 :]) if is_older_version else self._tables
            ):
                conn.execute(statement)
            conn.execute(f"PRAGMA application_id={SQLITE_APPLICATION_ID}")
            conn.execute(f"PRAGMA user_version={self._version}")


def _read_application_id_and_version(conn: sqlite3.Connection) -> tuple[int, int]:
    application_id = _retry_while_locked(lambda: conn.execute("PRAGMA application_id").fetchone())
    version = _retry_while_locked(lambda: conn.execute("PRAGMA user_version").fetchone())
    return int(application_id[0]), int(version[0])


def _set_durability(conn: _Connection, is_durable: bool) -> None:
    """Set whether the connection syncs each of its later writes to the disk."""
    if conn.is_durable is not is_durable:
        conn.execute("PRAGMA synchronous=FULL" if is_durable else "PRAGMA synchronous=NORMAL")
        conn.is_durable = is_durable


@contextmanager
def write_transaction(conn: sqlite3.Connection) -> Iterator[None]:
    """Context manager: run the block in a transaction that may write, and commit it; roll it back after an
    exception."""
    _retry_while_locked(lambda: conn.execute("BEGIN IMMEDIATE"))
    try:
        yield
    except BaseException:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        raise
    conn.execute("COMMIT")


def _retry_while_locked(run_statement: Callable[[], T]) -> T:
    """Call `run_statement` and return its result. While the file is locked, call it again after a short pause. Raises
    sqlite3.OperationalError if the file is still locked after LOCK_WAIT_SECONDS."""
    deadline: float | None = None
    while True:
        try:
            return run_statement()
        except sqlite3.OperationalError as busy:
            if _get_error_code(busy) not in _LOCKED_CODES:
                raise
            deadline = deadline or time.monotonic() + LOCK_WAIT_SECONDS
            if time.monotonic() > deadline:
                raise
        time.sleep(random.uniform(0, _LONGEST_RETRY_PAUSE_SECONDS))  # noqa: S311  # spreads waiting writers


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Context manager: within the block, convert errors of SQLite and of the operating system to ConsoleError:
    `storage_full`, `bad_profile` or `database_locked`. Other errors of SQLite are raised unchanged. `path` is the
    file or folder that the error names."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = _get_error_code(error)
        if code in _LOCKED_CODES:
            raise ConsoleError(ErrorCode.DATABASE_LOCKED, {"file": str(path)}) from error
        if code == sqlite3.SQLITE_CANTOPEN and not has_free_descriptor():
            raise ConsoleError(ErrorCode.STORAGE_FULL, {"file": str(path), "reason": "out_of_resources"}) from error
        if code in _STORAGE_FULL_CODES:
            raise ConsoleError(
                ErrorCode.STORAGE_FULL, {"file": str(path), "problem": ForeignText(str(error))}
            ) from error
        if code in _DAMAGED_CODES or any(part in str(error) for part in _INCOMPLETE_FILE_MESSAGE_PARTS):
            raise ConsoleError(
                ErrorCode.BAD_PROFILE, {"file": str(path), "problem": SettingProblem.DESK_FILE_DAMAGED}
            ) from error
        raise
    except UnicodeDecodeError as error:  # the message about a damaged schema quotes its bytes
        raise ConsoleError(
            ErrorCode.BAD_PROFILE, {"file": str(path), "problem": SettingProblem.DESK_FILE_DAMAGED}
        ) from error
    except OSError as error:
        raise ConsoleError(
            ErrorCode.STORAGE_FULL, {"file": str(path), "problem": ForeignText(error.strerror or "") or None}
        ) from error


def _get_error_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code of the error; 0 if the error has none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _create_private_file(path: Path) -> None:
    """Create the folder and the file with permissions by which only the present user can read them. SQLite creates
    its additional files with the same permissions."""
    if path.exists():
        return
    make_private_folder(path.parent)
    make_private_file(path)
    sync_folder(path.parent)
