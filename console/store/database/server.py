"""Opens connections to MariaDB, MySQL and Galera, with verified TLS, time limits, and the same session settings
for all connections.

There are two pools: one for reads in AUTOCOMMIT, in which each statement costs one round trip, and one for writes.
"""

import select
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect, ExceptionContext
from sqlalchemy.exc import DatabaseError, DisconnectionError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.network.addresses import is_this_machine
from console.domain.setting_problems import SettingProblem
from console.settings.private_files import open_ordinary_file
from console.store.database import error_codes
from console.store.database.server_timeouts import AnswerReader, limit_answer_time

if TYPE_CHECKING:
    from console.domain.errors.details import BadProfileDetail

CONNECT_TIMEOUT_SECONDS = 3
"""Time limit (seconds) for opening a connection to one node."""
STATEMENT_TIMEOUT_SECONDS = 10
"""Time limit (seconds) of one statement of a desk (on MySQL only of a SELECT), and of its wait for a table's metadata
lock."""
ANSWER_TIMEOUT_SECONDS = STATEMENT_TIMEOUT_SECONDS + 5
"""Time limit (seconds) of the wait for the answer to one statement."""
LOCK_WAIT_SECONDS = 4
"""Longest time (seconds) for which a statement waits for a row's lock."""
IDLE_TRANSACTION_TIMEOUT_SECONDS = 6
"""Time (seconds) after which MariaDB ends a session that sends no statement within a transaction. Otherwise a stopped
process or a sleeping computer would keep its row locks.

It is shorter than `retry_policy.LOCKED_RETRY_SECONDS`, so a write that waits for these locks gets them. MySQL has no
such setting.
"""
IDLE_SECONDS_WITHOUT_TIME_LIMIT = 86_400
"""Time (seconds) after which a server may end an idle session of the commands `db …`. A restore keeps a session open
while the dump is loaded.
"""
POOL_SIZE = 4
"""Number of connections that each of the two pools keeps open. While all of them are in use, a pool opens at most
POOL_SIZE further connections.
"""

_IDLE_SECONDS_BEFORE_CHECK = 2.0
"""Time without use (seconds) after which a connection is checked before its next use."""
# Settings of every session. MariaDB alone reads `/*M! … */`. wsrep_sync_wait 3 (reads, UPDATE and DELETE) makes a
# Galera node wait for the write sets of the other nodes before it answers; a single server ignores it.
_SQL_MODE = "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
_DEFAULT_SESSION_VARIABLES = (
    f"sql_select_limit = {2**64 - 1}, sql_safe_updates = 0, sql_big_selects = 1, max_sort_length = 1024,"
    " sql_quote_show_create = 1,"
    " completion_type = 'NO_CHAIN', foreign_key_checks = 1, unique_checks = 1, default_storage_engine = 'InnoDB',"
    " lc_messages = 'en_US' /*M!100000 , check_constraint_checks = 1, default_regex_flags = '',"
    " alter_algorithm = 'DEFAULT' */"
)
"""The default values of variables that change the effect or the result of statements. An administrator may have set
others for the whole server. For example, a limit of rows would leave records out, and with other flags of regular
expressions the triggers would refuse the answers of providers. SQLAlchemy finds the columns of a table by the quotes
of SHOW CREATE TABLE, and with `alter_algorithm` a migration could be refused. `error_codes` reads messages in
English.
"""
_GALERA_SETTING = "/*M!100000 , wsrep_sync_wait = 3 */"
_SESSION_SETTINGS = (
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    f"SET SESSION time_zone = '+00:00', sql_mode = '{_SQL_MODE}', {_DEFAULT_SESSION_VARIABLES}",
    f"SET SESSION innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS} {_GALERA_SETTING}",
)
_UNKNOWN_VARIABLE_ERROR = 1193
# A Galera node outside the primary component accepts SET and a SELECT without tables, but refuses this statement.
_CONNECTION_CHECK_STATEMENT = "DO 1"
_READ_ONLY_QUERY = "SELECT IF(@@GLOBAL.innodb_read_only, 'ON', @@GLOBAL.read_only)"
_VALUES_OF_READ_ONLY_OFF = ("0", "OFF")
_SET_TIME_LIMITS_SQL = (
    f"SET SESSION lock_wait_timeout = {STATEMENT_TIMEOUT_SECONDS}"
    f" /*!80000 , max_execution_time = {STATEMENT_TIMEOUT_SECONDS * 1000} */"
    f" /*M!100000 , max_statement_time = {STATEMENT_TIMEOUT_SECONDS},"
    f" idle_transaction_timeout = {IDLE_TRANSACTION_TIMEOUT_SECONDS} */"
)
_REMOVE_TIME_LIMITS_SQL = (
    f"SET SESSION wait_timeout = {IDLE_SECONDS_WITHOUT_TIME_LIMIT} /*!80000 , max_execution_time = 0 */"
    " /*M!100000 , max_statement_time = 0, idle_transaction_timeout = 0, idle_write_transaction_timeout = 0,"
    " idle_readonly_transaction_timeout = 0 */"
)
"""SQL that removes the limits which an administrator may have set for the whole server."""
_SET_SHORT_LOCK_WAIT_SQL = "SET SESSION innodb_lock_wait_timeout = 1"
"""SQL that lets later statements wait for a row's lock for one second, which is the shortest wait on MySQL."""
_NO_LOCK_WAIT_PREFIX = b"SET STATEMENT innodb_lock_wait_timeout = 0 FOR "
"""Beginning of a statement on MariaDB that fails at once if it would wait for a row's lock."""
_SET_LOCK_WAIT_SQL = f"SET SESSION innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS}"
_TLS_FILE_OPTIONS = ("ssl_ca", "ssl_cert", "ssl_key")
_TLS_OPTIONS = (*_TLS_FILE_OPTIONS, "ssl_verify_cert", "ssl_verify_identity", "ssl_key_password")

