"""What the processes of both signers have in common: options of the command line, start, signals and errors."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import uvloop

from jwks_operator.sign.hardening import protect_memory
from jwks_operator.sign.unix_socket import SocketRefused

Command = TypeVar("Command", bound=Callable[..., Any])

keys_option: Final = click.option(
    "--keys", type=click.Path(path_type=Path), required=True, help="The directory of the mounted consumer Secret."
)
socket_option: Final = click.option(
    "--socket", type=click.Path(path_type=Path), required=True, help="The Unix socket to listen on."
)


def process_options(command: Command) -> Command:
    """Add the options of audit log, admin port and end."""
    options = (
        click.option("--audit-log", is_flag=True, help="Write a JSON line for each use to standard output."),
        click.option(
            "--admin-port", type=click.IntRange(0, 65535), help="Serve /healthz, /readyz and /metrics on this port."
        ),
        click.option("--admin-host", default="127.0.0.1", show_default=True, help="The address of the admin port."),
        click.option(
            "--drain", type=click.FloatRange(0, 3600), default=5.0, show_default=True, help="Seconds to end in at most."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def admin_address(options: dict[str, Any]) -> tuple[str, int] | None:
    """Return host and port of the admin pages; None if there are to be none."""
    port = options["admin_port"]
    return None if port is None else (options["admin_host"], port)


def caller_uids(options: dict[str, Any]) -> frozenset[int]:
    """Return the users that may call: those of the command line, else the one of this process."""
    return frozenset(options["uids"] or (os.geteuid(),))


def run_signer(serve: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a signer until it ends, its memory closed to others. Raises ClickException for what it cannot start with."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        protect_memory()
        uvloop.run(serve())
    except SocketRefused as refused:
        raise click.ClickException(str(refused)) from None
    except OSError as error:
        raise click.ClickException(f"cannot start: {error.strerror}") from None


def listen_for_end() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
