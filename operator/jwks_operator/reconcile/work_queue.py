"""The work queue: one coalescing queue, one heap of times, N workers.

The work queue knows sets only by name and their work only as `work(ref)`, a coroutine that returns the time of the next
pass. Its rules:

* a ref waits at most once, and never runs twice at the same time; a ref that is added while it runs, runs again;
* news about a ref that arrive while it runs are checked after the run: most of them are the echo of its own writes;
* urgent refs overtake routine refs;
* a ref whose work raised is retried after a delay that grows with each failure and is reset by a success; `add` does
  not wait for that delay, because it brings news;
* each ref has at most one time: a new time replaces it, and a success without a time removes it;
* times are the wall clock's; the sleeper reads that clock at least once a minute, so that a clock that jumps delays a
  time by a minute at most;
* while the queue is paused no work starts and every ref waits, the latest news in front, because the leader may have
  left those sets unfinished; running work continues, and waits with the others if it fails;
* nothing is stored: the first resync of the next process finds what is due.
"""

import asyncio
import heapq
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from jwks_operator.api.names import SetRef
from jwks_operator.reconcile.backoff import Backoff
from jwks_operator.tasks import Keeper, was_meant

logger = logging.getLogger(__name__)

Work = Callable[[SetRef], Awaitable[datetime | None]]

NAP = 60.0
"""Longest sleep in seconds before the wall clock is read again."""

FRESH_NEWS = 1.0
"""Longest delay in seconds after a failure if news about the same ref arrived meanwhile."""

LASTING = 9
"""Failures in a row after which delays do not grow any more: each further failure is logged as a warning."""

SHORTEST = timedelta(milliseconds=100)
"""Least delay before the next pass of a set, so that work never spins."""


@dataclass(frozen=True, slots=True)
class Load:
    """The number of sets in each part of the work queue."""

    urgent: int
    routine: int
    retrying: int
    timed: int
    workers: int
    busy: int


