"""Gives memory back that handshakes have freed: each one needs twice what its connection keeps.

The C library of most Linux systems keeps what is freed between two blocks that are in use. After many clients have
connected at once, that is half of the memory of the server, for ever.
"""

import ctypes
from collections.abc import Callable
from typing import Final

MANY: Final = 64
"""Connections that are worth it: a few megabytes."""
LONGEST: Final = 10.0
"""Seconds to wait for connections to settle, where there are always new ones."""


def find_trim() -> Callable[[int], object] | None:
    """Return the function of the C library that gives free memory back; None where there is none and no need."""
    trim: Callable[[int], object] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim


class Heap:
    """Decides when free memory is given back."""

    def __init__(self, trim: Callable[[int], object] | None) -> None:
        self._trim = trim
        self._trimmed = self._seen = 0
        self._by = LONGEST

    def sweep(self, accepted: int, now: float) -> None:
        """Give back, if many connections have begun since the last time and have settled; called every second or so.

        `accepted` counts connections from the start.
        """
        settled, self._seen = accepted == self._seen, accepted
        many = accepted - self._trimmed >= MANY
        if many and not settled and now < self._by:
            return
        self._by = now + LONGEST
        if many and self._trim is not None:
            self._trimmed = accepted
            self._trim(0)
