"""The desk's own SQLite file: opening, waiting one's turn, durability per write, and what its errors mean.

ConsoleError
├── storage_full      no room, read-only, or the file can't be opened or written
├── bad_profile       corrupt, not ours, of a newer program, or taken away while in use
└── database_locked   others held it for the whole patience
"""

import os
import random
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias, TypeVar

from console.domain.errors import ConsoleError

T = TypeVar("T")
Value: TypeAlias = str | int | bytes | None

PATIENCE_SECONDS = 30.0
_LONGEST_NAP_SECONDS = 0.002
_APPLICATION_ID = 0x44534B31  # "DSK1"
_FIRST_FORM, _FORM = 1, 2
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_NO_ROOM = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class _Connection(sqlite3.Connection):
    """A connection that knows how durable its writes are at present."""

    durable = True


class DeskFile:
    """Short statements on one file, from any thread and any number of processes.

    Connections are borrowed, so there are never more than threads that write at the same moment. SQLite's own
    waiting sleeps longer and longer, and starves those who wait; ours polls in short random naps.
    """

    def __init__(self, path: Path, tables: Sequence[str], added: Sequence[str] = ()) -> None:
        """`tables` make a new file, `added` turn one of the first form into the same."""
        self.path = path
        self._tables = tables
        self._added = added
        self._idle: deque[_Connection] = deque()
        self._identity: tuple[int, int] | None = None

    def read(self, sql: str, values: Sequence[Value] = ()) -> list[tuple[Value, ...]]:
        with self._borrowed() as conn:
            return _patiently(lambda: conn.execute(sql, values).fetchall())

    def stream(self, sql: str, values: Sequence[Value] = ()) -> Iterator[tuple[Value, ...]]:
        """Rows one by one at one moment of the file, in flat memory."""
        with self._borrowed() as conn:
            cursor = _patiently(lambda: conn.execute(sql, values))
            try:
                yield from cursor
            finally:
                cursor.close()

    def write(self, sql: str, values: Sequence[Value], *, durable: bool) -> int:
        """One statement, its own transaction; rows touched. Durable: it is on the disk when this returns."""
        with self._borrowed() as conn:
            _set_durability(conn, durable)
            return _patiently(lambda: conn.execute(sql, values).rowcount)

    def write_all(self, sql: str, rows: Sequence[Sequence[Value]], *, durable: bool) -> None:
        """The statement for all rows, or for none."""
        with self._borrowed() as conn:
            _set_durability(conn, durable)
            with _transaction(conn):
                conn.executemany(sql, rows)

    def close(self) -> None:
        """Close every connection that is not in use; later calls open new ones."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _borrowed(self) -> Iterator[_Connection]:
        with _explained(self.path):
            conn = self._take()
            try:
                yield conn
            except BaseException:
                conn.close()
                raise
            self._idle.append(conn)

    def _take(self) -> _Connection:
        """An open connection. What is written to a file that somebody took away would be lost: refused."""
        if self._identity is not None and self._identity != _identity(self.path):
            self.close()
            raise self._unfit("taken_away")
        try:
            return self._idle.pop()
        except IndexError:
            return self._open()

    def _open(self) -> _Connection:
        _make_private(self.path)
        conn = sqlite3.connect(
            self.path, timeout=0, isolation_level=None, check_same_thread=False, factory=_Connection
        )
        try:
            # Changing the journal mode doesn't wait for others by itself, whatever the timeout says.
            _patiently(lambda: conn.execute("PRAGMA journal_mode=WAL").close())
            conn.execute("PRAGMA synchronous=FULL")
            conn.execute("PRAGMA fullfsync=ON")
            self._settle(conn)
        except BaseException:
            conn.close()
            raise
        self._identity = self._identity or _identity(self.path)
        return conn

    def _unfit(self, problem: str) -> ConsoleError:
        return ConsoleError("bad_profile", {"file": str(self.path), "problem": problem})

    def _settle(self, conn: sqlite3.Connection) -> None:
        """Build the tables where there are none, add what is new to an old file; refuse one that is not ours or of a
        newer program.
        """
        if _stamp(conn) == (_APPLICATION_ID, _FORM):
            return
        with _transaction(conn):
            stamp = _stamp(conn)
            if stamp == (_APPLICATION_ID, _FORM):
                return
            old = stamp == (_APPLICATION_ID, _FIRST_FORM)
            if not old and (stamp != (0, 0) or conn.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()):
                raise self._unfit("newer" if stamp[0] == _APPLICATION_ID else "not_ours")
            for statement in self._added if old else self._tables:
                conn.execute(statement)
            conn.execute(f"PRAGMA application_id={_APPLICATION_ID}")
            conn.execute(f"PRAGMA user_version={_FORM}")


def _stamp(conn: sqlite3.Connection) -> tuple[int, int]:
    application = _patiently(lambda: conn.execute("PRAGMA application_id").fetchone())
    form = _patiently(lambda: conn.execute("PRAGMA user_version").fetchone())
    return int(application[0]), int(form[0])


def _set_durability(conn: _Connection, durable: bool) -> None:
    if conn.durable is not durable:
        conn.execute("PRAGMA synchronous=FULL" if durable else "PRAGMA synchronous=NORMAL")
        conn.durable = durable


@contextmanager
def _transaction(conn: sqlite3.Connection) -> Iterator[None]:
    _patiently(lambda: conn.execute("BEGIN IMMEDIATE"))
    try:
        yield
    except BaseException:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        raise
    conn.execute("COMMIT")


def _patiently(step: Callable[[], T]) -> T:
    """Do the step, again while others hold the file; gives up with `database_locked`."""
    deadline: float | None = None
    while True:
        try:
            return step()
        except sqlite3.OperationalError as busy:
            if _code(busy) not in _BUSY:
                raise
            deadline = deadline or time.monotonic() + PATIENCE_SECONDS
            if time.monotonic() > deadline:
                raise
        time.sleep(random.uniform(0, _LONGEST_NAP_SECONDS))  # noqa: S311  # spreads waiters, guards nothing


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say about the file into what it means for a person."""
    try:
        yield
    except sqlite3.DatabaseError as trouble:
        code = _code(trouble)
        if code in _BUSY:
            raise ConsoleError("database_locked", {"file": str(path)}) from trouble
        if code in _NO_ROOM:
            raise ConsoleError("storage_full", {"file": str(path), "problem": str(trouble)}) from trouble
        if code in _DAMAGED:
            raise ConsoleError("bad_profile", {"file": str(path), "problem": "damaged"}) from trouble
        raise
    except OSError as trouble:
        raise ConsoleError("storage_full", {"file": str(path), "problem": trouble.strerror}) from trouble


def _code(trouble: sqlite3.Error) -> int:
    return int(getattr(trouble, "sqlite_errorcode", 0)) & 0xFF


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _make_private(path: Path) -> None:
    """Create folder and file for this person alone; SQLite gives its side files the same rights."""
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put the folder's names on the disk, so that a new file is still there after a power cut."""
    if os.name == "nt":  # Windows has no handle for this; its file systems journal their names
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
