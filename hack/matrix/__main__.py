"""`python -m matrix run VERSION,… [--write]`, `pin VERSION` and `page [--check]`."""

import argparse
import datetime
import sys

import matrix
from controlplane.binaries import MODULE
from controlplane.commandline import exit_status
from controlplane.console import say
from controlplane.module import write_module
from generated import ROOT, write_or_check
from matrix.builds import build_version
from matrix.page import render_pages, render_table
from matrix.record import Row, read_rows, write_rows
from matrix.suites import SUITES, run_suites

NODE = ROOT / "hack" / "node" / "go" / "kube"


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks and return the exit status."""
    return exit_status(lambda: _dispatch(_parser().parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m matrix", description=matrix.__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="build and test these versions, and print a table")
    run.add_argument("versions", metavar="1.30.14,1.37.2")
    run.add_argument("--jobs", type=int, default=2, help="test processes")
    run.add_argument("--suite", action="append", choices=sorted(SUITES), help="only this suite; may be repeated")
    run.add_argument("--write", action="store_true", help="write docs/kubernetes-versions.json; whole runs only")
    pin = verbs.add_parser("pin", help="make the go.mod of the default control plane and of the node for a version")
    pin.add_argument("version", metavar="1.37.2")
    page = verbs.add_parser("page", help="write what is generated from the record")
    page.add_argument("--check", action="store_true", help="only tell whether it is up to date")
    return parser


def _dispatch(options: argparse.Namespace) -> int:
    if options.verb == "pin":
        write_module(MODULE, options.version)
        write_module(NODE, options.version, etcd=False)
        return 0
    if options.verb == "page":
        return write_or_check(render_pages(read_rows()), ["--check"] if options.check else [])
    rows = [_test(each, options.suite or sorted(SUITES), options.jobs) for each in options.versions.split(",")]
    print(render_table(rows))
    if options.write and not options.suite:
        write_rows(rows)
        write_or_check(render_pages(read_rows()), [])
    return 0 if all(each.passed for each in rows) else 1


def _test(version: str, suites: list[str], jobs: int) -> Row:
    assets, etcd = build_version(version)
    say(f"testing on Kubernetes {version}")
    found = run_suites(assets, suites, jobs)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return Row(version, etcd, today, found.suites, found.lacks, found.repeated)


if __name__ == "__main__":
    sys.exit(main())
