"""`python -m gotools NAME [ARGUMENT ...]`: print where a tool is, or run it with these arguments."""

import subprocess
import sys

from controlplane.console import say
from controlplane.errors import ControlPlaneError
from gotools.tools import TOOLS, find_tool


def main(arguments: list[str]) -> int:
    """Do what the command line asks and return the exit status."""
    if not arguments or arguments[0] not in TOOLS:
        say(f"which tool? {' or '.join(sorted(TOOLS))}")
        return 2
    try:
        path = find_tool(arguments[0])
    except ControlPlaneError as error:
        say(str(error))
        return 1
    if not arguments[1:]:
        print(path)
        return 0
    return subprocess.call([path, *arguments[1:]])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