PoolPurpose = Literal["read", "write"]
"""Purpose of a connection pool; see `open_engine`."""
_DATABASE_ACCESS_DENIED_ERROR = 1044
"""Error number of a login whose account has no right on the database."""
_READS_VIEWS_KEY = "reads_views"
"""Key in `Connection.info` that marks a connection to the database of views."""


def make_people_database_name(database: str) -> str:
    """Return the name of the second database, which contains the views for the people for whom a worker acts.
    `database` is the name of the console's database."""
    return f"{database}_people"


def reads_views(conn: Connection) -> bool:
    """True if the connection uses the database with the views for people for whom a worker acts
    (`make_people_database_name`), because its account has no right on the tables of the console's database.
    """
    return bool(conn.info.get(_READS_VIEWS_KEY))


@dataclass(frozen=True, slots=True)
class Server:
    """A server database. It consists of the URL that names it, its nodes (host, port) in the order in which they are
    tried, and the driver's arguments for a connection (`driver_arguments`). `has_no_time_limit`: statements may take
    any time.
    """

    url: URL
    nodes: tuple[tuple[str, int], ...]
    driver_arguments: Mapping[str, Any]
    has_no_time_limit: bool

    @property
    def is_on_loopback(self) -> bool:
        """True if every node of the server runs on this machine."""
        return all(is_this_machine(host) for host, _ in self.nodes)


def parse_server_url(url: URL, *, without_time_limit: bool = False) -> Server:
    """Return the server database (nodes and connection arguments) that a URL names.

    Options in its query: `ssl_ca`, `ssl_cert`, `ssl_key` (paths), `ssl_key_password`, and one `fallback=host:port`
    for each further node of a cluster. `charset`, `ssl_verify_cert` and `ssl_verify_identity` are accepted without
    effect: the character set is always utf8mb4. The certificate chain and the host name of the server are always
    verified, except on an unencrypted connection, which is used only to this machine.

    `without_time_limit` removes the time limit of statements: for the commands `db …`, never for a desk. Raises
    ConsoleError `bad_profile` for a `fallback` of another form, and for any other option, because a mistyped option
    must not turn a protection off unnoticed.
    """
    query = {key: value for key, value in url.query.items() if key not in ("fallback", "charset")}
    unknown_options = sorted(
        name for name, value in query.items() if name not in _TLS_OPTIONS or not isinstance(value, str)
    )
    if unknown_options:
        raise _make_bad_profile_error(SettingProblem.UNKNOWN_OPTION, option=unknown_options[0])
    nodes = ((url.host or "127.0.0.1", url.port or 3306), *_parse_fallback_nodes(url))
    arguments: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "read_timeout": None if without_time_limit else ANSWER_TIMEOUT_SECONDS,
        "write_timeout": None if without_time_limit else ANSWER_TIMEOUT_SECONDS,
        "charset": "utf8mb4",
        **_make_tls_options(query, nodes),
    }
    url_without_options = URL.create("mysql+pymysql", url.username, url.password, *nodes[0], url.database)
    return Server(url_without_options, nodes, arguments, without_time_limit)


