"""Tests that each call ends with its time budget, however slowly the server sends.

No test measures the time. Each server stays silent or slow for longer than a test may take, so a call that ignored
its budget would make the test fail.
"""

import socket
import threading
from typing import Any

import pytest

from console.domain.clock import TimeScale
from console.domain.provider_outcome import OutcomeClass, SendingCertainty
from tests.providers.raw_server import Script, make_answer_script, make_hang_script, make_slow_script, serve_scripts
from tests.providers.sending import LONG_HEAD, WHOLE_ANSWER, make_transport, make_unsent_failure, read_failure
from tests.support.waiting import MAX_WAIT_SECONDS


def test_a_resolver_that_hangs_costs_the_connect_timeout_at_most() -> None:
    """The system's host name resolver has no timeout of its own, but the call ends after the connect timeout. If the
    resolver answers later, nothing is sent."""
    go_on, answered = threading.Event(), threading.Event()

    def wait_and_resolve(*args: Any) -> Any:
        go_on.wait(600)
        answered.set()
        return socket.getaddrinfo(*args)

    with serve_scripts(make_answer_script(200)) as server:
        line = make_transport(server.url, resolve_host=wait_and_resolve, connect_timeout_seconds=0.1)
        assert read_failure(line, budget=60) == make_unsent_failure("connect_timeout")
        assert not answered.is_set()
        go_on.set()
        assert answered.wait(MAX_WAIT_SECONDS)
        assert server.connections == 0


@pytest.mark.timeout(100)  # the system itself gives up after two minutes
def test_a_connect_timeout_has_sent_nothing() -> None:
    """If the host doesn't accept the connection within the connect timeout, the failure states that nothing was
    sent.
    """
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        clients = [socket.socket() for _ in range(3)]
        for one in clients:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        assert read_failure(
            make_transport(f"http://127.0.0.1:{port}", connect_timeout_seconds=0.2)
        ) == make_unsent_failure("connect_timeout")
        for one in clients:
            one.close()


@pytest.mark.parametrize("first_bytes", [b"", WHOLE_ANSWER[:30]], ids=["at once", "within the headers"])
def test_a_read_timeout_is_unknown(first_bytes: bytes) -> None:
    """If no byte of the answer arrives within the read timeout, the outcome is UNKNOWN."""
    with serve_scripts(make_hang_script(first_bytes)) as server:
        assert read_failure(make_transport(server.url), read_timeout=0.1) == (
            OutcomeClass.UNKNOWN,
            "read_timeout",
            SendingCertainty.MAYBE,
        )


ANSWER_HEAD_WITH_LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n"
HEAD_WITHOUT_LENGTH = b"HTTP/1.1 200 OK\r\n\r\n"
DRIPPING_ANSWERS: list[tuple[str, Script, SendingCertainty]] = [
    ("in the headers", make_slow_script(LONG_HEAD, 1.0), SendingCertainty.MAYBE),
    ("in the body", make_slow_script(b"{" * 20_000, 1.0, first_bytes=ANSWER_HEAD_WITH_LENGTH), SendingCertainty.YES),
    (
        "in a body that ends with the connection",
        make_slow_script(b" " * 20_000, 1.0, first_bytes=HEAD_WITHOUT_LENGTH),
        SendingCertainty.YES,
    ),
    ("faster than the read timeout", make_slow_script(LONG_HEAD, 0.05), SendingCertainty.MAYBE),
    ("slower than a test may take", make_slow_script(LONG_HEAD, 600.0), SendingCertainty.MAYBE),
]


@pytest.mark.parametrize(
    ("script", "certainty"), [d[1:] for d in DRIPPING_ANSWERS], ids=[d[0] for d in DRIPPING_ANSWERS]
)
def test_an_answer_byte_by_byte_ends_with_the_budget(script: Script, certainty: SendingCertainty) -> None:
    """If an answer arrives byte by byte, the read timeout never passes; the call ends at the end of its time
    budget.
    """
    with serve_scripts(script) as server:
        outcome = read_failure(make_transport(server.url), read_timeout=600, budget=0.3)
    assert outcome == (OutcomeClass.UNKNOWN, "budget_spent", certainty)


def test_a_handshake_that_hangs_ends_with_the_budget() -> None:
    """If the server never answers the TLS handshake, the call ends with its time budget, and the failure states that
    nothing was sent.
    """
    with socket.create_server(("127.0.0.1", 0)) as silent:
        line = make_transport(f"https://127.0.0.1:{silent.getsockname()[1]}", connect_timeout_seconds=600.0)
        kind, _, sent = read_failure(line, budget=0.3)
        assert (kind, sent) == (OutcomeClass.FAILED_DEFINITE, SendingCertainty.NO)


def test_the_time_scale_divides_every_duration() -> None:
    """With a time scale of 10,000, a read timeout of 2,000 s lasts 0.2 s."""
    with serve_scripts(make_hang_script()) as server:
        line = make_transport(server.url, scale=TimeScale(10_000))
        assert read_failure(line, read_timeout=2_000, budget=4_000_000)[1] == "read_timeout"
