"""A TCP proxy in front of a SQL server that causes a fault at a chosen command of the server's protocol.

    with SqlProxy("127.0.0.1", server.port) as proxy:
        url = proxy.make_url(server_url)
        with proxy.cause_fault("lost_reply", nth=3, sql_prefix="COMMIT") as fault: ...
        assert fault.has_happened

Each command of a client is one packet with the sequence number 0; the packets of the handshake have other numbers.
"""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from tests.support.waiting import MAX_WAIT_SECONDS

BreakKind = Literal["lost_request", "lost_reply", "half_reply", "passed", "unheard", "unanswered", "late"]
IMMEDIATE_BREAKS: tuple[BreakKind, ...] = ("lost_request", "lost_reply", "half_reply")
"""Faults that the client notices immediately."""

_CHUNK_BYTES = 1 << 16
_HEADER_BYTES = 4
_SQL_TEXT_INDEX, _QUIT_COMMAND = 5, 1
_RESET_LINGER = struct.pack("ii", 1, 0)


@dataclass
class ProxyFault:
    """One fault that the proxy causes. It happens at the `nth` command (1 is the next one) whose SQL begins with
    `sql_prefix`; afterwards `has_happened` is True. `before_fault` is called before the fault, with the id of the
    database session. With `is_lasting` the server can't be reached afterwards. The kinds of faults:

    - lost_request: the server never gets the command, and the proxy resets the client's connection
    - lost_reply, half_reply: the server answers, but the client gets nothing, or only the first half, and the proxy
      closes the connection
    - unheard: the server never gets the command; all connections stay open
    - unanswered: the server gets the command, but the proxy drops its answer; all connections stay open
    - late: the proxy resets the client's connection at once, and the server gets the command when `release_command`
      is called
    - passed: there is no fault

    `reply_event` is set when the server answers the command and the proxy drops this answer.
    """

    kind: BreakKind
    nth: int
    sql_prefix: str
    before_fault: Callable[[int], None]
    is_lasting: bool
    has_happened: bool = False
    reply_event: Event = field(default_factory=Event)
    _release_event: Event = field(default_factory=Event)

    def count_and_match(self, sql: str) -> bool:
        """Count this command, and return True if the fault happens at it."""
        if self.has_happened or not sql.startswith(self.sql_prefix):
            return False
        self.nth -= 1
        self.has_happened = self.nth == 0
        return self.has_happened

    def release_command(self) -> None:
        """Send the command that the proxy has held back to the server, and drop the server's answer."""
        self._release_event.set()

    def wait_for_release(self) -> None:
        """Wait until `release_command` is called."""
        assert self._release_event.wait(MAX_WAIT_SECONDS), "nobody let it go"


