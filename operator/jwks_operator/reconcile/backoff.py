"""Delays between tries after failures."""

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays after failures, in seconds: `first`, doubled each time up to `most`, then cut by up to half."""

    first: float = 0.2
    most: float = 60.0
    chance: Callable[[], float] = random.random

    def delay(self, failures: int) -> float:
        """Give the delay after the n-th failure in a row (n ≥ 1), jittered so that failures spread out."""
        doublings = min(failures - 1, 32)
        return min(self.most, self.first * 2.0**doublings) * (1.0 - self.chance() / 2)
