"""A server on loopback for tests: it sends scripted bytes, including malformed ones, and records the requests that it
receives.
"""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from json import dumps
from urllib.parse import parse_qs

from tests.support.waiting import MAX_WAIT_SECONDS

Script = Callable[[socket.socket, threading.Event], None]
"""Function that writes the answer to a connection whose request was read. The event is set when the test has ended.
"""


class RawServer:
    """A test server that reads one request on each connection, stores it, runs a script with the connection and then
    closes it.
    """

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None) -> None:
        self._scripts = list(scripts)
        self._tls = tls
        self.requests: list[bytes] = []
        self.connections = 0
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept_connections)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def list_paths(self) -> list[str]:
        """Return the method and path of each received request, in the order of arrival."""
        return [b" ".join(request.split(b" ")[:2]).decode() for request in self.requests]

    def list_bodies(self) -> list[bytes]:
        return [request.partition(b"\r\n\r\n")[2] for request in self.requests]

    def read_form(self, index: int) -> dict[str, str]:
        """Return the form fields of the request with this index."""
        return {name: values[0] for name, values in parse_qs(self.list_bodies()[index].decode()).items()}

    def get_header(self, index: int, name: str) -> str | None:
        """Return the value of a header of the request with this index; None if the request has no such header."""
        for line in self.requests[index].partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None

    def close(self) -> None:
        self._stop.set()
        with socket.socket() as connection:
            connection.connect(("127.0.0.1", self.port))
        for thread in self._threads:
            thread.join(MAX_WAIT_SECONDS)
        self._listener.close()

    def _accept_connections(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._stop.is_set():
                connection.close()
                return
            self.connections += 1
            script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
            thread = threading.Thread(target=self._serve_connection, args=(connection, script))
            self._threads.append(thread)
            thread.start()

    def _serve_connection(self, connection: socket.socket, script: Script) -> None:
        try:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            connection.settimeout(MAX_WAIT_SECONDS)
            self.requests.append(_read_request(connection))
            script(connection, self._stop)
        except OSError:
            pass  # the other side gave up, which is what many tests are about
        finally:
            connection.close()


@contextmanager
def serve_scripts(*scripts: Script, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """Context manager that yields a server. Each connection runs the next script; after the last script, every
    further connection runs it again.
    """
    server = RawServer(*scripts, tls=tls)
    try:
        yield server
    finally:
        server.close()


def _read_request(connection: socket.socket) -> bytes:
    got = b""
    while b"\r\n\r\n" not in got:
        got += _read_part(connection)
    head, _, body = got.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            while len(body) < int(line.split(b":")[1]):
                body += _read_part(connection)
    return head + b"\r\n\r\n" + body


def _read_part(connection: socket.socket) -> bytes:
    part = connection.recv(65_536)
    if not part:
        raise ConnectionError("closed before the request was whole")
    return part


def make_http_answer(
    status: int, body: bytes | str | object = b"", headers: Mapping[str, str] | None = None
) -> bytes:
    """Return the bytes of a complete HTTP answer, with the further headers `headers`. A body that is neither bytes
    nor text is written as JSON.
    """
    kind = "application/json"
    if isinstance(body, str):
        body, kind = body.encode(), "text/html; charset=utf-8"
    elif not isinstance(body, bytes):
        body = dumps(body, ensure_ascii=False).encode()
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Odd"
    lines = [f"HTTP/1.1 {status} {phrase}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def make_answer_script(
    status: int, body: bytes | str | object = b"", headers: Mapping[str, str] | None = None
) -> Script:
    """Return a script that sends an HTTP answer (the arguments are those of `make_http_answer`) and closes the
    connection.
    """
    return make_bytes_script(make_http_answer(status, body, headers))


def make_bytes_script(raw: bytes) -> Script:
    """Return a script that sends these bytes and closes the connection."""
    return lambda connection, _: connection.sendall(raw)


def make_reset_script(first_bytes: bytes = b"") -> Script:
    """Return a script that sends some bytes and then resets the connection."""

    def send_and_reset(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(first_bytes)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return send_and_reset


def make_hang_script(first_bytes: bytes = b"") -> Script:
    """Return a script that sends some bytes and then stays silent until the test ends."""

    def send_and_hang(connection: socket.socket, test_ended: threading.Event) -> None:
        connection.sendall(first_bytes)
        test_ended.wait(600)

    return send_and_hang


def make_slow_script(content: bytes, interval_seconds: float, first_bytes: bytes = b"") -> Script:
    """Return a script that sends `first_bytes`, and then one byte of `content` every `interval_seconds` seconds."""

    def send_byte_by_byte(connection: socket.socket, test_ended: threading.Event) -> None:
        connection.sendall(first_bytes)
        for byte in content:
            connection.sendall(bytes((byte,)))
            if test_ended.wait(interval_seconds):
                return

    return send_byte_by_byte


def make_large_answer_script(head: bytes, size: int) -> Script:
    """Return a script that sends `head` and then `size` bytes, without holding all of them in memory."""

    def send_flood(connection: socket.socket, test_ended: threading.Event) -> None:
        connection.sendall(head)
        block = b"A" * 65_536
        for _ in range(size // len(block)):
            connection.sendall(block)
            if test_ended.is_set():
                return

    return send_flood


def find_closed_port() -> int:
    """Return a port number of this machine on which no program listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
