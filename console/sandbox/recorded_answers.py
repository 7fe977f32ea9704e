"""A local HTTP server in place of a provider. It answers every request with the recorded answer that was set last,
and ignores the content of the request."""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

from console.sandbox.atom.crypto import encrypt_text
from console.sandbox.environment import credentials

_MERCHANT_ID_PATTERN = re.compile(rb'"merchId":\s*"?(\d{1,18})')
_MASKED_FIELD_PATTERN = re.compile(r'"([A-Za-z0-9_]{1,64})":\s*"\*\*\*"')
"""A field of Atom's answer of which only the mask was stored, because it is payer data or a secret."""
_MASKED_ID_FIELD_NAME = "atomTokenId"


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """HTTP status, headers and body that a RecordedAnswerServer sends."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class RecordedAnswerServer:
    """An HTTP server on a free port of 127.0.0.1. It answers every request with `answer`, which the caller may
    replace at any time."""

    def __init__(self) -> None:
        self.answer = RecordedAnswer(500)
        answer_server = self

        class Handler(BaseHTTPRequestHandler):
            def _send_recorded_answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer = answer_server.answer
                self.send_response_only(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_POST = do_DELETE = _send_recorded_answer

            def log_message(self, *_: object) -> None:
                """Write nothing to the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def run_in_background(self) -> "Iterator[RecordedAnswerServer]":
        """Context manager: answer requests in a separate thread until the block ends. Yields this server."""
        serve = partial(self._server.serve_forever, poll_interval=0.02)
        thread = threading.Thread(target=serve, name="recorded-answers")
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


def encrypt_recorded_body(provider: str, body: bytes) -> bytes:
    """Return a recorded body in the form in which the provider sends it. Atom's answers were recorded decrypted and
    masked; this function replaces the masks by values, and encrypts the text with the sandbox's response key. The
    bodies of other providers are returned unchanged.
    """
    if provider != "atom" or not body.startswith(b"{"):
        return body
    key, salt = credentials.ATOM_RESPONSE_KEY, credentials.ATOM_RESPONSE_SALT
    form = {"merchId": credentials.ATOM_MERCH_ID, "encData": encrypt_text(_replace_masks(body.decode()), key, salt)}
    return urlencode(form).encode()


def _replace_masks(text: str) -> str:
    """Return Atom's recorded answer without masks: a masked token becomes an invented token, and any other masked
    field becomes null. The reader of Atom's answers expects an object in some of these fields (the payer's data),
    which a mask isn't. Null is harmless in these fields, because no masked field except the token decides an outcome.
    """
    return _MASKED_FIELD_PATTERN.sub(
        lambda match: f'"{match[1]}":{"1" if match[1] == _MASKED_ID_FIELD_NAME else "null"}', text
    )


def find_credentials_in_answer(provider: str, body: bytes) -> dict[str, str]:
    """Return the credentials that a provider's recorded answer contains, by name. For Atom this is the merchant id
    (`MERCH_ID`), which Atom's adapter compares with the configured merchant id. For any other provider the result is
    empty."""
    match = _MERCHANT_ID_PATTERN.search(body) if provider == "atom" else None
    return {"MERCH_ID": match[1].decode()} if match else {}