def _parse_fallback_nodes(url: URL) -> list[tuple[str, int]]:
    """Return the further nodes (host, port) that the option `fallback` of the URL names. Raises ConsoleError
    `bad_profile` for a text that isn't `host:port`."""
    fallbacks = url.query.get("fallback", ())
    nodes = []
    for text in (fallbacks,) if isinstance(fallbacks, str) else fallbacks:
        host, _, port = text.rpartition(":")
        if not host or not port.isdecimal():
            raise _make_bad_profile_error(SettingProblem.INVALID_FALLBACK, option="fallback")
        nodes.append((host, int(port)))
    return nodes


def _make_tls_options(query: Mapping[str, Any], nodes: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """Return the driver's TLS arguments for these nodes. `query` has the options of the URL. Certificate chain and
    host name are always verified, against `ssl_ca` or the system's certificate authorities. Only connections to this
    machine are unencrypted, if the URL names no TLS file.
    """
    tls_files = {name: query[name] for name in ("ssl_ca", "ssl_cert", "ssl_key", "ssl_key_password") if name in query}
    if not tls_files and all(is_this_machine(host) for host, _ in nodes):
        return {"ssl_disabled": True}  # otherwise PyMySQL reads the system's authorities at each connection (20 ms)
    if not tls_files.get("ssl_ca"):
        import ssl

        tls_files["ssl_ca"] = ssl.get_default_verify_paths().cafile
    return {**tls_files, "ssl_verify_cert": True, "ssl_verify_identity": True}


def open_engine(server: Server, purpose: PoolPurpose) -> Engine:
    """Return a new connection pool to this server. Its connections are in AUTOCOMMIT mode if `purpose` is "read";
    for "write" they use READ COMMITTED, and a transaction begins with its first statement."""
    engine = create_engine(
        server.url,
        connect_args=dict(server.driver_arguments),
        isolation_level="AUTOCOMMIT" if purpose == "read" else None,
        skip_autocommit_rollback=True,
        pool_size=POOL_SIZE,
        max_overflow=POOL_SIZE,
        pool_timeout=ANSWER_TIMEOUT_SECONDS,
        # The connection that was used last seldom needs the check of an idle connection, which is a round trip.
        pool_use_lifo=True,
        # Each transaction is ended by this program; the pool's ROLLBACK would cost a round trip.
        pool_reset_on_return=None,
        hide_parameters=True,
    )
    _ConnectionOpener(server).register_listeners(engine)
    return engine


class _ConnectionOpener:
    """Opens each connection of a pool to the first node that accepts it, and checks an idle connection before its
    next use.

    An account without any right on the console's database is connected to the database with the views for people for
    whom a worker acts (`make_people_database_name`).
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._first_node = 0
        name = server.url.database
        self._databases: tuple[str | None, ...] = (name, make_people_database_name(name)) if name else (None,)

    def register_listeners(self, engine: Engine) -> None:
        event.listen(engine, "do_connect", self._connect_to_tables_or_views)
        event.listen(engine, "checkin", self._store_beginning_of_idle_time)
        event.listen(engine, "checkout", self._check_idle_connection)
        event.listen(engine, "handle_error", self._mark_lost_connection)

    def _connect_to_tables_or_views(
        self, dialect: Dialect, record: ConnectionPoolEntry, arguments: list[Any], keyword_arguments: dict[str, Any]
    ) -> DBAPIConnection:
        """Open and return a connection to the console's database or, if the account has no right on it, to the
        database with the views. SQLAlchemy calls this method instead of its own function. Raises the error of the
        driver if the account may use neither database, or if no node accepts the connection.
        """
        refusal: Exception | None = None
        for database in self._databases:
            try:
                connection = self._connect_to_node(dialect, arguments, {**keyword_arguments, "database": database})
            except dialect.loaded_dbapi.OperationalError as refused:
                if refused.args[0] != _DATABASE_ACCESS_DENIED_ERROR:
                    raise
                refusal = refusal or refused
                continue
            record.info[_READS_VIEWS_KEY] = database != self._server.url.database
            self._databases = (
                database,
                *(other_database for other_database in self._databases if other_database != database),
            )
            return connection
        raise refusal or RuntimeError("there is at least one database")

    def _connect_to_node(
        self, dialect: Dialect, arguments: list[Any], keyword_arguments: dict[str, Any]
    ) -> DBAPIConnection:
        """Open and return a connection, with the driver's `arguments` and `keyword_arguments`, to the first node that
        accepts it, beginning with the node of the last connection. A read-only node is used only if each other node
        refuses the connection or is read-only, too. Raises the error of the driver if no node accepts the connection,
        or if the account has no right on the database.
        """
        nodes, error = self._server.nodes, None
        read_only_node: tuple[int, DBAPIConnection] | None = None
        for attempt in range(len(nodes)):
            node_index = (self._first_node + attempt) % len(nodes)
            try:
                connection = self._open_node_connection(dialect, arguments, keyword_arguments, nodes[node_index])
                is_writable = len(nodes) == 1 or not _is_read_only(connection)
            except dialect.loaded_dbapi.OperationalError as refused:
                if refused.args[0] == _DATABASE_ACCESS_DENIED_ERROR:
                    raise
                # An error about the login or a lost quorum says more than another node's refused connection.
                if error_codes.is_login_refused(refused) or not (
                    error_codes.is_login_refused(error) or error_codes.has_no_quorum(error)
                ):
                    error = refused
                continue
            if not is_writable and read_only_node is None:
                read_only_node = node_index, connection
            elif not is_writable:
                connection.close()
            else:
                if read_only_node is not None:
                    read_only_node[1].close()
                self._first_node = node_index
                return connection
        if read_only_node is not None:
            self._first_node, connection = read_only_node
            return connection
        raise error or RuntimeError("a server has at least one node")

    def _open_node_connection(
        self, dialect: Dialect, arguments: list[Any], keyword_arguments: dict[str, Any], node: tuple[str, int]
    ) -> DBAPIConnection:
        """Open and return a connection to this node (host, port) with the driver's `arguments` and
        `keyword_arguments`, the settings of every session and the time limits of the server. Raises the error of the
        driver if the node refuses the connection.
        """
        host, port = node
        options = {**keyword_arguments, "host": host, "port": port, "read_timeout": CONNECT_TIMEOUT_SECONDS}
        open_node = partial(_open_connection, dialect, arguments, options)
        if self._server.has_no_time_limit:
            connection = open_node(_CONNECTION_CHECK_STATEMENT, *_SESSION_SETTINGS, _REMOVE_TIME_LIMITS_SQL)
        else:
            connection = open_node(_CONNECTION_CHECK_STATEMENT, *_SESSION_SETTINGS, _SET_TIME_LIMITS_SQL)
            AnswerReader(connection, partial(_is_node_serving, open_node, dialect.loaded_dbapi.Error))
        limit_answer_time(connection, keyword_arguments["read_timeout"])
        return connection

    def _mark_lost_connection(self, context: ExceptionContext) -> None:
        """Mark the connection as lost after an error for which `error_codes.is_connection_lost` is True, so that the
        pool replaces it. SQLAlchemy calls this method for each error. It would not replace the connection by itself,
        because a node that has left its cluster, or shuts down, still answers. Also mark the connection of a session
        that is read-only, and the connection to a node that is read-only if the server has further nodes, because
        another session or node may accept the change.
        """
        error = context.sqlalchemy_exception
        if isinstance(error, DatabaseError) and (
            error_codes.is_connection_lost(error)
            or error_codes.is_session_read_only(error)
            or (len(self._server.nodes) > 1 and error_codes.is_node_read_only(error))
        ):
            context.is_disconnect = True

    @staticmethod
    def _store_beginning_of_idle_time(_dbapi: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        """Store the time from which a connection is idle. SQLAlchemy calls this method when the connection returns to
        the pool.
        """
        record.info["idle_since"] = time.monotonic()

    def _check_idle_connection(
        self, dbapi: DBAPIConnection, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection
    ) -> None:
        """Check a connection before its next use: ping it if it was idle for _IDLE_SECONDS_BEFORE_CHECK or has unread
        bytes. Other connections are used without a ping, which saves a round trip.

        Raises DisconnectionError if the server has closed the connection.
        """
        since = record.info.get("idle_since")
        if since is None or (time.monotonic() - since < _IDLE_SECONDS_BEFORE_CHECK and not _has_unread_bytes(dbapi)):
            return
        connection: Any = dbapi
        try:
            limit_answer_time(dbapi, CONNECT_TIMEOUT_SECONDS)
            connection.ping(reconnect=False)
        except Exception as ping_error:
            raise DisconnectionError from ping_error
        limit_answer_time(dbapi, self._server.driver_arguments["read_timeout"])


def _open_connection(
    dialect: Dialect, arguments: list[Any], keyword_arguments: dict[str, Any], *statements: str
) -> DBAPIConnection:
    """Open a connection with the driver's `arguments` and `keyword_arguments`, run `statements` on it, and return it.

    Raises OperationalError of the driver with a number of `error_codes` if the connection can't be opened or a
    statement fails: the other errors of the server and the driver get CONNECTION_NOT_OPENED_ERROR. Raises
    ConsoleError `bad_profile` if a TLS file is missing, unreadable or not in PEM form.
    """
    cause: Exception
    try:
        for name in _TLS_FILE_OPTIONS:
            if keyword_arguments.get(name):  # the driver would wait for the other end of a pipe
                open_ordinary_file(Path(keyword_arguments[name])).close()
        return _open_driver_connection(arguments, keyword_arguments, statements)
    except OSError as unfit:  # PyMySQL raises OSError only for the TLS files
        raise _make_bad_profile_error(SettingProblem.TLS_FILE_UNUSABLE) from unfit
    except dialect.loaded_dbapi.OperationalError as refused:
        if error_codes.has_error_code_at_login(refused):
            raise
        problem, cause = str(refused), refused
    except Exception as unreadable:
        # Another program answers at this address, or the driver lacks the plugin with which the account signs in. The
        # driver raises errors of many classes then, such as IndexError and RuntimeError.
        problem, cause = f"{type(unreadable).__name__}: {unreadable}", unreadable
    raise dialect.loaded_dbapi.OperationalError(error_codes.CONNECTION_NOT_OPENED_ERROR, problem) from cause


def _open_driver_connection(
    arguments: list[Any], keyword_arguments: dict[str, Any], statements: Sequence[str]
) -> DBAPIConnection:
    """Open a connection with the driver's `arguments` and `keyword_arguments`, run `statements` on it, and return it.
    A statement with _GALERA_SETTING runs without it on a MariaDB server without Galera's variables, as on Windows. If
    a statement fails, close the connection and raise the statement's error.
    """
    from pymysql import OperationalError as DriverError

    from console.store.database.pipelining_connection import PipeliningConnection

    connection: DBAPIConnection = PipeliningConnection(*arguments, **keyword_arguments)
    cursor = connection.cursor()
    try:
        for statement in statements:
            try:
                cursor.execute(statement)
            except DriverError as refused:
                if refused.args[0] != _UNKNOWN_VARIABLE_ERROR or _GALERA_SETTING not in statement:
                    raise
                cursor.execute(statement.replace(_GALERA_SETTING, ""))
    except Exception:
        connection.close()
        raise
    cursor.close()
    return connection


def _is_read_only(connection: DBAPIConnection) -> bool:
    """True if the node of this connection refuses changes (`read_only` or `innodb_read_only`). With `read_only`, an
    account of an administrator may change rows there all the same. If the node doesn't answer the query, close the
    connection and raise the driver's error."""
    try:
        cursor = connection.cursor()
        cursor.execute(_READ_ONLY_QUERY)
        row: Any = cursor.fetchone()
        cursor.close()
    except Exception:
        connection.close()
        raise
    return str(row[0]) not in _VALUES_OF_READ_ONLY_OFF


def _is_node_serving(open_node: Callable[[str], DBAPIConnection], driver_error: type[Exception]) -> bool:
    """Return True if the node accepts a new connection and runs a statement on it. Also return True if the node
    refuses the connection only because of the login or because no connection is free. `open_node` opens a connection
    and runs a statement on it; `driver_error` is the base class of the database driver's errors.
    """
    try:
        open_node(_CONNECTION_CHECK_STATEMENT).close()
    except driver_error as refused:
        return not error_codes.is_unreachable(refused)
    return True


def _has_unread_bytes(connection: Any) -> bool:
    """True if the connection has unread bytes, which means that the server has closed it while it was idle. The check
    needs no round trip.
    """
    if not connection.open:
        return True
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([connection._sock], [], [], 0)[0])
    poller = select.poll()
    poller.register(connection._sock, select.POLLIN)
    return bool(poller.poll(0))


