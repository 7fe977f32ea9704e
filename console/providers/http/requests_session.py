"""The library `requests`, restricted: no retry, no redirect, no settings from environment variables, no reuse of
connections, and the system's trusted roots if it has any. The program imports this module at its first call, because
importing it takes long.
"""

import http.client
import logging
import socket
import ssl
from http import HTTPStatus
from typing import Any, BinaryIO

import certifi
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from console.providers.http.call_socket import CallSocket
from console.providers.http.failure_outcomes import AnswerTooLarge

MAX_HEAD_BYTES = 256 << 10
"""Largest size of the status line and the headers of an answer, with those of its interim answers."""
_COOKIE_HEADERS = ("set-cookie", "set-cookie2")


def load_system_tls_context() -> ssl.SSLContext:
    """Return a TLS context with the machine's trusted roots and TLS 1.2 or later. If the system has no trusted roots,
    those of the package certifi are used.
    """
    tls_context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not (paths.cafile or paths.capath or tls_context.get_ca_certs()):
        tls_context.load_verify_locations(certifi.where())
    return tls_context


# If an answer ends within its headers, urllib3 logs a warning with a traceback. It isn't needed: the caller gets an
# error.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)
# The same for an answer with a length and chunks.
logging.getLogger("urllib3.response").setLevel(logging.ERROR)


class SingleCallAdapter(HTTPAdapter):
    """Adapter of the library `requests` for one request over one new connection; `call_socket` opens the connection's
    socket. `tls_context` is the TLS context; None for a request without TLS. The adapter turns off the option of the
    TLS context that ignores an unexpected end of the connection."""

    def __init__(self, call_socket: CallSocket, tls_context: ssl.SSLContext | None) -> None:
        if tls_context is not None:
            # Some builds of Python set it, such as Debian 12's: the end of a cut answer would pass unnoticed.
            tls_context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
        self._call_socket = call_socket
        self._tls_context = tls_context
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return a pool with one new connection, whose socket the CallSocket opens. The arguments that the library
        passes have no influence on the pool."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        is_secure = pool.scheme == "https"
        pool.ConnectionCls = _TlsConnection if is_secure else _UnencryptedConnection
        pool.conn_kw |= {"call_socket": self._call_socket} | ({"ssl_context": self._tls_context} if is_secure else {})
        return pool

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Do nothing: the TLS context of `load_system_tls_context` verifies the certificate chain and the host
        name."""


class _HeadReader:
    """Reads the lines of the status and the headers of an answer from `stream`, the stream of its connection. All
    these lines, with those of the interim answers before it, have at most MAX_HEAD_BYTES. The library `http.client`
    limits each line and the number of lines, but neither the interim answers nor the headers between two carriage
    returns of one line.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self._bytes_left = MAX_HEAD_BYTES

    def readline(self, limit: int = -1) -> bytes:
        """Return the next line, cut to `limit` bytes (-1: not cut). Raises AnswerTooLarge beyond MAX_HEAD_BYTES."""
        largest = self._bytes_left + 1
        line = self.stream.readline(largest if limit < 0 else min(limit, largest))
        self._bytes_left -= len(line)
        if self._bytes_left < 0:
            raise AnswerTooLarge
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class _FinalResponse(http.client.HTTPResponse):
    """An HTTP answer of which interim answers (status 102, 103 and others below 200) are skipped: a server in front
    of the provider may send them before the final answer (RFC 9110, 15.2). The base class skips only status 100, and
    would return another interim answer, without a body, in place of the provider's answer. Status 101 is returned:
    after it the connection uses another protocol, so no final answer follows.

    Cookies are left out: no later request uses them, and reading them takes seconds if a server sends many.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fp: Any = _HeadReader(self.fp)  # until the headers are read

    def begin(self) -> None:
        """Read the status and the headers of the final answer. Raises AnswerTooLarge if they exceed MAX_HEAD_BYTES,
        and the errors of the base class."""
        super().begin()
        self.fp = self.fp.stream
        for name in _COOKIE_HEADERS:
            del self.headers[name]

    def _read_status(self) -> tuple[str, int, str]:
        """Return HTTP version, status and reason phrase of the final answer. Interim answers (status 102 to 199) are
        skipped.
        """
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]  # typeshed lacks it
            if not HTTPStatus.SWITCHING_PROTOCOLS < status < HTTPStatus.OK:
                return version, status, reason
            http.client.parse_headers(self.fp)


class _SingleCallConnection:
    """Connection that opens its socket through the CallSocket. Before it sends the first byte of the request, it
    calls `CallSocket.record_first_byte`. It doesn't call it for bytes that open a tunnel through a proxy: the
    request to the provider is sent only after the tunnel is open."""

    _call_socket: CallSocket
    _is_in_tunnel = False
    response_class: Any = _FinalResponse

    def _new_conn(self: Any) -> socket.socket:
        return _connect_call_socket(self, self._call_socket)

    def _tunnel(self: Any) -> None:
        self._is_in_tunnel = True
        try:
            super()._tunnel()  # type: ignore[misc]  # method of the library
        finally:
            self._is_in_tunnel = False

    def send(self: Any, data: Any) -> None:
        if self.sock is None:
            self.connect()
        if not self._is_in_tunnel:
            self._call_socket.record_first_byte()
        super().send(data)  # type: ignore[misc]  # method of the library


class _UnencryptedConnection(_SingleCallConnection, HTTPConnection):
    """An HTTP connection without TLS whose socket the CallSocket opens."""

    def __init__(self, *args: Any, call_socket: CallSocket, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._call_socket = call_socket


class _TlsConnection(_SingleCallConnection, HTTPSConnection):
    """An HTTPS connection whose socket the CallSocket opens."""

    def __init__(self, *args: Any, call_socket: CallSocket, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._call_socket = call_socket

    def connect(self) -> None:
        """Connect to the host. If the server later ends the connection without a TLS close message, reading raises an
        error: a body whose length isn't declared may have been cut at this point."""
        super().connect()
        if isinstance(self.sock, ssl.SSLSocket):
            self.sock.suppress_ragged_eofs = False  # type: ignore[attr-defined]  # typeshed lacks it


def _connect_call_socket(connection: HTTPConnection, call_socket: CallSocket) -> socket.socket:
    """Return the socket that `call_socket` has connected to the connection's host and port. An error of
    `CallSocket.connect` is raised as the exception that the library `urllib3` raises in the same case."""
    timeout = connection.timeout
    try:
        return call_socket.connect(connection.host, connection.port, timeout if isinstance(timeout, float) else 1.0)
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, "connect timed out") from error
    except OSError as error:
        raise NewConnectionError(connection, f"not connected: {error}") from error
