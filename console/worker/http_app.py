"""The HTTP application of the receiver: accepts the notices of the providers, and serves health, metrics and
`/live`.

Every refused notice gets the same answer, byte for byte, for every reason of a refusal. Service calls block, so they
run in threads, never on the event loop. If a thread pool is full, the receiver asks the sender to try again later.
"""

import asyncio
import errno
import logging
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.app import Console
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import BadProfileDetail
from console.domain.payments import provider_registry
from console.domain.payments.provider_registry import ProviderTraits
from console.domain.payments.records import ReceivedNotice
from console.domain.setting_problems import SettingProblem
from console.services.payment_intake.checked_notice import CheckedNotice
from console.services.payment_intake.signed_notices import NOTICE_SOURCE_NAME_PATTERN
from console.worker import live_websocket as live
from console.worker.connection_limits import (
    IS_LAST_REQUEST_KEY,
    LIVE_FEED_PATH,
    REFUSAL_RESPONSE_BODY,
    REFUSAL_RESPONSE_HEADERS,
    BodyTooSlow,
    NoCapacity,
    OpenConnections,
    ReceiverOptions,
    RequestRefused,
    SenderAddressFinder,
    ServiceCallThreads,
    count_request,
    read_body,
    require_unambiguous_request,
)
from console.worker.prometheus_metrics import METRICS_CONTENT_TYPE, OTHER_SOURCE_LABEL, WorkerMetrics

if TYPE_CHECKING:
    from console.worker.uvicorn_protocols import ReceiverConfig

_REFUSED_RESULT = "refused"
_BUSY_RESULT = "busy"
_ERROR_RESULT = "trouble"
_READINESS_TIMEOUT_SECONDS = 2.0
_MAX_SOURCE_LABELS = 64
"""Largest number of senders of notices that have a label of their own in the metrics; all further senders share one.
"""
_log = logging.getLogger("console.worker")


