"""A crowd of sets that look like one that lived, for what depends on their number. Run: python -m metrics.crowd"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from jwks_operator.api.names import SetRef
from jwks_operator.metrics.page import Metrics
from jwks_operator.reconcile.observer import ReconcileSnapshot
from reconcile.life import ES256, Life

REFUSED = {**ES256, "rotation": {"every": "10m"}}


class _Keeper(Metrics):
    looks: list[ReconcileSnapshot]

    def show_status(self, ref: SetRef, look: ReconcileSnapshot) -> None:
        self.looks.append(look)


async def look(spec: dict[str, Any] | None = None) -> ReconcileSnapshot:
    """What the passes show of a set that lives a while, and then gets this spec."""
    life = Life()
    keeper = _Keeper(life.time.wall)
    keeper.looks = []
    life.operator.observers.append(keeper)
    await life.begin()
    await life.after(timedelta(minutes=1))
    if spec is not None:
        await life.set_spec(spec)
        await life.after(timedelta(minutes=1))
    return keeper.looks[-1]


def metrics_of(number: int, like: ReconcileSnapshot) -> Metrics:
    """Metrics after a pass over so many sets, seen a minute and more later."""
    metrics = Metrics(lambda: like.now + timedelta(minutes=2))
    for each in range(number):
        metrics.show_status(SetRef(f"team-{each // 10}", f"set-{each % 10}"), like)
    return metrics


@contextmanager
def _timed(what: str) -> Iterator[None]:
    begun = time.process_time()
    yield
    print(f"{what}: {(time.process_time() - begun) * 1000:.1f} ms of CPU")  # noqa: T201 - a measurement for people


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4 / 1024


def main(number: int = 10_000) -> None:
    """Measure a scrape of a crowd: all calm, then all in trouble."""
    for name, spec in (("calm", None), ("in trouble", REFUSED)):
        like = asyncio.run(look(spec))
        before = _resident()
        with _timed(f"{number} sets {name}, remembered"):
            metrics = metrics_of(number, like)
        with _timed("one scrape"):
            page = metrics.render_page()
        lines = page.count(b"\n")
        print(f"{lines} lines, {len(page)} octets, {_resident() - before:.1f} MiB")  # noqa: T201 - as above


if __name__ == "__main__":
    main()