class WorkQueue:
    """See the module. Every method except `close` is called from the thread of the event loop and never waits."""

    def __init__(
        self,
        work: Work,
        now: Callable[[], datetime],
        *,
        workers: int = 8,
        expected: type[Exception] | tuple[type[Exception], ...] = (),
        backoff: Backoff | None = None,
    ) -> None:
        """`now` reads the wall clock (aware); `expected` failures are logged without a trace."""
        self._work = work
        self._now = now
        self._workers = workers
        self._expected = expected
        self._backoff = backoff or Backoff()
        self._urgent: OrderedDict[SetRef, None] = OrderedDict()
        self._routine: OrderedDict[SetRef, None] = OrderedDict()
        self._queued = asyncio.Semaphore(0)
        self._going = asyncio.Event()
        self._going.set()
        self._running: dict[SetRef, float] = {}
        self._again: dict[SetRef, bool] = {}
        self._unchecked: dict[SetRef, list[tuple[Callable[[], bool], bool]]] = {}
        self._failures: dict[SetRef, int] = {}
        self._retries: dict[SetRef, asyncio.TimerHandle] = {}
        self._times: dict[SetRef, datetime] = {}
        self._heap: list[tuple[datetime, int, SetRef]] = []
        self._turn = count()
        self._earlier = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    def start(self, keeper: Keeper | None = None) -> None:
        """Create the worker and sleeper tasks on the running loop; `keeper` owns them."""
        keeper = keeper or Keeper(closing=lambda: self._closed)
        self._tasks = [keeper.start(self._work_forever, f"work queue worker {n}") for n in range(self._workers)]
        self._tasks.append(keeper.start(self._sleep, "work queue sleeper"))

    def add(self, ref: SetRef, urgent: bool = False) -> None:
        """Add a ref; it runs as soon as a worker is free."""
        if self._closed:
            return
        if ref in self._running:
            self._again[ref] = urgent or self._again.get(ref, False)
            return
        if retry := self._retries.pop(ref, None):
            retry.cancel()
        self._enqueue(ref, urgent)

    def add_if_news(self, ref: SetRef, is_news: Callable[[], bool], urgent: bool = False) -> None:
        """Add the ref if `is_news()`, which is called now, or after the run of a ref that is running.

        It is called exactly once; the calls keep the order of their arrival.
        """
        if ref in self._running:
            self._unchecked.setdefault(ref, []).append((is_news, urgent))
        elif is_news():
            self.add(ref, urgent)

    def is_running(self, ref: SetRef) -> bool:
        """Tell whether work on the ref is running."""
        return ref in self._running

    def is_busy(self) -> bool:
        """Tell whether refs wait for a worker."""
        return bool(self._urgent or self._routine)

    def add_at(self, ref: SetRef, when: datetime) -> None:
        """Add the ref at a time; replaces its former time."""
        if self._closed:
            return
        self._times[ref] = when
        if not self._heap or when < self._heap[0][0]:
            self._earlier.set()
        heapq.heappush(self._heap, (when, next(self._turn), ref))
        if len(self._heap) > 2 * len(self._times) + 64:  # replaced times are removed now and then
            self._heap = [(when, next(self._turn), ref) for ref, when in self._times.items()]
            heapq.heapify(self._heap)

    def pause(self) -> None:
        """Start no work until `resume`; refs and times are still taken in."""
        if not self._closed:
            self._going.clear()

    def resume(self) -> None:
        """Start work again."""
        self._going.set()

    def load(self) -> Load:
        """Return how many sets wait, run, are retried, or have a time."""
        return Load(
            urgent=len(self._urgent),
            routine=len(self._routine),
            retrying=len(self._retries),
            timed=len(self._times),
            workers=self._workers,
            busy=len(self._running),
        )

    def is_healthy(self, longest: timedelta) -> bool:
        """Tell whether all tasks run and no work has been running for longer than `longest`."""
        loop = asyncio.get_running_loop()
        busy = loop.time() - min(self._running.values(), default=loop.time())
        return bool(self._tasks) and not any(t.done() for t in self._tasks) and busy <= longest.total_seconds()

    async def close(self, grace: timedelta = timedelta(seconds=1)) -> None:
        """Start no more work, wait up to `grace` for running work, cancel the rest."""
        self._closed = True
        for retry in self._retries.values():
            retry.cancel()
        for waiting in (self._urgent, self._routine, self._again, self._unchecked, self._times, self._retries):
            waiting.clear()
        self._heap.clear()
        self._earlier.set()
        self._going.set()
        for _ in range(self._workers):
            self._queued.release()
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=grace.total_seconds())
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _enqueue(self, ref: SetRef, urgent: bool) -> None:
        if ref not in self._urgent and ref not in self._routine:
            self._queued.release()
        if ref not in self._urgent:
            if urgent:
                self._routine.pop(ref, None)
            (self._urgent if urgent else self._routine)[ref] = None
        if not self._going.is_set():
            (self._urgent if ref in self._urgent else self._routine).move_to_end(ref, last=False)

    async def _work_forever(self) -> None:
        while True:
            await self._queued.acquire()
            while not self._going.is_set():
                await self._going.wait()
            if self._closed:
                return
            waiting = self._urgent or self._routine
            ref, _ = waiting.popitem(last=False)
            self._running[ref] = asyncio.get_running_loop().time()
            try:
                failure = await self._run(ref)
            finally:
                del self._running[ref]
            try:
                urgent = self._news_of(ref)
            except Exception:
                self.add(ref)  # its news must not be lost with this worker
                raise
            if failure is not None:
                self._retry_later(ref, failure, news=urgent is not None)
            if urgent is not None and (urgent or failure is None):
                self.add(ref, urgent)

    def _news_of(self, ref: SetRef) -> bool | None:
        """Return whether news that arrived while the ref ran are urgent; None if there are none."""
        news = [urgent for is_news, urgent in self._unchecked.pop(ref, ()) if is_news()]
        if ref in self._again:
            news.append(self._again.pop(ref))
        return any(news) if news else None

    async def _run(self, ref: SetRef) -> Exception | None:
        """Run the work and store its next time; return its failure."""
        try:
            when = await self._work(ref)
        except asyncio.CancelledError:
            if was_meant():
                raise
            return ConnectionAbortedError("the work was cancelled from outside")
        except self._expected as error:
            logger.log(self._level(ref), "will try again: %s", error, extra={"set": str(ref)})
            return error
        except Exception as error:
            logger.exception("unexpected failure, will try again", extra={"set": str(ref)})
            return error
        self._failures.pop(ref, None)
        if when is None:
            self._times.pop(ref, None)
        else:
            self.add_at(ref, max(when, self._now() + SHORTEST))
        return None

    def _level(self, ref: SetRef) -> int:
        """Return the log level of a failure: a warning for the first in a row, and then about once a minute."""
        before = self._failures.get(ref, 0)
        loud = self._going.is_set() and (before == 0 or before >= LASTING)
        return logging.WARNING if loud else logging.DEBUG

    def _retry_later(self, ref: SetRef, failure: Exception, news: bool) -> None:
        if not self._going.is_set():
            self.add(ref)
            return
        self._failures[ref] = self._failures.get(ref, 0) + 1
        delay = self._backoff.delay(self._failures[ref])
        if news:
            delay = min(delay, FRESH_NEWS)
        asked = getattr(failure, "retry_after", None)  # a server under load says how long to wait
        delay = max(delay, float(asked or 0))
        if not self._closed:
            self._retries[ref] = asyncio.get_running_loop().call_later(delay, self._retry, ref)

    def _retry(self, ref: SetRef) -> None:
        del self._retries[ref]
        self.add(ref)

    async def _sleep(self) -> None:
        while not self._closed:
            self._earlier.clear()
            nap = NAP
            now = self._now()
            while self._heap:
                when, _, ref = self._heap[0]
                if self._times.get(ref) != when:
                    heapq.heappop(self._heap)
                elif when <= now:
                    heapq.heappop(self._heap)
                    del self._times[ref]
                    self.add(ref)
                else:
                    nap = min(NAP, (when - now).total_seconds())
                    break
            try:
                async with asyncio.timeout(nap):
                    await self._earlier.wait()
            except TimeoutError:
                continue
