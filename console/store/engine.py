"""The database: short read and write transactions, what its errors mean for a person, and whose it is."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError, DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from console.domain.errors import ConsoleError
from console.store.turnstile import Turnstile

_log = logging.getLogger("console.store")
BUSY_SECONDS = 10.0
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={int(BUSY_SECONDS * 1000)}")

# SQLite tells its troubles in words only; what each means for a person.
_SQLITE_TROUBLES = (
    ("database is locked", "database_locked"),
    ("database table is locked", "database_locked"),
    ("disk is full", "storage_full"),
    ("readonly", "read_only"),
    ("read-only", "read_only"),
    ("unable to open", "database_unreachable"),
    ("disk i/o error", "storage_full"),
    ("not a database", "not_our_database"),
    ("malformed", "not_our_database"),
    ("no such table", "schema_mismatch"),
    ("no such column", "schema_mismatch"),
)


class Transaction:
    """One unit of work: a connection inside a write transaction, and what to do once it has been committed."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self._hooks: list[Callable[[], None]] = []

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


class Database:
    """Short transactions on one database. Safe from any thread; a transaction belongs to the thread that began it.

    `observer`, when set, is called with +1 and -1 around each transaction, so that tests can prove that none is
    open while a provider is asked.
    """

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.dialect = self.url.get_backend_name()
        if self.dialect != "sqlite":
            problem = {"variable": "CONSOLE_DATABASE_URL", "problem": "no_such_engine", "engine": self.dialect[:20]}
            raise ConsoleError("bad_profile", problem)
        self.observer: Callable[[int], None] | None = None
        self.engine = _sqlite_engine(url)
        self._turnstile = Turnstile(self.file)
        self._path = str(self.file) if self.file else None
        self._identity: tuple[int, int] | None = None

    @property
    def file(self) -> Path | None:
        """The SQLite file, None for a server or a memory database."""
        name = self.url.database
        return Path(name) if self.dialect == "sqlite" and name and name != ":memory:" else None

    def read(self) -> AbstractContextManager[Connection]:
        """A read transaction: one consistent moment, blocks no writer."""
        return self._begun("BEGIN DEFERRED")

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A write transaction that owns the write lock from its first line; COMMIT has returned when it ends."""
        with self._turnstile.turn(), self._begun("BEGIN IMMEDIATE") as conn:
            tx = Transaction(conn)
            yield tx
            self._require_same_file()
        tx.run_hooks()

    @contextmanager
    def _begun(self, word: str) -> Iterator[Connection]:
        """A transaction that `word` begins. The driver's own BEGIN comes too late (890 of 960 updates were lost with
        it), so we say it; not by a listener of the engine, with one each statement costs a tenth more.
        """
        self._require_same_file()
        self._observe(+1)
        try:
            with self.engine.connect() as conn, conn.begin():
                conn.exec_driver_sql(word)
                if self._identity is None:
                    self._require_same_file()
                yield conn
        except DBAPIError as trouble:
            _translate(trouble)
            raise
        finally:
            self._observe(-1)

    def _require_same_file(self) -> None:
        """Open connections still write to a file that was moved or replaced under us, and a new connection would
        make an empty one in its place. Nobody would ever read either: refused instead.
        """
        if self._path is None:
            return
        try:
            found = os.stat(self._path)  # noqa: PTH116  # on the hot path, and half the time of Path.stat
            identity = (found.st_dev, found.st_ino)
        except FileNotFoundError:
            identity = None
        if self._identity is None:
            self._identity = identity
        elif identity != self._identity:
            raise ConsoleError("database_unreachable", {"problem": "taken_away", "file": self._path})

    def _observe(self, step: int) -> None:
        if self.observer is not None:
            self.observer(step)

    def close(self) -> None:
        self.engine.dispose()


def _sqlite_engine(url: str) -> Engine:
    # What people wrote and what providers answered stands in the values: no log and no error may repeat them.
    engine = create_engine(
        url, connect_args={"timeout": BUSY_SECONDS, "isolation_level": None}, hide_parameters=True
    )  # fmt: skip

    @event.listens_for(engine, "connect")
    def _prepare(dbapi: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        cursor = dbapi.cursor()
        for pragma in _PRAGMAS:
            cursor.execute("PRAGMA " + pragma)
        cursor.close()

    return engine


def _translate(trouble: DBAPIError) -> None:
    """Raise what it means for a person, if the database's words are known."""
    code = trouble_code(trouble)
    if code is not None:
        raise ConsoleError(code, {"problem": str(trouble.orig)}) from trouble


def trouble_code(trouble: DatabaseError | DBAPIError) -> str | None:
    """The error code for a database trouble; None for what only a bug of ours can cause."""
    words = str(trouble.orig).lower()
    return next((code for part, code in _SQLITE_TROUBLES if part in words), None)
