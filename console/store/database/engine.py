"""The class Database: short read and write transactions on SQLite or a server. It retries writes and translates
database errors into ConsoleError.
"""

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from sqlalchemy import Connection, Engine, make_url, text
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from console.domain.error_reasons import DatabaseLockedProblem, DatabaseUnreachableProblem
from console.domain.errors import ConsoleError, ErrorCode, rebuild_error
from console.domain.process.read_interruption import ReadInterrupted, get_current_interruption
from console.domain.setting_problems import SettingProblem
from console.settings.private_files import find_unwritable_path, has_free_descriptor, read_file_identity
from console.store.database import error_codes, retry_policy
from console.store.database import server as server_engine
from console.store.database import sqlite as sqlite_engine
from console.store.database.deferred_statements import execute_with_next_statement
from console.store.database.error_codes import RunAgain
from console.store.database.sqlite import BUSY_TIMEOUT_SECONDS
from console.store.database.sqlite_write_queue import WriteQueueLock
from console.store.database.transaction import CommitUnproven, Transaction

if TYPE_CHECKING:
    from console.domain.errors.details import BadProfileDetail, DatabaseUnreachableDetail

__all__ = ["BUSY_TIMEOUT_SECONDS", "Database", "RunAgain", "Transaction"]

COMMIT_CHECK_SECONDS = 12.0
"""Longest time (seconds) for which a write looks up the outcome of a COMMIT that the server didn't answer. A crashed
server is back within ten seconds.
"""

DATABASE_CHECK_INTERVAL_SECONDS = 1.0
"""Shortest time (seconds) between two calls of `Database.database_check`."""

_EXECUTED_REQUEST_KEY = "executed_request"
"""Key in `Connection.info` of the desk request that the session's SQL variable `@console_request` names."""
_SET_EXECUTED_REQUEST_STATEMENT = text("SET @console_request = :request")
_MIN_WAIT_SECONDS = 0.005
_MAX_WAIT_SECONDS = 0.2
_SERVER_BACKENDS = ("mysql", "mariadb")
_FILE_ACCESS_CODES = (ErrorCode.DATABASE_UNREACHABLE, ErrorCode.READ_ONLY)
"""Error codes of SQLite's messages "unable to open database file" and "attempt to write a readonly database"."""
_log = logging.getLogger("console.store")

T = TypeVar("T")


