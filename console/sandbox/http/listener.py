"""The listening port of the sandbox. It accepts connections, handles each in a thread, can refuse connections for
some seconds, and stops quickly.
"""

import logging
import socket
import socketserver
import sys
import time
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import Any
from weakref import WeakSet

from console.sandbox.http.connection import ListenerBase, SandboxConnection
from console.sandbox.http.messages import HttpRequest

LISTENER_HOST = "127.0.0.1"
STOP_WAIT_SECONDS = 2.0
log = logging.getLogger("console.sandbox")


class SandboxListener(ListenerBase):
    """Accepts connections until it is stopped. It can refuse connections for some seconds, like a provider that can't
    be reached.
    """

    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"  # on Windows, it would let another process use the same port
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, port: int, answer_request: Callable[[HttpRequest, SandboxConnection], None]) -> None:
        self.answer_request = answer_request
        self._lock = Lock()
        self._open_connections: set[socket.socket] = set()
        self._connection_threads: WeakSet[Thread] = WeakSet()  # ended threads are removed automatically
        self._connections_to_reset: set[socket.socket] = set()
        self._stop_event = Event()
        self._outage_seconds: float | None = None
        self._refusing_event = Event()
        self._outage_begun_event = Event()
        self._accepting_event = Event()
        super().__init__((LISTENER_HOST, port), SandboxConnection)
        self._acceptor = Thread(target=self._accept_connections, name=f"sandbox-{self.server_port}", daemon=True)
        self._acceptor.start()

    def server_bind(self) -> None:
        """Bind the port, without looking up the host's name as the base class does, because this look-up may take
        seconds.
        """
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = LISTENER_HOST, self.server_address[1]

    def _accept_connections(self) -> None:
        """Accept connections until the sandbox stops; begin an outage when one was requested. Runs in a thread of its
        own."""
        while not self._stop_event.is_set():
            try:
                connection, address = self.socket.accept()
            except OSError:
                self._stop_event.wait(0.01)  # for example no free file descriptor: retry after a pause
                continue
            if self._outage_seconds is not None:
                connection.close()
                self._run_outage()
            elif self._stop_event.is_set():
                connection.close()
            else:
                self.process_request(connection, address)
        self.server_close()

    def begin_outage(self, duration_seconds: float) -> None:
        """Close the port for `duration_seconds`. Return as soon as connections are refused. If an outage is running
        already, do nothing; its duration doesn't change."""
        if self._refusing_event.is_set():
            return
        self._accepting_event.clear()
        self._outage_begun_event.clear()
        self._outage_seconds = duration_seconds
        while not self._outage_begun_event.is_set() and not self._stop_event.is_set():
            self._wake_acceptor()
            self._outage_begun_event.wait(0.05)

    def end_outage(self) -> None:
        """End an outage. Return as soon as connections are accepted again; without an outage, do nothing."""
        if self._refusing_event.is_set():
            self._accepting_event.set()
            while self._refusing_event.is_set() and not self._stop_event.wait(0.005):
                pass

    def stop(self) -> None:
        """Accept no more connections and close every open connection. Wait at most two seconds for the accepting
        thread and two for the other threads.
        """
        self._stop_event.set()
        self._accepting_event.set()
        self._wake_acceptor()
        self._acceptor.join(STOP_WAIT_SECONDS)
        with self._lock:
            open_connections = set(self._open_connections)
        for connection in open_connections:
            _shut_down_connection(connection)
        deadline = time.monotonic() + STOP_WAIT_SECONDS
        for thread in list(self._connection_threads):
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run_outage(self) -> None:
        """Close the port for the requested seconds, or until `end_outage` is called, then open it again."""
        seconds, self._outage_seconds = self._outage_seconds, None
        self.socket.close()
        self._refusing_event.set()
        self._outage_begun_event.set()
        self._accepting_event.wait(seconds)
        while not self._stop_event.is_set() and not self._listen_again():
            self._stop_event.wait(0.02)
        self._refusing_event.clear()

    def _listen_again(self) -> bool:
        """Open the port again after an outage. Return False if another process uses it at this moment."""
        self.socket = socket.socket(self.address_family, self.socket_type)
        self.server_address = (LISTENER_HOST, self.server_port)
        try:
            self.server_bind()
            self.server_activate()
        except OSError:
            # Another process's outgoing connection may use the port for a moment.
            self.socket.close()
            return False
        return True

    def _wake_acceptor(self) -> None:
        """Wake the thread that accepts connections, by opening a connection to the port; do nothing if the port is
        closed."""
        try:
            socket.create_connection((LISTENER_HOST, self.server_port), timeout=1).close()
        except OSError:
            pass

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        with self._lock:
            self._open_connections.add(request)
        self._connection_threads.add(thread)
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection with a TCP shutdown. A connection that is marked for a reset is closed without a
        shutdown, so that the caller gets the reset and no orderly end of the data before it."""
        with self._lock:
            self._open_connections.discard(request)
            must_reset = request in self._connections_to_reset
            self._connections_to_reset.discard(request)
        (self.close_request if must_reset else super().shutdown_request)(request)

    def mark_for_reset(self, request: socket.socket) -> None:
        """Mark a connection, so that it is closed without a shutdown after its request. Because the connection's
        linger time is 0, the operating system then sends a TCP reset.
        """
        with self._lock:
            self._connections_to_reset.add(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log an error of the sandbox itself; ignore errors of the connection."""
        error = sys.exception()
        if not isinstance(error, OSError):
            log.error("the sandbox failed on a request", exc_info=error)


def _shut_down_connection(connection: socket.socket) -> None:
    """Shut both directions of a connection down; do nothing if the connection is closed already."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # closed already
