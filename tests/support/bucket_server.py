"""A bucket on this machine: the emulator from the package index, with the preconditions that it doesn't know.

Google refuses a creation under `ifGenerationMatch=0` where the object exists, and a deletion of another generation.
The emulator ignores both, so they are judged here, one request at a time.
"""

import io
import json
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import ThreadingHTTPServer
from typing import IO, Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.handlers import buckets, objects
from gcp_storage_emulator.server import RequestHandler
from gcp_storage_emulator.storage import Storage

NAME = "papers"
PREFIX = "desk/documents/"


class _ExistsAlready(Exception):
    """412."""


class _Store(Storage):  # type: ignore[misc]  # the emulator has no types
    """The emulator's objects; creating one may be tied to there being none."""

    create_only = False

    def create_file(self, bucket: str, name: str, *rest: Any) -> None:
        if self.create_only and name in self.objects.get(bucket, {}):
            raise _ExistsAlready
        super().create_file(bucket, name, *rest)


class BucketServer:
    """The contents of the server, and its faults."""

    def __init__(self) -> None:
        self.store = _Store(use_memory_fs=True)
        self.store.wipe()
        buckets.create_bucket(NAME, self.store)
        self.lock = threading.Lock()
        self.open = threading.Event()
        """Cleared: requests are taken and not answered."""
        self.open.set()
        self.busy = threading.Semaphore(0)
        """Released once per request that came in."""
        self.refuse: dict[str, int] = {}
        """HTTP status by method, instead of an answer."""
        self.lose_answers = 0
        """So many requests are carried out, and the connection closed instead of an answer."""
        self.garble = b""
        """Content that arrives with one changed bit."""
        self.asked: list[str] = []
        """Requests that came in: method and path with query."""
        self.address = ""

    def put(self, path: str, content: bytes, *, name: str = NAME, **about: str) -> None:
        """An object as somebody else would leave it there."""
        full = PREFIX + path
        resource = objects._make_object_resource(self.address, name, full, "application/pdf", str(len(content)))
        with self.lock:  # the request before is over only when it has let go
            self.store.create_file(name, full, content, objects._checksums(content, resource) | about)

    def take(self, path: str) -> bytes:
        content: bytes = self.store.get_file(NAME, PREFIX + path)
        return content

    def delete(self, path: str) -> None:
        self.store.delete_file(NAME, PREFIX + path)

    def names(self) -> list[str]:
        """Paths relative to the prefix; everything in the bucket must be under it."""
        return [name.removeprefix(PREFIX) for name in sorted(self.store.objects.get(NAME, {}))]


class _Door(RequestHandler):  # type: ignore[misc]  # the emulator has no types
    rfile: IO[bytes]

    def __init__(self, server: BucketServer, *rest: Any) -> None:
        self._server = server
        super().__init__(server.store, *rest)

    def _judge(self, answer: Any) -> None:
        served = self._server
        served.asked.append(f"{self.command} {self.path}")
        served.busy.release()
        served.open.wait()
        if status := served.refuse.get(self.command):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._say(status)
            return
        if served.garble and self.command == "POST":
            body = self.rfile.read(int(self.headers["Content-Length"]))
            turned = bytes([served.garble[0] ^ 1]) + served.garble[1:]
            self.rfile = io.BytesIO(body.replace(served.garble, turned))
        if served.lose_answers > 0:
            served.lose_answers -= 1
            self.wfile = io.BytesIO()
        asked = parse_qs(urlsplit(self.path).query)
        with served.lock:
            served.store.create_only = asked.get("ifGenerationMatch") == ["0"]
            try:
                if self.command == "DELETE":
                    self._same_generation(asked["ifGenerationMatch"][0])
                answer()
            except _ExistsAlready:
                self._say(412)
            finally:
                served.store.create_only = False

    def _same_generation(self, wanted: str) -> None:
        bucket, name = self.path.partition("?")[0].split("/b/")[1].split("/o/")
        try:
            found = self._server.store.get_file_obj(bucket, name.replace("%2F", "/"))["generation"]
        except NotFound:
            return
        if found != wanted:
            raise _ExistsAlready

    def _say(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps({"error": {"code": status, "message": "as told"}}).encode())

    def do_GET(self) -> None:
        self._judge(super().do_GET)

    def do_POST(self) -> None:
        self._judge(super().do_POST)

    def do_DELETE(self) -> None:
        self._judge(super().do_DELETE)

    def log_message(self, *_: object) -> None:
        pass


class _Threads(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A client that went away is what some tests are about."""


@contextmanager
def bucket_server() -> Iterator[BucketServer]:
    """A fresh bucket, named to this process and its children as the emulator."""
    for name in ("gcp_storage_emulator", "api.object", "api.bucket"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    served = BucketServer()
    with _Threads(("127.0.0.1", 0), partial(_Door, served)) as http:
        served.address = f"http://127.0.0.1:{http.server_port}"
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        with patch.dict(os.environ, STORAGE_EMULATOR_HOST=served.address):
            yield served
        served.open.set()
        http.shutdown()
