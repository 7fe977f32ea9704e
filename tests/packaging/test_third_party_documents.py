"""Tests of the list of third-party components and of `make audit`, which also reports when the vulnerability service
can't be reached.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from scripts import audit, third_party_documents
from scripts.lock import LOCK, iterate_pins


def test_the_bill_of_materials_lists_each_component(tmp_path: Path) -> None:
    """The bill of materials lists each component of the program with its pinned version, and no development tool."""
    assert third_party_documents.main([str(tmp_path / "sbom.json")]) == 0
    bill = json.loads((tmp_path / "sbom.json").read_text())
    pinned = dict(iterate_pins(LOCK.read_text()))
    listed = {one["purl"].partition("/")[2].partition("@")[0]: one["version"] for one in bill["components"]}
    assert {"sqlalchemy", "requests", "pyside6-essentials", "confluent-kafka", "gcsfs"} <= set(listed)
    assert not {"pytest", "mypy", "pyinstaller", "hypothesis"} & set(listed)
    assert listed.pop("python").count(".") == 2
    assert {name: version for name, version in listed.items() if pinned.get(name) != version} == {}


@contextmanager
def start_audit_service(status: int, answer: bytes) -> Iterator[str]:
    """Start an HTTP service that answers every request with this status and body; yield its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Write no log."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _make_audit_answer(vulnerabilities: dict[str, str]) -> bytes:
    names = [name for name, _ in iterate_pins(LOCK.read_text())]
    results = [{"vulns": [{"id": vulnerabilities[name]}]} if name in vulnerabilities else {} for name in names]
    return json.dumps({"results": results}).encode()


def test_the_audit_prints_each_vulnerability(capsys: pytest.CaptureFixture[str]) -> None:
    """`make audit` prints each vulnerability and states whether its component runs in the program or is only a
    development tool.
    """
    with start_audit_service(200, _make_audit_answer({"requests": "X-1", "pytest": "X-2"})) as url:
        assert audit.main(url) == 1
    output = capsys.readouterr().out
    assert "(runs): X-1" in output
    assert "(development): X-2" in output
    with start_audit_service(200, _make_audit_answer({})) as url:
        assert audit.main(url) == 0


@pytest.mark.parametrize(("status", "answer"), [(503, b""), (200, b"no"), (200, b'{"results": []}'), (200, b"[]")])
def test_a_missing_answer_of_the_audit_service_is_reported(
    status: int, answer: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """If the vulnerability service gives no usable answer, `make audit` exits with 2 and says that the service is out
    of reach.
    """
    with start_audit_service(status, answer) as url:
        assert audit.main(url) == 2
    assert "out of reach" in capsys.readouterr().out
