"""Shell completion: through kubectl (`kubectl_complete-jwks`), or by a script for `kubectl-jwks` itself."""

from typing import Any

import click
from click.shell_completion import ShellComplete, get_completion_class

COMPLETE = "_KUBECTL_JWKS_COMPLETE"
"""The variable by which a shell asks `kubectl-jwks` itself."""
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


def print_completions(group: click.Command, arguments: list[str]) -> int:
    """Print the completions of a command line of `group` for kubectl: one a line, its help behind a tab."""
    *words, text = arguments or [""]
    found = ShellComplete(group, {}, "kubectl jwks", "").get_completions(words, text)
    for item in found:
        if item.type == "plain":
            click.echo(f"{item.value}\t{item.help}" if item.help else item.value)
    click.echo(f":{FILES if any(item.type == 'file' for item in found) else NO_FILES}")
    return 0


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish", "powershell"]))
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
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
    made: Any = get_completion_class(shell)
    click.echo(made(context.find_root().command, {}, "kubectl-jwks", COMPLETE).source())
