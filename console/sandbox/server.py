"""The sandbox as a server: one port on loopback, one router, a thread per connection, quick to stop."""

import logging
import socket
import socketserver
import sys
import time
from collections.abc import Callable
from datetime import datetime
from http.server import ThreadingHTTPServer
from threading import Event, Lock, Thread, current_thread
from typing import Any

from console.sandbox import faults  # noqa: F401 - fills the table of faults
from console.sandbox.alarmbox import AlarmBox
from console.sandbox.calllog import Entry
from console.sandbox.calls import Call, Router
from console.sandbox.client import SandboxControl
from console.sandbox.clock import machine_time
from console.sandbox.connection import Connection
from console.sandbox.control import PREFIX, Control
from console.sandbox.exchange import Exchange
from console.sandbox.fault_table import ORDINARY
from console.sandbox.ledger import Ledger
from console.sandbox.rules import BadRule, Order, order_from_header
from console.sandbox.wire import Reply, Request, error_reply
from console.sandbox.world import World

HOST = "127.0.0.1"
LAST_WORDS_SECONDS = 2.0
log = logging.getLogger("console.sandbox")


class Listener(ThreadingHTTPServer):
    """Accepts connections until told to stop; can refuse them for a while, as a provider that is down does."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, port: int, answer: Callable[[Request, Connection], None]) -> None:
        self.answer = answer
        self._lock = Lock()
        self._open: dict[socket.socket, Thread] = {}
        self._stopping = Event()
        self._outage_seconds: float | None = None
        self._refusing = Event()
        self._accepting = Event()
        super().__init__((HOST, port), Connection)

    def server_bind(self) -> None:
        """Without the base class's reverse look-up of the host name, which may take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def serve(self) -> None:
        """Accept until `stop`."""
        while not self._stopping.is_set():
            try:
                connection, address = self.socket.accept()
            except OSError:
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
        with self._lock:
            still_open = dict(self._open)
        for connection in still_open:
            _cut(connection)
        deadline = time.monotonic() + LAST_WORDS_SECONDS
        for thread in still_open.values():
            if thread is not current_thread():
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
            self._open[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

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


class Sandbox:
    """A running sandbox; also a context manager that stops it."""

    def __init__(self, port: int = 0, clock: Callable[[], datetime] = machine_time) -> None:
        self._world = World(clock)
        alarmbox = AlarmBox(self._world)
        self._providers = Router(alarmbox.routes())
        self._control_room = Router(Control(self._world, alarmbox, self.outage).routes())
        self._listener = Listener(port, self._answer)
        self._stopped = Event()
        self.port: int = self._listener.server_port
        self.url = f"http://{HOST}:{self.port}"
        self._thread = Thread(target=self._listener.serve, name=f"sandbox-{self.port}", daemon=True)
        self._thread.start()

    @property
    def ledger(self) -> Ledger:
        """The truth about charges."""
        return self._world.ledger

    @property
    def control(self) -> SandboxControl:
        """The control room, over HTTP like everybody else."""
        return SandboxControl(self.url)

    def outage(self, seconds: float | None) -> None:
        """Refuse connections for so long; None ends it."""
        if seconds is None:
            self._listener.accept_connections()
        else:
            self._listener.refuse_connections(seconds)

    def stop(self) -> None:
        """End at once, hanging calls included; calling it twice does no harm."""
        if self._stopped.is_set():
            return
        self._world.holds.close()
        self._listener.stop()
        self._thread.join(LAST_WORDS_SECONDS)
        self._stopped.set()

    def wait(self) -> None:
        """Until somebody calls `stop`."""
        self._stopped.wait()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answer(self, request: Request, wire: Connection) -> None:
        if request.path.startswith(PREFIX):
            self._reply(self._control_room.resolve(request), wire)
            return
        wire.entry = entry = self._world.log.received(request, time.monotonic())
        self._world.holds.pause(self._world.settings.delay_seconds)
        outcome = self._providers.resolve(request)
        if isinstance(outcome, Call):
            self._perform(request, outcome, entry, wire)
        else:
            self._reply(outcome, wire)

    def _perform(self, request: Request, call: Call, entry: Entry, wire: Connection) -> None:
        self._world.log.counted(entry, call.name, call.number)
        self._world.holds.ring()
        if call.name != "token" and self._world.too_fast():
            self._reply(error_reply(429, "too many requests"), wire)
            return
        try:
            order = self._order(request, call)
        except (BadRule, ValueError) as reason:
            self._reply(error_reply(400, f"X-Sandbox-Fault: {reason}"), wire)
            return
        entry.fault = order.action if order else None
        order = order or Order(ORDINARY)
        order.kind.perform(Exchange(call, order, wire, self._world))

    def _order(self, request: Request, call: Call) -> Order | None:
        asked = request.headers.get("x-sandbox-fault")
        return order_from_header(asked, call) if asked else self._world.rules.pick(call)

    def _reply(self, outcome: Reply | Call, wire: Connection) -> None:
        reply = outcome.act() if isinstance(outcome, Call) else outcome
        wire.write(reply.head() + reply.body)


def start(port: int = 0, clock: Callable[[], datetime] = machine_time) -> Sandbox:
    """A sandbox on loopback, ready when this returns; port 0 takes a free one. Raises OSError for a taken one."""
    return Sandbox(port, clock)


def run_forever(port: int = 0, on_ready: Callable[[Sandbox], None] = lambda _: None) -> None:
    """Serve until interrupted (Ctrl+C); `on_ready` is called once, when connections are accepted."""
    with start(port) as sandbox:
        on_ready(sandbox)
        try:
            sandbox.wait()
        except KeyboardInterrupt:
            pass  # the ordinary way to end it
