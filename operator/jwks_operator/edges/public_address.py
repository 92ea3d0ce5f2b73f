"""Is an address one that everybody can reach? Others are asked only if the administrator allows their network.

`ipaddress` calls some addresses global that lead into a network: those that carry an IPv4 address (mapped, 6to4,
Teredo, NAT64) are judged by it, and multicast, reserved and site-local ones are refused.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64 = ip_network("64:ff9b::/96")


class AddressRules:
    """Decides which addresses may be connected to."""

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        """Allow public addresses, and those in these networks."""
        self._networks = tuple(networks)

    def allows(self, text: str) -> bool:
        """Tell whether an address, as `getaddrinfo` gives it, may be connected to."""
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            return False
        return is_public(address) or any(_carried(address) in network for network in self._networks)


def is_public(address: Address) -> bool:
    """Tell whether everybody can reach an address."""
    if isinstance(address, IPv6Address):
        inner = _carried(address)
        if inner is not address:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _carried(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for; any other address itself."""
    if isinstance(address, IPv4Address):
        return address
    teredo = address.teredo
    nat64 = IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or nat64 or address
