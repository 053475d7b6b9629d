"""Where this archive may connect to: names are resolved first, and the addresses checked that are then used.

Whoever may add a node must not reach through this machine what only this machine reaches: itself, its neighbours on
the link, and the metadata service of a cloud.
"""

import ipaddress
import socket
from collections.abc import Iterable

from django.conf import settings

from pacsbrowser.exchange.failures import Unreachable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Metadata services of clouds that are not on link-local addresses.
_METADATA = frozenset(map(ipaddress.ip_address, ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")))


def plain(text: str) -> Address:
    """Return an address; an IPv4 address in the clothes of IPv6 as what it is. Raises ValueError."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def why_refused(address: Address) -> str:
    """Return why an address must not be connected to, '' where it may."""
    if any(address in network for network in settings.NODE_NETWORKS):
        return ""
    if address.is_loopback or address.is_unspecified:
        return "an address of this machine itself"
    if address.is_link_local:
        return "a link-local address"
    if address in _METADATA:
        return "the address of a cloud's metadata service"
    if address.is_multicast or (address.is_reserved and address.version == 4):
        return "no address of a machine"
    return ""


def resolve(host: str, port: int, *, is_trusted: bool = False) -> list[str]:
    """Return the addresses of a host, all of them allowed.

    Raises:
        Unreachable: the name is unknown, or one of its addresses is refused (and the host `is_trusted` by nobody).
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable(f"The name {host!r} has no address.") from None
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    for address in addresses:
        if not is_trusted and (why := why_refused(plain(address))):
            raise Unreachable(
                f"{host!r} is {why} ({address}). The operator can allow it with PACSBROWSER_NODE_NETWORKS, "
                "or by adding the node on the command line."
            )
    return addresses


def parse_networks(lines: Iterable[str]) -> list[Network]:
    """Return addresses and networks, one a line; raises ValueError."""
    return [ipaddress.ip_network(line.strip(), strict=False) for line in lines if line.strip()]


def comes_from(address: str, host: str, port: int, allowed: str) -> bool:
    """Say whether a call from `address` may be that of a node: from `allowed` (a line each), else from its host."""
    caller = plain(address)
    try:
        networks = parse_networks(allowed.splitlines())
        if networks:
            return any(caller in network for network in networks)
        return caller in {plain(one) for one in resolve(host, port, is_trusted=True)}
    except (ValueError, Unreachable):
        return False