class Database:
    """Short transactions on one database. Thread-safe; a transaction belongs to the thread that began it.

    - `without_time_limit` removes the time limit of statements on a server. It is only for the commands `db …`, never
      for a desk.
    - `observer`, if set, is called with +1 before and -1 after each transaction, so that tests can prove that no
      transaction is open during a call to a provider.
    - `database_check`, if set, is called in a write transaction before the caller's statements, at most once a
      second. It raises an exception if this process may no longer write, for example because another desk has
      upgraded the schema. The exception ends the transaction.

    Raises ConsoleError `bad_profile` if the URL is malformed or names a database that this program doesn't support.
    """

    def __init__(self, url: str, *, without_time_limit: bool = False) -> None:
        try:
            self.url = make_url(url)
        except ValueError:
            error_detail: BadProfileDetail = {
                "variable": "CONSOLE_DATABASE_URL",
                "problem": SettingProblem.INVALID_DATABASE_URL,
            }
            raise ConsoleError(ErrorCode.BAD_PROFILE, error_detail) from None
        backend = self.url.get_backend_name()
        if backend not in ("sqlite", *_SERVER_BACKENDS):
            problem: BadProfileDetail = {
                "variable": "CONSOLE_DATABASE_URL",
                "problem": SettingProblem.NO_SUCH_ENGINE,
                "engine": backend[:20],
            }
            raise ConsoleError(ErrorCode.BAD_PROFILE, problem)
        self.dialect = "sqlite" if backend == "sqlite" else "mysql"
        self.observer: Callable[[int], None] | None = None
        self.database_check: Callable[[Connection], object] | None = None
        self.get_executed_request_id: Callable[[], str | None] = _get_no_executed_request
        """Function that returns the id of the desk request that the calling thread executes; None if it executes
        none.
        """
        self._next_check_at = float("-inf")
        self.server = (
            server_engine.parse_server_url(self.url, without_time_limit=without_time_limit)
            if self.is_server
            else None
        )
        self.engine, self._read_engine = self._open_engines()
        self._write_queue = WriteQueueLock(self.file)
        self._path = str(self.file) if self.file else None
        self._file_identity: tuple[int, int] | None = None
        self._has_lost_wal = False
        self._has_connected = False
        self._is_closed = False

    def _open_engines(self) -> tuple[Engine, Engine]:
        """Return two connection pools: one for write transactions and one for reads. On SQLite the same pool is
        returned twice."""
        if self.server is None:
            engine = sqlite_engine.open_engine(self.url)
            return engine, engine
        return server_engine.open_engine(self.server, "write"), server_engine.open_engine(self.server, "read")

    @property
    def is_server(self) -> bool:
        """True for MariaDB, MySQL and Galera; False for SQLite."""
        return self.dialect != "sqlite"

    @property
    def account_name(self) -> str | None:
        """The name of the database account in the URL; None on SQLite, which has no accounts."""
        return self.url.username if self.is_server else None

    @property
    def file(self) -> Path | None:
        """The path of the SQLite file; None for a server or a database in memory."""
        name = self.url.database
        return Path(name) if self.dialect == "sqlite" and name and name != ":memory:" else None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Context manager: open a connection for reads, and yield it. Its reads don't block writers.

        On SQLite all reads see one consistent state. On a server each statement sees the latest state. Raises
        ConsoleError for a database error that has an error code (`error_codes.find_database_error_code`), and
        ReadInterrupted if the person has cancelled the call (`ReadInterruption.run`).
        """
        self._report_transaction_change(+1)
        try:
            if self.is_server:
                with self._connect(self._read_engine) as conn, self._make_interruptible(conn):
                    self._has_connected = True
                    yield conn
            else:
                with self._open_sqlite_transaction("BEGIN DEFERRED") as conn, self._make_interruptible(conn):
                    yield conn
        except (DBAPIError, NoConnectionFree, PendingRollbackError) as error:
            _raise_console_error(error, self.file)
            raise
        finally:
            self._report_transaction_change(-1)

    def _make_interruptible(self, conn: Connection) -> AbstractContextManager[None]:
        """Context manager: while the block runs, the person who made the present call can cancel it. A cancellation
        ends the running statement on `conn`. If the calling thread executes no call that a person can cancel, only
        run the block.
        """
        interruption = get_current_interruption()
        if interruption is None:
            return nullcontext()
        if self.is_server:
            session = server_engine.get_session(conn)
            return interruption.make_interruptible(lambda: self._open_statement_canceller(session))
        driver: Any = conn.connection.dbapi_connection
        return interruption.make_interruptible(lambda: nullcontext(driver.interrupt))

    @contextmanager
    def _open_statement_canceller(self, session: server_engine.ServerSession) -> Iterator[Callable[[], None]]:
        """Context manager: open a connection and yield the function that ends the running statement of `session`. If
        the connection is at another node of a cluster, where the session can't be reached, the function does nothing.
        """
        with self._connect(self._read_engine) as conn:
            is_same_node = server_engine.get_session(conn).node == session.node

            def end_statement() -> None:
                if is_same_node:
                    conn.exec_driver_sql(f"KILL QUERY {session.connection_id}")

            yield end_statement

    def write(self, run_in_transaction: Callable[[Transaction], T]) -> T:
        """Call `run_in_transaction` in a write transaction and return its result after the COMMIT.

        On a server, a transaction that loses a race or its connection is rolled back and run again as a whole, from
        fresh reads. So `run_in_transaction` must have no effect outside its transaction.

        Raises the exceptions of `run_in_transaction`, and ConsoleError for a database error that has an error code.
        On a server, the transaction is run again before the error is raised, as often as `retry_policy` allows,
        unless another try can't help. On SQLite the error is raised at once.
        """
        retries = retry_policy.RetryCounters()
        lost_transactions: list[Transaction] = []
        while True:
            try:
                return self._attempt_transaction(run_in_transaction, lost_transactions)
            except Exception as error:
                if isinstance(error, CommitUnproven) and error.tx.proof is not None:
                    lost_transactions.append(error.tx)
                if not (
                    self.is_server
                    and retries.allows_retry(
                        error, was_connected=self._has_connected, has_unanswered_commit=bool(lost_transactions)
                    )
                ):
                    _raise_console_error(error, self.file)
                    raise
                _log.info("a transaction is run again: %s", error)
            time.sleep(random.uniform(_MIN_WAIT_SECONDS, _MAX_WAIT_SECONDS))  # noqa: S311  # spreads competing writers

    @contextmanager
    def write_without_retries(self) -> Iterator[Transaction]:
        """Context manager: open a write transaction without retries, and yield it: for migrations and tests, while no
        other process writes."""
        self._report_transaction_change(+1)
        try:
            with self._write_transaction() as tx:
                yield tx
        except DBAPIError as error:
            _raise_console_error(error, self.file)
            raise
        finally:
            self._report_transaction_change(-1)
        tx.run_commit_hooks()

    def _attempt_transaction(
        self, run_in_transaction: Callable[[Transaction], T], lost_transactions: list[Transaction]
    ) -> T:
        """Call `run_in_transaction` in one write transaction and return its result. `lost_transactions` are earlier
        attempts whose COMMIT wasn't answered.

        Before `run_in_transaction` is called, ask the database if one of them was committed, and if so, return the
        result of that attempt instead. On another node of a cluster, an earlier COMMIT may become visible late. So
        ask again after the call: raises RunAgain if one has become visible. If none is visible then, the attempts
        have read the same state and write the same keys, so only one of them can commit.
        """
        self._report_transaction_change(+1)
        try:
            with self._write_transaction() as tx:
                committed_transaction = _find_first_committed(lost_transactions, tx.conn) or tx
                if committed_transaction is tx:
                    try:
                        tx.result = run_in_transaction(tx)
                    except Exception as error:
                        if _is_any_committed(lost_transactions, tx.conn):
                            raise RunAgain("a lost COMMIT has arrived") from error
                        raise
                    if _find_first_committed(lost_transactions, tx.conn):
                        raise RunAgain("a lost COMMIT has arrived")
        finally:
            self._report_transaction_change(-1)
        committed_transaction.run_commit_hooks()
        result: T = committed_transaction.result
        return result

    @contextmanager
    def _write_transaction(self) -> Iterator[Transaction]:
        """Context manager: open one write transaction, yield it, and commit it at the end of the block. On SQLite it
        holds the write lock from the start."""
        if self.is_server:
            with self._connect(self.engine) as conn:
                self._has_connected = True
                self._check_database_if_due(conn)
                self._set_executed_request(conn)
                tx = Transaction(conn)
                yield tx
                self._commit_transaction(tx)
            return
        with self._write_queue.hold_writer_lock(), self._open_sqlite_transaction("BEGIN IMMEDIATE") as conn:
            self._check_database_if_due(conn)
            if self._path is not None:
                sqlite_engine.store_wal_identity(conn, self._path)
            yield Transaction(conn)
            self._require_same_file(conn)

    def _check_database_if_due(self, conn: Connection) -> None:
        """Call `database_check`, which raises an exception if this process may no longer write. Do nothing if the
        function isn't set, or if its last call was less than DATABASE_CHECK_INTERVAL_SECONDS ago.
        """
        if self.database_check is not None and time.monotonic() >= self._next_check_at:
            self.database_check(conn)
            self._next_check_at = time.monotonic() + DATABASE_CHECK_INTERVAL_SECONDS

    def _set_executed_request(self, conn: Connection) -> None:
        """Write the id of the desk request that this session executes into the SQL variable `@console_request`, which
        the triggers read. A session keeps the value until the id changes. The statement is sent together with the
        next statement; if the transaction ends before, the next transaction writes the id.
        """
        request, info = self.get_executed_request_id(), conn.info
        if info.get(_EXECUTED_REQUEST_KEY) != request:

            def remember_request(_row_count: int) -> None:
                info[_EXECUTED_REQUEST_KEY] = request

            execute_with_next_statement(conn, _SET_EXECUTED_REQUEST_STATEMENT, {"request": request}, remember_request)

    def _commit_transaction(self, tx: Transaction) -> None:
        """Commit `tx`. The server may fail to answer whether it has committed or undone `tx`. Then use
        `Transaction.proof` to look for a row that only this transaction can have written.

        Raises CommitUnproven if that row is absent or `tx` has no proof; ConsoleError `database_unreachable` if the
        database can't be read; the error of the commit if the server has undone `tx`, or if COMMIT wasn't sent
        because a deferred statement had failed.
        """
        session, commit_at = server_engine.get_session(tx.conn), time.monotonic()
        has_sent_commit = server_engine.make_commit_sent_check(tx.conn)
        try:
            tx.conn.commit()
        except DBAPIError as error:
            if error_codes.was_undone_at_commit(error) or not has_sent_commit():
                raise
            tx.conn.invalidate()
            if not self._was_committed(tx, session, commit_at, error):
                raise CommitUnproven(tx) from error

    def _was_committed(
        self, tx: Transaction, session: server_engine.ServerSession, commit_at: float, error: DBAPIError
    ) -> bool:
        """Return True if the COMMIT of `tx`, which the server didn't answer, took effect; False if it didn't, or if
        `tx` has no proof. The answer is certain after the session of `tx` has ended: the row that only `tx` can have
        written then exists, or will never exist.

        `commit_at` is the time at which COMMIT was sent (monotonic seconds), `error` is the error of the COMMIT. A
        crashed node usually works again within seconds; a cluster without a quorum often doesn't, so its time limit
        is shorter. Raises ConsoleError `database_unreachable` if the database can't be reached again within the
        limit: the outcome is then unknown.
        """
        if tx.proof is None:
            return False
        deadline = time.monotonic() + COMMIT_CHECK_SECONDS
        while True:
            try:
                with self._connect(self.engine) as conn:
                    return server_engine.was_committed(conn, tx.proof, session)
            except DBAPIError as later_error:
                time_limit = (
                    commit_at + retry_policy.get_write_retry_seconds(later_error)
                    if error_codes.has_no_quorum(later_error)
                    else deadline
                )
                if time.monotonic() >= time_limit:
                    facts: DatabaseUnreachableDetail = {
                        "problem": DatabaseUnreachableProblem.COMMIT_UNANSWERED,
                        "cause": str(later_error.orig),
                    }
                    raise ConsoleError(ErrorCode.DATABASE_UNREACHABLE, facts) from error
            time.sleep(_MAX_WAIT_SECONDS)

    @contextmanager
    def _open_sqlite_transaction(self, begin_statement: str) -> Iterator[Connection]:
        """Context manager: open an SQLite transaction with `begin_statement`, and yield its connection.

        The driver would send its own BEGIN only before the first write; in a test, 890 of 960 updates were lost
        because of that. An event listener of SQLAlchemy could also send the statement, but makes each statement a
        tenth slower.
        """
        self._require_same_file()
        with self._connect(self.engine) as conn, conn.begin():
            conn.exec_driver_sql(begin_statement)
            self._require_same_file(conn)
            try:
                yield conn
            except ReadInterrupted:
                conn.invalidate()  # while another cursor is open, SQLite interrupts the ROLLBACK, too
                raise

    def _require_same_file(self, conn: Connection | None = None) -> None:
        """Raise ConsoleError `database_unreachable` if the SQLite file was moved or replaced since it was opened, or
        if its write-ahead log was moved or replaced since the connection `conn` opened it. Also raise this error if
        the program can't check that, for example because it may no longer read the folder.

        Open connections would still write to the original file, and a new connection would create an empty file under
        the path. Other programs wouldn't see these writes.
        """
        if self._path is None:
            return
        try:
            file_identity = read_file_identity(self._path)
            is_wal_lost = conn is not None and sqlite_engine.has_lost_wal(conn, self._path)
        except OSError as error:
            cause: DatabaseUnreachableDetail = {"file": self._path, "cause": error.strerror or str(error)}
            raise ConsoleError(
                ErrorCode.DATABASE_UNREACHABLE, {"problem": DatabaseUnreachableProblem.FILE_NOT_WRITABLE, **cause}
            ) from error
        if self._file_identity is None:
            self._file_identity = file_identity
        elif file_identity != self._file_identity:
            self._raise_file_replaced(self._path)
        self._has_lost_wal = self._has_lost_wal or is_wal_lost
        if self._has_lost_wal:  # also on a new connection: SQLite shares the index of the deleted log in a process
            self._raise_file_replaced(self._path)

    @staticmethod
    def _raise_file_replaced(path: str) -> NoReturn:
        facts: DatabaseUnreachableDetail = {
            "problem": DatabaseUnreachableProblem.DATABASE_FILE_REPLACED,
            "file": path,
        }
        raise ConsoleError(ErrorCode.DATABASE_UNREACHABLE, facts)

    def _report_transaction_change(self, change: int) -> None:
        """Call `observer`, if it is set, with `change`: +1 before a transaction and -1 after it."""
        if self.observer is not None:
            self.observer(change)

    @contextmanager
    def _connect(self, engine: Engine) -> Iterator[Connection]:
        """Context manager: open a connection of this engine's pool, and yield it. If the database object was closed
        during the block, close the connection after the block, because `close` can't reach a connection that is in
        use."""
        pool = engine.pool
        try:
            with engine.connect() as conn:
                yield conn
        finally:
            if self._is_closed:
                pool.dispose()

    def close(self) -> None:
        """Close all idle connections to the database. A connection that another thread is using is closed at the end
        of its transaction, and so is every connection that is opened later."""
        self._is_closed = True
        self.engine.dispose()
        self._read_engine.dispose()


def _get_no_executed_request() -> None:
    """Return None: the calling thread executes no desk request. Default of `Database.get_executed_request_id`."""


def _find_first_committed(lost_transactions: list[Transaction], conn: Connection) -> Transaction | None:
    """Return the first transaction in `lost_transactions` that was committed; None if none was committed. The server
    didn't answer the COMMIT of these transactions.

    A transaction was committed if its function `proof` finds, by a read on `conn`, the row that only this transaction
    can have written. A transaction without this function is left out.
    """
    return next((tx for tx in lost_transactions if tx.proof is not None and tx.proof(conn)), None)


def _is_any_committed(lost_transactions: list[Transaction], conn: Connection) -> bool:
    """True if one of `lost_transactions` (earlier attempts whose COMMIT wasn't answered) was committed. Its rows may
    be the reason why the transaction on `conn` has failed. To find this out, the function first rolls the transaction
    on `conn` back. Return False without a rollback if `lost_transactions` is empty or the connection is lost.
    """
    if not lost_transactions or conn.invalidated:
        return False
    try:
        conn.rollback()
        return _find_first_committed(lost_transactions, conn) is not None
    except DBAPIError:
        return False


def _raise_console_error(error: Exception, database_file: Path | None) -> None:
    """Raise the ConsoleError that belongs to this error of a transaction. Return without an exception if the error
    has no error code; the caller then raises the error itself. `database_file` is the file of an SQLite database,
    None for a server."""
    if isinstance(error, CommitUnproven):
        _raise_error_of_unproven_commit(error)
    if isinstance(error, RunAgain):
        raise ConsoleError(ErrorCode.DATABASE_LOCKED, {"problem": DatabaseLockedProblem.LOST_EVERY_RACE}) from error
    if isinstance(error, NoConnectionFree):
        raise ConsoleError(
            ErrorCode.DATABASE_UNREACHABLE, {"problem": DatabaseUnreachableProblem.TOO_MANY_CONNECTIONS}
        ) from error
    if isinstance(error, PendingRollbackError):
        raise ConsoleError(
            ErrorCode.DATABASE_UNREACHABLE, {"problem": DatabaseUnreachableProblem.CONNECTION_LOST}
        ) from error
    code = error_codes.find_database_error_code(error) if isinstance(error, DBAPIError) else None
    if code is ErrorCode.DATABASE_UNREACHABLE and not has_free_descriptor():
        raise ConsoleError(ErrorCode.STORAGE_FULL, {"reason": "out_of_resources"}) from error
    if code in _FILE_ACCESS_CODES and database_file is not None:
        unwritable_path = find_unwritable_path(database_file)
        if unwritable_path is not None:
            facts: DatabaseUnreachableDetail = {"file": str(unwritable_path), "cause": str(error.__cause__ or error)}
            raise ConsoleError(
                ErrorCode.DATABASE_UNREACHABLE, {"problem": DatabaseUnreachableProblem.FILE_NOT_WRITABLE, **facts}
            ) from error
    if isinstance(error, DBAPIError) and code is not None:
        detail: dict[str, object] = dict(error_codes.make_error_detail(error, code))
        if code is ErrorCode.STORAGE_FULL and database_file is not None:
            detail["file"] = str(database_file)
        raise rebuild_error(code, detail) from error


def _raise_error_of_unproven_commit(error: CommitUnproven) -> None:
    """Raise the ConsoleError that belongs to a COMMIT that failed with another error than a lost race:
    `database_unreachable` (commit_unanswered) if the transaction has no proof, because it may have been committed;
    otherwise the error of the COMMIT. Return without an exception if that error has no error code.
    """
    cause = error.__cause__
    if error.tx.proof is None:
        facts: DatabaseUnreachableDetail = {
            "problem": DatabaseUnreachableProblem.COMMIT_UNANSWERED,
            "cause": str(getattr(cause, "orig", cause)),
        }
        raise ConsoleError(ErrorCode.DATABASE_UNREACHABLE, facts) from error
    code = error_codes.find_database_error_code(cause) if isinstance(cause, DBAPIError) else None
    if isinstance(cause, DBAPIError) and code is not None:
        raise rebuild_error(code, dict(error_codes.make_error_detail(cause, code))) from error
