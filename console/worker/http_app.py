"""The receiver: what providers send comes in here, and others see how things go.

Whatever is wrong with a notice, its refusal is one and the same, byte for byte. Services block, so that they are
called on threads of their own, never on the event loop; where there is no room the sender is told to come again.
"""

import asyncio
import logging
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.order_records import NoticePost
from console.services.notice_heard import Heard
from console.services.notice_signed import SOURCE
from console.worker import live
from console.worker.limits import (
    LAST,
    LIVE,
    REFUSAL,
    REFUSAL_HEADERS,
    SEAT,
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
        # Rubbish is known without the database: however much of it comes, it takes no room from what is kept. Nobody
        # waits for a provider but those who ask it.
        self._judging = Lane("judging", 2, options.connections)
        self._refusing = Lane("refusing", 1, options.waiting)
        self._keeping = {name: Lane(name, options.threads, options.waiting) for name in (PAYPAY, ATOM, OTHER)}
        self._asking = {name: Lane(f"ask-{name}", options.threads, options.waiting) for name in (PAYPAY, ATOM)}
        self._looks = Lane("looks", 2, options.live_clients)
        self._metrics = Metrics(console, options, self.crowd, self._looks)
        self._hub = live.Hub(console, options, self._looks, self._metrics)
        self._sources = {PAYPAY, ATOM}
        self.live = live.Live(self._hub, options, live.read_token(console))
        self._ready: tuple[float, bool] = (float("-inf"), False)
        self._readying = asyncio.Lock()

    # Notices

    async def paypay(self, request: Request) -> Response:
        return await self._take(request, PAYPAY)

    async def atom(self, request: Request) -> Response:
        return await self._take(request, ATOM)

    async def notice(self, request: Request) -> Response:
        return await self._take(request, request.path_params["source"])

    async def _take(self, request: Request, source: str) -> Response:
        """Judged, kept and booked by services, then answered; here is decided only what needs no database."""
        loop = asyncio.get_running_loop()
        began, result, heard = loop.time(), _TROUBLE, None
        self._metrics.came()
        try:
            heard = await self._judged(request, source)
            result = await self._kept(source, heard)
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
        if result == _REFUSED:
            return refusal(request)
        if heard is None or result in (_BUSY, _TROUBLE):
            return _come_again(1 if result == _BUSY else 5)
        _remember(request, genuine=True)
        return Response(b"OK", media_type="text/plain", background=BackgroundTask(self._follow_up, source, heard))

    async def _judged(self, request: Request, source: str) -> Heard:
        if not SOURCE.fullmatch(source) or (source in (PAYPAY, ATOM) and "source" in request.path_params):
            raise Refused("source")
        require_plain(request, self._options.largest_body)
        body = await read_body(request, self._options.largest_body, self._options.body_seconds)
        post = NoticePost(source, body, _headers(request), self._origin(request))
        return await self._judging.run(lambda: self._console.payments.hear(post))

    async def _kept(self, source: str, heard: Heard) -> str:
        """What became of it. Raises Refused, however the writing of a refusal went that need not be written."""
        if heard.refused:
            if heard.matters:
                await self._keeping[ATOM].run(heard.keep)
            elif heard.writes:
                with suppress(Busy, ConsoleError):
                    await self._refusing.run(heard.keep)
            raise Refused("service")
        told = await self._keeping.get(source, self._keeping[OTHER]).run(heard.keep)
        if len(self._sources) < _NAMED_SOURCES:
            self._sources.add(source)
        return told.done or _TROUBLE

    async def _follow_up(self, source: str, heard: Heard) -> None:
        """The provider is asked once its notice is answered. Where there is no room a due task asks."""
        if heard.asks:
            with suppress(Busy):
                await self._asking[source].run(heard.ask)

    def _origin(self, request: Request) -> str | None:
        peer = request.client.host if request.client else None
        return self.origins.source(peer, request.headers.getlist("x-forwarded-for"))

    # How it goes

    async def health(self, _: Request) -> Response:
        return Response(b"ok\n", media_type="text/plain")

    async def ready(self, _: Request) -> Response:
        """The database answers and no task is late, as of a second ago."""
        loop = asyncio.get_running_loop()
        async with self._readying:
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
        lanes = (self._judging, self._refusing, *self._keeping.values(), *self._asking.values(), self._looks)
        for lane in lanes:
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


def refusal(request: Request) -> Response:
    """The only one."""
    _remember(request, genuine=False)
    response = Response(REFUSAL, 400)
    response.raw_headers = list(REFUSAL_HEADERS)
    return response


def _come_again(seconds: int) -> Response:
    return Response(b"", 503, {"retry-after": str(seconds), "connection": "close"})


async def _refuse(request: Request, _: Exception) -> Response:
    return refusal(request)


def _remember(request: Request, *, genuine: bool) -> None:
    seat = request.scope.get("state", {}).get(SEAT)
    if seat is not None:
        seat.judged(genuine=genuine)


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
