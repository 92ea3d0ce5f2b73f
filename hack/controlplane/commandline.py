"""How the commands of this folder end: in good order at a signal, with one line for what went wrong."""

import signal
from collections.abc import Callable
from types import FrameType

from controlplane.console import say
from controlplane.errors import ControlPlaneError


def exit_status(work: Callable[[], int]) -> int:
    """Do the work and return the exit status: its own, 1 after an error that was told, 130 after Ctrl-C."""
    signal.signal(signal.SIGTERM, _end)
    try:
        return work()
    except ControlPlaneError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130


def _end(signum: int, _frame: FrameType | None) -> None:
    """Leave through every `with` block, so that what was started is ended in order."""
    raise SystemExit(128 + signum)
