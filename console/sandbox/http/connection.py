"""One connection: reads requests, hands them on, and puts on the wire what was decided, true or not."""

import socket
import struct
from http.server import BaseHTTPRequestHandler
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, urlsplit

from console.sandbox.calllog import Entry
from console.sandbox.wire import Request, error_reply

if TYPE_CHECKING:
    from console.sandbox.listener import Listener

BODY_LIMIT = 1 << 20
CONTROL_BODY_LIMIT = 32 << 20
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_connections = count(1)


class Connection(BaseHTTPRequestHandler):
    """A `Wire`: what faults write on, break and tear down."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Listener"

    def setup(self) -> None:
        super().setup()
        self.number = next(_connections)
        self.turn = 0
        self.entry: Entry | None = None

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed: the call log is what tells."""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_DELETE = do_PUT = do_PATCH = do_GET

    def _serve(self) -> None:
        self.turn += 1
        body = self._body()
        if body is None:
            return
        address = self._address()
        if address is None:
            return
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, address.path, query, headers, body, self.number, self.turn)
        self.server.answer(request, self)

    def _address(self) -> SplitResult | None:
        try:
            return urlsplit(self.path)
        except ValueError:
            self._turn_away(400, "the address is not understood")
            return None

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        limit = CONTROL_BODY_LIMIT if self.path.startswith("/_sandbox/") else BODY_LIMIT
        if "Transfer-Encoding" in self.headers or not length.isdigit():
            self._turn_away(411, "Content-Length is required")
        elif int(length) > limit:
            self._turn_away(413, "the body is too large")
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                return body
            self.close_connection = True
        return None

    def _turn_away(self, status: int, message: str) -> None:
        reply = error_reply(status, message)
        self.write(reply.head(extra=(("Connection", "close"),)) + reply.body)
        self.close()

    # The wire

    def write(self, data: bytes) -> bool:
        if self.entry is not None and self.entry.status is None and data.startswith(b"HTTP/1.1 "):
            self.entry.status = int(data[9:12])
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
            pass  # the caller was quicker

    def reset(self) -> None:
        self.close_connection = True
        try:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        except OSError:
            return  # the caller was quicker
        self.server.close_without_farewell(self.connection)

    def caller_gone(self) -> bool:
        try:
            self.connection.setblocking(False)
            return not self.connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self._block_again()

    def _block_again(self) -> None:
        try:
            self.connection.setblocking(True)
        except OSError:
            pass  # closed meanwhile
