"""The command line: `jwks-operator run | serve | sign | sign-service-accounts | publish | crd`.

Each command is loaded only when asked for.
"""

from importlib import import_module
from importlib.util import find_spec

import click

COMMANDS = {
    "run": ("jwks_operator.process.run", "run_command"),
    "serve": ("jwks_operator.serve.serve_command", "serve_command"),
    "sign": ("jwks_operator.sign.sign_command", "sign_command"),
    "sign-service-accounts": (
        "jwks_operator.service_accounts.service_accounts_command",
        "service_accounts_command",
    ),
    "publish": ("jwks_operator.publish.publish_command", "publish_command"),
}
"""Name of the command → module and attribute: the server starts without kopf and the Kubernetes client."""

NEEDS = {
    "run": ("kopf", "operator"),
    "serve": ("httptools", "operator"),
    "sign": ("httptools", "operator"),
    "sign-service-accounts": ("h2", "service-accounts"),
    "publish": ("obstore", "publish"),
}
"""Name of the command → a package without which it cannot start, and the extra that brings it."""


class Lazy(click.Group):
    """A group that imports a command's module on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give all names, sorted."""
        return sorted({*COMMANDS, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command, importing it if need be."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        package, extra = NEEDS[cmd_name]
        if find_spec(package) is None:  # installed for `kubectl jwks` alone
            message = f"jwks-operator {cmd_name} needs more packages; pip install 'jwks-operator[{extra}]'"
            raise click.ClickException(message)
        module, attribute = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command


@click.group(cls=Lazy)
@click.version_option(package_name="jwks-operator")
def main() -> None:
    """Rotate JSON Web Keys on Kubernetes without ever breaking a valid token."""


@main.command("crd")
def crd_command() -> None:
    """Print the CustomResourceDefinition of JsonWebKeySet as YAML, for `kubectl apply -f -`."""
    text: str = import_module("jwks_operator.api.crd").to_yaml()
    click.echo(text, nl=False)


if __name__ == "__main__":
    main(prog_name="jwks-operator")
