"""Shell completion: through kubectl (`kubectl_complete-jwks`), and the names of sets in it."""

import asyncio
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

from jwks_operator.api.status_model import KeyStatus
from jwks_operator.plugin.cluster import ObservedSet, open_cluster
from jwks_operator.plugin.options import Place

PATIENCE = 2.0
"""Seconds that completion waits for the cluster after Tab."""
NO_FILES, FILES = 4, 0
"""The directives of kubectl's completion protocol."""

POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName 'kubectl-jwks' -ScriptBlock {
    param($word, $ast, $cursor)
    $words = @($ast.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
    if ($word -eq '') { $words += '""' }
    & kubectl_complete-jwks @words | Where-Object { $_ -notmatch '^:\\d+$' } | ForEach-Object {
        $value, $help = $_ -split "`t", 2
        if (-not $help) { $help = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $help)
    }
}"""
"""Asks the program that kubectl asks, too; the last line of its answer is for kubectl alone."""


def print_completions(arguments: list[str]) -> int:
    """Print the completions of a command line for kubectl: one a line, its help behind a tab."""
    *words, text = arguments or [""]
    group: click.Group = import_module("jwks_operator.plugin.plugin_command").command_group
    found = ShellComplete(group, {}, "kubectl jwks", "").get_completions(words, text)
    for item in found:
        if item.type == "plain":
            click.echo(f"{item.value}\t{item.help}" if item.help else item.value)
    click.echo(f":{FILES if any(item.type == 'file' for item in found) else NO_FILES}")
    return 0


def complete_set_names(context: click.Context, text: str) -> list[CompletionItem]:
    """Return the names of the sets in the namespace that the command line names so far; none if that fails."""
    return [CompletionItem(seen.ref.name) for seen in _sets(context) if seen.ref.name.startswith(text)]


def complete_entry_names(context: click.Context, text: str) -> list[CompletionItem]:
    """Return the entries of the set that the command line names."""
    found = {key.name: key.algorithm for key in _keys(context)}
    return [CompletionItem(name, help=algorithm) for name, algorithm in found.items() if name.startswith(text)]


def complete_kids(context: click.Context, text: str) -> list[CompletionItem]:
    """Return the kids of the set that the command line names, with their entry and state."""
    return [
        CompletionItem(key.kid, help=f"{key.name}, {key.state.value}")
        for key in _keys(context)
        if key.kid.startswith(text)
    ]


def _keys(context: click.Context) -> list[KeyStatus]:
    name = context.params.get("name")
    return [key for seen in _sets(context) if seen.ref.name == name for key in seen.status.keys]


def _sets(context: click.Context) -> list[ObservedSet]:
    chosen = context.params
    place = Place(chosen.get("namespace"), chosen.get("context"), chosen.get("kubeconfig"))
    try:
        return asyncio.run(asyncio.wait_for(_of_namespace(place), PATIENCE))
    except (click.ClickException, TimeoutError):
        return []


async def _of_namespace(place: Place) -> list[ObservedSet]:
    async with open_cluster(place) as cluster:
        return await cluster.sets(cluster.namespace)


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish", "powershell"]))
def completion_command(shell: str) -> None:
    r"""Print the completion script for kubectl-jwks itself.

    For `kubectl jwks` nothing is needed besides kubectl's own completion: it finds kubectl_complete-jwks on PATH.

    \b
    Examples:
      source <(kubectl jwks completion bash)
      kubectl jwks completion fish > ~/.config/fish/completions/kubectl-jwks.fish
      kubectl jwks completion powershell >> $PROFILE
    """
    if shell == "powershell":
        click.echo(POWERSHELL)
        return
    module = import_module("jwks_operator.plugin.plugin_command")
    made: Any = get_completion_class(shell)
    click.echo(made(module.command_group, {}, "kubectl-jwks", module.COMPLETE).source())
