"""The uvicorn protocols of the receiver: they limit the number of connections and the time for the head of a
request, and use TLS if it is configured."""

import asyncio
import logging
import socket
import ssl
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from http import HTTPStatus
from typing import Any, cast

import h11
import uvicorn
import uvicorn.lifespan.on  # uvicorn imports it by name only, so a frozen program would lack it
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.http11 import Request

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import BadProfileDetail
from console.domain.setting_problems import SettingProblem
from console.settings.private_files import open_ordinary_file
from console.worker.connection_limits import (
    CONNECTION_SLOT_KEY,
    IS_LAST_REQUEST_KEY,
    LIVE_FEED_PATH,
    REFUSAL_RESPONSE_BODY,
    REFUSAL_RESPONSE_HEADERS,
    ConnectionSlot,
    OpenConnections,
    ReceiverOptions,
)
from console.worker.graceful_close import ClosingTransport

MAX_LISTENER_MESSAGE_BYTES = 4 * 1024
MAX_UNREAD_BYTES_PER_LISTENER = 1 << 20
"""Bytes that may wait in the write buffer of a listener of `/live`. If there are more, its connection is aborted when
the next data from the listener arrive.
"""
_MAX_MESSAGE_FRAGMENTS = 64
_REQUEST_HEAD_CHUNK_BYTES = 4 * 1024
_SOCKET_BACKLOG = 128
"""Number of connections that may wait until the server accepts them; it accepts all of them in one pass. Each
connection uses a file descriptor before it can be rejected.
"""


class ReceiverConfig(uvicorn.Config):
    """The uvicorn configuration of the receiver. The protocol classes of this module read the limits and the open
    connections from it."""

    def __init__(self, app: Any, options: ReceiverOptions, open_connections: OpenConnections) -> None:
        self.options, self.open_connections = options, open_connections
        # uvicorn would log a line for each malformed request; this program logs events where their cause is known.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
        self.tls_context = make_tls_context(options)
        super().__init__(
            app, http=NewConnectionProtocol, ws=LiveFeedProtocol, lifespan="on", log_config=None, access_log=False,
            proxy_headers=False, server_header=False,
            ws_max_size=MAX_LISTENER_MESSAGE_BYTES, ws_per_message_deflate=False,
            timeout_keep_alive=options.idle_timeout_seconds, h11_max_incomplete_event_size=options.max_head_bytes,
            timeout_graceful_shutdown=options.drain_timeout_seconds, backlog=_SOCKET_BACKLOG,
        )  # fmt: skip


