"""The transport over real sockets: it sends once, ends in time, and knows whether anything left."""

import gzip
import socket
import ssl
import time
import tracemalloc
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from console.domain.clock import SystemClock, TimeScale
from console.domain.outcomes import OutcomeClass, Sent
from console.providers.transport import HttpAnswer, HttpTransport, TransportFailure
from tests.providers.certificates import Authority
from tests.providers.raw_server import (
    Script,
    drips,
    floods,
    hangs,
    http,
    resets,
    says,
    sends,
    serving,
)

BODY = {"credit_check": {"credit_check_id": 12345}}
WHOLE = http(200, BODY)


def transport(url: str, **options: Any) -> HttpTransport:
    return HttpTransport(url, clock=SystemClock(), **options)


def send(line: HttpTransport, *, read_timeout: float = 5, budget: float = 5, limit: int = 1 << 20) -> HttpAnswer:
    headers = {"Content-Type": "application/json", "Authorization": "Bearer at-1"}
    return line.send(
        "POST", "/ps/v1/credit_checks", headers=headers, body=b"{}",
        read_timeout=read_timeout, budget=budget, limit=limit,
    )  # fmt: skip


def failure(line: HttpTransport, **options: Any) -> tuple[OutcomeClass, str, Sent]:
    with pytest.raises(TransportFailure) as caught:
        send(line, **options)
    return caught.value.kind, caught.value.reason, caught.value.sent


def never(reason: str) -> tuple[OutcomeClass, str, Sent]:
    return OutcomeClass.FAILED_DEFINITE, reason, Sent.NO


def test_an_answer_comes_whole() -> None:
    """Status, headers in lower case, the body's bytes and their hash; the request as it was given."""
    with serving(says(201, BODY, {"X-Thing": "a"})) as server:
        answer = send(transport(server.url))
    assert (answer.status, answer.headers["x-thing"]) == (201, "a")
    assert answer.sha256 == sha256(answer.body).hexdigest()
    assert server.requests[0].startswith(b"POST /ps/v1/credit_checks HTTP/1.1\r\n")
    assert server.bodies() == [b"{}"]
    assert server.header(0, "authorization") == "Bearer at-1"


def test_every_call_has_its_own_connection() -> None:
    """Nothing is reused: a kept connection may deliver a purchase and break before the answer."""
    keep = says(200, BODY, {"Connection": "keep-alive"})
    with serving(keep) as server:
        line = transport(server.url)
        for _ in range(3):
            send(line)
    assert (server.connections, len(server.requests)) == (3, 3)
    assert server.header(0, "connection") == "close"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    """A 3xx comes back as it is; its target never hears of us, not even on the same host."""
    with (
        serving(says(200, BODY)) as elsewhere,
        serving(says(status, b"", {"Location": elsewhere.url})) as server,
    ):
        assert send(transport(server.url)).status == status
        assert len(server.requests) == 1
        assert elsewhere.connections == 0


def test_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies and credentials that happen to be in the environment or the home are ignored."""
    with serving(says(502, b"")) as proxy, serving(says(200, BODY)) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.lower(), proxy.url)
        assert send(transport(server.url)).status == 200
        assert proxy.connections == 0
        assert server.header(0, "authorization") == "Bearer at-1"


def test_a_configured_proxy_is_used() -> None:
    """A proxy that was named explicitly carries the call."""
    with serving(says(200, BODY)) as proxy, serving(says(500)) as server:
        assert send(transport(server.url, proxy=proxy.url)).status == 200
        assert server.connections == 0


def test_a_proxy_that_refuses_the_tunnel_means_never_sent(authority: Authority) -> None:
    """CONNECT refused by the proxy: no byte of the request left."""
    with serving(says(403)) as proxy:
        line = transport("https://localhost:1", proxy=proxy.url, trust=authority.trusting())
        assert failure(line) == never("proxy_refused")


def test_refused() -> None:
    """Nobody listens: never sent."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert failure(transport(f"http://127.0.0.1:{port}")) == never("not_connected")


