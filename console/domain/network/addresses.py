"""Classification of network addresses: an address of this machine, a public address, or an address of an internal
network.
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
_GLOBAL_UNICAST_NETWORK = IPv6Network("2000::/3")
_NAT64_NETWORK = IPv6Network("64:ff9b::/96")
_ISATAP_INTERFACE_IDS = (0x00005EFE, 0x02005EFE)
"""The two values of the upper half of an IPv6 interface identifier whose lower half is an IPv4 address (ISATAP, RFC
5214).
"""


@lru_cache
def is_this_machine(host: str) -> bool:
    """True for `localhost` and for loopback addresses. False for every other name, such as `127.0.0.1.example.com`,
    and for an IPv4 address inside an IPv6 address (`::ffff:127.0.0.1`).
    """
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    # From Python 3.13 on, is_loopback is that of the IPv4 address inside.
    return address.is_loopback and extract_embedded_address(address) == address


def extract_embedded_address(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address contains (IPv4-mapped, 6to4 or NAT64); otherwise the given
    address.
    """
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64_NETWORK:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def is_public_address(address: Address) -> bool:
    """True for a public (global unicast) address. If the address contains an IPv4 address (a tunnel), the IPv4
    address decides, so that a tunnel into an internal network isn't public.

    Public IPv6 addresses are all in 2000::/3; compatible (::/96), site-local (fec0::/10) and local NAT64
    (64:ff9b:1::/48) addresses aren't public. A Teredo address counts as not public, because no provider uses Teredo.
    """
    innermost = extract_embedded_address(address)
    if isinstance(innermost, IPv6Address):
        if innermost not in _GLOBAL_UNICAST_NETWORK or innermost.teredo is not None:
            return False
        if (int(innermost) >> 32) & 0xFFFFFFFF in _ISATAP_INTERFACE_IDS:
            return is_public_address(IPv4Address(int(innermost) & 0xFFFFFFFF))
    return innermost.is_global and not innermost.is_multicast
