"""The command line of `kubectl jwks`. Each command is loaded only when it is asked for."""

import os
import sys
from importlib import import_module

import click

from jwks_operator.plugin.completion import COMPLETE, print_completions
from jwks_operator.plugin.exit_codes import MEANINGS, Exit, Failure, to_printable

NAME = "kubectl jwks"

COMMANDS = {
    "create": ("create", "create_command"),
    "status": ("status_command", "status_command"),
    "plan": ("plan_command", "plan_command"),
    "rotate": ("request_commands", "rotate_command"),
    "rollback": ("request_commands", "rollback_command"),
    "hold": ("request_commands", "hold_command"),
    "unhold": ("request_commands", "unhold_command"),
    "revoke": ("request_commands", "revoke_command"),
    "verify": ("verify", "verify_command"),
    "lint": ("lint_command", "lint_command"),
    "doctor": ("doctor", "doctor_command"),
    "get-jwks": ("getjwks", "get_jwks_command"),
    "import": ("transfer_commands", "import_command"),
    "export": ("transfer_commands", "export_command"),
    "version": ("version", "version_command"),
    "completion": ("completion", "completion_command"),
}
"""Name of the command → module of this room and attribute."""

_CODES = "\n".join(f"  {int(code):>3}  {words}" for code, words in MEANINGS.items())


class Lazy(click.Group):
    """A group that imports a command's module on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give all names, in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command, importing it."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"jwks_operator.plugin.{module}"), attribute)
        # Docstrings are raw; click wants the character itself before what it is not to wrap.
        command.help = (command.help or "").replace("\\b\n", "\b\n")
        return command


@click.group(
    name=NAME,
    cls=Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"\b\nExit codes:\n{_CODES}",
)
@click.version_option(package_name="jwks-operator", prog_name=NAME)
def command_group() -> None:
    """See, plan, ask for, check and move the JSON Web Keys of jwks-operator."""


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    if COMPLETE in os.environ:
        command_group.main(arguments, prog_name="kubectl-jwks", complete_var=COMPLETE)
    try:
        code = command_group.main(arguments, prog_name=NAME, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return Exit.DONE
    except click.UsageError as error:
        where = NAME if error.ctx is None else error.ctx.command_path
        return _fail(f"{error.format_message().rstrip('.')}; {_cure(error)}see {where} --help", Exit.USAGE)
    except click.ClickException as error:
        return _fail(error.format_message(), error.code if isinstance(error, Failure) else Exit.FOUND)
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except BrokenPipeError:  # the reader closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    return code if isinstance(code, int) else Exit.DONE


def complete(arguments: list[str]) -> int:
    """Print the completions of a command line for kubectl and return the exit code."""
    return print_completions(command_group, arguments)


def _fail(message: str, code: int) -> int:
    click.echo(to_printable(f"error: {message}"), err=True)
    return int(code)


def _cure(error: click.UsageError) -> str:
    """A kid is base64url (RFC 7638) and may begin like an option."""
    takes_kids = error.ctx is not None and any(each.name == "kids" for each in error.ctx.command.params)
    return "a kid that begins with - comes after --; " if takes_kids and isinstance(error, click.NoSuchOption) else ""