class ReceiverServer(uvicorn.Server):
    """A uvicorn server that installs no signal handlers, because the worker process has its own."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]  # in uvicorn it is a generator function
        return nullcontext()


def make_tls_context(options: ReceiverOptions) -> ssl.SSLContext | None:
    """Return the TLS context for the certificate files; None if no files are configured.

    Raises `bad_profile` if a file is missing or invalid.
    """
    if options.certificate_file is None and options.key_file is None:
        return None
    missing_setting = "CERTIFICATE" if options.certificate_file is None else "KEY"
    if options.certificate_file is None or options.key_file is None:
        raise ConsoleError(
            ErrorCode.BAD_PROFILE,
            {"variable": f"CONSOLE_RECEIVER_{missing_setting}", "problem": SettingProblem.SETTING_MISSING},
        )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        for file in (options.certificate_file, options.key_file):
            open_ordinary_file(file).close()  # a pipe would keep the worker from starting
        context.load_cert_chain(options.certificate_file, options.key_file, password="")
    except (OSError, ValueError):
        detail: BadProfileDetail = {
            "variable": "CONSOLE_RECEIVER_CERTIFICATE",
            "problem": SettingProblem.BAD_CERTIFICATE,
        }
        raise ConsoleError(ErrorCode.BAD_PROFILE, detail) from None
    return context


class NewConnectionProtocol(asyncio.Protocol):
    """The first protocol of a new connection. It gets a slot for the connection from `OpenConnections` and starts TLS
    if TLS is configured. If no slot is free, it aborts the connection."""

    def __init__(
        self,
        config: ReceiverConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._config = config
        self._loop = _loop or asyncio.get_running_loop()
        self._make_http = partial(HttpProtocol, config, server_state, app_state, self._loop)
        self._tls_task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        asyncio_transport = cast(asyncio.Transport, transport)
        remote_host = asyncio_transport.get_extra_info("peername")
        slot = self._config.open_connections.open_slot(
            remote_host[0] if remote_host else None, asyncio_transport.abort
        )
        if slot is None:
            asyncio_transport.abort()
            return
        asyncio_transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        http = self._make_http(slot)
        if self._config.tls_context is None:
            asyncio_transport.set_protocol(http)
            http.connection_made(asyncio_transport)
        else:
            asyncio_transport.pause_reading()
            self._tls_task = self._loop.create_task(
                self._start_tls(asyncio_transport, http, self._config.tls_context)
            )

    async def _start_tls(self, transport: asyncio.Transport, http: "HttpProtocol", context: ssl.SSLContext) -> None:
        try:
            tls_transport = await self._loop.start_tls(
                transport,
                http,
                context,
                server_side=True,
                ssl_handshake_timeout=self._config.options.head_timeout_seconds,
            )
        except OSError:
            tls_transport = None
        if tls_transport is None or http.is_lost:
            http.slot.release()
            transport.abort()
        else:
            http.connection_made(tls_transport)


class HttpProtocol(H11Protocol):
    """HTTP/1.1 with a time limit for the head of a request and a limited number of requests per connection. Bytes
    that are not HTTP get the same answer as every refused request."""

    def __init__(
        self,
        config: ReceiverConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
        slot: ConnectionSlot,
    ) -> None:
        super().__init__(config, server_state, {**app_state, CONNECTION_SLOT_KEY: slot}, loop)
        self.options, self.slot = config.options, slot
        self.ws_protocol_class = cast(Any, partial(LiveFeedProtocol, slot=slot))
        self.is_lost = self._is_connected = False
        self._early_data = b""
        self._request_count = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._age_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in H11Protocol
        self._plain_transport = transport
        self._closing_transport = ClosingTransport(transport, self.loop, self._is_sender_sending)
        super().connection_made(cast(asyncio.Transport, self._closing_transport))
        self._is_connected = True
        # A request that begins before the connection has reached its largest age may use the same time again; then
        # the connection is aborted.
        max_seconds = 2 * self.options.max_connection_seconds
        self._age_timer = self.loop.call_later(max_seconds, transport.abort)
        self._connected_at = self.loop.time()
        self._update_timers()
        if self._early_data:
            self.data_received(self._early_data)

    def data_received(self, data: bytes) -> None:
        if not self._is_connected:  # TLS is established, but connection_made has not been called yet
            self._early_data += data
            return
        while data and self.transport.get_protocol() is self:
            # h11 limits the size of a head only while it is incomplete; a complete head would be parsed at any size.
            # So a connection that waits for a head passes its data on in pieces.
            chunk_size = _REQUEST_HEAD_CHUNK_BYTES if self.conn.their_state is h11.IDLE else len(data)
            chunk, data = data[:chunk_size], data[chunk_size:]
            if self._closing_transport.has_closed_writing:
                self._closing_transport.drop_data(chunk)
            else:
                super().data_received(chunk)
        self._update_timers()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._mark_slot()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._mark_slot()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self._cancel_timers()
        self.slot.release()
        if self._is_connected:
            super().connection_lost(exc)

    def on_response_complete(self) -> None:  # house: uvicorn calls this name
        self._request_count += 1
        is_age_reached = self.loop.time() - self._connected_at > self.options.max_connection_seconds
        if is_age_reached or self._request_count >= self.options.max_requests_per_connection - 1:
            self.app_state[IS_LAST_REQUEST_KEY] = True
        super().on_response_complete()
        self._update_timers()

    def _should_upgrade(self) -> bool:
        """True for a WebSocket request to `/live`. On other paths the upgrade is ignored, and the request is
        handled as plain HTTP."""
        is_live_request = self.scope["method"] == "GET" and self.scope["path"] == LIVE_FEED_PATH
        return is_live_request and super()._should_upgrade()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Pass the connection to the WebSocket protocol, and stop the timers of this protocol. If the connection
        can't become a WebSocket, refuse the request and close the connection. Refuse it also if the listener of
        `/live`, which has sent the request, has already sent further data before the answer to its handshake, because
        this data would be lost.
        """
        self._cancel_timers()
        self.transport, is_upgraded = self._plain_transport, False
        if not self.conn.trailing_data[0]:
            super().handle_websocket_upgrade(event)
            live_protocol = self.transport.get_protocol()
            is_upgraded = isinstance(live_protocol, LiveFeedProtocol) and live_protocol.handshake_initiated
        if not is_upgraded and not self.transport.is_closing():
            self.slot.count_request(is_genuine=False)
            headers = (*self.server_state.default_headers, *REFUSAL_RESPONSE_HEADERS)
            header_lines = b"".join(b"%b: %b\r\n" % header for header in headers)
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + header_lines + b"\r\n" + REFUSAL_RESPONSE_BODY)
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()
            return
        self.slot.count_request(is_genuine=False)
        headers = [*self.server_state.default_headers, *REFUSAL_RESPONSE_HEADERS]
        response = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
        for event in (response, h11.Data(data=REFUSAL_RESPONSE_BODY), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing. By default, uvicorn logs a warning about an upgrade that this program ignores."""

    def _is_sender_sending(self) -> bool:
        """True if the sender has not finished sending its request."""
        return self.conn.their_state in (h11.SEND_BODY, h11.ERROR) or bool(self.conn.trailing_data[0])

    def _update_timers(self) -> None:
        """Start the timer for the head of a request while the connection waits for one, and cancel it otherwise. The
        pause between two requests has a timer of its own.
        """
        self._mark_slot()
        is_awaiting_head = self.conn.their_state is h11.IDLE and self.timeout_keep_alive_task is None
        if not is_awaiting_head and self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        elif is_awaiting_head and self._head_timer is None and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(self.options.head_timeout_seconds, self.transport.abort)

    def _mark_slot(self) -> None:
        """Mark the slot as waiting for the sender, so that the program can take it away for another connection: until
        a request has arrived completely, while the sender doesn't read its answers, and after the last answer to a
        sender that is still sending. At any other time remove the mark: the program works on the answer."""
        self.slot.mark_waiting(
            self.conn.their_state not in (h11.DONE, h11.MUST_CLOSE)
            or self.flow.write_paused
            or self._closing_transport.has_closed_writing
        )

    def _cancel_timers(self) -> None:
        for timer in (self._head_timer, self._age_timer):
            if timer is not None:
                timer.cancel()
        if self._is_connected:
            self._closing_transport.cancel_timer()


class LiveFeedProtocol(WebSocketsSansIOProtocol):
    """The WebSocket protocol of a listener of `/live`. It has the connection's slot, which the connection may lose
    until the first message is sent to the listener."""

    def __init__(
        self, config: ReceiverConfig, server_state: ServerState, app_state: dict[str, Any], slot: ConnectionSlot
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._slot, self._abort_seconds = slot, config.options.head_timeout_seconds
        slot.mark_waiting(True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._slot.release()
        super().connection_lost(exc)

    def handle_connect(self, event: Request) -> None:  # house: uvicorn calls this name
        """Answer the handshake of a WebSocket. If the handshake breaks the WebSocket protocol, do nothing:
        `HttpProtocol` then refuses the request like any other invalid request, without a reason in the answer, and
        counts the refusal.
        """
        if self.conn.accept(event).status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            super().handle_connect(event)

    def data_received(self, data: bytes) -> None:
        """Pass the received data on to the WebSocket. Abort the connection if the listener does not read its
        messages, or if it sends a message in too many fragments."""
        super().data_received(data)
        if (
            self.transport.get_write_buffer_size() > MAX_UNREAD_BYTES_PER_LISTENER
            or len(self.frames) > _MAX_MESSAGE_FRAGMENTS
        ):
            self.transport.abort()

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.send":
            self._slot.mark_waiting(False)
        await super().send(message)

    def on_task_complete(self, task: asyncio.Task[None]) -> None:  # house: uvicorn calls this name
        """Abort the connection `head_timeout_seconds` after the endpoint has ended, even if the listener has not
        read all messages."""
        super().on_task_complete(task)
        self.loop.call_later(self._abort_seconds, self.transport.abort)
