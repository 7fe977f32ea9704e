"""Which provider URLs are fit to receive credentials: https, or this machine; nothing hides another host."""

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

from console.domain.errors import ConsoleError

_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_LOOKS_LIKE_AN_ADDRESS = re.compile(r"(.*\.)?(0x[0-9a-f]*|[0-9]+)")


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """A provider's origin. `host`: ASCII, lower case, no brackets; `port` None is the scheme's own."""

    scheme: str
    host: str
    port: int | None

    @property
    def loopback(self) -> bool:
        """This machine, by name or by address."""
        return self.host == "localhost" or _is_loopback_text(self.host)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port is None else f":{self.port}")

    def admits(self, address: str) -> bool:
        """Whether a resolved address may be connected to.

        A loopback URL stays on this machine; any other leads to the public network, never into a private one.
        """
        found = ip_address(address.partition("%")[0])
        return found.is_loopback if self.loopback else _is_public(found)


def check_base_url(url: str, variable: str = "provider_url") -> None:
    """Refuse an unfit URL: ConsoleError `bad_profile`, detail `variable` and `problem` (never the URL)."""
    parse_base_url(url, variable)


def parse_base_url(url: str, variable: str = "provider_url") -> BaseUrl:
    """The origin that `url` names; scheme, host and port are all it may hold."""
    try:
        return _parsed(url)
    except _Unfit as unfit:
        raise ConsoleError("bad_profile", {"variable": variable, "problem": str(unfit)}) from None


class _Unfit(Exception):
    """Why a URL is refused."""


def _parsed(url: str) -> BaseUrl:
    parts = _split(url)
    base = BaseUrl(parts.scheme, _host(parts), parts.port)
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


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    """Global unicast; an IPv4 address inside an IPv6 one is judged as what it is."""
    inner = address.ipv4_mapped or address.sixtofour if isinstance(address, IPv6Address) else None
    judged = inner or address
    return judged.is_global and not judged.is_multicast
