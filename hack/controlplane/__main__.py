"""`python -m controlplane build | up | run -- COMMAND`: see README.md."""

import argparse
import os
import select
import signal
import subprocess
import sys
import time

import controlplane
from controlplane.binaries import NAMES
from controlplane.build import resolve_binaries
from controlplane.commandline import exit_status
from controlplane.console import say
from controlplane.plane import ControlPlane

LOOK_EVERY = 1.0  # seconds between two looks at the servers


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks and return the exit status."""
    return exit_status(lambda: _dispatch(_parser().parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m controlplane", description=controlplane.__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("build", help="find or build the binaries and print where they are")
    up = verbs.add_parser("up", help="start, print KUBECONFIG=..., and stop at Ctrl-C or SIGTERM")
    up.add_argument("--until-stdin-closes", action="store_true", help="stop also when standard input ends")
    run = verbs.add_parser("run", help="start, run a command with KUBECONFIG set, stop, exit with its status")
    run.add_argument("command", nargs="+", metavar="COMMAND", help="put -- before it")
    for verb in (up, run):
        verb.add_argument("--audit", action="store_true", help="write audit.log beside the kubeconfig")
        verb.add_argument(
            "--apiserver-flag", action="append", default=[], metavar="FLAG", help="such as --apiserver-flag=--v=2"
        )
    return parser


def _dispatch(options: argparse.Namespace) -> int:
    if options.verb == "build":
        for name, path in zip(NAMES, resolve_binaries().paths(), strict=True):
            print(f"{name} {path}")
        return 0
    started = time.monotonic()
    with ControlPlane.start(audit=options.audit, apiserver_flags=options.apiserver_flag) as plane:
        say(f"ready after {time.monotonic() - started:.1f} s at {plane.url}")
        if options.verb == "run":
            return _run(plane, options.command)
        return _stay(plane, until_stdin_closes=options.until_stdin_closes)


def _stay(plane: ControlPlane, *, until_stdin_closes: bool) -> int:
    """Say where it is; wait for Ctrl-C, SIGTERM, the end of standard input if wished, or a server's death (raises)."""
    watched = [sys.stdin] if until_stdin_closes else []
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # here both are the ordinary way to end
    try:
        print(f"KUBECONFIG={plane.kubeconfig}", flush=True)  # its reader may send a signal from here on
        while True:
            plane.check()
            readable, _, _ = select.select(watched, [], [], LOOK_EVERY)
            if readable and not os.read(sys.stdin.fileno(), 4096):
                return 0
    except KeyboardInterrupt:
        say("stopping")
        return 0


def _run(plane: ControlPlane, command: list[str]) -> int:
    """Run the command; signals are its business while it runs."""
    try:
        process = subprocess.Popen(command, env=plane.environ())
    except OSError as error:
        say(f"cannot run {command[0]}: {error.strerror}")
        return 127
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C reaches the command by itself
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    status = process.wait()
    return 128 - status if status < 0 else status


if __name__ == "__main__":
    sys.exit(main())
