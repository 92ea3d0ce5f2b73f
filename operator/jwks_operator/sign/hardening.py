"""The memory of the process holds private keys: no other process of this user reads it, and no core dump has it."""

import ctypes
import os
import resource
from typing import Final

_PR_SET_DUMPABLE: Final = 4


def protect_memory() -> None:
    """Forbid core dumps, and ptrace and /proc/<pid>/mem for everybody without CAP_SYS_PTRACE. Raises OSError.

    See prctl(2), PR_SET_DUMPABLE; `environ` and `mem` below /proc then belong to root.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
