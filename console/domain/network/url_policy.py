"""Checks of providers' URLs. Credentials are sent to these URLs, so a URL must use https or name this machine, and
must not be written in a form that can be mistaken for another host.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.network.addresses import extract_embedded_address, is_public_address, is_this_machine
from console.domain.setting_problems import SettingProblem

# Texts, not compiled patterns: `re` compiles one at its first use, and a start uses few of them.
_HOST_LABEL_PATTERN = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_HOST_NAME_PATTERN = rf"(?=.{{1,253}}$){_HOST_LABEL_PATTERN}(\.{_HOST_LABEL_PATTERN})*"
_ADDRESS_LIKE_PATTERN = r"(.*\.)?(0x[0-9a-f]*|[0-9]+)"


Network = IPv4Network | IPv6Network
_PRIVATE_NETWORKS: Sequence[Network] = tuple(
    ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
"""Networks within which the settings may allow private networks (RFC 1918, 6598, 4193). Link-local addresses are not
among them, because cloud machines get credentials from servers at such addresses.
"""


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """A provider's origin (scheme, host and port). `host` is ASCII in lower case, an IPv6 address without brackets.
    If `port` is None, the default port of the scheme is used.

    `private_networks`: private networks whose addresses are allowed in addition to public addresses.
    """

    scheme: str
    host: str
    port: int | None
    private_networks: Sequence[Network] = ()

    @property
    def is_loopback(self) -> bool:
        """True if the URL's host is this machine, by name or by address."""
        return is_this_machine(self.host)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port is None else f":{self.port}")

    def allows_address(self, address: str) -> bool:
        """True if the program may connect to `address`, to which the host's name was resolved.

        For a loopback URL only addresses of this machine are allowed; for any other URL only public addresses and
        those in the networks of `private_networks`.
        """
        parsed_address = ip_address(address.partition("%")[0])
        if self.is_loopback:
            return (getattr(parsed_address, "ipv4_mapped", None) or parsed_address).is_loopback
        return is_public_address(parsed_address) or any(
            extract_embedded_address(parsed_address) in network for network in self.private_networks
        )


def parse_private_network(text: str) -> Network:
    """Return the private network that a text of the settings names. Raises ValueError for a text that is no network,
    and for a network that isn't within 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 or fc00::/7.
    """
    network = ip_network(text)
    if not any(
        network.version == private_network.version and network.subnet_of(private_network)  # type: ignore[arg-type]  # of one version
        for private_network in _PRIVATE_NETWORKS
    ):
        raise ValueError("not within a private network")
    return network


def parse_base_url(url: str, setting_name: str = "provider_url", private_networks: Sequence[Network] = ()) -> BaseUrl:
    """Return the origin of `url`, which may have only scheme, host and port. `setting_name` is the name of the
    setting, `private_networks` the allowed private networks. Raises ConsoleError `bad_profile` if the URL isn't
    allowed.
    """
    try:
        return _parse_base_url(url, private_networks)
    except _InvalidUrl as unfit:
        raise ConsoleError(ErrorCode.BAD_PROFILE, {"variable": setting_name, "problem": unfit.problem}) from None


class _InvalidUrl(Exception):
    """Raised if the URL of a provider isn't allowed; `problem` is the code of the reason."""

    def __init__(self, problem: SettingProblem) -> None:
        super().__init__(problem)
        self.problem = problem


def _parse_base_url(url: str, private_networks: Sequence[Network]) -> BaseUrl:
    """Return the origin of the URL, as `parse_base_url` does. Raises _InvalidUrl if the URL isn't allowed."""
    parts = _split_url(url)
    base_url = BaseUrl(parts.scheme, _read_host(parts), parts.port, private_networks)
    if base_url.scheme != "https" and not (base_url.scheme == "http" and base_url.is_loopback):
        raise _InvalidUrl(SettingProblem.URL_NOT_HTTPS)
    if not base_url.is_loopback and is_ip_address(base_url.host) and not base_url.allows_address(base_url.host):
        raise _InvalidUrl(SettingProblem.PRIVATE_ADDRESS_IN_URL)
    return base_url


def _split_url(url: str) -> SplitResult:
    """Return the parts of a URL that has only scheme, host and port. Raises _InvalidUrl for any other text."""
    if not re.fullmatch(r"[^\s\\\x00-\x20\x7f]+", url):
        raise _InvalidUrl(SettingProblem.INVALID_URL)  # urlsplit silently removes some of these characters
    try:
        parts = urlsplit(url)
        has_valid_port = parts.port is None or parts.port > 0
    except ValueError:
        raise _InvalidUrl(SettingProblem.INVALID_URL) from None
    if "@" in url:
        raise _InvalidUrl(SettingProblem.USER_NAME_IN_URL)
    if not has_valid_port or parts.netloc.endswith(":") or set(url) & {"?", "#"} or parts.path not in ("", "/"):
        raise _InvalidUrl(SettingProblem.INVALID_URL)
    return parts


def _read_host(parts: SplitResult) -> str:
    """Return the host of the URL in ASCII. Raises _InvalidUrl for forms that only some resolvers read as an address
    (`127.1`, `0x7f000001`).
    """
    host = _convert_host_to_ascii((parts.hostname or "").removesuffix("."))
    if is_ip_address(host):
        return host
    if "[" in parts.netloc or not re.fullmatch(_HOST_NAME_PATTERN, host) or re.fullmatch(_ADDRESS_LIKE_PATTERN, host):
        raise _InvalidUrl(SettingProblem.INVALID_URL)
    return host


def _convert_host_to_ascii(host: str) -> str:
    """Return an international host name in Punycode, an ASCII name unchanged. Raises _InvalidUrl for characters that
    look like ASCII (full width, other dots).
    """
    if host.isascii():
        return host
    if unicodedata.normalize("NFKC", host) != host or "。" in host:
        raise _InvalidUrl(SettingProblem.INVALID_URL)
    import idna

    try:
        return idna.encode(host).decode("ascii")
    except idna.IDNAError:
        raise _InvalidUrl(SettingProblem.INVALID_URL) from None


def is_ip_address(host: str) -> bool:
    """True if the text is an IPv4 or IPv6 address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
