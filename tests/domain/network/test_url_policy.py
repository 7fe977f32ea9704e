"""Tests of the URLs that a provider may have: they must have https or be on this machine, and contain no part that
hides another host.
"""

import pytest

from console.domain.errors import ConsoleError
from console.domain.network.url_policy import parse_base_url, parse_private_network

ALLOWED_URLS = {
    "https://api.alarmbox.jp": "https://api.alarmbox.jp",
    "https://api.alarmbox.jp/": "https://api.alarmbox.jp",
    "https://API.AlarmBox.jp": "https://api.alarmbox.jp",
    "https://api.alarmbox.jp.": "https://api.alarmbox.jp",
    "https://api.alarmbox.jp:8443": "https://api.alarmbox.jp:8443",
    "https://日本語.jp": "https://xn--wgv71a119e.jp",
    "https://8.8.8.8": "https://8.8.8.8",
    "https://127.0.0.1:8443": "https://127.0.0.1:8443",
    "http://127.0.0.1:8080": "http://127.0.0.1:8080",
    "http://127.9.9.9:8080": "http://127.9.9.9:8080",
    "http://localhost:8080": "http://localhost:8080",
    "http://[::1]:8080": "http://[::1]:8080",
}
REFUSED_URLS = {
    "http://api.alarmbox.jp": "url_not_https",
    "HTTP://api.alarmbox.jp": "url_not_https",
    "ftp://api.alarmbox.jp": "url_not_https",
    "file:///etc/passwd": "url_form",
    "javascript:alert(1)": "url_form",
    "api.alarmbox.jp": "url_form",
    "": "url_form",
    "https://": "url_form",
    "https://api.alarmbox.jp@evil.example.com": "url_userinfo",
    "https://user:secret@api.alarmbox.jp": "url_userinfo",
    "https://api.alarmbox.jp/path": "url_form",
    "https://api.alarmbox.jp?x=1": "url_form",
    "https://api.alarmbox.jp#x": "url_form",
    "https://api.alarmbox.jp\\@evil.example.com": "url_form",
    "https://api.alarmbox.jp\r\nX: y": "url_form",
    "https://api.alar mbox.jp": "url_form",
    "https://api.alarmbox.jp\t": "url_form",
    "https://api.alarmbox.jp:99999": "url_form",
    "https://api.alarmbox.jp:0": "url_form",
    "https://api.alarmbox.jp:": "url_form",
    "https://api..alarmbox.jp": "url_form",
    "https://-api.alarmbox.jp": "url_form",
    "https://" + "a" * 64 + ".jp": "url_form",
    "https://[::1": "url_form",
    "https://[api.alarmbox.jp]": "url_form",
    "https://ａｐｉ.alarmbox.jp": "url_form",
    "http://127。0。0。1": "url_form",
    "http://①②⑦.0.0.1": "url_form",
    "https://127.1": "url_form",
    "https://2130706433": "url_form",
    "https://0x7f000001": "url_form",
    "https://0177.0.0.1": "url_form",
    "https://10.0.0.8": "url_private_address",
    "https://192.168.1.1": "url_private_address",
    "https://169.254.169.254": "url_private_address",
    "https://100.64.0.1": "url_private_address",
    "https://0.0.0.0": "url_private_address",
    "https://224.0.0.1": "url_private_address",
    "https://[fe80::1]": "url_private_address",
    "https://[fd00::1]": "url_private_address",
    "https://[::ffff:127.0.0.1]": "url_private_address",
    "https://[::ffff:10.0.0.8]": "url_private_address",
    "http://localhost.example.com": "url_not_https",
    "http://127.0.0.1.example.com": "url_not_https",
    "http://0.0.0.0:8080": "url_not_https",
    "http://10.0.0.8:8080": "url_not_https",
}


@pytest.mark.parametrize(("url", "origin"), ALLOWED_URLS.items())
def test_allowed_urls_are_accepted(url: str, origin: str) -> None:
    """A URL with https, or of this machine, is accepted and converted to its normal form."""
    assert str(parse_base_url(url)) == origin


