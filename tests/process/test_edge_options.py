"""The options of public URLs: they become rules, and a mistake is named before anything runs."""

from pathlib import Path

import click
import pytest

from jwks_operator.process.edge_options import take_edge_rules
from serve.certificates import pair


def options(**given: object) -> dict[str, object]:
    return {"seen_hosts": (), "seen_networks": (), "seen_ca_file": None, **given}


def test_without_options_no_url_is_asked() -> None:
    assert take_edge_rules(options()).hosts.find_refusal("https://keys.example.com/") is not None


def test_hosts_networks_and_certificates_are_taken_off_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(pair(1)["tls.crt"])
    file = str(tmp_path / "ca.crt")
    given = options(seen_hosts=("*.example.com",), seen_networks=("10.0.0.0/8",), seen_ca_file=file, workers=8)
    rules = take_edge_rules(given)
    assert rules.hosts.find_refusal("https://keys.example.com/") is None
    assert [str(network) for network in rules.networks] == ["10.0.0.0/8"]
    assert given == {"workers": 8}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"seen_hosts": ("https://keys.example.com/jwks.json",)}, "is no host such as"),
        ({"seen_networks": ("10.0.0.1/8",)}, "has host bits set"),
        ({"seen_ca_file": "/nowhere"}, "holds no certificates"),
    ],
)
def test_a_mistake_is_named(given: dict[str, object], words: str) -> None:
    with pytest.raises(click.UsageError, match=words):
        take_edge_rules(options(**given))
