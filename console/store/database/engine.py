"""The database: short read and write transactions on any engine, what loses a race run again, and whose it is."""

import logging
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from console.domain.errors import ConsoleError
from console.store import patience, server_engine, sqlite_engine, troubles
from console.store.sqlite_engine import BUSY_SECONDS
from console.store.transaction import NotThere, Transaction
from console.store.troubles import RunAgain
from console.store.turnstile import Turnstile

__all__ = ["BUSY_SECONDS", "Database", "RunAgain", "Transaction"]

VERDICT_SECONDS = 12.0
"""How long a COMMIT without an answer is asked about: a server that died comes back within ten."""

ADMISSION_SECONDS = 1.0

_SHORTEST_NAP, _LONGEST_NAP = 0.005, 0.2
_SERVERS = ("mysql", "mariadb")
_log = logging.getLogger("console.store")

T = TypeVar("T")


class Database:
    """Short transactions on one database. Safe from any thread; a transaction belongs to the thread that began it.

    `observer`, when set, is called with +1 and -1 around each transaction, so that tests can prove that none is
    open while a provider is asked. `unhurried` lets statements on a server take any time: for `db …`.
    `admission`, when set, looks in a write transaction before the work does, once a second: what it raises is the
    end of that write.
    """

    def __init__(self, url: str, *, unhurried: bool = False) -> None:
        self.url = make_url(url)
        backend = self.url.get_backend_name()
        if backend not in ("sqlite", *_SERVERS):
            problem = {"variable": "CONSOLE_DATABASE_URL", "problem": "no_such_engine", "engine": backend[:20]}
            raise ConsoleError("bad_profile", problem)
        self.dialect = "sqlite" if backend == "sqlite" else "mysql"
        self.observer: Callable[[int], None] | None = None
        self.admission: Callable[[Connection], None] | None = None
        self._admitted_until = float("-inf")
        self.server = server_engine.locate(self.url, unhurried=unhurried) if self.is_server else None
        self.engine, self._reader = self._open()
        self._turnstile = Turnstile(self.file)
        self._path = str(self.file) if self.file else None
        self._identity: tuple[int, int] | None = None
        self._was_there = False

    def _open(self) -> tuple[Engine, Engine]:
        if self.server is None:
            engine = sqlite_engine.open_engine(self.url)
            return engine, engine
        return server_engine.open_engine(self.server, "write"), server_engine.open_engine(self.server, "read")

    @property
    def is_server(self) -> bool:
        return self.dialect != "sqlite"

    @property
    def account(self) -> str | None:
        """The account that is connected; None on SQLite, which has none."""
        return self.url.username if self.is_server else None

    @property
    def file(self) -> Path | None:
        """The SQLite file, None for a server or a memory database."""
        name = self.url.database
        return Path(name) if self.dialect == "sqlite" and name and name != ":memory:" else None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Reads that block no writer: on SQLite of one consistent moment, on a server each of its own."""
        self._observe(+1)
        try:
            if self.is_server:
                with self._reader.connect() as conn:
                    self._was_there = True
                    yield conn
            else:
                with self._begun("BEGIN DEFERRED") as conn:
                    yield conn
        except (DBAPIError, NoConnectionFree) as trouble:
            _translate(trouble)
            raise
        finally:
            self._observe(-1)

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a write transaction; COMMIT has returned when this does.

        What loses a race or its connection before that is undone and run again, whole and from fresh reads, so
        `work` has no effect outside its transaction. Raises what `work` raises, and what the database's trouble
        means when it stays.
        """
        tries = patience.Patience()
        lost: list[Transaction] = []
        while True:
            try:
                return self._attempt(work, lost)
            except Exception as trouble:
                if isinstance(trouble, NotThere) and trouble.tx.proof is not None:
                    lost.append(trouble.tx)
                if not (self.is_server and tries.allows(trouble, met=self._was_there, in_doubt=bool(lost))):
                    _translate(trouble)
                    raise
                _log.info("a transaction is run again: %s", trouble)
            time.sleep(random.uniform(_SHORTEST_NAP, _LONGEST_NAP))  # noqa: S311  # spreads losers, guards nothing

    @contextmanager
    def attempt(self) -> Iterator[Transaction]:
        """A write transaction that is tried once: for migrations and tests, where nobody else writes."""
        self._observe(+1)
        try:
            with self._writing() as tx:
                yield tx
        except DBAPIError as trouble:
            _translate(trouble)
            raise
        finally:
            self._observe(-1)
        tx.run_hooks()

    def _attempt(self, work: Callable[[Transaction], T], lost: list[Transaction]) -> T:
        """One try, unless one of those that were `lost` has arrived after all: on another node of a cluster a
        COMMIT may be seen late. One that isn't seen after `work` either has met nothing that `work` has not met,
        and writes the same keys: one of the two will fail.
        """
        self._observe(+1)
        try:
            with self._writing() as tx:
                done = _arrived(lost, tx.conn) or tx
                if done is tx:
                    tx.result = work(tx)
                    if _arrived(lost, tx.conn):
                        raise RunAgain("a lost COMMIT has arrived")
        finally:
            self._observe(-1)
        done.run_hooks()
        result: T = done.result
        return result

    @contextmanager
    def _writing(self) -> Iterator[Transaction]:
        """A write transaction; on SQLite it owns the write lock from its first line."""
        if self.is_server:
            with self.engine.connect() as conn:
                self._was_there = True
                self._admit(conn)
                tx = Transaction(conn)
                yield tx
                self._commit(tx)
            return
        with self._turnstile.turn(), self._begun("BEGIN IMMEDIATE") as conn:
            self._admit(conn)
            yield Transaction(conn)
            self._require_same_file()

    def _admit(self, conn: Connection) -> None:
        if self.admission is not None and time.monotonic() >= self._admitted_until:
            self.admission(conn)
            self._admitted_until = time.monotonic() + ADMISSION_SECONDS

    def _commit(self, tx: Transaction) -> None:
        """COMMIT. When its answer never comes, the transaction's own row decides."""
        session, asked = server_engine.session_of(tx.conn), time.monotonic()
        try:
            tx.conn.commit()
        except DBAPIError as trouble:
            if troubles.undone_at_commit(trouble):
                raise
            tx.conn.invalidate()
            if not self._was_committed(tx, session, asked, trouble):
                raise NotThere(tx) from trouble

    def _was_committed(
        self, tx: Transaction, session: server_engine.Session, asked: float, trouble: DBAPIError
    ) -> bool:
        """Look for what only `tx` can have written, once its session can't write it any more.

        Raises what the trouble means when the database doesn't come back in time: then nobody knows. `asked`: the
        moment of COMMIT. A node that died is back within seconds, but not the cluster that another one has lost.
        """
        if tx.proof is None:
            return False
        deadline = time.monotonic() + VERDICT_SECONDS
        while True:
            try:
                with self.engine.connect() as conn:
                    return server_engine.verdict(conn, tx.proof, session)
            except DBAPIError as still:
                given_up = asked + patience.away_seconds(still) if troubles.has_no_quorum(still) else deadline
                if time.monotonic() >= given_up:
                    facts = {"problem": "commit_unanswered", "cause": str(still.orig)}
                    raise ConsoleError("database_unreachable", facts) from trouble
            time.sleep(_LONGEST_NAP)

    @contextmanager
    def _begun(self, word: str) -> Iterator[Connection]:
        """An SQLite transaction that `word` begins. The driver's own BEGIN comes too late (890 of 960 updates were
        lost with it), so we say it; not by a listener of the engine, with one each statement costs a tenth more.
        """
        self._require_same_file()
        with self.engine.connect() as conn, conn.begin():
            conn.exec_driver_sql(word)
            if self._identity is None:
                self._require_same_file()
            yield conn

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
        self._reader.dispose()


def _arrived(lost: list[Transaction], conn: Connection) -> Transaction | None:
    return next((tx for tx in lost if tx.proof is not None and tx.proof(conn)), None)


def _translate(trouble: Exception) -> None:
    """Raise what it means for a person, if the database's words are known."""
    if isinstance(trouble, RunAgain):
        raise ConsoleError("database_locked", {"problem": "lost_every_race"}) from trouble
    if isinstance(trouble, NoConnectionFree):
        raise ConsoleError("database_unreachable", {"problem": "too_many_connections"}) from trouble
    code = troubles.code_of(trouble) if isinstance(trouble, DBAPIError) else None
    if isinstance(trouble, DBAPIError) and code is not None:
        raise ConsoleError(code, troubles.facts_of(trouble, code)) from trouble