@pytest.mark.parametrize(("url", "problem"), REFUSED_URLS.items())
def test_urls_that_the_policy_does_not_allow_are_refused(url: str, problem: str) -> None:
    """Every other URL is refused. The refusal names the setting and the problem, but never the URL, which may contain
    a secret.
    """
    with pytest.raises(ConsoleError) as caught:
        parse_base_url(url, "CONSOLE_ALARMBOX_URL")
    assert caught.value.code == "bad_profile"
    assert caught.value.detail == {"variable": "CONSOLE_ALARMBOX_URL", "problem": problem}


@pytest.mark.parametrize(
    ("url", "address", "allowed"),
    [
        ("https://api.alarmbox.jp", "8.8.8.8", True),
        ("https://api.alarmbox.jp", "2606:4700::1111", True),
        ("https://api.alarmbox.jp", "127.0.0.1", False),
        ("https://api.alarmbox.jp", "172.16.0.1", False),
        ("https://api.alarmbox.jp", "fe80::1%eth0", False),
        ("https://api.alarmbox.jp", "2002:0a00:0001::", False),
        ("https://api.alarmbox.jp", "239.1.1.1", False),
        ("https://api.alarmbox.jp", "ff0e::1", False),
        ("https://api.alarmbox.jp", "64:ff9b::8.8.8.8", True),
        ("https://api.alarmbox.jp", "64:ff9b::a9fe:a9fe", False),
        ("https://api.alarmbox.jp", "64:ff9b::7f00:1", False),
        ("https://api.alarmbox.jp", "64:ff9b:1::8.8.8.8", False),
        ("https://api.alarmbox.jp", "64:ff9b:1:fffe::10.0.0.1", False),
        ("https://api.alarmbox.jp", "::127.0.0.1", False),
        ("https://api.alarmbox.jp", "::8.8.8.8", False),
        ("https://api.alarmbox.jp", "::", False),
        ("https://api.alarmbox.jp", "fec0::1", False),
        ("https://api.alarmbox.jp", "feff::1%eth0", False),
        ("https://api.alarmbox.jp", "::ffff:8.8.8.8", True),
        ("https://api.alarmbox.jp", "::ffff:169.254.169.254", False),
        ("https://api.alarmbox.jp", "::ffff:0:169.254.169.254", False),
        ("https://api.alarmbox.jp", "2002:a9fe:a9fe::1", False),
        ("https://api.alarmbox.jp", "2001:0:7f00:1::1", False),
        ("https://api.alarmbox.jp", "2001:0:808:808:0:0:f7f7:f7f7", False),
        ("https://api.alarmbox.jp", "2606:4700::5efe:10.0.0.1", False),
        ("https://api.alarmbox.jp", "2001:db8::1", False),
        ("https://api.alarmbox.jp", "100::1", False),
        ("https://api.alarmbox.jp", "5f00::1", False),
        ("https://api.alarmbox.jp", "100.64.0.1", False),
        ("https://api.alarmbox.jp", "0.0.0.0", False),
        ("http://localhost", "::ffff:127.0.0.1", True),
        ("http://localhost", "64:ff9b::7f00:1", False),
        ("http://localhost", "127.0.0.1", True),
        ("http://localhost", "::1", True),
        ("http://localhost", "8.8.8.8", False),
    ],
)
def test_a_public_host_name_leads_only_to_public_addresses(url: str, address: str, allowed: bool) -> None:
    """A host name of a public URL may only lead to public addresses, and a loopback name only to this machine."""
    assert parse_base_url(url).allows_address(address) is allowed


def test_configured_private_networks_are_admitted() -> None:
    """If a private network is configured for a public URL, public addresses and addresses of this network are
    allowed, in every spelling; other private addresses and those of this machine aren't. A URL of this machine leads
    only to this machine.
    """
    base = parse_base_url("https://alerts.example.com", private_networks=[parse_private_network("10.20.0.0/24")])
    admitted = ("10.20.0.5", "::ffff:10.20.0.5", "8.8.8.8")
    refused = ("10.20.1.5", "192.168.0.1", "169.254.169.254", "127.0.0.1", "::1", "fd00::1", "0.0.0.0")
    assert [base.allows_address(address) for address in (*admitted, *refused)] == [True] * 3 + [False] * 7
    here = parse_base_url("http://127.0.0.1:1", private_networks=[parse_private_network("10.20.0.0/24")])
    assert [here.allows_address(address) for address in ("127.0.0.1", "10.20.0.5")] == [True, False]
