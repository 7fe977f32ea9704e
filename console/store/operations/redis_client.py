"""A Redis that may be away: asked briefly or not at all, never an exception, one log line when it goes.

Nobody waits for a connection: it is made in the background when somebody first wants one, and again, at most every
five seconds, after the server stopped answering. Until then every question is answered with None.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from console.domain.errors import ConsoleError
from console.store.boot_clock import uptime_ms

_log = logging.getLogger("console.cache")

ANSWER_SECONDS = 0.04
LARGEST_ANSWER = 64 * 1024
_PAUSE_MS = 5_000
_QUIET_MS = 60_000
# Needs the right to write, and a server that knows NX and GET together: version 7.
_HELLO = ("SET", "support-console", "", "NX", "GET", "PX", 1)


class RedisLink:
    """Commands to one server, from any thread.

    `prepare`, if given, is run in the background before each connection; what it raises keeps the link down.
    """

    def __init__(self, url: str, prepare: Callable[[], None] | None = None) -> None:
        self._options = _options(url)
        self._prepare = prepare
        self._open: Any = None
        self._idle: list[Any] = []
        self._up = self._closed = self._told = False
        self._lock = Lock()
        self._connecting: Thread | None = None
        self._not_before = 0
        self._told_at = -_QUIET_MS

    @property
    def up(self) -> bool:
        """Whether the server answered when it was last asked."""
        return self._up

    def ask(self, *command: str | bytes | int) -> Any:
        """The server's answer; None as well when there is none within 40 ms, or it refuses."""
        if not self._up:
            self.wake()
            return None
        try:
            return self._exchange(command)
        except Exception as trouble:  # a strange server may break the client's parser in any way
            if "WRONGTYPE" not in str(trouble):  # somebody else's value says nothing about the server
                self._lost(trouble)
            return None

    def wake(self) -> None:
        """Connect in the background, unless that was tried a moment ago."""
        with self._lock:
            now = uptime_ms()
            if now < self._not_before or self._closed:
                return
            self._not_before = now + _PAUSE_MS
            self._connecting = Thread(target=self._connect, name="cache", daemon=True)
            self._connecting.start()

    def connect(self) -> bool:
        """Connect now, unless it is connected; False when that can't be done."""
        if not self._up:
            self._connect()
        return self._up

    def close(self) -> None:
        self._closed = True
        if self._connecting is not None:
            self._connecting.join(timeout=5)
        self._hang_up()

    def _connect(self) -> None:
        try:
            if self._prepare is not None:
                self._prepare()
            self._open = self._open or _opener(self._options)
            self._exchange(_HELLO)
        except Exception as trouble:
            self._tell(trouble)
            return
        self._up = not self._closed
        if self._told:
            self._told = False
            _log.info("the cache answers again")

    def _exchange(self, command: tuple[str | bytes | int, ...]) -> Any:
        """One command and its answer. The server may have closed a connection that lay idle: that is no trouble."""
        from redis.exceptions import ConnectionError as Broken

        while self._idle:
            with suppress(Broken, IndexError):  # an IndexError: another thread took the last one
                return self._talk(self._idle.pop(), command)
        return self._talk(self._open(), command)

    def _talk(self, connection: Any, command: tuple[str | bytes | int, ...]) -> Any:
        from redis.exceptions import ResponseError

        try:
            connection.send_command(*command)
            answer = connection.read_response()
        except ResponseError:
            self._idle.append(connection)
            raise
        except BaseException:  # half an answer may still be on its way
            connection.disconnect()
            raise
        self._idle.append(connection)
        return answer

    def _lost(self, trouble: Exception) -> None:
        """Ask no more; who is asking at this moment finds out by himself."""
        with self._lock:
            if not self._up:
                return
            self._up, self._not_before = False, uptime_ms() + _PAUSE_MS
        self._hang_up()
        self._tell(trouble)

    def _hang_up(self) -> None:
        self._up = False
        with suppress(IndexError):
            while True:
                self._idle.pop().disconnect()

    def _tell(self, trouble: Exception) -> None:
        """Once per absence, and of a server that comes and goes once a minute."""
        now = uptime_ms()
        if not self._told and now - self._told_at >= _QUIET_MS:
            self._told, self._told_at = True, now
            # The kind alone: messages may repeat what a server sent.
            kind = trouble.code if isinstance(trouble, ConsoleError) else type(trouble).__name__
            _log.warning("the cache is away (%s); the database answers alone", kind)


def answers(url: str) -> bool:
    """Whether the server there can be used right now."""
    link = RedisLink(url)
    try:
        return link.connect()
    finally:
        link.close()


class _Bounded:
    """A socket that gives one answer within a time and a size, however slowly or richly it drips."""

    def __init__(self, plain: Any) -> None:
        self._plain = plain
        self._until, self._room = 0.0, 0
        self.settimeout = plain.settimeout

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)

    def sendall(self, data: bytes) -> None:
        self._until, self._room = uptime_ms() + 1000 * ANSWER_SECONDS, LARGEST_ANSWER
        self._plain.sendall(data)

    def recv(self, size: int) -> bytes:
        got: bytes = self._plain.recv(size)
        self._room -= len(got)
        if self._room < 0 or uptime_ms() > self._until:
            raise TimeoutError
        return got


def _options(url: str) -> dict[str, Any]:
    """What the URL says of host, account and database. Anything else in it, as "don't verify", is not listened to."""
    parts = urlsplit(url)
    told: dict[str, Any] = {name: values[0] for name, values in parse_qs(parts.query).items()}
    options: dict[str, Any] = {
        "username": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
    }
    if parts.scheme == "unix":
        return options | {"path": unquote(parts.path), "db": int(told.get("db", 0))}
    options |= {"host": parts.hostname or "localhost", "port": parts.port or 6379}
    options["db"] = int(parts.path.strip("/") or told.get("db", 0))
    if parts.scheme == "rediss":
        options |= {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
        options["ssl_ca_certs"] = told.get("ssl_ca_certs")
    return options


def _opener(options: dict[str, Any]) -> Callable[[], Any]:
    """Makes connections. No retries, no pool, no greetings: whoever asks has 40 ms, and the database besides."""
    from redis.backoff import NoBackoff
    from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
    from redis.retry import Retry

    plain: type[Any] = Connection
    if "path" in options:
        plain = UnixDomainSocketConnection
    elif "ssl_cert_reqs" in options:
        plain = SSLConnection

    class Bounded(plain):  # type: ignore[misc]  # the client is imported late, and which class is decided here
        def _connect(self) -> _Bounded:
            return _Bounded(super()._connect())

    return lambda: Bounded(
        **options, protocol=2, driver_info=None, retry=Retry(NoBackoff(), 0),
        socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS,
    )  # fmt: skip
