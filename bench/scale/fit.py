"""How figures grow with the number of sets: slope of a straight line, and the exponent of a power."""

import math
from collections.abc import Sequence


def fit_line(sizes: Sequence[float], figures: Sequence[float]) -> tuple[float, float]:
    """Return slope and intercept of the straight line with the least squares."""
    count = len(sizes)
    mean_size, mean = sum(sizes) / count, sum(figures) / count
    spread = sum((size - mean_size) ** 2 for size in sizes)
    slope = sum((size - mean_size) * (figure - mean) for size, figure in zip(sizes, figures, strict=True)) / spread
    return slope, mean - slope * mean_size


def fit_exponent(sizes: Sequence[float], figures: Sequence[float]) -> float:
    """Return the exponent k of the power N^k that fits best: 1 is linear, more is worse.

    A fixed cost makes it lower, so it is taken of what a start costs beyond nothing, too.
    """
    logs = [(math.log(size), math.log(figure)) for size, figure in zip(sizes, figures, strict=True) if figure > 0]
    return fit_line(*zip(*logs, strict=True))[0] if len(logs) > 1 else math.nan
