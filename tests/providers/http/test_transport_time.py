"""Every call ends in time: within its budget and a moment, however slowly the other side drips."""

import socket
import threading
import time
from typing import Any

import pytest

from console.domain.clock import TimeScale
from console.domain.provider_outcome import OutcomeClass, Sent
from tests.providers.raw_server import Script, drips, hangs, says, serving
from tests.providers.sending import WHOLE, failure, never, transport


def test_a_resolver_that_hangs_costs_the_connect_timeout_at_most() -> None:
    """The system's resolver knows no timeout; ours ends anyway, and a late answer sends nothing."""
    go_on, answered = threading.Event(), threading.Event()

    def slow(*args: Any) -> Any:
        go_on.wait(120)
        answered.set()
        return socket.getaddrinfo(*args)

    with serving(says(200)) as server:
        began = time.monotonic()
        line = transport(server.url, resolve=slow, connect_timeout=0.1)
        assert failure(line, budget=60) == never("connect_timeout")
        assert time.monotonic() - began < 8  # not the 10 s of the resolver
        go_on.set()
        assert answered.wait(120)
        assert server.connections == 0


def test_connect_timeout() -> None:
    """A host that does not take the connection: never sent, within the connect timeout."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        crowd = [socket.socket() for _ in range(3)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        began = time.monotonic()
        assert failure(transport(f"http://127.0.0.1:{port}", connect_timeout=0.2)) == never("connect_timeout")
        assert time.monotonic() - began < 20  # not the minutes of the system
        for one in crowd:
            one.close()


@pytest.mark.parametrize("after", [b"", WHOLE[:30]], ids=["at once", "within the headers"])
def test_read_timeout(after: bytes) -> None:
    """Silence after sending: UNKNOWN when the read timeout has passed."""
    with serving(hangs(after)) as server:
        began = time.monotonic()
        assert failure(transport(server.url), read_timeout=0.1) == (
            OutcomeClass.UNKNOWN,
            "read_timeout",
            Sent.MAYBE,
        )
        assert time.monotonic() - began < 10  # not for ever


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
OPEN_END = b"HTTP/1.1 200 OK\r\n\r\n"
DRIPS: list[tuple[str, Script, Sent]] = [
    ("in the headers", drips(WHOLE, 1.0), Sent.MAYBE),
    ("in the body", drips(b"{" * 99, 1.0, after=HEAD), Sent.YES),
    ("in a body that ends with the connection", drips(b" " * 99, 1.0, after=OPEN_END), Sent.YES),
    ("faster than the read timeout", drips(WHOLE, 0.05), Sent.MAYBE),
]


@pytest.mark.parametrize(("script", "sent"), [d[1:] for d in DRIPS], ids=[d[0] for d in DRIPS])
def test_a_drip_ends_with_the_budget(script: Script, sent: Sent) -> None:
    """One byte a second never reaches the read timeout; the call still ends within budget + 1 s."""
    with serving(script) as server:
        began = time.monotonic()
        outcome = failure(transport(server.url), read_timeout=5, budget=0.3)
        assert time.monotonic() - began < 4  # a read timeout is 5 s
    assert outcome == (OutcomeClass.UNKNOWN, "budget_spent", sent)


def test_a_handshake_that_hangs_ends_with_the_budget() -> None:
    """A server that never answers the handshake: no byte of the request has left, so it was never sent."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        line = transport(f"https://127.0.0.1:{silent.getsockname()[1]}", connect_timeout=5.0)
        kind, _, sent = failure(line, budget=0.3)
        assert (kind, sent) == (OutcomeClass.FAILED_DEFINITE, Sent.NO)
        assert time.monotonic() - began < 4


def test_the_time_scale_divides_every_duration() -> None:
    """At scale 100 a read timeout of 20 s takes 0.2 s."""
    with serving(hangs()) as server:
        began = time.monotonic()
        line = transport(server.url, scale=TimeScale(100))
        assert failure(line, read_timeout=20, budget=400)[1] == "read_timeout"
        assert time.monotonic() - began < 10
