"""What a scenario leaves: figures, how they compare with the goals, and what its verifier found wrong."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Goal:
    """One row of the table: what was wanted and what came of it, in words; `met` is None if nothing was wanted."""

    what: str
    wanted: str
    measured: str
    met: bool | None


@dataclass(slots=True)
class Outcome:
    """The outcome of a scenario; `figures` is plain JSON."""

    figures: dict[str, Any] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def at_least(self, what: str, figure: float, wanted: float) -> None:
        """Note a ratio that is to be no lower."""
        self.goals.append(Goal(what, f"≥ {wanted:.2f}", f"{figure:.2f}", figure >= wanted))

    def at_most(self, what: str, figure: float, wanted: float, unit: str = "") -> None:
        """Note a figure that is to be no higher."""
        behind = f" {unit}" if unit else ""
        self.goals.append(Goal(what, f"≤ {wanted:g}{behind}", f"{figure:.3g}{behind}", figure <= wanted))

    def tell(self, what: str, measured: str) -> None:
        """Note a figure that has no goal."""
        self.goals.append(Goal(what, "", measured, None))


def percentile_of(values: Sequence[float], share: float) -> float:
    """Return the value that this share of all values does not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)]


def spread_of(values: Sequence[float]) -> dict[str, float]:
    """Return how values are spread: their number, p50, p99 and the largest."""
    p50, p99 = (round(percentile_of(values, share), 3) for share in (0.5, 0.99))
    return {"count": len(values), "p50": p50, "p99": p99, "max": round(max(values), 3)}
