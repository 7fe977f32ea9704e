"""Where connections come in: so many and no more, TLS, and nobody who takes for ever over a request's head."""

import asyncio
import logging
import socket
import ssl
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, cast

import h11
import uvicorn
import uvicorn.lifespan.on  # by its name alone uvicorn would look for it, and a frozen program lacks it
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from console.domain.errors import ConsoleError
from console.worker.farewell import Farewell
from console.worker.limits import LAST, LIVE, REFUSAL, REFUSAL_HEADERS, SEAT, Crowd, Options, Seat

LARGEST_MESSAGE = 4 * 1024
LARGEST_UNREAD = 1 << 20
"""Bytes that wait for a listener: more, and it is cut off when it speaks."""
_MOST_FRAGMENTS = 64
_PIECE = 4 * 1024
_BACKLOG = 128
"""Connections that are let in at one go; each has a file of its own before anybody can turn it away."""


class Config(uvicorn.Config):
    """What the protocols below are told."""

    def __init__(self, app: Any, options: Options, crowd: Crowd) -> None:
        self.options, self.crowd = options, crowd
        # It has a line for each request that is no HTTP; what is worth telling is told where it is known.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
        self.tls = tls(options)
        super().__init__(
            app, http=Door, ws=LiveProtocol, lifespan="on", log_config=None, access_log=False, proxy_headers=False,
            server_header=False, ws_max_size=LARGEST_MESSAGE, ws_per_message_deflate=False,
            timeout_keep_alive=options.idle_seconds, h11_max_incomplete_event_size=options.largest_head,
            timeout_graceful_shutdown=options.drain_seconds, backlog=_BACKLOG,
        )  # fmt: skip


class Server(uvicorn.Server):
    """Signals belong to whoever runs the process."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]  # there it is a generator's
        return nullcontext()


def tls(options: Options) -> ssl.SSLContext | None:
    """From certificate files; None without. Raises bad_profile for files that don't fit."""
    if options.certificate is None and options.key is None:
        return None
    lacking = "CERTIFICATE" if options.certificate is None else "KEY"
    if options.certificate is None or options.key is None:
        raise ConsoleError("bad_profile", {"variable": f"CONSOLE_RECEIVER_{lacking}", "problem": "missing"})
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(options.certificate, options.key, password="")
    except (OSError, ValueError):
        told = {"variable": "CONSOLE_RECEIVER_CERTIFICATE", "problem": "bad_certificate"}
        raise ConsoleError("bad_profile", told) from None
    return context


class Door(asyncio.Protocol):
    """A connection before it speaks: it gets a seat, and TLS, or is closed."""

    def __init__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:  # fmt: skip
        self._config = config
        self._loop = _loop or asyncio.get_running_loop()
        self._make = partial(HttpProtocol, config, server_state, app_state, self._loop)
        self._opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        line = cast(asyncio.Transport, transport)
        peer = line.get_extra_info("peername")
        seat = self._config.crowd.enter(peer[0] if peer else None, line.abort)
        if seat is None:
            line.abort()
            return
        line.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        http = self._make(seat)
        if self._config.tls is None:
            line.set_protocol(http)
            http.connection_made(line)
        else:
            line.pause_reading()
            self._opening = self._loop.create_task(self._secure(line, http, self._config.tls))

    async def _secure(self, line: asyncio.Transport, http: "HttpProtocol", context: ssl.SSLContext) -> None:
        try:
            secure = await self._loop.start_tls(
                line, http, context, server_side=True, ssl_handshake_timeout=self._config.options.head_seconds
            )
        except OSError:
            secure = None
        if secure is None or http.gone:
            http.seat.leave()
            line.abort()
        else:
            http.connection_made(secure)


