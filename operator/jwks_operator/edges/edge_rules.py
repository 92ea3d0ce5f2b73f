"""What the administrator of the operator allows: hosts, networks that are not public, and certificate authorities."""

import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import ip_network
from time import monotonic

from jwks_operator.edges.allowed_hosts import NO_HOSTS, AllowedHosts
from jwks_operator.edges.edge_asker import EdgeAsker, Resolve, resolve_host
from jwks_operator.edges.edge_fetch import EdgeFetch
from jwks_operator.edges.public_address import AddressRules, Network


@dataclass(frozen=True, slots=True)
class EdgeRules:
    """The options of the command line; by default no URL is asked."""

    hosts: AllowedHosts = NO_HOSTS
    networks: tuple[Network, ...] = ()
    ca_file: str | None = None

    @classmethod
    def parse(cls, hosts: Iterable[str], networks: Iterable[str], ca_file: str | None) -> "EdgeRules":
        """Return the rules; raises ValueError with a sentence."""
        return cls(AllowedHosts.parse(hosts), tuple(map(ip_network, networks)), ca_file)


NO_URLS = EdgeRules()


def make_asker(rules: EdgeRules, resolve: Resolve = resolve_host, clock: Callable[[], float] = monotonic) -> EdgeAsker:
    """Return what asks public URLs by these rules; raises OSError if the CA file cannot be read."""
    tls = ssl.create_default_context()
    if rules.ca_file is not None:
        tls.load_verify_locations(rules.ca_file)
    return EdgeAsker(rules.hosts, EdgeFetch(AddressRules(rules.networks), tls), resolve, clock)
