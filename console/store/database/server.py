"""Connections to MariaDB, MySQL and Galera: verified, bounded in time, and set up the same on each one.

Two pools: one for reads, where each statement is its own moment and costs one round trip, and one for writes.
"""

import ipaddress
import select
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect, ExceptionContext
from sqlalchemy.exc import DatabaseError, DisconnectionError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from console.domain.errors import ConsoleError
from console.store import troubles
from console.store.listening import Answers, allow

CONNECT_SECONDS = 3
STATEMENT_SECONDS = 10
ANSWER_SECONDS = STATEMENT_SECONDS + 5
LOCK_WAIT_SECONDS = 4
POOL_SIZE = 4
_IDLE_SECONDS = 2.0
# What every session of ours counts on. `/*M!` is read by MariaDB alone; wsrep_sync_wait (3: reads, UPDATE and
# DELETE) makes a Galera node answer with what the others have acknowledged, and means nothing on a single server.
_STRICT = "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
_SESSION = (
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    f"SET SESSION time_zone = '+00:00', sql_mode = '{_STRICT}'",
    f"SET SESSION innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS} /*M!100000 , wsrep_sync_wait = 3 */",
)
# A Galera node without its cluster takes SET and a SELECT without tables, but not this.
_SERVES = "DO 1"
_BOUNDED = (
    f"SET SESSION lock_wait_timeout = {STATEMENT_SECONDS} /*M!100000 , max_statement_time = {STATEMENT_SECONDS} */"
)
_IMPATIENT = "SET SESSION innodb_lock_wait_timeout = 1"
_TLS = ("ssl_ca", "ssl_cert", "ssl_key", "ssl_verify_cert", "ssl_verify_identity", "ssl_key_password")

