"""Tests of TLS: the transport connects only with the right certificate chain and name; otherwise nothing was sent."""

import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from console.domain.provider_outcome import OutcomeClass, SendingCertainty
from tests.providers.certificates import Authority
from tests.providers.raw_server import Script, drips, http, says, sends, serving
from tests.providers.sending import BODY, LONG_HEAD, failure, never, send, transport


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


def test_tls_with_a_trusted_authority(authority: Authority) -> None:
    """A server with a trusted chain and the right name is called."""
    with serving(says(200, BODY), tls=authority.server("127.0.0.1")) as server:
        assert send(transport(server.url, tls_context=authority.trusting())).status == 200


def test_tls_of_an_unknown_authority_means_never_sent(authority: Authority, tmp_path: Path) -> None:
    """A chain that neither the machine nor the given context trusts is refused before the first byte of the
    request."""
    stranger = Authority(tmp_path, "Somebody Else").trusting()
    with serving(says(200, BODY), tls=authority.server("127.0.0.1")) as server:
        assert failure(transport(server.url, tls_context=stranger)) == never("bad_certificate")
        assert failure(transport(server.url)) == never("bad_certificate")
        assert server.requests == []


@pytest.mark.parametrize(("names", "days"), [(["localhost"], 30), (["127.0.0.2"], 30), (["127.0.0.1"], -1)])
def test_tls_of_another_host_or_time_means_never_sent(authority: Authority, names: list[str], days: int) -> None:
    """A certificate for another host, or an expired one, is refused."""
    with serving(says(200, BODY), tls=authority.server(*names, days=days)) as server:
        assert failure(transport(server.url, tls_context=authority.trusting())) == never("bad_certificate")
        assert server.requests == []


def test_plain_http_where_tls_was_expected() -> None:
    """If the server speaks no TLS, the handshake fails before the first byte of the request."""
    with serving(says(200, BODY)) as server:
        line = transport(f"https://127.0.0.1:{server.port}")
        kind, _, sent = failure(line, budget=0.3)
        assert (kind, sent) == (OutcomeClass.FAILED_DEFINITE, SendingCertainty.NO)


def test_old_tls_is_refused(authority: Authority) -> None:
    """A server with a TLS version below 1.2 gets no request."""
    old = authority.server("127.0.0.1")
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with serving(says(200, BODY), tls=old) as server:
        assert failure(transport(server.url, tls_context=authority.trusting())) == never("tls_broken")
        assert server.requests == []


def test_a_proxy_that_refuses_the_tunnel_means_never_sent(authority: Authority) -> None:
    """If the proxy refuses CONNECT, nothing was sent."""
    with serving(says(403)) as proxy:
        line = transport("https://localhost:1", proxy=proxy.url, tls_context=authority.trusting())
        assert failure(line) == never("proxy_refused")


def test_a_drip_under_tls_ends_with_the_budget(authority: Authority) -> None:
    """An answer that comes byte by byte over TLS ends with the time budget."""
    with serving(drips(LONG_HEAD, 0.05), tls=authority.server("127.0.0.1")) as server:
        line = transport(server.url, tls_context=authority.trusting())
        assert failure(line, budget=0.4) == (OutcomeClass.UNKNOWN, "budget_spent", SendingCertainty.MAYBE)


def _ends_properly(raw: bytes) -> Script:
    """A script that writes these bytes and then ends the TLS connection with its message, as servers should."""

    def script(connection: socket.socket, _: object) -> None:
        assert isinstance(connection, ssl.SSLSocket)
        connection.sendall(raw)
        with suppress(OSError):  # the other side doesn't answer the message
            connection.unwrap()

    return script


OPEN_END = b"HTTP/1.1 422 No\r\nContent-Type: text/plain\r\n\r\n"


@pytest.mark.parametrize("body", [b"", b"refused", b'{"message":"no"}'])
def test_a_body_that_tls_shows_to_be_cut_is_no_refusal(authority: Authority, body: bytes) -> None:
    """A body without a declared length ends where the connection ends. Without the TLS message about the end,
    somebody may have cut it before the purchase that it contains, so the outcome is unknown."""
    context = authority.trusting()
    context.options |= getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)  # as some builds of Python do
    with serving(sends(OPEN_END + body), tls=authority.server("127.0.0.1")) as server:
        assert failure(transport(server.url, tls_context=context)) == (
            OutcomeClass.UNKNOWN,
            "tls_broken",
            SendingCertainty.YES,
        )
    with serving(_ends_properly(OPEN_END + body), tls=authority.server("127.0.0.1")) as server:
        assert send(transport(server.url, tls_context=context)).body == body


@pytest.mark.parametrize(
    "raw", [http(422, b"refused"), b"HTTP/1.1 422 No\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nrefused\r\n0\r\n\r\n"]
)
def test_a_body_with_its_length_needs_no_end_of_tls(authority: Authority, raw: bytes) -> None:
    """Many servers close the connection without the TLS message; a complete answer with a declared length counts
    nevertheless."""
    with serving(sends(raw), tls=authority.server("127.0.0.1")) as server:
        assert send(transport(server.url, tls_context=authority.trusting())).body == b"refused"
