"""What a churn has to show, each with the figure, the bound and whether it holds.

Medians of thirds are compared, because a single sample depends on what was under way just then. The first third
begins after the warm-up: by then every set has been written and rotated, every code path has been taken once, and
the allocator has its arenas. Five per cent is what fragmentation and the sets' uneven numbers of keys make of a process
that keeps nothing; a leak of one kilobyte for each rotation would be seen in the slope, which is told beside it.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from soak.churn import Lived
from soak.health import MB, POOLED, Sample, slope, thirds

WARM = 0.2
"""Share of the time that is warm-up."""
GROWTH = 1.05
CONNECTIONS = 16
"""Eight workers, three watches, the resync, Events; and a scrape."""
CORES = len(os.sched_getaffinity(0))
THREADS = 1 + 4 + CORES + (CORES + 4) + 2
"""The loop's own, uvloop's four, one for RSA a core, asyncio's pool of cores + 4 for the login, and two to spare."""


@dataclass(frozen=True)
class Verdict:
    """One line of the judgement."""

    what: str
    measured: str
    bound: str
    holds: bool


def warm(lived: Lived) -> list[Sample]:
    """The samples after the warm-up."""
    first = lived.samples[0].second + WARM * lived.plan.seconds
    return [sample for sample in lived.samples if sample.second >= first]


def verdicts(lived: Lived) -> Iterator[Verdict]:
    """Judge everything."""
    yield from flatness(lived)
    yield from rest(lived)
    yield Verdict("objections", str(len(lived.objections)), "0", not lived.objections)


def flatness(lived: Lived) -> Iterator[Verdict]:
    """Judge what may not grow while the number of sets stays the same."""
    samples = warm(lived)
    yield _third("resident memory, MB", samples, lambda sample: sample.rss_mb, 0.0)
    yield _third("tasks", samples, lambda sample: sample.tasks, 3.0)
    yield _third("open files", samples, lambda sample: sample.files, 2.0)
    yield _most("connections, most", samples, lambda sample: sample.connections, CONNECTIONS)
    yield _most("threads, most", samples, lambda sample: sample.threads, THREADS)


def rest(lived: Lived) -> Iterator[Verdict]:
    """Judge what the process is left with after the last set is gone."""
    before, after = lived.before, lived.after
    if after is None:
        yield Verdict("at rest again", "never", "", holds=False)
        return
    for what, then, now, more in (
        ("tasks", before.tasks, after.tasks, 0),
        ("open files", before.files, after.files, POOLED),
    ):
        yield Verdict(f"{what} at rest", f"{then} before, {now} after", f"at most {then + more}", now <= then + more)
    books = {
        "sets shown": after.sets, "timers": after.timers, "retries": after.retries, "queue": after.queue,
        "sets remembered": lived.remembered,
    }  # fmt: skip
    for what, left in books.items():
        yield Verdict(f"{what} after all sets were deleted", str(left), "0", left == 0)


def bytes_for_each_rotation(samples: list[Sample]) -> float:
    """What the slope of the memory comes to for one rotation."""
    rotations = slope([s.second for s in samples], [float(s.rotations) for s in samples])
    return slope([s.second for s in samples], [s.rss_mb for s in samples]) * MB / rotations if rotations else 0.0


def _third(what: str, samples: list[Sample], value: Callable[[Sample], float], allowance: float) -> Verdict:
    first, last = thirds([value(sample) for sample in samples])
    most = first * GROWTH + allowance
    shown = f"{first:.1f} → {last:.1f} ({last / first - 1:+.1%})"
    return Verdict(f"{what}, first and last third", shown, f"at most {most:.1f}", last <= most)


def _most(what: str, samples: list[Sample], value: Callable[[Sample], float], bound: float) -> Verdict:
    most = max(value(sample) for sample in samples)
    return Verdict(what, f"{most:.0f}", f"at most {bound:.0f}", most <= bound)