Purpose = Literal["read", "write"]


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server database is: its nodes in the order in which they are tried, and how a connection is made."""

    url: URL
    nodes: tuple[tuple[str, int], ...]
    arguments: Mapping[str, Any]
    unhurried: bool

    @property
    def on_loopback(self) -> bool:
        return all(_is_loopback(host) for host, _ in self.nodes)


def locate(url: URL, *, unhurried: bool = False) -> Server:
    """Read a server's URL. Query: `ssl_ca`, `ssl_cert`, `ssl_key` (paths), and `fallback=host:port` for each
    further node of a cluster. `unhurried` allows statements of any length: for `db …`, never for a desk.

    Raises bad_profile for any other option: a typing error must not switch a guard off.
    """
    query = {key: value for key, value in url.query.items() if key not in ("fallback", "charset")}
    unknown = sorted(set(query) - set(_TLS))
    if unknown:
        raise _bad("unknown_option", option=unknown[0])
    nodes = ((url.host or "127.0.0.1", url.port or 3306), *_fallbacks(url))
    arguments: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": None if unhurried else ANSWER_SECONDS,
        "write_timeout": None if unhurried else ANSWER_SECONDS,
        "charset": "utf8mb4",
        **_tls(query, nodes),
    }
    plain = URL.create("mysql+pymysql", url.username, url.password, *nodes[0], url.database)
    return Server(plain, nodes, arguments, unhurried)


def _fallbacks(url: URL) -> list[tuple[str, int]]:
    given = url.query.get("fallback", ())
    nodes = []
    for text in (given,) if isinstance(given, str) else given:
        host, _, port = text.rpartition(":")
        if not host or not port.isdecimal():
            raise _bad("fallback_form", option="fallback")
        nodes.append((host, int(port)))
    return nodes


def _tls(query: Mapping[str, Any], nodes: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """Chain and name are verified, always: against the given authority, or the system's. Loopback alone may speak
    in the clear, and does unless an authority is given.
    """
    files = {name: query[name] for name in ("ssl_ca", "ssl_cert", "ssl_key", "ssl_key_password") if name in query}
    if not files and all(_is_loopback(host) for host, _ in nodes):
        return {"ssl_disabled": True}  # else PyMySQL reads the system's authorities, for 20 ms, at each connection
    if not files.get("ssl_ca"):
        import ssl

        files["ssl_ca"] = ssl.get_default_verify_paths().cafile
    return {**files, "ssl_verify_cert": True, "ssl_verify_identity": True}


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def open_engine(server: Server, purpose: Purpose) -> Engine:
    """A pool for reads (each statement stands alone) or for writes (READ COMMITTED, begun by the first statement)."""
    engine = create_engine(
        server.url,
        connect_args=dict(server.arguments),
        isolation_level="AUTOCOMMIT" if purpose == "read" else None,
        skip_autocommit_rollback=True,
        pool_size=POOL_SIZE,
        max_overflow=POOL_SIZE,
        pool_timeout=ANSWER_SECONDS,
        pool_reset_on_return=None,  # what we begin we end; the pool's own ROLLBACK would be a round trip for nothing
        hide_parameters=True,
    )
    _Connecting(server).listen(engine)
    return engine


class _Connecting:
    """Makes connections to the first node that takes them, and looks at idle ones before they are lent again."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._first = 0

    def listen(self, engine: Engine) -> None:
        event.listen(engine, "do_connect", self._connect)
        event.listen(engine, "checkin", self._note_time)
        event.listen(engine, "checkout", self._look)
        event.listen(engine, "handle_error", self._judge)

    def _connect(
        self, dialect: Dialect, _record: ConnectionPoolEntry, arguments: list[Any], named: dict[str, Any]
    ) -> DBAPIConnection:
        nodes, trouble = self._server.nodes, None
        for step in range(len(nodes)):
            turn = (self._first + step) % len(nodes)
            host, port = nodes[turn]
            here = {**named, "host": host, "port": port, "read_timeout": CONNECT_SECONDS}
            enter = partial(_enter, dialect, arguments, here)
            try:
                made = enter(_SERVES, *_SESSION) if self._server.unhurried else enter(_SERVES, *_SESSION, _BOUNDED)
            except dialect.loaded_dbapi.OperationalError as refused:
                if not troubles.has_no_quorum(trouble):  # it says more than another node that is down
                    trouble = refused
                continue
            if not self._server.unhurried:
                Answers(made, partial(_serves, enter, dialect.loaded_dbapi.Error))
            allow(made, named["read_timeout"])
            self._first = turn
            return made
        raise trouble or RuntimeError("a server has at least one node")

    @staticmethod
    def _judge(context: ExceptionContext) -> None:
        """A node that left its cluster, or goes down, answers still: its connections are of no use any more."""
        trouble = context.sqlalchemy_exception
        if isinstance(trouble, DatabaseError) and troubles.is_gone(trouble):
            context.is_disconnect = True

    @staticmethod
    def _note_time(_dbapi: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        record.info["idle_since"] = time.monotonic()

    def _look(self, dbapi: DBAPIConnection, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
        """A connection that lay idle may have died meanwhile; one just used, on which nobody has said a word since,
        has not, and needs no round trip.
        """
        since = record.info.get("idle_since")
        if since is None or (time.monotonic() - since < _IDLE_SECONDS and not _has_word(dbapi)):
            return
        connection: Any = dbapi
        try:
            allow(dbapi, CONNECT_SECONDS)
            connection.ping(reconnect=False)
        except Exception as dead:
            raise DisconnectionError from dead
        allow(dbapi, self._server.arguments["read_timeout"])


def _enter(dialect: Dialect, arguments: list[Any], named: dict[str, Any], *statements: str) -> DBAPIConnection:
    """A connection on which these have been said."""
    made = dialect.connect(*arguments, **named)
    cursor = made.cursor()
    try:
        for statement in statements:
            cursor.execute(statement)
    except Exception:
        made.close()
        raise
    cursor.close()
    return made


def _serves(enter: Callable[[str], DBAPIConnection], error: type[Exception]) -> bool:
    """Whether a node takes a connection and works. One that is crowded, or knows us no more, is alive."""
    try:
        enter(_SERVES).close()
    except error as refused:
        return not troubles.means_away(refused)
    return True


def _has_word(connection: Any) -> bool:
    """Whether something arrived unasked: the server has hung up, or says why it will. Costs no round trip."""
    if not connection.open:
        return True
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([connection._sock], [], [], 0)[0])
    waiting = select.poll()
    waiting.register(connection._sock, select.POLLIN)
    return bool(waiting.poll(0))


@dataclass(frozen=True, slots=True)
class Session:
    """A session on a server: its node, and its number there."""

    node: tuple[str, int]
    number: int


def session_of(conn: Connection) -> Session:
    """The session behind a connection. Asks nobody."""
    dbapi: Any = conn.connection.dbapi_connection
    return Session((dbapi.host, dbapi.port), dbapi.thread_id())


def verdict(conn: Connection, proof: Callable[[Connection], bool], lost: Session) -> bool:
    """Whether what `lost` should have committed is there for good, or not at all. Uses `conn` up.

    `proof` reads with a lock, and so waits for a COMMIT that is still at work. Where one hasn't even arrived, the
    lost session would hold its row as long as the server believes in our old connection: it is ended then.
    """
    conn.detach()
    conn.exec_driver_sql(_IMPATIENT)
    try:
        return proof(conn)
    except OperationalError as held:
        if troubles.number_of(held) != troubles.LOCK_WAIT or session_of(conn).node != lost.node:
            raise
    with suppress(DatabaseError):  # it may have ended by itself; any account may end its own sessions
        conn.exec_driver_sql(f"KILL CONNECTION {lost.number}")
    conn.rollback()
    return proof(conn)


def _bad(problem: str, **facts: object) -> ConsoleError:
    return ConsoleError("bad_profile", {"variable": "CONSOLE_DATABASE_URL", "problem": problem, **facts})
