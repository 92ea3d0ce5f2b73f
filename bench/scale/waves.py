"""Sets that all rotate at once, keys that are revoked meanwhile, and what consumers see of it."""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from scale.chronicle import Chronicle
from scale.create import SECONDS_A_SET
from scale.generator import Ref
from scale.operators import Operator
from scale.outcome import spread_of
from scale.site import Site
from scale.watch import Late

LOOK = 0.1
"""Seconds between looks whether a wave is over; its end is told by the watches, not by the look."""


@dataclass(frozen=True)
class Stage:
    """The sets that rotate, the operator that looks after them, and what consumers see."""

    place: Site
    operator: Operator
    told: Chronicle
    rotating: Sequence[Ref]

    async def wave(self, due: float) -> dict[str, Any]:
        """Wait for the due time, and until every set uses its next key and has published the one after that.

        Returns the figures: activate and publish are two steps of up to four writes each.
        """
        await asyncio.sleep(max(0.0, due - 0.5 - time.time()))
        kids = {ref: self.told.kids(ref) for ref in self.rotating}
        before, meter = (await self.operator.metrics()).writes(), self.place.meter(operator=self.operator)
        await asyncio.sleep(max(0.0, due - time.time()))
        ends = dict[Ref, tuple[float, float]]()

        def is_over() -> bool:
            for ref in self.rotating:
                if ref not in ends and (end := self._end(ref, due, kids[ref])):
                    ends[ref] = end
            return len(ends) == len(self.rotating)

        await self.until("all sets to have rotated", is_over)
        lap, writes = meter.lap(), (await self.operator.metrics()).writes() - before
        seconds = max(published for _, published in ends.values()) - due
        return {
            "sets": len(self.rotating),
            "seconds": round(seconds, 2),
            "writes": writes,
            "writes_per_second": round(writes / seconds, 1),
            "cpu": dict(lap.cpu),
            "lateness": spread_of([used - due for used, _ in ends.values()]),
        }

    def _end(self, ref: Ref, due: float, kids: frozenset[str]) -> tuple[float, float] | None:
        """When a set used another key, and when it published another one, since it was due; None if not yet."""
        used = next((at for at, _ in self.told.used[ref][1:] if at >= due), None)
        published = next((at for at, there in self.told.published[ref] if at >= due and there - kids), None)
        return None if used is None or published is None else (used, published)

    async def until(self, what: str, is_so: Callable[[], bool]) -> None:
        """Look now and then whether something about all sets is so; raises Late."""
        seconds = 120 + SECONDS_A_SET * len(self.rotating)
        try:
            async with asyncio.timeout(seconds):
                while not is_so():  # noqa: ASYNC110 - to ask after each event would cost too much
                    await asyncio.sleep(LOOK)
        except TimeoutError:
            raise Late(f"{what}: not within {seconds:.0f} s") from None

    def say(self, what: str, figures: object) -> None:
        """Tell a person who waits."""
        sys.stderr.write(f"{what}: {figures}\n")
