"""The counters of one server, and their sum over several."""

import time
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

BUCKETS: Final = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1)
"""Upper bounds of the histogram of handling times, in seconds; one more bucket holds the rest."""


@dataclass(slots=True)
class Stats:
    """Counters of one server; everything in it only grows, except for `connections`."""

    codes: dict[int, int] = field(default_factory=dict)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    seconds: float = 0.0
    connections: int = 0
    accepted: int = 0
    rejected: int = 0
    timed_out: int = 0
    throttled: int = 0
    tls_reloads: int = 0
    tls_refused: int = 0

    def answered(self, status: int, seconds: float) -> None:
        """Count one answer that took so long from its last octet read to the write to the socket."""
        self.codes[status] = self.codes.get(status, 0) + 1
        self.buckets[bisect_left(BUCKETS, seconds)] += 1
        self.seconds += seconds


def sum_snapshots(all_stats: Iterable[Stats]) -> Stats:
    """Add up what several workers counted."""
    result = Stats()
    for stats in all_stats:
        for code, count in stats.codes.items():
            result.codes[code] = result.codes.get(code, 0) + count
        result.buckets = [one + other for one, other in zip(result.buckets, stats.buckets, strict=True)]
        result.seconds += stats.seconds
        for name in _PLAIN:
            setattr(result, name, getattr(result, name) + getattr(stats, name))
    return result


def read_usage() -> tuple[int, float]:
    """Return this process's resident memory in octets and its CPU seconds."""
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[1])
    return pages * _PAGE, time.process_time()


_PLAIN: Final = ("connections", "accepted", "rejected", "timed_out", "throttled", "tls_reloads", "tls_refused")
_PAGE: Final = 4096
