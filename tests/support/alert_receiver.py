"""A receiver of alert webhooks for tests: an HTTP server on loopback that stores the requests and returns the
configured statuses.
"""

import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

SIGNATURE_KEY = "a-key-of-sixteen-or-more"


class AlertReceiver(ThreadingHTTPServer):
    """The HTTP server of the receiver. `answers(event, number)` returns the HTTP status for the request with this
    number, from 1. `events` has the body and `paths` the path of each request; `signed` has, for each request, True
    if its signature is valid. The body of each answer has `answer_bytes` bytes.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events: list[dict[str, Any]] = []
        self.signed: list[bool] = []
        self.paths: list[str] = []
        self.answer_bytes = 0
        self.answers: Callable[[dict[str, Any], int], int] = lambda _event, _nth: 204

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/alerts"

    @property
    def event_ids(self) -> list[str]:
        """Return the event ids of all requests in the order of their arrival."""
        return [event["event_id"] for event in self.events]


class _Handler(BaseHTTPRequestHandler):
    server: AlertReceiver

    def do_POST(self) -> None:
        receiver = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signature_parts = dict(part.split("=", 1) for part in self.headers["X-Alert-Signature"].split(","))
        made = hmac.new(SIGNATURE_KEY.encode(), f"{signature_parts['t']}.".encode() + body, "sha256").hexdigest()
        event = json.loads(body)
        receiver.paths.append(self.path)
        receiver.signed.append(hmac.compare_digest(made, signature_parts["v1"]))
        receiver.events.append(event)
        self.send_response(receiver.answers(event, len(receiver.events)))
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(receiver.answer_bytes))
        self.end_headers()
        self.wfile.write(b"x" * receiver.answer_bytes)

    def log_message(self, *_: object) -> None:
        """Write no log, because tests read the stored requests."""


@contextmanager
def receive_alerts() -> Iterator[AlertReceiver]:
    """Yield a receiver that answers requests until the end of the block."""
    with AlertReceiver() as receiver:
        thread = Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()
