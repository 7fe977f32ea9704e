"""Tests of TLS in the HTTP transport: it connects only to a server with a trusted certificate chain and the right
host name. Otherwise nothing is sent.
"""

import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from console.domain.provider_outcome import OutcomeClass, SendingCertainty
from tests.providers.certificates import CertificateAuthority
from tests.providers.raw_server import (
    Script,
    make_answer_script,
    make_bytes_script,
    make_http_answer,
    make_slow_script,
    serve_scripts,
)
from tests.providers.sending import (
    CHECK_ANSWER,
    LONG_HEAD,
    make_transport,
    make_unsent_failure,
    read_failure,
    send_purchase,
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("certificates"))


def test_a_server_with_a_trusted_certificate_is_called(authority: CertificateAuthority) -> None:
    """The transport calls a server whose certificate chain is trusted and has the right host name."""
    with serve_scripts(
        make_answer_script(200, CHECK_ANSWER), tls=authority.make_server_context("127.0.0.1")
    ) as server:
        assert send_purchase(make_transport(server.url, tls_context=authority.make_trusting_context())).status == 200


def test_tls_of_an_unknown_authority_means_never_sent(authority: CertificateAuthority, tmp_path: Path) -> None:
    """If the machine and the given TLS context don't trust the server's certificate chain, the transport refuses it
    before the first byte of the request."""
    stranger = CertificateAuthority(tmp_path, "Somebody Else").make_trusting_context()
    with serve_scripts(
        make_answer_script(200, CHECK_ANSWER), tls=authority.make_server_context("127.0.0.1")
    ) as server:
        assert read_failure(make_transport(server.url, tls_context=stranger)) == make_unsent_failure(
            "bad_certificate"
        )
        assert read_failure(make_transport(server.url)) == make_unsent_failure("bad_certificate")
        assert server.requests == []


@pytest.mark.parametrize(("names", "days"), [(["localhost"], 30), (["127.0.0.2"], 30), (["127.0.0.1"], -1)])
def test_nothing_is_sent_to_a_server_with_an_invalid_certificate(
    authority: CertificateAuthority, names: list[str], days: int
) -> None:
    """If the server's certificate is for another host or has expired, the transport refuses it and sends nothing."""
    with serve_scripts(
        make_answer_script(200, CHECK_ANSWER), tls=authority.make_server_context(*names, days=days)
    ) as server:
        assert read_failure(
            make_transport(server.url, tls_context=authority.make_trusting_context())
        ) == make_unsent_failure("bad_certificate")
        assert server.requests == []


def test_a_server_without_tls_gets_no_request() -> None:
    """If the server does not use TLS, the handshake fails before the first byte of the request."""
    with serve_scripts(make_answer_script(200, CHECK_ANSWER)) as server:
        line = make_transport(f"https://127.0.0.1:{server.port}")
        kind, _, sent = read_failure(line, budget=0.3)
        assert (kind, sent) == (OutcomeClass.FAILED_DEFINITE, SendingCertainty.NO)


def test_old_tls_is_refused(authority: CertificateAuthority) -> None:
    """A server that offers only TLS versions below 1.2 gets no request."""
    old = authority.make_server_context("127.0.0.1")
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with serve_scripts(make_answer_script(200, CHECK_ANSWER), tls=old) as server:
        assert read_failure(
            make_transport(server.url, tls_context=authority.make_trusting_context())
        ) == make_unsent_failure("tls_broken")
        assert server.requests == []


def test_a_proxy_that_refuses_the_tunnel_means_never_sent(authority: CertificateAuthority) -> None:
    """If the proxy refuses the CONNECT request, the failure states that nothing was sent."""
    with serve_scripts(make_answer_script(403)) as proxy:
        line = make_transport("https://localhost:1", proxy=proxy.url, tls_context=authority.make_trusting_context())
        assert read_failure(line) == make_unsent_failure("proxy_refused")


def test_a_tls_answer_byte_by_byte_ends_with_the_budget(authority: CertificateAuthority) -> None:
    """If an answer arrives byte by byte over TLS, the call ends at the end of its time budget."""
    with serve_scripts(make_slow_script(LONG_HEAD, 0.05), tls=authority.make_server_context("127.0.0.1")) as server:
        line = make_transport(server.url, tls_context=authority.make_trusting_context())
        assert read_failure(line, budget=0.4) == (OutcomeClass.UNKNOWN, "budget_spent", SendingCertainty.MAYBE)


def _make_proper_tls_end(raw: bytes) -> Script:
    """Return a script that writes these bytes and then ends the TLS connection with the closing message that the
    standard demands.
    """

    def send_and_close_tls(connection: socket.socket, _: object) -> None:
        assert isinstance(connection, ssl.SSLSocket)
        connection.sendall(raw)
        with suppress(OSError):  # the other side doesn't answer the message
            connection.unwrap()

    return send_and_close_tls


REFUSAL_HEAD_WITHOUT_LENGTH = b"HTTP/1.1 422 No\r\nContent-Type: text/plain\r\n\r\n"


@pytest.mark.parametrize("body", [b"", b"refused", b'{"message":"no"}'])
def test_a_body_without_the_closing_tls_message_is_unknown(authority: CertificateAuthority, body: bytes) -> None:
    """A body without a declared length ends with the connection. Without the closing TLS message, an attacker may
    have cut off the part that reports a purchase, so the outcome is unknown."""
    context = authority.make_trusting_context()
    context.options |= getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)  # as some builds of Python do
    with serve_scripts(
        make_bytes_script(REFUSAL_HEAD_WITHOUT_LENGTH + body), tls=authority.make_server_context("127.0.0.1")
    ) as server:
        assert read_failure(make_transport(server.url, tls_context=context)) == (
            OutcomeClass.UNKNOWN,
            "tls_broken",
            SendingCertainty.YES,
        )
    with serve_scripts(
        _make_proper_tls_end(REFUSAL_HEAD_WITHOUT_LENGTH + body), tls=authority.make_server_context("127.0.0.1")
    ) as server:
        assert send_purchase(make_transport(server.url, tls_context=context)).body == body


@pytest.mark.parametrize(
    "raw",
    [
        make_http_answer(422, b"refused"),
        b"HTTP/1.1 422 No\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nrefused\r\n0\r\n\r\n",
    ],
)
def test_a_complete_body_needs_no_closing_tls_message(authority: CertificateAuthority, raw: bytes) -> None:
    """Many servers close the connection without the closing TLS message. A complete answer with a declared length is
    accepted without this message."""
    with serve_scripts(make_bytes_script(raw), tls=authority.make_server_context("127.0.0.1")) as server:
        assert (
            send_purchase(make_transport(server.url, tls_context=authority.make_trusting_context())).body
            == b"refused"
        )