def test_name_not_resolved() -> None:
    """No such name: never sent."""
    assert failure(transport("https://nothing.invalid")) == never("name_not_resolved")


def test_a_resolver_that_hangs_costs_the_connect_timeout_at_most() -> None:
    """The system's resolver knows no timeout; ours ends anyway, and a late answer sends nothing."""
    with serving(says(200)) as server:

        def slow(*args: Any) -> Any:
            time.sleep(0.4)  # house: stands for a resolver that hangs
            return socket.getaddrinfo(*args)

        line = transport(server.url, resolve=slow, connect_timeout=0.1)
        began = time.monotonic()
        assert failure(line) == never("connect_timeout")
        assert time.monotonic() - began < 0.35
        time.sleep(0.4)  # house: the late answer must have had its time
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
        assert time.monotonic() - began < 1
        for one in crowd:
            one.close()


@pytest.mark.parametrize(
    ("url", "addresses"),
    [
        ("https://api.example.com", ["127.0.0.1"]),
        ("https://api.example.com", ["10.0.0.8"]),
        ("https://api.example.com", ["169.254.169.254"]),
        ("https://api.example.com", ["::1"]),
        ("https://api.example.com", ["::ffff:192.168.0.1"]),
        ("https://api.example.com", ["8.8.8.8", "10.0.0.8"]),
        ("http://localhost:9", ["10.0.0.8"]),
        ("http://localhost:9", ["127.0.0.1", "10.0.0.8"]),
    ],
)
def test_a_name_that_leads_elsewhere_is_not_connected_to(url: str, addresses: list[str]) -> None:
    """A public name may not lead into a private network, nor `localhost` off this machine; not even partly."""

    def resolve(host: str, port: int, *_: Any) -> Any:
        families = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses]
        return [(f, socket.SOCK_STREAM, 6, "", (a, port)) for f, a in zip(families, addresses, strict=True)]

    assert failure(transport(url, resolve=resolve)) == never("address_not_allowed")


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BROKEN: list[tuple[str, Script, str, Sent]] = [
    ("closed without an answer", sends(b""), "connection_broken", Sent.MAYBE),
    ("reset before the answer", resets(), "connection_broken", Sent.MAYBE),
    ("reset within the headers", resets(WHOLE[:30]), "connection_broken", Sent.MAYBE),
    ("reset within the body", resets(WHOLE[:-5]), "answer_cut", Sent.YES),
    ("reset where the end was to be", resets(b"HTTP/1.1 200 OK\r\n\r\n{"), "answer_cut", Sent.YES),
    ("body shorter than promised", sends(WHOLE[:-5]), "answer_cut", Sent.YES),
    ("chunk cut", sends(CHUNKED + b"40\r\n{"), "answer_cut", Sent.YES),
    ("chunk length is none", sends(CHUNKED + b"zz\r\n{"), "answer_cut", Sent.YES),
    ("no HTTP at all", sends(b"220 mail.example.com ESMTP\r\n"), "connection_broken", Sent.MAYBE),
    ("gzip that is none", sends(http(200, b"{}", {"Content-Encoding": "gzip"})), "answer_cut", Sent.YES),
    ("endless header", floods(b"HTTP/1.1 200 OK\r\nX: ", 1 << 20), "connection_broken", Sent.MAYBE),
]  # fmt: skip


