"""The times at which sets are due: one for each set, in a heap.

Times are the wall clock's. The waiter reads that clock at least once a minute, so that a clock that jumps delays a time
by a minute at most.
"""

import asyncio
import heapq
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import count

from jwks_operator.api.names import SetRef

NAP = 60.0
"""Longest sleep in seconds before the wall clock is read again."""


class DueTimes:
    """One time at most for each set; a new time replaces it."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        """`now` reads the wall clock (aware)."""
        self._now = now
        self._times: dict[SetRef, datetime] = {}
        self._heap: list[tuple[datetime, int, SetRef]] = []
        self._turn = count()
        self._earlier = asyncio.Event()

    def set_time(self, ref: SetRef, when: datetime) -> None:
        """Set the time of a set."""
        self._times[ref] = when
        if not self._heap or when < self._heap[0][0]:
            self._earlier.set()
        heapq.heappush(self._heap, (when, next(self._turn), ref))
        if len(self._heap) > 2 * len(self._times) + 64:  # replaced times are removed now and then
            self._heap = [(when, next(self._turn), ref) for ref, when in self._times.items()]
            heapq.heapify(self._heap)

    def remove(self, ref: SetRef) -> None:
        """Remove the time of a set, if it has one."""
        self._times.pop(ref, None)

    def clear(self) -> None:
        """Remove all times and end a wait."""
        self._times.clear()
        self._heap.clear()
        self._earlier.set()

    async def wait(self) -> Iterator[SetRef]:
        """Wait for the next time, for an earlier one or for a minute; return the sets that are due."""
        self._earlier.clear()
        due = list(self._take_due())
        if not due:
            try:
                async with asyncio.timeout(self._nap()):
                    await self._earlier.wait()
            except TimeoutError:
                pass
        return iter(due)

    def _take_due(self) -> Iterator[SetRef]:
        now = self._now()
        while self._heap:
            when, _, ref = self._heap[0]
            if self._times.get(ref) == when and when > now:
                return
            heapq.heappop(self._heap)
            if self._times.get(ref) == when:
                del self._times[ref]
                yield ref

    def _nap(self) -> float:
        return min(NAP, (self._heap[0][0] - self._now()).total_seconds()) if self._heap else NAP

    def __len__(self) -> int:
        return len(self._times)