class HttpProtocol(H11Protocol):
    """Heads come in time or not at all, connections end after so many requests, and bytes that are no HTTP get the
    same refusal as everything else.
    """

    def __init__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop, seat: Seat,
    ) -> None:  # fmt: skip
        super().__init__(config, server_state, {**app_state, SEAT: seat}, loop)
        self.options, self.seat = config.options, seat
        self.ws_protocol_class = cast(Any, partial(LiveProtocol, seat=seat))
        self.gone = self._made = False
        self._early = b""
        self._served = 0
        self._head: asyncio.TimerHandle | None = None
        self._age: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the one above
        self._line = transport
        self._farewell = Farewell(transport, self.loop, self._speaks)
        super().connection_made(cast(asyncio.Transport, self._farewell))
        self._made = True
        # A request that begins while the connection is young has its time; then nothing holds it any more.
        longest = 2 * self.options.connection_seconds
        self._age = self.loop.call_later(longest, transport.abort)
        self._born = self.loop.time()
        self._watch()
        if self._early:
            self.data_received(self._early)

    def data_received(self, data: bytes) -> None:
        if not self._made:  # TLS is up, and we have not been told yet
            self._early += data
            return
        while data and self.transport.get_protocol() is self:
            # h11 measures a head while it is unfinished: one that came at a stroke would be read at any size.
            size = _PIECE if self.conn.their_state is h11.IDLE else len(data)
            piece, data = data[:size], data[size:]
            if self._farewell.is_over:
                self._farewell.hear(piece)
            else:
                super().data_received(piece)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        self._forget()
        self.seat.leave()
        if self._made:
            super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._served += 1
        old = self.loop.time() - self._born > self.options.connection_seconds
        if old or self._served >= self.options.connection_requests - 1:
            self.app_state[LAST] = True
        super().on_response_complete()
        self._watch()

    def _should_upgrade(self) -> bool:
        """One address is a WebSocket; elsewhere the wish is passed over and the request judged as it is."""
        asks = self.scope["method"] == "GET" and self.scope["path"] == LIVE
        return asks and super()._should_upgrade()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """From here on no timer of ours watches: what can't become a WebSocket is not left open. Nor is one whose
        client speaks on before it is answered: that is no WebSocket, and what it said would be lost.
        """
        self._forget()
        self.transport, began = self._line, False
        if not self.conn.trailing_data[0]:
            super().handle_websocket_upgrade(event)
            live = self.transport.get_protocol()
            began = isinstance(live, LiveProtocol) and live.handshake_initiated
        if not began and not self.transport.is_closing():
            self.seat.judged(genuine=False)
            headers = (*self.server_state.default_headers, *REFUSAL_HEADERS)
            told = b"".join(b"%b: %b\r\n" % header for header in headers)
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + told + b"\r\n" + REFUSAL)
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()
            return
        self.seat.judged(genuine=False)
        headers = [*self.server_state.default_headers, *REFUSAL_HEADERS]
        told = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
        for event in (told, h11.Data(data=REFUSAL), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """It is answered as if it had not been asked for."""

    def _speaks(self) -> bool:
        """Whether the client has not ended what it began to say."""
        return self.conn.their_state in (h11.SEND_BODY, h11.ERROR) or bool(self.conn.trailing_data[0])

    def _watch(self) -> None:
        """A head is waited for, for so long and no longer; between two requests the connection may rest. Who has
        asked something whole keeps its seat until it is answered.
        """
        self.seat.waits(self.conn.their_state not in (h11.DONE, h11.MUST_CLOSE) or self._farewell.is_over)
        waiting = self.conn.their_state is h11.IDLE and self.timeout_keep_alive_task is None
        if not waiting and self._head is not None:
            self._head.cancel()
            self._head = None
        elif waiting and self._head is None and not self.transport.is_closing():
            self._head = self.loop.call_later(self.options.head_seconds, self.transport.abort)

    def _forget(self) -> None:
        for timer in (self._head, self._age):
            if timer is not None:
                timer.cancel()
        if self._made:
            self._farewell.forget()


class LiveProtocol(WebSocketsSansIOProtocol):
    """A WebSocket that keeps its connection's seat, which counts as taken once it has been told anything: until
    then it is a stranger's.
    """

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any], seat: Seat) -> None:
        super().__init__(config, server_state, app_state)
        self._seat, self._patience = seat, config.options.head_seconds
        seat.waits(True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._seat.leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pings are answered, and messages put together, for those who read and come to an end."""
        super().data_received(data)
        if self.transport.get_write_buffer_size() > LARGEST_UNREAD or len(self.frames) > _MOST_FRAGMENTS:
            self.transport.abort()

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.send":
            self._seat.waits(False)
        await super().send(message)

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Whoever doesn't read to the end is not waited for."""
        super().on_task_complete(task)
        self.loop.call_later(self._patience, self.transport.abort)
