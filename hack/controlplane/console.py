"""Progress for a person who waits; results go to standard output, this goes to standard error."""

import sys


def say(line: str) -> None:
    """Write one line of progress."""
    print(f"control plane: {line}", file=sys.stderr, flush=True)
