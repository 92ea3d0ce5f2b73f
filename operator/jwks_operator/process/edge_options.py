"""The options of `jwks-operator run` that allow public URLs: none is asked without them."""

from collections.abc import Callable
from typing import Any

import click

from jwks_operator.edges.edge_rules import EdgeRules, make_asker

_OPTIONS = (
    click.option(
        "--seen-host",
        "seen_hosts",
        multiple=True,
        metavar="HOST",
        envvar="JWKS_OPERATOR_SEEN_HOST",
        show_envvar=True,
        help="Allow spec.publish.seenAt to name URLs of this host; * is one label, http:// in front allows http. "
        "Give it several times for several. Default: none.",
    ),
    click.option(
        "--seen-network",
        "seen_networks",
        multiple=True,
        metavar="CIDR",
        envvar="JWKS_OPERATOR_SEEN_NETWORK",
        show_envvar=True,
        help="Let hosts of --seen-host have addresses of this network. Default: public addresses only.",
    ),
    click.option(
        "--seen-ca-file",
        metavar="FILE",
        envvar="JWKS_OPERATOR_SEEN_CA_FILE",
        show_envvar=True,
        help="Certificates to trust for these hosts beside those of the system.",
    ),
)


def edge_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command, in their order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def take_edge_rules(options: dict[str, Any]) -> EdgeRules:
    """Remove the options of public URLs from those of the command line and return what they allow.

    Raises click.UsageError for a host or a network that is none, or a CA file that cannot be read.
    """
    hosts, networks, ca_file = (options.pop(f"seen_{name}") for name in ("hosts", "networks", "ca_file"))
    try:
        rules = EdgeRules.parse(hosts, networks, ca_file)
        make_asker(rules)
    except ValueError as error:
        raise click.UsageError(f"--seen-host, --seen-network: {error}") from None
    except OSError as error:
        raise click.UsageError(f"--seen-ca-file {ca_file} holds no certificates: {error.strerror or error}") from None
    return rules
