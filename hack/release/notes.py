"""The notes of a release: its section of CHANGELOG.md. `python -m release.notes v0.1.0` prints them."""

import re
import sys

from controlplane.commandline import exit_status
from controlplane.errors import ControlPlaneError
from generated import ROOT
from jwks_operator import __version__


def read_notes(tag: str, changelog: str) -> str:
    """Return the section of the version that a tag such as "v0.1.0" names, without its heading.

    Raises ControlPlaneError if the tag is not of the version of this tree, or that version has no section.
    """
    if tag != f"v{__version__}":
        raise ControlPlaneError(f"the tag {tag} is not v{__version__}, the version of this tree")
    found = re.search(rf"^## \[{re.escape(__version__)}\].*\n((?:(?!## ).*\n?)*)", changelog, re.MULTILINE)
    if not found or not found[1].strip():
        raise ControlPlaneError(f"CHANGELOG.md has no section [{__version__}]")
    return found[1].strip() + "\n"


def _print_notes() -> int:
    print(read_notes(sys.argv[1], (ROOT / "CHANGELOG.md").read_text()), end="")
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(_print_notes))
