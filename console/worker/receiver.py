"""The receiver: what providers send comes in here, and others see how things go.

Whatever is wrong with a notice, its refusal is one and the same, byte for byte. Services block, so that they are
called on threads of their own, never on the event loop; where there is no room the sender is told to come again.
"""

import asyncio
import logging
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.order_records import NoticePost
from console.domain.payment_results import NoticeResult
from console.services.notice_signed import SOURCE
from console.worker import live
from console.worker.limits import (
    LAST,
    LIVE,
    REFUSAL,
    REFUSAL_HEADERS,
    Busy,
    Crowd,
    Lane,
    Options,
    Origins,
    Refused,
    read_body,
    require_plain,
)
from console.worker.metrics import CONTENT_TYPE, OTHER, Metrics

if TYPE_CHECKING:
    from console.worker.door import Config

PAYPAY, ATOM = "paypay", "atom"
_REFUSED, _BUSY, _TROUBLE = "refused", "busy", "trouble"
_READY_SECONDS = 2.0
_NAMED_SOURCES = 64
_log = logging.getLogger("console.worker")


class Receiver:
    """What the endpoints share. For one event loop."""

    def __init__(self, console: Console, options: Options) -> None:
        self._console, self._options = console, options
        self.origins = Origins(options.trusted_proxies)
        self.crowd = Crowd(options.connections, options.per_peer, self.origins)
        # One slow provider, asked about its own notices, keeps those of no other waiting; nor does whoever looks.
        self._lanes = {name: Lane(name, options.threads, options.waiting) for name in (PAYPAY, ATOM, OTHER)}
        self._looks = Lane("looks", 2, options.live_clients)
        self._metrics = Metrics(console, options, self.crowd, self._looks)
        self._hub = live.Hub(console, options, self._looks, self._metrics)
        self._sources = {PAYPAY, ATOM}
        self.live = live.Live(self._hub, options, live.read_token(console))
        self._ready: tuple[float, bool] = (float("-inf"), False)
        self._asking = asyncio.Lock()

    # Notices

    async def paypay(self, request: Request) -> Response:
        return await self._take(request, PAYPAY)

    async def atom(self, request: Request) -> Response:
        return await self._take(request, ATOM)

    async def notice(self, request: Request) -> Response:
        return await self._take(request, request.path_params["source"])

    async def _take(self, request: Request, source: str) -> Response:
        """Judged and booked by the service; here is decided only what needs no database."""
        loop = asyncio.get_running_loop()
        began, result = loop.time(), _TROUBLE
        self._metrics.came()
        try:
            result = await self._judge(request, source)
        except Refused:
            result = _REFUSED
        except Busy:
            result = _BUSY
        except ConsoleError as trouble:
            _log.info("a notice could not be taken: %s", trouble.code)
        except Exception:
            _log.exception("a notice could not be taken", extra={"bug": True})
        finally:
            named = source in self._sources
            self._metrics.went(source if named else OTHER, result, loop.time() - began)
        if result in (_BUSY, _TROUBLE):
            return _come_again(1 if result == _BUSY else 5)
        return refusal() if result == _REFUSED else Response(b"OK", media_type="text/plain")

    async def _judge(self, request: Request, source: str) -> str:
        if not SOURCE.fullmatch(source) or (source in (PAYPAY, ATOM) and "source" in request.path_params):
            raise Refused("source")
        require_plain(request, self._options.largest_body)
        body = await read_body(request, self._options.largest_body, self._options.body_seconds)
        post = NoticePost(source, body, _headers(request), self._origin(request))
        told = await self._lanes.get(source, self._lanes[OTHER]).run(lambda: self._notice(post))
        if told.refused:
            raise Refused("service")
        if len(self._sources) < _NAMED_SOURCES:
            self._sources.add(source)
        return told.done or _TROUBLE

    def _notice(self, post: NoticePost) -> NoticeResult:
        return self._console.payments.notice(post)

    def _origin(self, request: Request) -> str | None:
        peer = request.client.host if request.client else None
        return self.origins.source(peer, request.headers.getlist("x-forwarded-for"))

    # How it goes

    async def health(self, _: Request) -> Response:
        return Response(b"ok\n", media_type="text/plain")

    async def ready(self, _: Request) -> Response:
        """The database answers and no task is late, as of a second ago."""
        loop = asyncio.get_running_loop()
        async with self._asking:
            if loop.time() - self._ready[0] >= 1:
                self._ready = (loop.time(), await self._is_ready())
        good = self._ready[1]
        return Response(b"ready\n" if good else b"not ready\n", 200 if good else 503, media_type="text/plain")

    async def _is_ready(self) -> bool:
        try:
            async with asyncio.timeout(_READY_SECONDS):
                return not await self._looks.run(lambda: self._console.figures.late_tasks())
        except (ConsoleError, Busy, TimeoutError):
            return False
        except Exception:
            _log.exception("readiness could not be judged", extra={"bug": True})
            return False

    async def metrics(self, _: Request) -> Response:
        return Response(await self._metrics.page(), media_type=CONTENT_TYPE)

    # Its life

    @asynccontextmanager
    async def life(self, _: Starlette) -> AsyncIterator[None]:
        yield
        await self._hub.close()
        for lane in (*self._lanes.values(), self._looks):
            lane.close()

    async def end_live(self) -> None:
        """Listeners are told that the receiver goes away."""
        self.live.closing = True
        await self._hub.close()


