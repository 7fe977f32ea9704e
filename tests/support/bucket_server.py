"""An emulator of Google Cloud Storage on this machine: the package gcp-storage-emulator, with two preconditions that
the package ignores.

Google refuses to create an object with `ifGenerationMatch=0` if the object exists, and refuses to delete an object
that has another generation than requested. This module checks both preconditions, for one request at a time.
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

BUCKET_NAME = "papers"
OBJECT_PREFIX = "desk/documents/"


class _PreconditionFailed(Exception):
    """Raised if a precondition of the request isn't met (HTTP status 412)."""


class _Store(Storage):  # type: ignore[misc]  # the emulator has no types
    """The emulator's storage. With `create_only`, creating an object that already exists raises
    _PreconditionFailed."""

    create_only = False

    def create_file(self, bucket: str, name: str, *rest: Any) -> None:
        if self.create_only and name in self.objects.get(bucket, {}):
            raise _PreconditionFailed
        super().create_file(bucket, name, *rest)


class BucketServer:
    """The stored objects of the emulator, and the faults that a test can set. `error_status_by_method` has the HTTP
    status with which each refused HTTP method is answered.
    """

    def __init__(self) -> None:
        self.store = _Store(use_memory_fs=True)
        self.store.wipe()
        buckets.create_bucket(BUCKET_NAME, self.store)
        self.lock = threading.Lock()
        self.open = threading.Event()
        """While this event is cleared, requests are received but not answered."""
        self.open.set()
        self.received = threading.Semaphore(0)
        """Released once for each received request."""
        self.error_status_by_method: dict[str, int] = {}
        """By HTTP method, the error status that is returned instead of an answer."""
        self.lose_answers = 0
        """Number of the next requests that are executed but get no answer: the connection is closed instead."""
        self.damaged_content = b""
        """If an upload contains this content, the server changes one bit of it after the receipt; empty: nothing is
        changed.
        """
        self.requests: list[str] = []
        """The received requests, each as text: method, and path with query."""
        self.address = ""

    def write_object(self, path: str, content: bytes, *, name: str = BUCKET_NAME, **about: str) -> None:
        """Store an object in the bucket, as another program would do. `about` has further fields of the object's
        metadata.
        """
        full = OBJECT_PREFIX + path
        resource = objects._make_object_resource(self.address, name, full, "application/pdf", str(len(content)))
        with self.lock:  # the request before is over only when it has let go
            self.store.create_file(name, full, content, objects._checksums(content, resource) | about)

    def read_object(self, path: str) -> bytes:
        """Return the content of an object in the bucket."""
        content: bytes = self.store.get_file(BUCKET_NAME, OBJECT_PREFIX + path)
        return content

    def delete_object(self, path: str) -> None:
        self.store.delete_file(BUCKET_NAME, OBJECT_PREFIX + path)

    def list_object_paths(self) -> list[str]:
        """Return the paths of all objects, sorted and relative to OBJECT_PREFIX. All objects must be below this
        prefix.
        """
        return [name.removeprefix(OBJECT_PREFIX) for name in sorted(self.store.objects.get(BUCKET_NAME, {}))]


class _RequestHandler(RequestHandler):  # type: ignore[misc]  # the emulator has no types
    rfile: IO[bytes]

    def __init__(self, server: BucketServer, *rest: Any) -> None:
        self._server = server
        super().__init__(server.store, *rest)

    def _check_and_answer(self, answer: Any) -> None:
        """Answer a request with the faults that the test has set, and with Google's two preconditions for creating
        and deleting objects.
        """
        served = self._server
        served.requests.append(f"{self.command} {self.path}")
        served.received.release()
        served.open.wait()
        if status := served.error_status_by_method.get(self.command):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._send_error_status(status)
            return
        if served.damaged_content and self.command == "POST":
            body = self.rfile.read(int(self.headers["Content-Length"]))
            turned = bytes([served.damaged_content[0] ^ 1]) + served.damaged_content[1:]
            self.rfile = io.BytesIO(body.replace(served.damaged_content, turned))
        if served.lose_answers > 0:
            served.lose_answers -= 1
            self.wfile = io.BytesIO()
        query = parse_qs(urlsplit(self.path).query)
        with served.lock:
            served.store.create_only = query.get("ifGenerationMatch") == ["0"]
            try:
                if self.command == "DELETE":
                    self._check_generation(query["ifGenerationMatch"][0])
                answer()
            except _PreconditionFailed:
                self._send_error_status(412)
            finally:
                served.store.create_only = False

    def _check_generation(self, expected: str) -> None:
        """Raise _PreconditionFailed if the object has another generation than `expected`."""
        bucket, name = self.path.partition("?")[0].split("/b/")[1].split("/o/")
        try:
            generation = self._server.store.get_file_obj(bucket, name.replace("%2F", "/"))["generation"]
        except NotFound:
            return
        if generation != expected:
            raise _PreconditionFailed

    def _send_error_status(self, status: int) -> None:
        """Answer with this error status."""
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps({"error": {"code": status, "message": "as told"}}).encode())

    def do_GET(self) -> None:
        self._check_and_answer(super().do_GET)

    def do_POST(self) -> None:
        self._check_and_answer(super().do_POST)

    def do_DELETE(self) -> None:
        self._check_and_answer(super().do_DELETE)

    def log_message(self, *_: object) -> None:
        pass


class _QuietHttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """Write no log of an error, because in some tests the client closes the connection on purpose."""


@contextmanager
def start_bucket_server() -> Iterator[BucketServer]:
    """Start an emulator with an empty bucket, and end it with the block. The variable STORAGE_EMULATOR_HOST has its
    address for this process and its child processes.
    """
    for name in ("gcp_storage_emulator", "api.object", "api.bucket"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    served = BucketServer()
    with _QuietHttpServer(("127.0.0.1", 0), partial(_RequestHandler, served)) as http:
        served.address = f"http://127.0.0.1:{http.server_port}"
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        with patch.dict(os.environ, STORAGE_EMULATOR_HOST=served.address):
            yield served
        served.open.set()
        http.shutdown()
