"""TLS: only the right chain and name connect; anything else was certainly never sent."""

import ssl
from pathlib import Path

import pytest

from console.domain.provider_outcome import OutcomeClass, SendingCertainty
from tests.providers.certificates import Authority
from tests.providers.raw_server import drips, says, serving
from tests.providers.sending import BODY, LONG_HEAD, failure, never, send, transport


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


def test_tls_with_a_trusted_authority(authority: Authority) -> None:
    """A server with a trusted chain and the right name is called."""
    with serving(says(200, BODY), tls=authority.server("127.0.0.1")) as server:
        assert send(transport(server.url, tls_context=authority.trusting())).status == 200


def test_tls_of_an_unknown_authority_means_never_sent(authority: Authority, tmp_path: Path) -> None:
    """A chain that the machine (or the given context) does not trust: refused before any request byte."""
    stranger = Authority(tmp_path, "Somebody Else").trusting()
    with serving(says(200, BODY), tls=authority.server("127.0.0.1")) as server:
        assert failure(transport(server.url, tls_context=stranger)) == never("bad_certificate")
        assert failure(transport(server.url)) == never("bad_certificate")
        assert server.requests == []


@pytest.mark.parametrize(("names", "days"), [(["localhost"], 30), (["127.0.0.2"], 30), (["127.0.0.1"], -1)])
def test_tls_of_another_host_or_time_means_never_sent(authority: Authority, names: list[str], days: int) -> None:
    """A certificate for somebody else, or one that has expired."""
    with serving(says(200, BODY), tls=authority.server(*names, days=days)) as server:
        assert failure(transport(server.url, tls_context=authority.trusting())) == never("bad_certificate")
        assert server.requests == []


def test_plain_http_where_tls_was_expected() -> None:
    """A server that speaks no TLS: the handshake fails before any byte of the request."""
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
    """CONNECT refused by the proxy: no byte of the request left."""
    with serving(says(403)) as proxy:
        line = transport("https://localhost:1", proxy=proxy.url, tls_context=authority.trusting())
        assert failure(line) == never("proxy_refused")


def test_a_drip_under_tls_ends_with_the_budget(authority: Authority) -> None:
    """The same where TLS has taken the socket over."""
    with serving(drips(LONG_HEAD, 0.05), tls=authority.server("127.0.0.1")) as server:
        line = transport(server.url, tls_context=authority.trusting())
        assert failure(line, budget=0.4) == (OutcomeClass.UNKNOWN, "budget_spent", SendingCertainty.MAYBE)
