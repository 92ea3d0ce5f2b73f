"""Which addresses are connected to: public ones, and networks that the administrator allows."""

from ipaddress import ip_network

import pytest

from jwks_operator.edges.public_address import AddressRules


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_a_public_address_is_allowed(address: str) -> None:
    assert AddressRules().allows(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1",
        "240.0.0.1", "192.0.2.1", "198.18.0.1", "255.255.255.255",
        "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "fd00:ec2::254", "fec0::1", "ff0e::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
        "not an address", "",
    ],
)  # fmt: skip
def test_an_address_that_leads_elsewhere_is_refused(address: str) -> None:
    assert not AddressRules().allows(address)


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "fd00::1"])
def test_a_network_of_the_administrator_is_allowed_however_its_address_is_written(address: str) -> None:
    rules = AddressRules([ip_network("10.1.0.0/16"), ip_network("fd00::/8")])
    assert rules.allows(address)
    assert not rules.allows("10.2.0.1")
    assert not rules.allows("::1")