def make_commit_sent_check(conn: Connection) -> Callable[[], bool]:
    """Return a function without arguments that may be called after the connection was lost. It returns True if the
    last COMMIT on this connection was sent to the server. COMMIT isn't sent if a deferred statement of the
    transaction has failed, because the answers to deferred statements are read before COMMIT is sent.
    """
    dbapi: Any = conn.connection.dbapi_connection
    return lambda: bool(dbapi.is_commit_sent)


@dataclass(frozen=True, slots=True)
class ServerSession:
    """A session on a server: the address of its node, and its connection id there."""

    node: tuple[str, int]
    connection_id: int


def get_session(conn: Connection) -> ServerSession:
    """Return the session of a connection. The function needs no round trip."""
    dbapi: Any = conn.connection.dbapi_connection
    return ServerSession((dbapi.host, dbapi.port), dbapi.thread_id())


@contextmanager
def avoid_lock_waits(conn: Connection) -> Iterator[None]:
    """Context manager: a statement in the block fails with LOCK_WAIT_TIMEOUT_ERROR instead of waiting for a row's
    lock (on MySQL after one second, the shortest wait there). This costs two round trips on MySQL, none on MariaDB,
    where the setting is part of the statement.
    """
    driver_connection: Any = conn.connection.dbapi_connection
    is_mariadb = getattr(conn.dialect, "is_mariadb", False)
    if is_mariadb:
        driver_connection.statement_prefix = _NO_LOCK_WAIT_PREFIX
    else:
        conn.exec_driver_sql(_SET_SHORT_LOCK_WAIT_SQL)
    try:
        yield
    finally:
        if is_mariadb:
            driver_connection.statement_prefix = b""
        elif not conn.invalidated:
            conn.exec_driver_sql(_SET_LOCK_WAIT_SQL)


