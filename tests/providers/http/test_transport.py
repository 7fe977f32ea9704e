"""Tests of the HTTP transport over real sockets: the bytes that it sends, the addresses that it connects to, and that
it sends each request only once.
"""

import socket
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest

from console.domain.process.sending_permission import allow_sending_while
from console.domain.provider_outcome import OutcomeClass, SendingCertainty
from console.providers.http.transport import TransportFailure
from tests.providers.raw_server import make_answer_script, make_bytes_script, make_reset_script, serve_scripts
from tests.providers.sending import (
    CHECK_ANSWER,
    WHOLE_ANSWER,
    make_transport,
    make_unsent_failure,
    read_failure,
    send_purchase,
)


def test_an_answer_is_read_completely() -> None:
    """The transport sends the request as given. Its answer has the status, the headers with lower-case names, the
    bytes of the body and their hash."""
    with serve_scripts(make_answer_script(201, CHECK_ANSWER, {"X-Thing": "a"})) as server:
        answer = send_purchase(make_transport(server.url))
    assert (answer.status, answer.headers["x-thing"]) == (201, "a")
    assert answer.sha256 == sha256(answer.body).hexdigest()
    assert server.requests[0].startswith(b"POST /ps/v1/credit_checks HTTP/1.1\r\n")
    assert server.list_bodies() == [b"{}"]
    assert server.get_header(0, "authorization") == "Bearer at-1"


def test_every_call_opens_a_new_connection() -> None:
    """Each call opens a new connection. A reused connection could deliver a purchase and then break before the
    answer.
    """
    keep = make_answer_script(200, CHECK_ANSWER, {"Connection": "keep-alive"})
    with serve_scripts(keep) as server:
        line = make_transport(server.url)
        for _ in range(3):
            send_purchase(line)
    assert (server.connections, len(server.requests)) == (3, 3)
    assert server.get_header(0, "connection") == "close"


def test_cookies_of_an_answer_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """No later request has the cookies of an answer, and the program doesn't even parse them: the attributes of 95
    long cookies cost the library seconds."""
    from http import cookiejar

    def fail(*_: object) -> None:
        raise AssertionError("a cookie was parsed")

    monkeypatch.setattr(cookiejar, "parse_ns_headers", fail)
    monkeypatch.setattr(cookiejar, "split_header_words", fail)
    cookies = b"".join(b"Set-Cookie: id%d=1; %s\r\nSet-Cookie2: a=b\r\n" % (n, b"a=b; " * 200) for n in range(40))
    body = WHOLE_ANSWER.partition(b"\r\n\r\n")[2]
    head = b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n" % (cookies, len(body))
    with serve_scripts(make_bytes_script(head + body)) as server:
        line = make_transport(server.url)
        answers = [send_purchase(line) for _ in range(2)]
    assert all(b"cookie" not in request.lower() for request in server.requests)
    assert [answer.body for answer in answers] == [body, body]
    assert not any("cookie" in name for answer in answers for name in answer.headers)


def test_a_body_without_a_declared_end_is_marked() -> None:
    """An answer says whether its headers declare the end of its body. Without it, the body may be cut."""
    for head, is_declared in ((b"", False), (b"Content-Length: 2\r\n", True)):
        with serve_scripts(make_bytes_script(b"HTTP/1.1 401 No\r\n" + head + b"\r\n{}")) as server:
            assert send_purchase(make_transport(server.url)).is_end_declared is is_declared


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    """The transport returns a redirect as the answer and never follows it, even if it leads to the same host."""
    with (
        serve_scripts(make_answer_script(200, CHECK_ANSWER)) as elsewhere,
        serve_scripts(make_answer_script(status, b"", {"Location": elsewhere.url})) as server,
    ):
        assert send_purchase(make_transport(server.url)).status == status
        assert len(server.requests) == 1
        assert elsewhere.connections == 0


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The transport ignores proxies and credentials in environment variables or in the home folder."""
    with (
        serve_scripts(make_answer_script(502, b"")) as proxy,
        serve_scripts(make_answer_script(200, CHECK_ANSWER)) as server,
    ):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.lower(), proxy.url)
        assert send_purchase(make_transport(server.url)).status == 200
        assert proxy.connections == 0
        assert server.get_header(0, "authorization") == "Bearer at-1"


def test_a_configured_proxy_is_used() -> None:
    """If the settings name a proxy, the transport sends the call through it."""
    with (
        serve_scripts(make_answer_script(200, CHECK_ANSWER)) as proxy,
        serve_scripts(make_answer_script(500)) as server,
    ):
        assert send_purchase(make_transport(server.url, proxy=proxy.url)).status == 200
        assert server.connections == 0


def test_a_refused_connection_has_sent_nothing() -> None:
    """If no server listens at the address, the failure states that nothing was sent."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert read_failure(make_transport(f"http://127.0.0.1:{port}")) == make_unsent_failure("not_connected")


