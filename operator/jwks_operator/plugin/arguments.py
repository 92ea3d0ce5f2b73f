"""The arguments that commands share: a set, its entries, its keys; the shell completes them from the cluster."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from jwks_operator.plugin.value_completion import complete_entry_names, complete_kids, complete_set_names

F = TypeVar("F", bound=Callable[..., Any])


def set_argument(command: F) -> F:
    """Give a command the name of its set."""
    return click.argument("name", metavar="SET", shell_complete=complete_set_names)(command)


def optional_set(command: F) -> F:
    """Give a command the name of its set, which may be left out."""
    return click.argument("name", metavar="[SET]", required=False, shell_complete=complete_set_names)(command)


def entries_argument(command: F) -> F:
    """Give a command entries of its set, any number."""
    return click.argument("entries", metavar="[ENTRY]...", nargs=-1, shell_complete=complete_entry_names)(command)


def kids_argument(command: F) -> F:
    """Give a command keys of its set, at least one."""
    return click.argument("kids", metavar="KID...", nargs=-1, required=True, shell_complete=complete_kids)(command)
