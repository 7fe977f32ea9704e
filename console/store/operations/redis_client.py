"""Client of a Redis server that may be unreachable: with short time limits and without exceptions. It logs at most
one line when the server stops answering and one when it answers again.

No caller waits for a connection. A background thread opens it after the first command. After the server has stopped
answering, the thread tries again at most every five seconds. Until a connection is open, every command returns None.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from console.domain.errors import ConsoleError
from console.domain.process.daemon_threads import DaemonThread
from console.store.database.boot_clock import read_uptime_ms

_log = logging.getLogger("console.cache")

ANSWER_TIMEOUT_SECONDS = 0.04
"""Time limit (seconds) of the answer to one command."""
LARGEST_ANSWER_BYTES = 64 * 1024
_RECONNECT_PAUSE_MS = 5_000
"""Time (milliseconds) after a failed connection before the next try."""
_WARNING_INTERVAL_MS = 60_000
"""Shortest time (milliseconds) between two logged warnings."""
# Needs the rights to run scripts and to write, and Redis 7 or later, which accepts NX and GET together.
_PERMISSION_CHECK_COMMAND = (
    "EVAL", "redis.call('set',KEYS[1],'','nx','get','px',1) return 1", 1, "support-console",
)  # fmt: skip


class RedisClient:
    """Connections to one Redis server. Any thread can use it.

    `prepare`, if given, runs in the background thread before each connection. If it raises an exception, no
    connection is opened.
    """

    def __init__(self, url: str, prepare: Callable[[], None] | None = None) -> None:
        self._options = _parse_url_options(url)
        self._prepare = prepare
        self._open_connection: Any = None
        self._idle_connections: list[Any] = []
        self._is_reachable = self._is_closed = self._has_warned = False
        self._lock = Lock()
        self._connecting_thread: DaemonThread | None = None
        self._next_attempt_ms = 0
        self._warned_at_ms = -_WARNING_INTERVAL_MS

    @property
    def is_up(self) -> bool:
        """True if the server answered the last command."""
        return self._is_reachable

    def send_command(self, *command: str | bytes | int) -> Any:
        """Send a command and return the server's answer. Return None if the server doesn't answer within
        ANSWER_TIMEOUT_SECONDS, or refuses the command.
        """
        if not self._is_reachable:
            self.connect_in_background()
            return None
        try:
            return self._send_command(command)
        except Exception as error:  # a faulty server can make the client's parser raise anything
            if "WRONGTYPE" not in str(error):  # an entry of another type: the server works
                self._close_after_lost_connection(error)
            return None

    def connect_in_background(self) -> None:
        """Connect to Redis in a background thread, unless the last attempt or the loss of the connection was less
        than five seconds ago, or the client is closed."""
        with self._lock:
            now = read_uptime_ms()
            if now < self._next_attempt_ms or self._is_closed:
                return
            self._next_attempt_ms = now + _RECONNECT_PAUSE_MS
            self._connecting_thread = DaemonThread(self._connect, "cache")
            self._connecting_thread.start()

    def connect(self) -> bool:
        """Connect to Redis now, unless the client is connected already. Return False if that fails."""
        if not self._is_reachable:
            self._connect()
        return self._is_reachable

    def close(self) -> None:
        """Close the connections to Redis. The client can't be used afterwards."""
        self._is_closed = True
        if self._connecting_thread is not None:
            self._connecting_thread.join(timeout=5)
        self._close_connections()

    def _connect(self) -> None:
        try:
            if self._prepare is not None:
                self._prepare()
            self._open_connection = self._open_connection or _make_connection_opener(self._options)
            self._send_command(_PERMISSION_CHECK_COMMAND)
        except Exception as error:
            self._log_unreachable(error)
            return
        self._is_reachable = not self._is_closed
        if self._has_warned:
            self._has_warned = False
            _log.info("the cache answers again")

    def _send_command(self, command: tuple[str | bytes | int, ...]) -> Any:
        """Send one command to Redis and return its answer. Idle connections that the server has closed are
        dropped, and the command is sent again. Other errors of Redis and of the connection are raised."""
        from redis.exceptions import ConnectionError as RedisConnectionError

        while self._idle_connections:
            with suppress(RedisConnectionError, IndexError):  # IndexError: another thread took the last connection
                return self._send_and_receive(self._idle_connections.pop(), command)
        return self._send_and_receive(self._open_connection(), command)

    def _send_and_receive(self, connection: Any, command: tuple[str | bytes | int, ...]) -> Any:
        from redis.exceptions import ResponseError

        try:
            connection.send_command(*command)
            answer = connection.read_response()
        except ResponseError:
            self._idle_connections.append(connection)
            raise
        except BaseException:  # more bytes of the answer may still arrive, so the connection can't be used again
            connection.disconnect()
            raise
        self._idle_connections.append(connection)
        return answer

    def _close_after_lost_connection(self, error: Exception) -> None:
        """Close the idle connections after an error, and don't connect in the background for five seconds. A command
        that another thread is sending meanwhile isn't interrupted."""
        with self._lock:
            if not self._is_reachable:
                return
            self._is_reachable, self._next_attempt_ms = False, read_uptime_ms() + _RECONNECT_PAUSE_MS
        self._close_connections()
        self._log_unreachable(error)

    def _close_connections(self) -> None:
        self._is_reachable = False
        with suppress(IndexError):
            while True:
                self._idle_connections.pop().disconnect()

    def _log_unreachable(self, error: Exception) -> None:
        """Log one warning that Redis is unreachable: not again until Redis has answered, and at most once a
        minute."""
        now = read_uptime_ms()
        if not self._has_warned and now - self._warned_at_ms >= _WARNING_INTERVAL_MS:
            self._has_warned, self._warned_at_ms = True, now
            # The error's kind alone: its message may repeat data that the server sent.
            error_name = error.code if isinstance(error, ConsoleError) else type(error).__name__
            _log.warning("the cache is unreachable (%s); only the database answers", error_name)