@pytest.mark.parametrize(("script", "reason", "sent"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_broken_after_connecting(script: Script, reason: str, sent: Sent) -> None:
    """Whatever breaks after connecting is UNKNOWN, is told apart, and is not sent again."""
    with serving(script) as server:
        assert failure(transport(server.url)) == (OutcomeClass.UNKNOWN, reason, sent)
        assert server.connections == 1


def test_reset_after_the_whole_body_spoils_nothing() -> None:
    """What came whole counts, however rudely the other side then leaves."""

    def script(connection: socket.socket, _: object) -> None:
        connection.sendall(WHOLE)
        connection.recv(1)
        resets()(connection, _)  # type: ignore[arg-type]  # the event is not used

    with serving(script) as server:
        assert send(transport(server.url)).status == 200


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
        assert time.monotonic() - began < 1


def test_read_timeout_within_the_body() -> None:
    """Silence within the body is the same, although the library calls it a connection error."""
    with serving(hangs(WHOLE[:-5])) as server, pytest.raises(TransportFailure) as caught:
        send(transport(server.url), read_timeout=0.1)
    assert (caught.value.kind, caught.value.reason) == (OutcomeClass.UNKNOWN, "read_timeout")
    assert (caught.value.sent, caught.value.status) == (Sent.YES, 200)


@pytest.mark.parametrize("error", [socket.gaierror(-2, "x"), ConnectionRefusedError(), RuntimeError("x")])
def test_once_an_answer_has_begun_nothing_was_never_sent(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that would mean "never sent" means nothing of the kind after the status line."""

    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr("console.providers.transport._read", broken)
    with serving(says(200, BODY)) as server:
        kind, _, sent = failure(transport(server.url))
    assert (kind, sent) == (OutcomeClass.UNKNOWN, Sent.YES)


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
        assert time.monotonic() - began < 1.3
    assert outcome == (OutcomeClass.UNKNOWN, "budget_spent", sent)


def test_a_drip_under_tls_ends_with_the_budget(authority: Authority) -> None:
    """The same where TLS has taken the socket over."""
    with serving(drips(WHOLE, 0.05), tls=authority.server("127.0.0.1")) as server:
        began = time.monotonic()
        line = transport(server.url, trust=authority.trusting())
        assert failure(line, budget=0.4) == (OutcomeClass.UNKNOWN, "budget_spent", Sent.MAYBE)
        assert time.monotonic() - began < 1.4


def test_a_handshake_that_hangs_ends_with_the_budget() -> None:
    """A server that never answers the handshake: UNKNOWN, as a reset there looks alike."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        line = transport(f"https://127.0.0.1:{silent.getsockname()[1]}", connect_timeout=5.0)
        assert failure(line, budget=0.3)[0] is OutcomeClass.UNKNOWN
        assert time.monotonic() - began < 1.3


def test_the_time_scale_divides_every_duration() -> None:
    """At scale 20 a read timeout of 2 s takes 0.1 s."""
    with serving(hangs()) as server:
        began = time.monotonic()
        line = transport(server.url, scale=TimeScale(20))
        assert failure(line, read_timeout=2, budget=40)[1] == "read_timeout"
        assert time.monotonic() - began < 1


def test_a_body_beyond_the_limit_is_cut_while_it_streams() -> None:
    """500 MB: given up at the limit, with flat memory, long before the end."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 500000000\r\n\r\n"
    with serving(floods(head, 500_000_000)) as server:
        tracemalloc.start()
        outcome = failure(transport(server.url), limit=1 << 20)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert outcome == (OutcomeClass.UNKNOWN, "answer_too_large", Sent.YES)
    assert peak < 8 << 20


def test_a_compressed_bomb_is_cut_while_it_unpacks() -> None:
    """The limit holds for what comes out, not for what came."""
    bomb = gzip.compress(b"\0" * (64 << 20), 9)
    with serving(says(200, bomb, {"Content-Encoding": "gzip"})) as server:
        tracemalloc.start()
        outcome = failure(transport(server.url), limit=1 << 20)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert outcome[1] == "answer_too_large"
    assert peak < 8 << 20


def test_a_body_of_exactly_the_limit_passes() -> None:
    """The limit itself is allowed, one byte more is not."""
    with serving(says(200, b"x" * 100)) as server:
        assert len(send(transport(server.url), limit=100).body) == 100
        assert failure(transport(server.url), limit=99)[1] == "answer_too_large"


def test_tls_with_a_trusted_authority(authority: Authority) -> None:
    """The right chain and name connect."""
    with serving(says(200, BODY), tls=authority.server("127.0.0.1")) as server:
        assert send(transport(server.url, trust=authority.trusting())).status == 200


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


def test_tls_of_an_unknown_authority_means_never_sent(authority: Authority, tmp_path: Path) -> None:
    """A chain that the machine (or the given context) does not trust: refused before any request byte."""
    stranger = Authority(tmp_path, "Somebody Else").trusting()
    with serving(says(200, BODY), tls=authority.server("127.0.0.1")) as server:
        assert failure(transport(server.url, trust=stranger)) == never("bad_certificate")
        assert failure(transport(server.url)) == never("bad_certificate")
        assert server.requests == []


@pytest.mark.parametrize(("names", "days"), [(["localhost"], 30), (["127.0.0.2"], 30), (["127.0.0.1"], -1)])
def test_tls_of_another_host_or_time_means_never_sent(authority: Authority, names: list[str], days: int) -> None:
    """A certificate for somebody else, or one that has expired."""
    with serving(says(200, BODY), tls=authority.server(*names, days=days)) as server:
        assert failure(transport(server.url, trust=authority.trusting())) == never("bad_certificate")
        assert server.requests == []


def test_plain_http_where_tls_was_expected() -> None:
    """A server that speaks no TLS: stay with UNKNOWN."""
    with serving(says(200, BODY)) as server:
        line = transport(f"https://127.0.0.1:{server.port}")
        assert failure(line, budget=0.3)[0] is OutcomeClass.UNKNOWN


def test_old_tls_is_refused(authority: Authority) -> None:
    """Nothing below TLS 1.2."""
    old = authority.server("127.0.0.1")
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with serving(says(200, BODY), tls=old) as server:
        failure(transport(server.url, trust=authority.trusting()))
        assert server.requests == []


@pytest.mark.parametrize(
    "path",
    ["ps/v1", "//evil.example.com/", "/a b", "/a\r\nX: y", "http://evil.example.com/", "/../x", "/é", "", "/a#b"],
)
def test_a_path_that_could_mean_another_place_is_never_sent(path: str) -> None:
    """Only plain paths under the origin; anything else is a bug of ours, found before sending."""
    with serving(says(200)) as server:
        with pytest.raises(TransportFailure) as caught:
            transport(server.url).send("GET", path, headers={}, body=None, read_timeout=1, budget=1)
        assert (caught.value.kind, caught.value.sent) == (OutcomeClass.FAILED_DEFINITE, Sent.NO)
        assert server.connections == 0


def test_a_header_with_a_line_end_is_never_sent() -> None:
    """A token from a broken keyring can't inject a header."""
    with serving(says(200)) as server:
        with pytest.raises(TransportFailure) as caught:
            transport(server.url).send(
                "GET", "/", headers={"Authorization": "Bearer a\r\nX: y"}, body=None, read_timeout=1, budget=1
            )
        assert (caught.value.kind, caught.value.sent) == (OutcomeClass.FAILED_DEFINITE, Sent.NO)
        assert server.connections == 0


def test_no_thread_to_be_had_means_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails while getting ready is told as such."""
    with serving(says(200)) as server:
        monkeypatch.setattr("console.providers.transport.Watch", _no_watch)
        assert failure(transport(server.url)) == never("not_prepared")


def _no_watch(*_: object) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_a_person_may_interrupt(interrupt: Callable[[], BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is no answer of the provider: it passes."""

    def stop(*_: object) -> None:
        raise interrupt()

    with serving(says(200)) as server:
        monkeypatch.setattr("console.providers.transport._read", stop)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            send(transport(server.url))


def test_nothing_stays_open(recwarn: pytest.WarningsRecorder) -> None:
    """After each kind of ending no socket is left behind."""
    for script in (says(200, BODY), resets(WHOLE[:-5]), sends(b"")):
        with serving(script) as server:
            try:
                send(transport(server.url))
            except TransportFailure:
                pass
    import gc

    gc.collect()
    assert [w for w in recwarn if issubclass(w.category, ResourceWarning)] == []