class _ProxiedConnection:
    """A client's connection to the proxy, and the proxy's connection to the server for this client. Two threads copy
    the bytes in the two directions until one connection ends.
    """

    def __init__(self, proxy: "SqlProxy", client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._pending, self._shot, self.session = b"", None, 0  # type: bytes, ProxyFault | None, int
        self._threads = [
            Thread(target=self._run_until_closed, args=(work,), daemon=True)
            for work in (self._copy_to_server, self._copy_to_client)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def is_broken(self) -> bool:
        return self._shot is not None

    def shut_down(self) -> None:
        """Shut down the client's connection and the server's connection."""
        for one in (self._client, self._server):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Shut down the client's connection and the server's connection, wait until the two threads have ended, and
        close the connections.
        """
        self.shut_down()
        for thread in self._threads:
            thread.join(MAX_WAIT_SECONDS)
        self._client.close()
        self._server.close()

    def _run_until_closed(self, work: Callable[[], None]) -> None:
        with suppress(OSError):
            work()
        if not self.is_broken:
            self.shut_down()

    def _copy_to_server(self) -> None:
        """Copy the client's packets to the server, and cause the fault at the chosen packet."""
        while data := self._client.recv(_CHUNK_BYTES):
            if self.is_broken:
                continue
            self._pending += data
            for packet in self._iterate_packets():
                self._forward_packet(packet)

    def _iterate_packets(self) -> Iterator[bytes]:
        while len(self._pending) >= _HEADER_BYTES:
            size = _HEADER_BYTES + int.from_bytes(self._pending[:3], "little")
            if len(self._pending) < size:
                return
            packet, self._pending = self._pending[:size], self._pending[size:]
            yield packet

    def _forward_packet(self, packet: bytes) -> None:
        shot = self._proxy.find_fault(packet)
        if shot is not None:
            self._shot = shot if shot.kind != "passed" else None
            shot.before_fault(self.session)
            if shot.is_lasting:
                self._proxy.refuse_connections(self)
            _BREAK_FUNCTION_BY_KIND[shot.kind](self, packet)
        elif not self.is_broken:
            self._server.sendall(packet)

    def _cut_client(self) -> None:
        self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_LINGER)
        self._client.close()

    def _lose_request(self, _packet: bytes) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._cut_client()

    def _pass_on(self, packet: bytes) -> None:
        self._server.sendall(packet)

    def _hold_request(self, packet: bytes) -> None:
        self._cut_client()
        assert self._shot is not None, "set by whoever breaks"
        self._shot.wait_for_release()
        self._server.sendall(packet)

    def _copy_to_client(self) -> None:
        """Copy the server's answers to the client."""
        while data := self._server.recv(_CHUNK_BYTES):
            if not self.session and data[_HEADER_BYTES] == 10:  # the greeting: version, zero, id of the session
                self.session = int.from_bytes(data[data.index(b"\0", _HEADER_BYTES) + 1 :][:4], "little")
            if self._shot is None:
                self._client.sendall(data)
            else:
                self._drop_answer(data, self._shot)

    def _drop_answer(self, data: bytes, shot: ProxyFault) -> None:
        shot.reply_event.set()
        if shot.kind == "half_reply":
            self._client.sendall(data[: len(data) // 2])
        if shot.kind in ("lost_reply", "half_reply"):
            self._client.shutdown(socket.SHUT_RDWR)
            self._server.shutdown(socket.SHUT_RDWR)


_BREAK_FUNCTION_BY_KIND: dict[BreakKind, Callable[[_ProxiedConnection, bytes], None]] = {
    "lost_request": _ProxiedConnection._lose_request,
    "lost_reply": _ProxiedConnection._pass_on,
    "half_reply": _ProxiedConnection._pass_on,
    "passed": _ProxiedConnection._pass_on,
    "unanswered": _ProxiedConnection._pass_on,
    "unheard": lambda _line, _packet: None,
    "late": _ProxiedConnection._hold_request,
}


class SqlProxy:
    """The proxy, which listens on a free port of 127.0.0.1 until the end of the block. With `is_mute` it accepts
    connections but sends nothing. `commands` has the SQL of the commands since the last call of `cause_fault`, and
    `taken` is the number of accepted connections."""

    def __init__(self, host: str, port: int, *, is_mute: bool = False) -> None:
        self._upstream, self._is_mute = (host, port), is_mute
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        self.commands: list[str] = []
        self.taken = 0  # connections
        self._lines: list[_ProxiedConnection] = []
        self._silent: list[socket.socket] = []
        self._shot: ProxyFault | None = None
        self._closed = False
        self._lock = Lock()
        self._thread = Thread(target=self._accept_connections, daemon=True)

    def __enter__(self) -> "SqlProxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(MAX_WAIT_SECONDS)
        self._listener.close()
        for line in self._lines:
            line.end()
        for one in self._silent:
            one.close()

    def make_url(self, url: str) -> str:
        """Return the database URL `url` with the proxy in place of the server, and without fallback nodes."""
        parts = urlsplit(url)
        account = parts.netloc.rpartition("@")[0]
        return urlunsplit((parts.scheme, f"{account}@127.0.0.1:{self.port}", parts.path, "", ""))

    @contextmanager
    def cause_fault(
        self,
        kind: BreakKind,
        nth: int = 1,
        sql_prefix: str = "",
        *,
        is_lasting: bool = False,
        before_fault: Callable[[int], None] = lambda _session: None,
    ) -> Iterator[ProxyFault]:
        """Cause the fault within the block, and yield it as a ProxyFault, in whose class the arguments are explained.
        Connections that hang because of the fault are closed at the end of the block.
        """
        shot = ProxyFault(kind, nth, sql_prefix, before_fault, is_lasting)
        with self._lock:
            self._shot, self.commands = shot, []
        try:
            yield shot
        finally:
            shot.release_command()
            with self._lock:
                self._shot, self._closed = None, False
            for line in [line for line in self._lines if line.is_broken]:
                self._lines.remove(line)
                line.end()

    def refuse_connections(self, kept_connection: _ProxiedConnection) -> None:
        """Until the end of the block of `cause_fault`, refuse new connections, and shut down all present connections
        except `kept_connection`."""
        self._closed = True
        for line in self._lines:
            if line is not kept_connection:
                line.shut_down()

    def find_fault(self, packet: bytes) -> ProxyFault | None:
        """Return the fault that happens at this packet of a client, or None if there is none. The connections call
        the method for each packet, in the order of arrival.
        """
        if packet[3] != 0 or packet[_HEADER_BYTES] == _QUIT_COMMAND:
            return None
        sql = packet[_SQL_TEXT_INDEX:].decode("utf-8", "replace")
        with self._lock:
            self.commands.append(sql)
            return self._shot if self._shot and self._shot.count_and_match(sql) else None

    def _accept_connections(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.taken += 1
                self._start_connection(client)

    def _start_connection(self, client: socket.socket) -> None:
        if self._closed:
            client.close()
            return
        if self._is_mute:
            self._silent.append(client)
            return
        try:
            server = socket.create_connection(self._upstream, MAX_WAIT_SECONDS)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines.append(_ProxiedConnection(self, client, server))