def is_usable(url: str) -> bool:
    """True if the Redis server at this URL accepts a connection and a test command now."""
    redis_client = RedisClient(url)
    try:
        return redis_client.connect()
    finally:
        redis_client.close()


class _BoundedSocket:
    """A socket that limits each answer: it raises TimeoutError if an answer takes longer than ANSWER_TIMEOUT_SECONDS
    in total or has more than LARGEST_ANSWER_BYTES bytes."""

    def __init__(self, raw_socket: Any) -> None:
        self._socket = raw_socket
        self._deadline_ms, self._remaining_bytes = 0.0, 0
        self.settimeout = raw_socket.settimeout

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def sendall(self, data: bytes) -> None:
        self._deadline_ms, self._remaining_bytes = (
            read_uptime_ms() + 1000 * ANSWER_TIMEOUT_SECONDS,
            LARGEST_ANSWER_BYTES,
        )
        self._socket.sendall(data)

    def recv(self, size: int) -> bytes:
        received_bytes: bytes = self._socket.recv(size)
        self._remaining_bytes -= len(received_bytes)
        if self._remaining_bytes < 0 or read_uptime_ms() > self._deadline_ms:
            raise TimeoutError
        return received_bytes


def _parse_url_options(url: str) -> dict[str, Any]:
    """Return the address, the account, the database number and (for rediss) the file of CA certificates in the URL of
    Redis, as options of its client. Other options in the URL are ignored, such as one that turns off the verification
    of certificates."""
    split_url = urlsplit(url)
    parameters: dict[str, Any] = {name: values[0] for name, values in parse_qs(split_url.query).items()}
    options: dict[str, Any] = {
        "username": unquote(split_url.username) if split_url.username else None,
        "password": unquote(split_url.password) if split_url.password else None,
    }
    if split_url.scheme == "unix":
        return options | {"path": unquote(split_url.path), "db": int(parameters.get("db", 0))}
    options |= {"host": split_url.hostname or "localhost", "port": split_url.port or 6379}
    options["db"] = int(split_url.path.strip("/") or parameters.get("db", 0))
    if split_url.scheme == "rediss":
        options |= {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
        options["ssl_ca_certs"] = parameters.get("ssl_ca_certs")
    return options


def _make_connection_opener(options: dict[str, Any]) -> Callable[[], Any]:
    """Return a function that opens one connection to Redis with these options (`_parse_url_options`), without
    retries, pool and handshake. A command may take only ANSWER_TIMEOUT_SECONDS; after that the caller reads the
    database instead."""
    from redis.backoff import NoBackoff
    from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
    from redis.retry import Retry

    connection_class: type[Any] = Connection
    if "path" in options:
        connection_class = UnixDomainSocketConnection
    elif "ssl_cert_reqs" in options:
        connection_class = SSLConnection

    class _BoundedConnection(connection_class):  # type: ignore[misc]  # the client is imported late, and which class is decided here
        """Connection whose socket limits the duration and the length of each answer. Its base class depends on the
        URL: a socket file, with TLS or without."""

        def _connect(self) -> _BoundedSocket:
            return _BoundedSocket(super()._connect())

    return lambda: _BoundedConnection(
        **options,
        protocol=2,
        driver_info=None,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=ANSWER_TIMEOUT_SECONDS,
        socket_connect_timeout=ANSWER_TIMEOUT_SECONDS,
    )
