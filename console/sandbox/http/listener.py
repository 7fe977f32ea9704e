"""The port: accepts connections, gives each a thread, can be closed for a while, and stops quickly."""

import logging
import socket
import socketserver
import sys
import time
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any
from weakref import WeakSet

from console.sandbox.connection import Connection
from console.sandbox.wire import Request

HOST = "127.0.0.1"
LAST_WORDS_SECONDS = 2.0
log = logging.getLogger("console.sandbox")


class Listener(ThreadingHTTPServer):
    """Accepts connections until told to stop; can refuse them for a while, like a provider that is down."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, port: int, answer: Callable[[Request, Connection], None]) -> None:
        self.answer = answer
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        self._at_work: WeakSet[Thread] = WeakSet()  # an ended one leaves by itself
        self._torn: set[socket.socket] = set()
        self._stopping = Event()
        self._outage_seconds: float | None = None
        self._refusing = Event()
        self._accepting = Event()
        super().__init__((HOST, port), Connection)
        self._acceptor = Thread(target=self._serve, name=f"sandbox-{self.server_port}", daemon=True)
        self._acceptor.start()

    def server_bind(self) -> None:
        """Without the base class's reverse look-up of the host name, which may take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, address = self.socket.accept()
            except OSError:
                self._stopping.wait(0.01)  # out of file descriptors, say: no reason to spin or to end
                continue
            if self._outage_seconds is not None:
                connection.close()
                self._be_down()
            elif self._stopping.is_set():
                connection.close()
            else:
                self.process_request(connection, address)
        self.server_close()

    def refuse_connections(self, seconds: float) -> None:
        """Close the port for that long; returns when connections are refused."""
        if self._refusing.is_set():
            return
        self._accepting.clear()
        self._outage_seconds = seconds
        self._knock()
        self._refusing.wait(LAST_WORDS_SECONDS)

    def accept_connections(self) -> None:
        """End an outage; returns when connections are accepted again."""
        if self._refusing.is_set():
            self._accepting.set()
            while self._refusing.is_set() and not self._stopping.wait(0.005):
                pass

    def stop(self) -> None:
        """Stop accepting, cut every connection, and wait a moment for their threads."""
        self._stopping.set()
        self._accepting.set()
        self._knock()
        self._acceptor.join(LAST_WORDS_SECONDS)
        with self._lock:
            still_open = set(self._open)
        for connection in still_open:
            _cut(connection)
        deadline = time.monotonic() + LAST_WORDS_SECONDS
        for thread in list(self._at_work):
            thread.join(max(0.0, deadline - time.monotonic()))

    def _be_down(self) -> None:
        seconds, self._outage_seconds = self._outage_seconds, None
        self.socket.close()
        self._refusing.set()
        self._accepting.wait(seconds)
        while not self._stopping.is_set() and not self._listen_again():
            self._stopping.wait(0.02)
        self._refusing.clear()

    def _listen_again(self) -> bool:
        self.socket = socket.socket(self.address_family, self.socket_type)
        self.server_address = (HOST, self.server_port)
        try:
            self.server_bind()
            self.server_activate()
        except OSError:
            # An outgoing connection of somebody else may have taken the port for a moment.
            self.socket.close()
            return False
        return True

    def _knock(self) -> None:
        """Wake the accepting thread by a connection; nobody wakes it when the port is closed."""
        try:
            socket.create_connection((HOST, self.server_port), timeout=1).close()
        except OSError:
            pass

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        with self._lock:
            self._open.add(request)
        self._at_work.add(thread)
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Close in good order, which would spoil a reset: its caller must not see an orderly end first."""
        with self._lock:
            self._open.discard(request)
            torn = request in self._torn
            self._torn.discard(request)
        (self.close_request if torn else super().shutdown_request)(request)

    def close_without_farewell(self, request: socket.socket) -> None:
        """Once this connection's request is done with, close it at once: with linger 0 that is a reset."""
        with self._lock:
            self._torn.add(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that left is no error; a fault of the sandbox itself is told to the log."""
        error = sys.exception()
        if not isinstance(error, OSError):
            log.error("the sandbox failed on a request", exc_info=error)


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # closed already
