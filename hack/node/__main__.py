"""`python -m node check | packages | build | image | up | run -- COMMAND`: see README.md."""

import argparse
import signal
import subprocess
import sys
from pathlib import Path

import node
from controlplane.commandline import exit_status
from node import binaries
from node.images import build_image, save_image
from node.machine import SYNC, Node
from node.needs import find_missing_packages, require

ROOT = Path(__file__).parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks and return the exit status."""
    return exit_status(lambda: _dispatch(_parser().parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m node", description=node.__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("check", help="say what this machine lacks for a node")
    verbs.add_parser("packages", help="print the packages of Debian and Ubuntu that are missing")
    verbs.add_parser("build", help="build the node's programs and print where they are")
    image = verbs.add_parser("image", help="build the operator's image and write it as an OCI archive")
    image.add_argument("archive", type=Path)
    up = verbs.add_parser("up", help="start a node with a shell in it; it ends with the shell")
    run = verbs.add_parser("run", help="start a node, run a command in it, end it, exit with the command's status")
    run.add_argument("command", nargs="+", metavar="COMMAND", help="put -- before it")
    for verb in (up, run):
        verb.add_argument("--sync", default=SYNC, help="the kubelet's syncFrequency (default: %(default)s)")
        verb.add_argument("--image", action="append", default=[], type=Path, help="OCI archive to import")
    return parser


def _dispatch(options: argparse.Namespace) -> int:
    if options.verb == "check":
        require()
    elif options.verb == "packages":
        print(*find_missing_packages())
    elif options.verb == "build":
        require()
        print(*binaries.resolve(), sep="\n")
    elif options.verb == "image":
        require()
        build_image("jwks-operator:dev", ROOT, {"VERSION": "dev"})
        save_image("jwks-operator:dev", options.archive)
    else:
        return _in_a_node(options.command if options.verb == "run" else ["bash"], options.sync, options.image)
    return 0


def _in_a_node(command: list[str], sync: str, images: list[Path]) -> int:
    with Node.start(sync=sync) as started:
        for archive in images:
            started.import_image(archive)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C reaches the command by itself
        return subprocess.call(started.command(command))


if __name__ == "__main__":
    sys.exit(main())
