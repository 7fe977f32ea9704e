"""Tests of connection faults over real sockets: each fault has its outcome class, no fault counts as an answer, and
no request is sent again."""

import gzip
import importlib
import json
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import pytest
import requests

from console.domain.provider_outcome import OutcomeClass, SendingCertainty
from console.providers.http.transport import TransportFailure
from tests.providers.raw_server import (
    Script,
    make_answer_script,
    make_bytes_script,
    make_hang_script,
    make_http_answer,
    make_large_answer_script,
    make_reset_script,
    serve_scripts,
)
from tests.providers.sending import CHECK_ANSWER, WHOLE_ANSWER, make_transport, read_failure, send_purchase

ResultT = TypeVar("ResultT")


def measure_peak_memory(call: Callable[[], ResultT]) -> tuple[ResultT, int]:
    """Run the function and return its result with the largest memory (bytes) that Python used during the run."""
    # Import first: the modules' memory must not count as that of the body.
    importlib.import_module("console.providers.http.requests_session")
    tracemalloc.start()
    try:
        return call(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


GZIP_HEADERS = {"Content-Encoding": "gzip"}
COMPRESSED_REFUSAL = gzip.compress(b"<html>refused</html>")
TWO_CONTENT_LENGTHS = {"Content-Length": "2, 75"}
CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BROKEN_ANSWERS: list[tuple[str, Script, str, SendingCertainty]] = [
    ("closed without an answer", make_bytes_script(b""), "connection_broken", SendingCertainty.MAYBE),
    ("reset before the answer", make_reset_script(), "connection_broken", SendingCertainty.MAYBE),
    ("reset within the headers", make_reset_script(WHOLE_ANSWER[:30]), "connection_broken", SendingCertainty.MAYBE),
    ("reset within the body", make_reset_script(WHOLE_ANSWER[:-5]), "answer_cut", SendingCertainty.YES),
    (
        "reset where the end was to be",
        make_reset_script(b"HTTP/1.1 200 OK\r\n\r\n{"),
        "answer_cut",
        SendingCertainty.YES,
    ),
    ("body shorter than promised", make_bytes_script(WHOLE_ANSWER[:-5]), "answer_cut", SendingCertainty.YES),
    ("chunk cut", make_bytes_script(CHUNKED_HEAD + b"40\r\n{"), "answer_cut", SendingCertainty.YES),
    ("chunk length is none", make_bytes_script(CHUNKED_HEAD + b"zz\r\n{"), "answer_cut", SendingCertainty.YES),
    (
        "no HTTP at all",
        make_bytes_script(b"220 mail.example.com ESMTP\r\n"),
        "connection_broken",
        SendingCertainty.MAYBE,
    ),
    (
        "gzip that is none",
        make_bytes_script(make_http_answer(200, b"{}", {"Content-Encoding": "gzip"})),
        "answer_cut",
        SendingCertainty.YES,
    ),
    (
        "gzip without its data",
        make_bytes_script(make_http_answer(422, COMPRESSED_REFUSAL[:10], GZIP_HEADERS)),
        "answer_cut",
        SendingCertainty.YES,
    ),
    (
        "gzip without its end",
        make_bytes_script(make_http_answer(422, COMPRESSED_REFUSAL[:-9], GZIP_HEADERS)),
        "answer_cut",
        SendingCertainty.YES,
    ),
    (
        "gzip without its length",
        make_bytes_script(make_http_answer(401, COMPRESSED_REFUSAL[:-1], GZIP_HEADERS)),
        "answer_cut",
        SendingCertainty.YES,
    ),
    (
        "gzip and something",
        make_bytes_script(make_http_answer(404, COMPRESSED_REFUSAL + b"{}", GZIP_HEADERS)),
        "answer_cut",
        SendingCertainty.YES,
    ),
    (
        "two lengths",
        make_bytes_script(make_http_answer(201, b"{}", TWO_CONTENT_LENGTHS)),
        "unreadable",
        SendingCertainty.YES,
    ),
    (
        "two lengths of a refusal",
        make_bytes_script(make_http_answer(404, b"{}", TWO_CONTENT_LENGTHS)),
        "unreadable",
        SendingCertainty.YES,
    ),
    (
        "Brotli",
        make_bytes_script(make_http_answer(200, b"{}", {"Content-Encoding": "br"})),
        "unreadable",
        SendingCertainty.YES,
    ),
    (
        "a refusal in zstd",
        make_bytes_script(make_http_answer(422, b"\x28\xb5", {"Content-Encoding": "zstd"})),
        "unreadable",
        SendingCertainty.YES,
    ),
    (
        "two codings",
        make_bytes_script(make_http_answer(401, b"{}", {"Content-Encoding": "gzip, br"})),
        "unreadable",
        SendingCertainty.YES,
    ),
    (
        "an unknown coding",
        make_bytes_script(make_http_answer(404, b"", {"Content-Encoding": "x-new"})),
        "unreadable",
        SendingCertainty.YES,
    ),
    (
        "chunks within gzip",
        make_bytes_script(b"HTTP/1.1 401 No\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        "unreadable",
        SendingCertainty.YES,
    ),
    (
        "a length and chunks",
        make_bytes_script(
            b"HTTP/1.1 422 No\r\nContent-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + b" " * 35
        ),
        "unreadable",
        SendingCertainty.YES,
    ),
    (
        "endless header",
        make_large_answer_script(b"HTTP/1.1 200 OK\r\nX: ", 1 << 20),
        "connection_broken",
        SendingCertainty.MAYBE,
    ),
]


@pytest.mark.parametrize(
    ("script", "reason", "certainty"), [b[1:] for b in BROKEN_ANSWERS], ids=[b[0] for b in BROKEN_ANSWERS]
)
def test_a_fault_after_connecting_is_unknown_and_not_repeated(
    script: Script, reason: str, certainty: SendingCertainty
) -> None:
    """Each fault after connecting leads to UNKNOWN with its own reason, and the transport does not send the request
    again.
    """
    with serve_scripts(script) as server:
        assert read_failure(make_transport(server.url)) == (OutcomeClass.UNKNOWN, reason, certainty)
        assert server.connections == 1


@pytest.mark.parametrize("interim_status", [b"100 Continue", b"102 Processing", b"103 Early Hints", b"199 Other"])
def test_interim_answers_before_the_answer_are_skipped(interim_status: bytes) -> None:
    """A server in front of the provider sends interim answers with headers, and then the provider's answer. The
    transport returns the provider's answer, so that a purchase that was made isn't recorded as unknown."""
    interim_answer = b"HTTP/1.1 " + interim_status + b"\r\nLink: </style.css>; rel=preload\r\n\r\n"
    with serve_scripts(make_bytes_script(3 * interim_answer + WHOLE_ANSWER)) as server:
        answer = send_purchase(make_transport(server.url))
    assert (answer.status, json.loads(answer.body)) == (200, CHECK_ANSWER)
    assert "link" not in answer.headers


def test_interim_answers_without_end_end_with_the_budget() -> None:
    """If a server sends interim answers without end, the call ends with its time budget and the outcome UNKNOWN."""

    def send_interim_answers(connection: socket.socket, stop_event: threading.Event) -> None:
        with suppress(OSError):
            while not stop_event.is_set():
                connection.sendall(b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n")

    with serve_scripts(send_interim_answers) as server:
        failure = read_failure(make_transport(server.url), read_timeout=600, budget=0.3)
    assert failure == (OutcomeClass.UNKNOWN, "budget_spent", SendingCertainty.MAYBE)


LONG_HEADS = {
    "interim answers": b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" * 10_000,
    "long headers": b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"a" * 60_000 + b"\r\n") * 90,
    "headers between carriage returns": b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"a\rX: " * 10_000 + b"\r\n") * 90,
    "a long status line": b"HTTP/1.1 200 " + b"O" * 300_000 + b"\r\n",
}


@pytest.mark.parametrize("head", LONG_HEADS.values(), ids=LONG_HEADS)
def test_headers_beyond_the_limit_are_not_read(head: bytes) -> None:
    """A server sends a status and headers of more than 256 KiB, with or without interim answers. The program stops
    reading them, because they cost seconds of its processor, and the outcome is UNKNOWN."""
    with serve_scripts(make_bytes_script(head + WHOLE_ANSWER)) as server:
        outcome_class, reason, sent = read_failure(make_transport(server.url), budget=20)
    assert (outcome_class, sent) in (
        (OutcomeClass.UNKNOWN, SendingCertainty.YES),
        (OutcomeClass.UNKNOWN, SendingCertainty.MAYBE),
    )
    assert reason in ("answer_too_large", "connection_broken")


def test_no_answer_is_read_after_a_change_of_the_protocol() -> None:
    """An answer with status 101 is returned as the answer. After it the connection uses another protocol, so later
    bytes aren't read as the provider's answer.
    """
    switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"
    with serve_scripts(make_bytes_script(switch + WHOLE_ANSWER)) as server:
        assert send_purchase(make_transport(server.url)).status == 101


def test_a_complete_answer_counts_despite_a_later_reset() -> None:
    """A complete answer is accepted, even if the server then resets the connection."""

    def send_answer_and_reset(connection: socket.socket, _: object) -> None:
        connection.sendall(WHOLE_ANSWER)
        connection.recv(1)
        make_reset_script()(connection, _)  # type: ignore[arg-type]  # the event is not used

    with serve_scripts(send_answer_and_reset) as server:
        assert send_purchase(make_transport(server.url)).status == 200


def test_silence_within_the_body_is_a_read_timeout() -> None:
    """If the server stops sending in the middle of a body, the outcome is that of a read timeout, although the HTTP
    library reports a connection error.
    """
    with serve_scripts(make_hang_script(WHOLE_ANSWER[:-5])) as server, pytest.raises(TransportFailure) as caught:
        send_purchase(make_transport(server.url), read_timeout=0.1)
    assert (caught.value.outcome_class, caught.value.reason) == (OutcomeClass.UNKNOWN, "read_timeout")
    assert (caught.value.sent, caught.value.status) == (SendingCertainty.YES, 200)


@pytest.mark.parametrize("error", [socket.gaierror(-2, "x"), ConnectionRefusedError(), RuntimeError("x")])
def test_a_call_with_a_begun_answer_counts_as_sent(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """If an exception occurs after the status line of an answer was received, the request counts as sent."""

    def raise_error(*_: object) -> None:
        raise error

    monkeypatch.setattr("console.providers.http.transport._read_answer", raise_error)
    with serve_scripts(make_answer_script(200, CHECK_ANSWER)) as server:
        kind, _, sent = read_failure(make_transport(server.url))
    assert (kind, sent) == (OutcomeClass.UNKNOWN, SendingCertainty.YES)


@pytest.mark.parametrize("error", [socket.gaierror(-2, "x"), requests.exceptions.InvalidURL("x"), MemoryError()])
def test_a_call_with_a_possibly_sent_byte_counts_as_sent(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the transport has noted that a first byte may have been sent, an exception of a library doesn't change this:
    the request counts as possibly sent.
    """

    def raise_error(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("urllib3.connection.HTTPConnection.getresponse", raise_error)
    with serve_scripts(make_answer_script(200, CHECK_ANSWER)) as server:
        kind, _, sent = read_failure(make_transport(server.url))
    assert (kind, sent) == (OutcomeClass.UNKNOWN, SendingCertainty.MAYBE)


@pytest.mark.parametrize(
    ("coding", "body", "text"),
    [
        ("gzip", gzip.compress(b"a" * 200_000), b"a" * 200_000),
        ("X-GZIP", gzip.compress(b"{}"), b"{}"),
        ("deflate", zlib.compress(b"{}"), b"{}"),
        ("identity", b"{}", b"{}"),
        ("gzip", b"", b""),
    ],
    # Without names the bytes would be the id, and gzip writes the second in which it compresses: each worker of a run
    # must collect the same ids.
    ids=["gzip", "another spelling", "deflate", "identity", "no body"],
)
def test_a_whole_compressed_answer_is_read(coding: str, body: bytes, text: bytes) -> None:
    """The transport doesn't ask for compression, but reads a complete answer that the server has compressed."""
    with serve_scripts(make_answer_script(200, body, {"Content-Encoding": coding})) as server:
        assert send_purchase(make_transport(server.url)).body == text


def test_a_body_above_the_limit_is_cut_during_the_read() -> None:
    """The transport stops reading a body of 500 MB at the size limit, and its memory use stays small."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 500000000\r\n\r\n"
    with serve_scripts(make_large_answer_script(head, 500_000_000)) as server:
        outcome, peak = measure_peak_memory(lambda: read_failure(make_transport(server.url), limit=1 << 20))
    assert outcome == (OutcomeClass.UNKNOWN, "answer_too_large", SendingCertainty.YES)
    assert peak < 8 << 20


def test_a_decompressed_body_above_the_limit_is_cut() -> None:
    """The size limit applies to the decompressed body, so a small compressed answer with a too large content is
    refused.
    """
    bomb = gzip.compress(b"\0" * (64 << 20), 9)
    with serve_scripts(make_answer_script(200, bomb, {"Content-Encoding": "gzip"})) as server:
        outcome, peak = measure_peak_memory(lambda: read_failure(make_transport(server.url), limit=1 << 20))
    assert outcome[1] == "answer_too_large"
    assert peak < 8 << 20


def test_a_body_of_exactly_the_limit_passes() -> None:
    """A body whose size is exactly the limit is accepted."""
    with serve_scripts(make_answer_script(200, b"x" * 100)) as server:
        assert len(send_purchase(make_transport(server.url), limit=100).body) == 100
        assert read_failure(make_transport(server.url), limit=99)[1] == "answer_too_large"