class Receiver:
    """The endpoints of the receiver, and the state that they share: thread pools, connections, metrics. It belongs
    to one event loop."""

    def __init__(self, console: Console, options: ReceiverOptions) -> None:
        self._console, self._options = console, options
        self.sender_addresses = SenderAddressFinder(options.trusted_proxies)
        self.open_connections = OpenConnections(
            options.max_connections, options.max_connections_per_address, self.sender_addresses
        )
        # Signatures are checked without the database, in a thread pool of their own, so that invalid requests use no
        # capacity of genuine ones. Calls to each provider have their own pool, so that only they wait for it.
        self._verify_threads = ServiceCallThreads("judging", 2, options.max_connections)
        self._refusal_threads = ServiceCallThreads("refusing", 1, options.queue_length)
        providers = provider_registry.list_providers_of_type(ProviderTraits)
        self._notice_path_by_provider = {
            provider.name: provider.notice_path for provider in providers if provider.notice_path
        }
        self._store_threads = {
            name: ServiceCallThreads(name, options.threads_per_pool, options.queue_length)
            for name in (*self._notice_path_by_provider, OTHER_SOURCE_LABEL)
        }
        self._probe_threads = {
            name: ServiceCallThreads(f"ask-{name}", options.threads_per_pool, options.queue_length)
            for name in self._notice_path_by_provider
        }
        self._read_threads = ServiceCallThreads("looks", 2, options.max_live_clients)
        self._metrics = WorkerMetrics(console, options, self.open_connections, self._read_threads)
        self._live_hub = live.LiveFeedHub(console, options, self._read_threads, self._metrics)
        self._source_labels = set(self._notice_path_by_provider)
        self.live_endpoint = live.LiveFeedEndpoint(
            self._live_hub, options, console, self._read_threads, self.sender_addresses
        )
        self._readiness: tuple[float, bool] = (float("-inf"), False)
        self._readiness_lock = asyncio.Lock()

    # -- notices

    def make_notice_routes(self) -> list[Route]:
        """Return the web routes for the notices of payment providers: one for each provider that sends notices, at
        the provider's own path."""
        return [
            Route(path, partial(self._answer_notice, notice_source=name), methods=["POST"])
            for name, path in self._notice_path_by_provider.items()
        ]

    async def answer_signed_notice(self, request: Request) -> Response:
        """Check, store and answer a notice with a signature whose sender is no registered provider. The sender's
        name (`source`) is the last part of the request's path. The answer is 200 after the notice is stored, a
        refusal if the request or its signature is invalid, and a request to try later if the body does not arrive
        in time, or if the receiver is busy or fails.
        """
        return await self._answer_notice(request, request.path_params["source"])

    async def _answer_notice(self, request: Request, notice_source: str) -> Response:
        """Verify and store one notice of the sender `notice_source`, and return the answer to it. The services verify
        and store the notice; this method checks only the limits and the form of the request."""
        loop = asyncio.get_running_loop()
        started_at, result, notice = loop.time(), _ERROR_RESULT, None
        self._metrics.count_arrived_notice()
        try:
            notice = await self._verify_notice(request, notice_source)
            result = await self._store_notice(notice_source, notice)
        except RequestRefused:
            result = _REFUSED_RESULT
        except NoCapacity:
            result = _BUSY_RESULT
        except BodyTooSlow:
            result = _BUSY_RESULT
            count_request(request, is_genuine=False)
        except ConsoleError as error:
            _log.info("a notice could not be stored: %s", error.code)
        except Exception:
            _log.exception("a notice could not be stored", extra={"bug": True})
        finally:
            is_known_source = notice_source in self._source_labels
            self._metrics.count_notice_result(
                notice_source if is_known_source else OTHER_SOURCE_LABEL, result, loop.time() - started_at
            )
        if result == _REFUSED_RESULT:
            return make_refusal_response(request)
        if notice is None or result in (_BUSY_RESULT, _ERROR_RESULT):
            return _make_try_later_response(1 if result == _BUSY_RESULT else 5)
        count_request(request, is_genuine=True)
        return Response(
            b"OK", media_type="text/plain", background=BackgroundTask(self._probe_payment, notice_source, notice)
        )

    async def _verify_notice(self, request: Request, notice_source: str) -> CheckedNotice:
        """Read the request, and let the service verify the notice in it. Return the checked notice.

        Raises RequestRefused for a request that the receiver itself refuses, BodyTooSlow if its body does not arrive
        in time, and NoCapacity if the thread pool is full.
        """
        if not NOTICE_SOURCE_NAME_PATTERN.fullmatch(notice_source) or (
            provider_registry.find_provider(notice_source) and "source" in request.path_params
        ):
            raise RequestRefused("source")
        require_unambiguous_request(request, self._options.max_body_bytes)
        body = await read_body(request, self._options.max_body_bytes, self._options.body_timeout_seconds)
        posted_notice = ReceivedNotice(
            notice_source, body, _decode_headers(request), self._find_sender_address(request)
        )
        return await self._verify_threads.run(lambda: self._console.payments.check_notice(posted_notice))

    async def _store_notice(self, notice_source: str, notice: CheckedNotice) -> str:
        """Let the service store a checked notice. Return the code of the result, for the metrics.

        Raises RequestRefused for a refused notice, even if the audit entry about it could not be written. Exception:
        if a refused notice must be stored before the answer (`must_store_before_reply`) and can't be stored, raises
        NoCapacity or the error of the service, as for a genuine notice.
        """
        if notice.is_refused:
            if notice.must_store_before_reply:
                await self._store_threads[notice_source].run(notice.store_notice)
            elif notice.writes_database:
                with suppress(NoCapacity, ConsoleError):
                    await self._refusal_threads.run(notice.store_notice)
            raise RequestRefused("service")
        try:
            result = await self._store_threads.get(notice_source, self._store_threads[OTHER_SOURCE_LABEL]).run(
                notice.store_notice
            )
        except UnicodeError:  # the text can't be stored in a database, and a retry would not change that
            raise RequestRefused("text") from None
        if len(self._source_labels) < _MAX_SOURCE_LABELS:
            self._source_labels.add(notice_source)
        return result.done or _ERROR_RESULT

    async def _probe_payment(self, notice_source: str, notice: CheckedNotice) -> None:
        """Ask the provider about the payment of a notice, after the receiver has answered the notice. If the thread
        pool is full, this method does nothing; a due task asks the provider later."""
        if notice.must_ask_provider:
            with suppress(NoCapacity):
                await self._probe_threads[notice_source].run(notice.ask_provider)

    def _find_sender_address(self, request: Request) -> str | None:
        remote_host = request.client.host if request.client else None
        return self.sender_addresses.find_sender_address(remote_host, request.headers.getlist("x-forwarded-for"))

    # -- health

    async def answer_health(self, _: Request) -> Response:
        """Answer a request of a monitoring program with HTTP status 200, which shows that the process is running."""
        return Response(b"ok\n", media_type="text/plain")

    async def answer_readiness(self, _: Request) -> Response:
        """Answer with HTTP status 200 if the database answers and no task is overdue, otherwise with 503. The
        database is asked at most once a second: a request that arrives within one second after a check, or during a
        check, gets the result of that check."""
        loop = asyncio.get_running_loop()
        async with self._readiness_lock:
            if loop.time() - self._readiness[0] >= 1:
                is_ready = await self._is_ready()
                self._readiness = (loop.time(), is_ready)
        is_ready = self._readiness[1]
        return Response(b"ready\n" if is_ready else b"not ready\n", 200 if is_ready else 503, media_type="text/plain")

    async def _is_ready(self) -> bool:
        """True if the database answers within _READINESS_TIMEOUT_SECONDS and no task is overdue."""
        try:
            async with asyncio.timeout(_READINESS_TIMEOUT_SECONDS):
                return not await self._read_threads.run(lambda: self._console.metric_figures.find_overdue_tasks())
        except (ConsoleError, NoCapacity, TimeoutError):
            return False
        except Exception:
            _log.exception("the readiness could not be determined", extra={"bug": True})
            return False

    async def answer_metrics(self, _: Request) -> Response:
        """Answer with the metrics in Prometheus' text format."""
        return Response(await self._metrics.make_metrics_page(), media_type=METRICS_CONTENT_TYPE)

    # -- lifetime

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Within the block the web application runs. At the end of the block, close the connections of `/live` and
        the thread pools."""
        yield
        await self._live_hub.close()
        pools = (
            self._verify_threads,
            self._refusal_threads,
            *self._store_threads.values(),
            *self._probe_threads.values(),
            self._read_threads,
        )
        for pool in pools:
            pool.close()

    async def close_live_connections(self) -> None:
        """Close the WebSocket connections of all listeners of `/live`."""
        self.live_endpoint.is_closing = True
        await self._live_hub.close()


def make_receiver_app(console: Console, options: ReceiverOptions) -> Starlette:
    """Return the web application (Starlette) of the receiver.

    Raises ConsoleError `bad_profile` if a token of `/live` is too short.
    """
    receiver = Receiver(console, options)
    routes = [
        *receiver.make_notice_routes(),
        Route("/notices/{source}", receiver.answer_signed_notice, methods=["POST"]),
        Route("/healthz", receiver.answer_health),
        Route("/readyz", receiver.answer_readiness),
        Route("/metrics", receiver.answer_metrics),
        WebSocketRoute(LIVE_FEED_PATH, receiver.live_endpoint.serve_listener),
    ]
    handlers = {HTTPException: _answer_refusal, Exception: _answer_unexpected_error}
    app = Starlette(routes=routes, lifespan=receiver.lifespan, exception_handlers=handlers)
    app.router.redirect_slashes = False
    app.state.receiver = receiver
    app.add_middleware(_ConnectionClosingMiddleware)
    return app


def make_refusal_response(request: Request) -> Response:
    """Return the answer that the sender of every refused request gets, and count the refusal for the sender's
    address."""
    count_request(request, is_genuine=False)
    response = Response(REFUSAL_RESPONSE_BODY, 400)
    response.raw_headers = list(REFUSAL_RESPONSE_HEADERS)
    return response


def _make_try_later_response(retry_after_seconds: int) -> Response:
    return Response(b"", 503, {"retry-after": str(retry_after_seconds), "connection": "close"})


async def _answer_refusal(request: Request, _: Exception) -> Response:
    """Exception handler of the web application: answer a request that was refused (RequestRefused) or has no
    route."""
    return make_refusal_response(request)


async def _answer_unexpected_error(_: Request, error: Exception) -> Response:
    """Exception handler of the web application: log an unexpected exception, and answer with HTTP status 500."""
    _log.error("a request broke off", exc_info=error, extra={"bug": True})
    return Response(b"", 500, {"connection": "close"})


def _decode_headers(request: Request) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.headers.raw)


class _ConnectionClosingMiddleware:
    """Web middleware that adds the header `Connection: close` to the last answer on a connection that has reached
    its largest age or number of requests."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_close(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                if (b"connection", b"close") not in headers:
                    message["headers"] = [*headers, (b"connection", b"close")]
            await send(message)

        is_last = scope["type"] == "http" and scope.get("state", {}).get(IS_LAST_REQUEST_KEY)
        await self._app(scope, receive, send_with_close if is_last else send)


