"""A running receiver of notices, and clients that send it exactly the bytes that a test chooses."""

import http.client
import queue
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from console.app import Console
from console.domain.payments.records import ReceivedNotice
from console.worker.connection_limits import ReceiverOptions
from console.worker.http_app import make_receiver_app, serve_receiver
from tests.support.waiting import MAX_WAIT_SECONDS

LIVE_FEED_TOKEN = "a-live-feed-token-for-tests"
NOTICE_PATH_BY_PROVIDER = {"paypay": "/webhooks/paypay", "atom": "/callbacks/atom"}
WAIT_LIMIT_SECONDS = MAX_WAIT_SECONDS
"""Seconds after which a test gives up."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer of the receiver. `raw` has all bytes of the answer except its header `date`. `status` is 0 if
    the connection ended without an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class RunningReceiver:
    """A receiver of notices that runs in a thread of the test process, and its address."""

    host: str
    port: int
    stop: threading.Event
    thread: threading.Thread

    def end(self) -> None:
        self.stop.set()
        self.thread.join(WAIT_LIMIT_SECONDS)
        assert not self.thread.is_alive()

    def open_connection(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), WAIT_LIMIT_SECONDS)

    def send_bytes(self, *pieces: bytes) -> Answer:
        """Send these bytes on a new connection, read until the receiver closes the connection, and return the
        answer.
        """
        with self.open_connection() as connection:
            for piece in pieces:
                try:
                    connection.sendall(piece)
                except (ConnectionResetError, BrokenPipeError):  # answered before the end
                    break
            return parse_answer(read_all(connection))

    def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        return self.send_bytes(format_request("POST", path, body, {"connection": "close"} | dict(headers or {})))

    def get(self, path: str) -> Answer:
        return self.send_bytes(format_request("GET", path, b"", {"connection": "close"}))

    def deliver_notice(self, post: ReceivedNotice, **headers: str) -> Answer:
        """Send the notice as its source would send it, with the further headers `headers`, and return the answer."""
        path = NOTICE_PATH_BY_PROVIDER.get(post.source, f"/notices/{post.source}")
        return self.post(path, post.body, dict(post.headers) | headers)


def post_notice(port: int, post: ReceivedNotice, seconds: float = WAIT_LIMIT_SECONDS) -> int:
    """Send a notice to the receiver on this port, wait at most `seconds`, and return the HTTP status of the answer.

    Raises OSError or http.client.HTTPException if there is no valid answer.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request(
            "POST", NOTICE_PATH_BY_PROVIDER.get(post.source, f"/notices/{post.source}"), post.body, dict(post.headers)
        )
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def format_request(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    all_headers = {"host": "receiver.example", "content-length": str(len(body))} | dict(headers)
    head = "".join(f"{name}: {text}\r\n" for name, text in all_headers.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def read_all(connection: socket.socket) -> bytes:
    """Read from this socket until the other side closes or resets the connection, and return all bytes."""
    received = b""
    while True:
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            return received
        if not piece:
            return received
        received += piece


def parse_answer(raw: bytes) -> Answer:
    """Return the first HTTP answer in these bytes, or an answer with the status 0 if there are no bytes."""
    if not raw:
        return Answer(0, {}, b"")
    response = http.client.HTTPResponse(_AnswerSocket(raw))  # type: ignore[arg-type]  # all that it asks of a socket
    response.begin()
    body = response.read()
    lines = [line for line in raw.split(b"\r\n") if not line.lower().startswith(b"date:")]
    headers = {name.lower(): text for name, text in response.getheaders()}
    return Answer(response.status, headers, body, b"\r\n".join(lines))


class _AnswerSocket:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def makefile(self, *_: object) -> Any:
        import io

        return io.BytesIO(self._raw)


@contextmanager
def run_receiver(console: Console, **options: Any) -> Iterator[RunningReceiver]:
    """Run a receiver of this console in a thread until the end of the block. `options` are fields of
    ReceiverOptions."""
    receiver_options = ReceiverOptions(**options)
    app, stop = make_receiver_app(console, receiver_options), threading.Event()
    ready: queue.Queue[tuple[str, int]] = queue.Queue()
    thread = threading.Thread(
        target=serve_receiver, args=(app, receiver_options, stop, lambda *at: ready.put(at)), name="receiver"
    )
    thread.start()
    try:
        running = RunningReceiver(*ready.get(timeout=WAIT_LIMIT_SECONDS), stop, thread)
        yield running
    finally:
        stop.set()
        thread.join(WAIT_LIMIT_SECONDS)
        assert not thread.is_alive()
