"""requests, fenced in: no retry, no redirect, no environment, no reuse, the system's trust. Imported late."""

import logging
import socket
import ssl
from typing import Any

import certifi
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from console.providers.watch import Watch


def system_trust() -> ssl.SSLContext:
    """The machine's own trusted roots, TLS 1.2 or later; the bundled ones only where the system has none."""
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not (paths.cafile or paths.capath or context.get_ca_certs()):
        context.load_verify_locations(certifi.where())
    return context


# It reports an answer that was cut within its headers as a warning with a traceback; what comes of the answer
# is decided by whoever asked.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


class OneCall(HTTPAdapter):
    """An adapter for a single request: one fresh connection, opened by `watch`."""

    def __init__(self, watch: Watch, trust: ssl.SSLContext | None) -> None:
        self._watch = watch
        self._trust = trust
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        secure = pool.scheme == "https"
        pool.ConnectionCls = _TlsConnection if secure else _PlainConnection
        pool.conn_kw |= {"watch": self._watch} | ({"ssl_context": self._trust} if secure else {})
        return pool

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Nothing to add: the context of `system_trust` verifies chain and name, and has no other roots."""


class _PlainConnection(HTTPConnection):
    """Opens its socket through the watch, and tells its failures in the library's own words."""

    def __init__(self, *args: Any, watch: Watch, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._watch = watch

    def _new_conn(self) -> socket.socket:
        return _opened(self, self._watch)


class _TlsConnection(HTTPSConnection):
    """The same under TLS."""

    def __init__(self, *args: Any, watch: Watch, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._watch = watch

    def _new_conn(self) -> socket.socket:
        return _opened(self, self._watch)


def _opened(connection: HTTPConnection, watch: Watch) -> socket.socket:
    timeout = connection.timeout
    try:
        return watch.connect(connection.host, connection.port, timeout if isinstance(timeout, float) else 1.0)
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, "connect timed out") from error
    except OSError as error:
        raise NewConnectionError(connection, f"not connected: {error}") from error
