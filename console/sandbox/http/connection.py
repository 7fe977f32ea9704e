"""One connection of a caller: it reads requests, passes them to the sandbox, and writes the bytes of the answers."""

import socket
import struct
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.parse import SplitResult, parse_qsl, urlsplit

from console.sandbox.http.call_log import LoggedCall
from console.sandbox.http.messages import HttpRequest, make_error_reply

MAX_BODY_BYTES = 1 << 20
MAX_CONTROL_BODY_BYTES = 32 << 20
RESET_ON_CLOSE_OPTION = struct.pack("HH" if sys.platform == "win32" else "ii", 1, 0)
"""Value of the socket option SO_LINGER with which closing a connection sends RST (connection reset). Its two numbers
are u_short on Windows and int on other systems."""
_connection_numbers = count(1)


class ListenerBase(ThreadingHTTPServer, ABC):
    """Base class of the sandbox's listener, with the methods that a connection calls. `answer_request` handles a
    request and writes the answer to the connection."""

    answer_request: Callable[[HttpRequest, "SandboxConnection"], None]

    @abstractmethod
    def mark_for_reset(self, request: socket.socket) -> None:
        """Mark the connection, so that it is closed by a TCP reset after its request has ended."""


class SandboxConnection(BaseHTTPRequestHandler):
    """Connection of a caller. It has the methods of `CallerConnection`, with which faults write to, close and reset
    the connection.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "ListenerBase"

    def setup(self) -> None:
        super().setup()
        self.number = next(_connection_numbers)
        self.turn = 0
        self.log_entry: LoggedCall | None = None

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: the call log records the requests."""

    def do_GET(self) -> None:
        self._serve_request()

    do_POST = do_DELETE = do_PUT = do_PATCH = do_GET

    def _serve_request(self) -> None:
        self.turn += 1
        body = self._read_body()
        if body is None:
            return
        address = self._parse_request_url()
        if address is None:
            return
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = HttpRequest(self.command, address.path, query, headers, body, self.number, self.turn)
        self.server.answer_request(request, self)

    def _parse_request_url(self) -> SplitResult | None:
        """Return the parts of the request's URL. If the URL is malformed, answer with status 400 and return None."""
        try:
            return urlsplit(self.path)
        except ValueError:
            self._refuse_request(400, "the address is not understood")
            return None

    def _read_body(self) -> bytes | None:
        """Return the body of the request; a missing length counts as 0. If the length is no number or too large, or
        the body is chunked, refuse the request and return None. If the body is shorter than its length, close the
        connection and return None."""
        length = self.headers.get("Content-Length", "0")
        limit = MAX_CONTROL_BODY_BYTES if self.path.startswith("/_sandbox/") else MAX_BODY_BYTES
        if "Transfer-Encoding" in self.headers or not length.isdigit():
            self._refuse_request(411, "Content-Length is required")
        elif int(length) > limit:
            self._refuse_request(413, "the body is too large")
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                return body
            self.close_connection = True
        return None

    def _refuse_request(self, status: int, message: str) -> None:
        reply = make_error_reply(status, message)
        self.write(reply.make_head_bytes(extra_headers=(("Connection", "close"),)) + reply.body)
        self.close()

    # -- methods of CallerConnection

    def write(self, data: bytes) -> bool:
        if self.log_entry is not None and self.log_entry.status is None and data.startswith(b"HTTP/1.1 "):
            self.log_entry.status = int(data[9:12])
        try:
            self.connection.sendall(data)
        except OSError:
            self.close_connection = True
            return False
        return True

    def close(self) -> None:
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the caller has closed it first

    def reset(self) -> None:
        self.close_connection = True
        try:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE_OPTION)
        except OSError:
            return  # the caller has closed it first
        self.server.mark_for_reset(self.connection)

    def is_caller_disconnected(self) -> bool:
        try:
            self.connection.setblocking(False)
            return not self.connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self._restore_blocking_mode()

    def _restore_blocking_mode(self) -> None:
        """Set the socket back to blocking mode after a check without blocking; do nothing if the socket is closed."""
        try:
            self.connection.setblocking(True)
        except OSError:
            pass  # closed meanwhile