def test_an_unresolved_host_name_sends_nothing() -> None:
    """If the host name can't be resolved, the failure states that nothing was sent."""
    assert read_failure(make_transport("https://nothing.invalid")) == make_unsent_failure("name_not_resolved")


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
def test_a_name_with_a_forbidden_address_is_not_connected(url: str, addresses: list[str]) -> None:
    """The transport doesn't connect to a public host name if one of its addresses is in a private network. It doesn't
    connect to `localhost` if one of its addresses belongs to another machine."""

    def resolve_host(host: str, port: int, *_: Any) -> Any:
        families = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses]
        return [(f, socket.SOCK_STREAM, 6, "", (a, port)) for f, a in zip(families, addresses, strict=True)]

    assert read_failure(make_transport(url, resolve_host=resolve_host)) == make_unsent_failure("address_not_allowed")


@pytest.mark.parametrize(
    "path",
    ["ps/v1", "//evil.example.com/", "/a b", "/a\r\nX: y", "http://evil.example.com/", "/../x", "/é", "", "/a#b"],
)
def test_a_path_that_is_not_plain_is_refused_before_sending(path: str) -> None:
    """The transport accepts only a plain URL path. Any other path is a bug of the caller, and the transport refuses
    it before sending.
    """
    with serve_scripts(make_answer_script(200)) as server:
        with pytest.raises(TransportFailure) as caught:
            make_transport(server.url).send(
                "GET", path, headers={}, body=None, read_timeout_seconds=1, budget_seconds=1
            )
        assert (caught.value.outcome_class, caught.value.sent) == (OutcomeClass.FAILED_DEFINITE, SendingCertainty.NO)
        assert server.connections == 0


def test_a_header_with_a_line_end_is_never_sent() -> None:
    """The transport refuses a header value with a line end, such as a damaged token, because the value could add
    another header.
    """
    with serve_scripts(make_answer_script(200)) as server:
        with pytest.raises(TransportFailure) as caught:
            make_transport(server.url).send(
                "GET",
                "/",
                headers={"Authorization": "Bearer a\r\nX: y"},
                body=None,
                read_timeout_seconds=1,
                budget_seconds=1,
            )
        assert (caught.value.outcome_class, caught.value.sent) == (OutcomeClass.FAILED_DEFINITE, SendingCertainty.NO)
        assert server.connections == 0


def test_a_call_to_an_ip_address_starts_no_resolver_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call to an IP address starts no thread for resolving the host name, because a busy machine could delay the
    thread. A call to a host name starts one.
    """
    monkeypatch.setattr("console.providers.http.call_socket.DaemonThread", _fail_to_start_call_socket)
    with serve_scripts(make_answer_script(200, CHECK_ANSWER)) as server:
        assert send_purchase(make_transport(server.url)).status == 200
        failure = read_failure(make_transport(server.url.replace("127.0.0.1", "localhost")))
        assert failure == make_unsent_failure("out_of_resources")


def test_a_thread_that_cannot_start_means_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the thread that supervises the socket's time budget can't be started, the failure states that nothing was
    sent.
    """
    with serve_scripts(make_answer_script(200)) as server:
        monkeypatch.setattr("console.providers.http.transport.CallSocket", _fail_to_start_call_socket)
        assert read_failure(make_transport(server.url)) == make_unsent_failure("out_of_resources")


def _fail_to_start_call_socket(*_: object, **__: object) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_passes_through_the_transport(
    interrupt: Callable[[], BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A KeyboardInterrupt (Ctrl-C) during a call leaves the transport as an exception; it isn't treated as an answer
    of the provider.
    """

    def raise_interrupt(*_: object) -> None:
        raise interrupt()

    with serve_scripts(make_answer_script(200)) as server:
        monkeypatch.setattr("console.providers.http.transport._read_answer", raise_interrupt)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            send_purchase(make_transport(server.url))


@pytest.mark.parametrize("answers", [[False], [True, False]])
def test_a_call_without_permission_sends_no_byte(answers: list[bool]) -> None:
    """In the block of `allow_sending_while`, the transport asks for permission just before the first byte of each
    request, and sends nothing if the permission is refused. Outside of this block a request needs no permission.
    """
    with serve_scripts(make_bytes_script(WHOLE_ANSWER)) as server, allow_sending_while(iter(answers).__next__):
        for _ in answers[1:]:
            assert send_purchase(make_transport(server.url)).status == 200
        with pytest.raises(TransportFailure) as caught:
            send_purchase(make_transport(server.url))
        failure = caught.value
        assert (failure.outcome_class, failure.reason, failure.sent) == (
            OutcomeClass.FAILED_DEFINITE,
            "stopped_before_sending",
            SendingCertainty.NO,
        )
    with serve_scripts(make_bytes_script(WHOLE_ANSWER)) as server:
        assert send_purchase(make_transport(server.url)).status == 200


def test_no_socket_stays_open_after_a_call(recwarn: pytest.WarningsRecorder) -> None:
    """After a complete answer, a reset and an empty answer, the transport leaves no socket open."""
    for script in (
        make_answer_script(200, CHECK_ANSWER),
        make_reset_script(WHOLE_ANSWER[:-5]),
        make_bytes_script(b""),
    ):
        with serve_scripts(script) as server:
            try:
                send_purchase(make_transport(server.url))
            except TransportFailure:
                pass
    import gc

    gc.collect()
    assert [w for w in recwarn if issubclass(w.category, ResourceWarning)] == []
