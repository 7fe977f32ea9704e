"""The HTTP server of the invented provider Kaede Pay for tests, with a ledger in memory. A test can pay payments and
make signed notices.
"""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from console.domain.payments.records import ReceivedNotice

SHOP_ID, API_KEY, NOTICE_KEY = "shop-1", "kaede-canary-key", "kaede-notice-key"


class KaedeServer:
    """The server of Kaede Pay with its ledger of payments and refunds. `requests` has the method and path of each
    request, in the order of arrival.
    """

    def __init__(self) -> None:
        self.payments: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []
        ledger = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                ledger.answer_request(self, None)

            def do_POST(self) -> None:
                ledger.answer_request(self, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def log_message(self, format: str, *args: object) -> None:
                """Write nothing to stderr."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def run_in_thread(self) -> Iterator["KaedeServer"]:
        """Answer requests in a thread until the end of the block."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def answer_request(self, request: BaseHTTPRequestHandler, request_body: dict[str, Any] | None) -> None:
        """Answer a request whose JSON body is `request_body`; None means that the request has no body."""
        self.requests.append(f"{request.command} {request.path}")
        status, answer_body = self._make_answer(request, request_body)
        body = json.dumps(answer_body).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _make_answer(
        self, request: BaseHTTPRequestHandler, request_body: dict[str, Any] | None
    ) -> tuple[int, dict[str, Any]]:
        """Return HTTP status and JSON body of the answer to a request; `request_body` is None for a read."""
        if request.headers["Authorization"] != f"Bearer {API_KEY}":
            return 401, {"error": "no such key"}
        kind, _, name = request.path.removeprefix("/").partition("/")
        ledger = self.payments if kind == "payments" else self.refunds
        if request_body is None:
            return (200, ledger[name]) if name in ledger else (404, {"error": "not found"})
        if kind == "payments":
            made = self.payments.setdefault(
                request_body["number"], self._make_payment(request_body["number"], request_body["amount"])
            )
            return 201, made | {"code": f"code-{request_body['number']}"}
        return 201, self.refunds.setdefault(
            request_body["key"], {"id": f"kr-{len(self.refunds) + 1}", "state": "accepted", **request_body}
        )

    def _make_payment(self, number: str, amount: int) -> dict[str, Any]:
        return {"id": f"kp-{len(self.payments) + 1}", "number": number, "amount": amount, "state": "waiting"}

    # The payer, and the provider itself

    def add_payment(self, number: str, amount: int) -> None:
        """Add a payment with the payment number `number` to the ledger as if another program had begun it."""
        self.payments[number] = self._make_payment(number, amount)

    def pay_payment(self, number: str) -> None:
        """Mark the payment with this payment number as paid."""
        self.payments[number] |= {"state": "paid", "paid_at": datetime.now(UTC).isoformat(timespec="seconds")}

    def make_notice(self, number: str, key: str = NOTICE_KEY) -> ReceivedNotice:
        """Return a callback, signed with `key`, about the present state of the payment with the payment number
        `number`."""
        text = json.dumps(self.payments[number])
        made = hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
        return ReceivedNotice("kaede", json.dumps({"payment": text, "signature": made}).encode(), (), "127.0.0.1")
