"""Whether cost grows in proportion to the number of sets."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from itertools import accumulate

from scale.fit import fit_exponent, fit_line
from scale.growth import Creation, Start
from scale.outcome import Outcome

MOST = 1.1
"""A higher exponent is more than noise."""
FEW = 500
"""With fewer sets what is fixed outweighs them; they are left out of exponents if there are enough others."""


def tell_growth(creations: Sequence[Creation], starts: Sequence[Start], outcome: Outcome) -> None:
    """Note the points, how memory grows with a set, and the exponent of every cost."""
    sizes = [start.sets for start in starts]
    costs = {
        "CPU of the operator to create them": list(accumulate(each.cpu for each in creations)),
        "CPU of the API server and etcd to create them": list(accumulate(each.servers_cpu for each in creations)),
        "CPU of a start": [start.cpu for start in starts],
        "CPU of a resync": [start.resync_cpu for start in starts],
        "time of a resync's lists": [start.list_seconds for start in starts],
    }
    found = {what: round(_exponent(sizes, figures), 3) for what, figures in costs.items()}
    exponents = {what: power for what, power in found.items() if not math.isnan(power)}
    rest, peak = (fit_line(sizes, figures) for figures in ([s.rest for s in starts], [s.peak for s in starts]))
    outcome.figures["growth"] = {
        "creations": [asdict(each) for each in creations],
        "starts": [asdict(each) for each in starts],
        "costs": costs,
        "exponents": exponents,
        "rest_kb_a_set": round(rest[0] * 1000, 2),
        "rest_mb_without": round(rest[1], 1),
        "peak_kb_a_set": round(peak[0] * 1000, 2),
    }
    outcome.tell("memory: cost of a set at rest, and of none", f"{rest[0] * 1000:.1f} kB, {rest[1]:.0f} MB")
    last = starts[-1]
    outcome.at_most(f"start with {last.sets:,} sets and nothing to do: writes", max(s.writes for s in starts), 0)
    outcome.tell(f"start with {last.sets:,} sets: until everything was looked at", f"{last.seconds:.0f} s")
    for what, power in exponents.items():
        outcome.at_most(f"{what}, {sizes[0]:,} to {sizes[-1]:,} sets: exponent", power, MOST)


def _exponent(sizes: Sequence[int], figures: Sequence[float]) -> float:
    large = [(size, figure) for size, figure in zip(sizes, figures, strict=True) if size >= FEW]
    if len(large) < 3:
        return fit_exponent(sizes, figures)
    return fit_exponent(*zip(*large, strict=True))
