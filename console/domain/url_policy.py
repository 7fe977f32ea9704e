"""Which provider URLs are fit to receive credentials: https, or this machine; nothing hides another host."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from console.domain.errors import ConsoleError

_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_LOOKS_LIKE_AN_ADDRESS = re.compile(r"(.*\.)?(0x[0-9a-f]*|[0-9]+)")


Network = IPv4Network | IPv6Network
_PRIVATE: Sequence[Network] = tuple(
    ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
"""What may be opened by name (RFC 1918, 6598, 4193): never link-local addresses, where clouds keep credentials."""


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """A provider's origin. `host`: ASCII, lower case, no brackets; `port` None is the scheme's own. `private`:
    networks beside the public one that it may lead into.
    """

    scheme: str
    host: str
    port: int | None
    private: Sequence[Network] = ()

    @property
    def loopback(self) -> bool:
        """This machine, by name or by address."""
        return self.host == "localhost" or _is_loopback_text(self.host)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port is None else f":{self.port}")

    def admits(self, address: str) -> bool:
        """Whether a resolved address may be connected to.

        A loopback URL stays on this machine; any other leads to the public network, never into a private one that was
        not named for it.
        """
        found = _judged(ip_address(address.partition("%")[0]))
        if self.loopback:
            return found.is_loopback
        return _is_public(found) or any(found in network for network in self.private)


def check_base_url(url: str, variable: str = "provider_url") -> None:
    """Refuse an unfit URL: ConsoleError `bad_profile`, detail `variable` and `problem` (never the URL)."""
    parse_base_url(url, variable)


def private_network(text: str) -> Network:
    """A private network that may be named. Raises ValueError for anything else, also for one that is wider."""
    network = ip_network(text)
    if not any(network.version == known.version and network.subnet_of(known) for known in _PRIVATE):  # type: ignore[arg-type]  # of one version
        raise ValueError("not within a private network")
    return network


def parse_base_url(url: str, variable: str = "provider_url", private: Sequence[Network] = ()) -> BaseUrl:
    """The origin that `url` names; scheme, host and port are all it may hold."""
    try:
        return _parsed(url, private)
    except _Unfit as unfit:
        raise ConsoleError("bad_profile", {"variable": variable, "problem": str(unfit)}) from None


class _Unfit(Exception):
    """Why a URL is refused."""


def _parsed(url: str, private: Sequence[Network]) -> BaseUrl:
    parts = _split(url)
    base = BaseUrl(parts.scheme, _host(parts), parts.port, private)
    if base.scheme != "https" and not (base.scheme == "http" and base.loopback):
        raise _Unfit("url_not_https")
    if not base.loopback and _is_address(base.host) and not base.admits(base.host):
        raise _Unfit("url_private_address")
    return base


def _split(url: str) -> SplitResult:
    if not re.fullmatch(r"[^\s\\\x00-\x20\x7f]+", url):
        raise _Unfit("url_form")  # urlsplit would silently drop some of these
    try:
        parts = urlsplit(url)
        well_formed = parts.port is None or parts.port > 0
    except ValueError:
        raise _Unfit("url_form") from None
    if "@" in url:
        raise _Unfit("url_userinfo")
    if not well_formed or parts.netloc.endswith(":") or set(url) & {"?", "#"} or parts.path not in ("", "/"):
        raise _Unfit("url_form")
    return parts


def _host(parts: SplitResult) -> str:
    """The host in ASCII. What only some resolvers read as an address (`127.1`, `0x7f000001`) is refused."""
    host = _ascii((parts.hostname or "").removesuffix("."))
    if _is_address(host):
        return host
    if "[" in parts.netloc or not _NAME.fullmatch(host) or _LOOKS_LIKE_AN_ADDRESS.fullmatch(host):
        raise _Unfit("url_form")
    return host


def _ascii(host: str) -> str:
    """Punycode of an international name; look-alikes of ASCII (full width, other dots) are refused."""
    if host.isascii():
        return host
    if unicodedata.normalize("NFKC", host) != host or "。" in host:
        raise _Unfit("url_form")
    import idna

    try:
        return idna.encode(host).decode("ascii")
    except idna.IDNAError:
        raise _Unfit("url_form") from None


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback_text(host: str) -> bool:
    return _is_address(host) and ip_address(host).is_loopback


def _judged(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4 address inside an IPv6 one is judged as what it is."""
    inner = address.ipv4_mapped or address.sixtofour if isinstance(address, IPv6Address) else None
    return inner or address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    """Global unicast."""
    return address.is_global and not address.is_multicast
