"""`python -m release DIRECTORY [--without PART ...]`: make a release; `--only PART` adds a part to one."""

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import release
from controlplane.commandline import exit_status
from controlplane.errors import ControlPlaneError
from release import parts
from release.plan import SOURCE, Plan, run_git
from release.sbom import make_sboms
from release.statements import make_statements

PARTS: dict[str, Callable[[Plan], None]] = {
    "manifests": parts.make_manifests,
    "chart": parts.make_chart,
    "packages": parts.make_packages,
    "plugin": parts.make_plugin,
    "image": parts.make_image,
    "sboms": make_sboms,
    "statements": make_statements,
}
"""In the order in which they are made."""


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks and return the exit status."""
    return exit_status(lambda: _make(_parser().parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m release", description=release.__doc__)
    parser.add_argument("directory", type=Path)
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--without", action="append", default=[], choices=PARTS, help="a part to leave out")
    chosen.add_argument("--only", action="append", default=[], choices=PARTS, help="a part to make; the rest stays")
    parser.add_argument("--image", default="jwks-operator", help="the image's repository (default: %(default)s)")
    parser.add_argument("--source", default=SOURCE, help="URL of the repository (default: %(default)s)")
    return parser


def _make(options: argparse.Namespace) -> int:
    directory: Path = options.directory.resolve()
    if not options.only:
        _empty(directory)
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or run_git("log", "-1", "--format=%ct"))
    plan = Plan(
        directory,
        options.image,
        options.source.rstrip("/"),
        epoch,
        run_git("describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"),
    )
    plan.scratch.mkdir(parents=True, exist_ok=True)
    try:
        for name, make in PARTS.items():
            if name in options.only or (not options.only and name not in options.without):
                print(f"release: {name}", flush=True)
                make(plan)
    finally:
        shutil.rmtree(plan.scratch)
    print(f"release: {plan.version} of {plan.commit[:12]} is in {directory}")
    return 0


def _empty(directory: Path) -> None:
    """Have the directory without an older release in it; one with anything else is not ours to empty."""
    if directory.is_dir() and any(directory.iterdir()) and not (directory / "SHA256SUMS").exists():
        raise ControlPlaneError(f"{directory} holds no release; name an empty directory")
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
