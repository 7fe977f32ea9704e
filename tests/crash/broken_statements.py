"""A database that fails at its n-th word: every statement and every COMMIT in turn, until one run is clean."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest
from sqlalchemy import event

from console.app import Console
from console.store import desk_db

Trouble = Literal["full", "lost", "commit_lost", "desk_full"]
_WORDS: dict[Trouble, str] = {
    "full": "database or disk is full",
    "lost": "disk I/O error",
    "commit_lost": "disk I/O error",
    "desk_full": "database or disk is full",
}


class Countdown:
    """Fails once, at the n-th time that it is asked; `lasting` goes on failing."""

    def __init__(self, nth: int, trouble: Trouble, *, lasting: bool) -> None:
        self.left = nth
        self.trouble = trouble
        self._lasting = lasting

    @property
    def fired(self) -> bool:
        return self.left <= 0

    def tick(self) -> None:
        self.left -= 1
        if self.left == 0 or (self.left < 0 and self._lasting):
            failure = sqlite3.OperationalError(_WORDS[self.trouble])
            failure.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise failure


@contextmanager
def failing(console: Console, nth: int, trouble: Trouble, *, lasting: bool) -> Iterator[Countdown]:
    """Inside the block the console's database (or its desk's file) fails at the n-th word.

    full, lost: a statement fails before it does anything. commit_lost: COMMIT does its work and then fails.
    """
    countdown = Countdown(nth, trouble, lasting=lasting)
    if trouble == "desk_full":
        with _failing_desk(console, countdown):
            yield countdown
        return
    engine = console.database.engine
    factory = _connections(countdown)

    def choose(_dialect: object, _record: object, _args: object, wanted: dict[str, Any]) -> None:
        wanted["factory"] = factory

    console.database.close()
    event.listen(engine, "do_connect", choose)
    try:
        yield countdown
    finally:
        event.remove(engine, "do_connect", choose)
        console.database.close()


def _connections(countdown: Countdown) -> type[sqlite3.Connection]:
    commits_only = countdown.trouble == "commit_lost"

    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, *values: Any) -> Any:
            if not commits_only and not sql.startswith("PRAGMA"):
                countdown.tick()
            return super().execute(sql, *values)

    class Connection(sqlite3.Connection):
        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

        def commit(self) -> None:
            if commits_only:
                super().commit()
                countdown.tick()
            else:
                countdown.tick()
                super().commit()

    return Connection


@contextmanager
def _failing_desk(console: Console, countdown: Countdown) -> Iterator[None]:
    console._desk.spool.close()  # the connections it has are of the other kind
    plain = desk_db._Connection

    class Connection(plain):  # type: ignore[misc, valid-type]  # the class that connections have now
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql.startswith(("INSERT", "UPDATE")):
                countdown.tick()
            return sqlite3.Connection.execute(self, sql, *values)

        def executemany(self, sql: str, rows: Any) -> sqlite3.Cursor:
            countdown.tick()
            return sqlite3.Connection.executemany(self, sql, rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk_db, "_Connection", Connection)
        yield
    console._desk.spool.close()
