"""How fast RSA keys are made through the factory, against bare generation on the same cores: `make bench-keys`.

Each pair of runs makes the same number of RSA-2048 keys twice, at the same width: once with `KeyFactory`, which also
proves, names and writes each key, and once with nothing but the library's generator on a thread pool as wide. The
order alternates. An event loop ticks beside both; its longest gap during bare generation is what the machine itself
takes, since nothing else runs on the loop then. Times of prime search vary by nature, so a pair says little and the
median of the pairs more.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from jwks_operator.keys.generate import KeyFactory

BITS = 2048
TICK = 0.001  # seconds
GOAL_RATIO = 0.85
GOAL_GAP_MS = 50


@dataclass(frozen=True)
class Run:
    """One run: wall and CPU seconds for each key, and the longest gap of the loop in milliseconds."""

    wall: float
    cpu: float
    gap_ms: float


@dataclass(frozen=True)
class Pair:
    """Two runs right after one another."""

    factory: Run
    bare: Run

    @property
    def ratio(self) -> float:
        """The factory's keys per second over those of bare generation."""
        return self.bare.wall / self.factory.wall

    @property
    def cpu_ratio(self) -> float:
        """The same by CPU time, which other work on the machine disturbs less."""
        return self.bare.cpu / self.factory.cpu


async def longest_gap() -> float:
    """Tick until cancelled; return the longest time beyond a tick in milliseconds."""
    longest = 0.0
    last = time.perf_counter()
    try:
        while True:
            await asyncio.sleep(TICK)
            now = time.perf_counter()
            longest = max(longest, now - last - TICK)
            last = now
    except asyncio.CancelledError:
        return longest * 1000


async def measure_keys(keys: int, make: Callable[[], Awaitable[object]]) -> Run:
    """Make `keys` keys at once and return what one took."""
    ticking = asyncio.create_task(longest_gap())
    await asyncio.sleep(0)
    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(make() for _ in range(keys)))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    ticking.cancel()
    return Run(wall / keys, cpu / keys, await ticking)


async def run_pairs(pairs: int, keys: int, cores: int) -> list[Pair]:
    """Run the pairs, after one small one that warms up."""
    factory = KeyFactory(cores)
    pool = ThreadPoolExecutor(cores)
    loop = asyncio.get_running_loop()

    async def by_factory(count: int) -> Run:
        return await measure_keys(count, lambda: factory.generate("RS256", BITS))

    async def bare(count: int) -> Run:
        return await measure_keys(count, lambda: loop.run_in_executor(pool, rsa.generate_private_key, 65537, BITS))

    done = []
    for number in range(-1, pairs):
        count = keys if number >= 0 else cores
        first = await (by_factory if number % 2 else bare)(count)
        second = await (bare if number % 2 else by_factory)(count)
        if number >= 0:
            done.append(Pair(first, second) if number % 2 else Pair(second, first))
    await factory.close()
    pool.shutdown()
    return done


def summarize_runs(pairs: list[Pair], keys: int, cores: int, load: tuple[float, float]) -> dict[str, Any]:
    """Return everything that was measured and the conditions, as plain JSON."""
    rates = [1 / pair.bare.wall for pair in pairs]
    return {
        "bits": BITS,
        "pairs": len(pairs),
        "keys_per_run": keys,
        "cores": cores,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "ratio_median": statistics.median(pair.ratio for pair in pairs),
        "ratio_min": min(pair.ratio for pair in pairs),
        "ratio_max": max(pair.ratio for pair in pairs),
        "cpu_ratio_median": statistics.median(pair.cpu_ratio for pair in pairs),
        "factory_keys_per_second_median": statistics.median(1 / pair.factory.wall for pair in pairs),
        "bare_keys_per_second_median": statistics.median(rates),
        "factory_gap_ms_max": max(pair.factory.gap_ms for pair in pairs),
        "bare_gap_ms_max": max(pair.bare.gap_ms for pair in pairs),
        "noise": {
            "load_before": load[0],
            "load_after": load[1],
            "bare_rate_variation": statistics.pstdev(rates) / statistics.mean(rates),
            "cores_used_by_bare": statistics.median(pair.bare.cpu / pair.bare.wall for pair in pairs),
        },
        "goals": {"ratio": GOAL_RATIO, "gap_ms": GOAL_GAP_MS},
        "runs": [asdict(pair) for pair in pairs],
    }


def render_markdown(result: dict[str, Any]) -> str:
    """Return the result as a page."""
    noise = result["noise"]
    rows = [
        ("factory / bare, median of pairs", f"{result['ratio_median']:.3f}", f"at least {GOAL_RATIO}"),
        ("lowest and highest pair", f"{result['ratio_min']:.3f} – {result['ratio_max']:.3f}", ""),
        ("the same by CPU time, median", f"{result['cpu_ratio_median']:.3f}", ""),
        ("keys per second, factory", f"{result['factory_keys_per_second_median']:.1f}", ""),
        ("keys per second, bare", f"{result['bare_keys_per_second_median']:.1f}", ""),
        ("longest gap of the loop, factory", f"{result['factory_gap_ms_max']:.1f} ms", f"under {GOAL_GAP_MS} ms"),
        ("longest gap of the loop, bare", f"{result['bare_gap_ms_max']:.1f} ms", "what the machine takes"),
    ]
    table = "\n".join(f"| {what} | {value} | {goal} |" for what, value, goal in rows)
    return f"""# Key generation: RSA-{BITS}, factory against bare generation

{result["pairs"]} pairs of {result["keys_per_run"]} keys, {result["cores"]} cores, Python {result["python"]}, \
{result["machine"]}.

| | measured | goal |
| --- | --- | --- |
{table}

Noise: load {noise["load_before"]:.1f} before and {noise["load_after"]:.1f} after; bare generation varied by
{noise["bare_rate_variation"]:.0%} between its runs and got {noise["cores_used_by_bare"]:.2f} of {result["cores"]} \
cores. A gap during bare generation is the machine's own.
"""


def main() -> int:
    """Run, print the page and write it if asked to; return 1 if a goal was missed.

    A gap counts only if the machine itself, during bare generation, makes none as long.
    """
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--keys", type=int, default=100, help="keys in one run")
    parser.add_argument("--write", type=Path, help="directory for key-generation-performance.md and .json")
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    before = os.getloadavg()[0]
    pairs = asyncio.run(run_pairs(options.pairs, options.keys, cores))
    result = summarize_runs(pairs, options.keys, cores, (before, os.getloadavg()[0]))
    if options.write:
        (options.write / "key-generation-performance.json").write_text(json.dumps(result, indent=1) + "\n")
        (options.write / "key-generation-performance.md").write_text(render_markdown(result))
    sys.stdout.write(render_markdown(result))
    slow = statistics.median(pair.ratio for pair in pairs) < GOAL_RATIO
    gap, machine = (max(gaps) for gaps in zip(*((p.factory.gap_ms, p.bare.gap_ms) for p in pairs), strict=True))
    return 1 if slow or machine < GOAL_GAP_MS <= gap else 0


if __name__ == "__main__":
    sys.exit(main())