def make_app(console: Console, options: Options) -> Starlette:
    """The receiver's application. Raises bad_profile for a channel token that is too short."""
    receiver = Receiver(console, options)
    routes = [
        Route("/webhooks/paypay", receiver.paypay, methods=["POST"]),
        Route("/callbacks/atom", receiver.atom, methods=["POST"]),
        Route("/notices/{source}", receiver.notice, methods=["POST"]),
        Route("/healthz", receiver.health),
        Route("/readyz", receiver.ready),
        Route("/metrics", receiver.metrics),
        WebSocketRoute(LIVE, receiver.live.answer),
    ]
    troubles = {HTTPException: _refuse, Exception: _bug}
    app = Starlette(routes=routes, lifespan=receiver.life, exception_handlers=troubles)
    app.router.redirect_slashes = False
    app.state.receiver = receiver
    app.add_middleware(_LastRequest)
    return app


def refusal() -> Response:
    """The only one."""
    response = Response(REFUSAL, 400)
    response.raw_headers = list(REFUSAL_HEADERS)
    return response


def _come_again(seconds: int) -> Response:
    return Response(b"", 503, {"retry-after": str(seconds), "connection": "close"})


async def _refuse(_: Request, __: Exception) -> Response:
    return refusal()


async def _bug(_: Request, bug: Exception) -> Response:
    _log.error("a request broke off", exc_info=bug, extra={"bug": True})
    return Response(b"", 500, {"connection": "close"})


def _headers(request: Request) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.headers.raw)


class _LastRequest:
    """Says so where a connection has served its time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = list(message.get("headers", ()))
                if (b"connection", b"close") not in said:
                    message["headers"] = [*said, (b"connection", b"close")]
            await send(message)

        last = scope["type"] == "http" and scope.get("state", {}).get(LAST)
        await self._app(scope, receive, told if last else send)


def serve(
    app: Starlette, options: Options, stop: threading.Event, ready: Callable[[str, int], None] | None = None
) -> None:
    """Answer until `stop` is set, then finish what is under way, for `drain_seconds` at most. Blocks; makes an event
    loop of its own. `ready` is told the address and the port.

    Raises bad_profile where nobody can listen there, or the certificate doesn't fit.
    """
    from console.worker.door import Config

    config = Config(app, options, app.state.receiver.crowd)
    with _listener(options) as line:
        asyncio.run(_run(app.state.receiver, config, line, stop, ready))


def _listener(options: Options) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.bind else socket.AF_INET
    line = socket.socket(family, socket.SOCK_STREAM)
    try:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        line.bind((options.bind, options.port))
    except OSError:
        line.close()
        told = {"variable": "CONSOLE_RECEIVER_BIND, CONSOLE_RECEIVER_PORT", "problem": "address_taken"}
        raise ConsoleError("bad_profile", told) from None
    return line


async def _run(
    receiver: Receiver, config: "Config", line: socket.socket, stop: threading.Event,
    ready: Callable[[str, int], None] | None,
) -> None:  # fmt: skip
    from console.worker.door import Server

    server = Server(config)
    running = asyncio.create_task(server.serve([line]))
    while not running.done() and not (server.started and stop.is_set()):
        if server.started and ready is not None:
            ready(*line.getsockname()[:2])
            ready = None
        await asyncio.sleep(0.05)
    await receiver.end_live()
    server.should_exit = True
    await running