def was_committed(conn: Connection, has_proof: Callable[[Connection], bool], lost_session: ServerSession) -> bool:
    """Return True if the COMMIT of the session `lost_session` took effect, False if it will never take effect. `conn`
    can't be used afterwards.

    `has_proof` looks with a lock for the row that only the lost transaction can have written, so it waits for a
    COMMIT that still runs. If the COMMIT never reached the server, the session `lost_session` still holds its row
    locks, and `has_proof` waits for the row until its lock wait ends. In that case this function kills the session
    and calls `has_proof` again. If `conn` is at another node, from which it can't kill the session, it raises
    OperationalError.
    """
    conn.detach()
    conn.exec_driver_sql(_SET_SHORT_LOCK_WAIT_SQL)
    try:
        return has_proof(conn)
    except OperationalError as lock_error:
        if (
            error_codes.find_error_number(lock_error) != error_codes.LOCK_WAIT_TIMEOUT_ERROR
            or get_session(conn).node != lost_session.node
        ):
            raise
    try:
        conn.exec_driver_sql(f"KILL CONNECTION {lost_session.connection_id}")
    except (
        DatabaseError
    ) as kill_error:  # the session may have ended by itself; every account may kill its own sessions
        if kill_error.connection_invalidated:
            raise
    conn.rollback()
    return has_proof(conn)


def _make_bad_profile_error(problem: SettingProblem, /, **facts: Unpack["BadProfileDetail"]) -> ConsoleError:
    return ConsoleError(ErrorCode.BAD_PROFILE, {"variable": "CONSOLE_DATABASE_URL", "problem": problem, **facts})
