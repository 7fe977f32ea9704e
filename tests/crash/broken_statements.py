"""Makes the n-th statement or COMMIT of a console fail, on SQLite, in the spool, or on a server."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest
from sqlalchemy import event

from console.app import Console
from console.store.spool import sqlite_file as desk_db

StatementFault = Literal["full", "lost", "commit_lost", "desk_full", "deadlock", "lock_wait"]
_SQLITE_ERROR_TEXTS: dict[StatementFault, str] = {
    "full": "database or disk is full",
    "lost": "disk I/O error",
    "commit_lost": "disk I/O error",
    "desk_full": "database or disk is full",
}


class FailureCountdown:
    """Counts SQL statements and COMMITs and makes the n-th one fail; with `is_lasting` all later ones fail, too."""

    def __init__(self, nth: int, fault: StatementFault, *, is_lasting: bool) -> None:
        self.left = nth
        self.fault = fault
        self._is_lasting = is_lasting

    @property
    def has_fired(self) -> bool:
        """True if a statement has failed."""
        return self.left <= 0

    def count_and_check(self) -> bool:
        """Count a statement. Return True if it must fail."""
        self.left -= 1
        return self.left == 0 or (self.left < 0 and self._is_lasting)

    def count_and_raise(self) -> None:
        """Count a statement. If it must fail, raise the database error of the tested kind of fault."""
        if self.count_and_check():
            failure = sqlite3.OperationalError(_SQLITE_ERROR_TEXTS[self.fault])
            failure.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise failure


@contextmanager
def break_statements(
    console: Console, nth: int, fault: StatementFault, *, is_lasting: bool
) -> Iterator[FailureCountdown]:
    """Within the block, the n-th statement of the console's database fails, or the n-th write to its desk's spool.
    With `is_lasting` all later ones fail, too. The kinds of fault:

    - full, lost: the statement fails without an effect
    - commit_lost: COMMIT takes effect and then fails; only COMMITs are counted
    - desk_full: a write to the spool fails; only these writes are counted
    - deadlock, on servers: the transaction is rolled back
    - lock_wait, on servers: only the statement is rolled back
    """
    countdown = FailureCountdown(nth, fault, is_lasting=is_lasting)
    if fault == "desk_full":
        with _break_spool_writes(console, countdown):
            yield countdown
        return
    if console.database.is_server:
        with _break_server_statements(console, countdown):
            yield countdown
        return
    engine = console.database.engine
    factory = _make_connection_class(countdown)

    def choose_factory(_dialect: object, _record: object, _args: object, engine_options: dict[str, Any]) -> None:
        engine_options["factory"] = factory

    console.database.close()
    event.listen(engine, "do_connect", choose_factory)
    try:
        yield countdown
    finally:
        event.remove(engine, "do_connect", choose_factory)
        console.database.close()


def _make_connection_class(countdown: FailureCountdown) -> type[sqlite3.Connection]:
    """Return a class of SQLite connections whose statements (or only their COMMITs) fail as the countdown decides."""
    commits_only = countdown.fault == "commit_lost"

    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, *values: Any) -> Any:
            if not commits_only and not sql.startswith("PRAGMA"):
                countdown.count_and_raise()
            return super().execute(sql, *values)

    class Connection(sqlite3.Connection):
        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

        def commit(self) -> None:
            if commits_only:
                super().commit()
                countdown.count_and_raise()
            else:
                countdown.count_and_raise()
                super().commit()

    return Connection


@contextmanager
def _break_spool_writes(console: Console, countdown: FailureCountdown) -> Iterator[None]:
    """Within the block, the writes to the desk's spool fail as the countdown decides."""
    console._context.spool.close()  # the connections it has are of the other kind
    plain = desk_db._Connection

    class Connection(plain):  # type: ignore[misc, valid-type]  # the class that connections have now
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql.startswith(("INSERT", "UPDATE")):
                countdown.count_and_raise()
            return sqlite3.Connection.execute(self, sql, *values)

        def executemany(self, sql: str, rows: Any) -> sqlite3.Cursor:
            countdown.count_and_raise()
            return sqlite3.Connection.executemany(self, sql, rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk_db, "_Connection", Connection)
        yield
    console._context.spool.close()


# Servers

_SERVER_ERRORS: dict[StatementFault, tuple[int, str]] = {
    "full": (1114, "The table is full"),
    "lost": (2013, "Lost connection to server during query"),
    "commit_lost": (2013, "Lost connection to server during query"),
    "deadlock": (1213, "Deadlock found when trying to get lock"),
    "lock_wait": (1205, "Lock wait timeout exceeded"),
}
_SHORT_RETRY_SECONDS = 0.3


@contextmanager
def _break_server_statements(console: Console, countdown: FailureCountdown) -> Iterator[None]:
    """Within the block, the statements of the console's own connections to the server, except SET, fail as the
    countdown decides. Other connections of this process have no faults.
    """
    import pymysql.connections

    send = pymysql.connections.Connection._execute_command

    def break_statement(connection: Any, command: int, sql: Any) -> None:
        if _is_connection_of(console, connection) and not _read_sql_text(sql).startswith("SET "):
            _raise_if_statement_must_fail(
                countdown,
                lambda text: _run_on_server(connection, send, command, text),
                _read_sql_text(sql),
                connection,
            )
        send(connection, command, sql)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("retry_policy.UNREACHABLE_RETRY_SECONDS", "engine.COMMIT_CHECK_SECONDS"):
            patch.setattr(f"console.store.database.{name}", _SHORT_RETRY_SECONDS)
        console.database.close()
        patch.setattr(pymysql.connections.Connection, "_execute_command", break_statement)
        yield
    console.database.close()


def _raise_if_statement_must_fail(
    countdown: FailureCountdown, run_on_server: Callable[[str], None], statement_text: str, connection: Any
) -> None:
    """Count the statement, and raise the server's error if it must fail; for the fault `commit_lost` only a COMMIT is
    counted. `statement_text` is the statement in upper case. `run_on_server` runs a statement on the server before
    the error is raised.
    """
    import pymysql

    fault = countdown.fault
    if (fault == "commit_lost" and statement_text != "COMMIT") or not countdown.count_and_check():
        return
    if fault == "commit_lost":
        run_on_server("COMMIT")
    if fault == "deadlock":
        run_on_server("ROLLBACK")
    if _SERVER_ERRORS[fault][0] == 2013:
        connection._force_close()
    raise pymysql.err.OperationalError(*_SERVER_ERRORS[fault])


def _run_on_server(connection: Any, send: Callable[..., None], command: int, text: str) -> None:
    """Send the statement `text` to the server as PyMySQL's `_execute_command` does (`send`; `command` is the number
    of the protocol's command), and read its answer.
    """
    send(connection, command, text)
    connection._read_query_result()


def _is_connection_of(console: Console, connection: Any) -> bool:
    """True if the connection belongs to the console's database account."""
    user = connection.user.decode() if isinstance(connection.user, bytes) else connection.user
    return bool(user == console.database.account_name)


def _read_sql_text(sql: Any) -> str:
    """Return the text of a statement in upper case."""
    return (sql.decode("utf-8", "replace") if isinstance(sql, bytes | bytearray) else str(sql)).lstrip().upper()