def serve_receiver(
    app: Starlette,
    options: ReceiverOptions,
    stop_event: threading.Event,
    on_ready: Callable[[str, int], None] | None = None,
) -> None:
    """Run the web application `app` of the receiver until `stop_event` is set, then finish running requests within
    `drain_timeout_seconds`. This function blocks the calling thread and runs an event loop of its own in it. When the
    receiver accepts connections, `on_ready` is called once with the address and the port.

    Raises ConsoleError `bad_profile` if the address is in use or invalid, or if the certificate is invalid.
    """
    from console.worker.uvicorn_protocols import ReceiverConfig

    receiver: Receiver = app.state.receiver
    config = ReceiverConfig(app, options, receiver.open_connections)
    with _open_socket(options) as listening_socket:
        asyncio.run(_run_server(receiver, config, listening_socket, stop_event, on_ready))


def _open_socket(options: ReceiverOptions) -> socket.socket:
    """Return a socket bound to the receiver's address.

    Raises ConsoleError `bad_profile` if the address can't be bound.
    """
    family = socket.AF_INET6 if ":" in options.bind_address else socket.AF_INET
    listening_socket = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":  # SO_REUSEADDR would let any other process use the same port at the same time
            listening_socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listening_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening_socket.bind((options.bind_address, options.port))
    except OSError as error:
        listening_socket.close()
        detail: BadProfileDetail = {
            "variable": "CONSOLE_RECEIVER_BIND, CONSOLE_RECEIVER_PORT",
            "problem": SettingProblem.ADDRESS_TAKEN
            if error.errno == errno.EADDRINUSE
            else SettingProblem.ADDRESS_UNUSABLE,
            "cause": error.strerror or str(error),
        }
        raise ConsoleError(ErrorCode.BAD_PROFILE, detail) from None
    return listening_socket


async def _run_server(
    receiver: Receiver,
    config: "ReceiverConfig",
    listening_socket: socket.socket,
    stop_event: threading.Event,
    on_ready: Callable[[str, int], None] | None,
) -> None:
    from console.worker.uvicorn_protocols import ReceiverServer

    server = ReceiverServer(config)
    serving_task = asyncio.create_task(server.serve([listening_socket]))
    while not serving_task.done() and not (server.started and stop_event.is_set()):
        if server.started and on_ready is not None:
            on_ready(*listening_socket.getsockname()[:2])
            on_ready = None
        await asyncio.sleep(0.05)
    await receiver.close_live_connections()
    server.should_exit = True
    await serving_task
