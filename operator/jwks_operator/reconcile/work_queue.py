"""Who is due when: one coalescing queue, one heap of times, N workers.

The agenda knows sets only by name and their work only as `work(ref)`, a coroutine that answers when to look
again. Its rules:

* a ref waits at most once and is never worked on twice at once; put while it runs, it runs again afterwards;
* what is heard of a ref while it runs is weighed afterwards: most of it is the echo of that very run;
* urgent refs overtake routine ones;
* a ref whose work raised comes back after a delay that grows with each failure and is forgotten on success;
  a `put` does not wait for that delay, because it brings news;
* each ref has one time at most: a new one replaces the former, and success without a time removes it;
* times are the wall clock's, so the sleeper looks at that clock again at least once a minute: a clock that
  jumps can neither strand a time nor make the sleeper miss it by more than that;
* while it is paused nothing is begun and everything waits, what was heard of last in front: whatever somebody
  else left unfinished is among that; work in hand goes on, and if it fails it waits with the rest;
* nothing is stored: what is lost with the process is found again by the first audit of the next one.
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
"""Longest delay in seconds after a failure during which news about the same ref arrived."""

LASTING = 9
"""Failures in a row after which delays are as long as they get: each of them is worth a line again."""

SHORTEST = timedelta(milliseconds=100)
"""Work that asks for a time already past waits this long, so that it can never spin."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is on the agenda, in sets."""

    urgent: int
    routine: int
    retrying: int
    timed: int
    workers: int
    busy: int


class Agenda:
    """See the module. Everything but `close` is called from the event loop's thread and never waits."""

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
        self._hearsay: dict[SetRef, list[tuple[Callable[[], bool], bool]]] = {}
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
        self._tasks = [keeper.start(self._serve, f"agenda worker {n}") for n in range(self._workers)]
        self._tasks.append(keeper.start(self._sleep, "agenda sleeper"))

    def put(self, ref: SetRef, urgent: bool = False) -> None:
        """Have the ref worked on as soon as a worker is free."""
        if self._closed:
            return
        if ref in self._running:
            self._again[ref] = urgent or self._again.get(ref, False)
            return
        if retry := self._retries.pop(ref, None):
            retry.cancel()
        self._enqueue(ref, urgent)

    def hear(self, ref: SetRef, is_news: Callable[[], bool], urgent: bool = False) -> None:
        """Put the ref if `is_news()`, which is asked now, or when the ref has run if it is running.

        It is asked exactly once, and by the same order in which things were heard.
        """
        if ref in self._running:
            self._hearsay.setdefault(ref, []).append((is_news, urgent))
        elif is_news():
            self.put(ref, urgent)

    def is_running(self, ref: SetRef) -> bool:
        """Tell whether the ref is worked on now."""
        return ref in self._running

    def is_busy(self) -> bool:
        """Tell whether refs wait for a worker."""
        return bool(self._urgent or self._routine)

    def at(self, ref: SetRef, when: datetime) -> None:
        """Have the ref put at that time and not before; replaces the time it had."""
        if self._closed:
            return
        self._times[ref] = when
        if not self._heap or when < self._heap[0][0]:
            self._earlier.set()
        heapq.heappush(self._heap, (when, next(self._turn), ref))
        if len(self._heap) > 2 * len(self._times) + 64:  # replaced times are swept out now and then
            self._heap = [(when, next(self._turn), ref) for ref, when in self._times.items()]
            heapq.heapify(self._heap)

    def pause(self) -> None:
        """Begin nothing more until `resume`; go on listening and keep every time."""
        if not self._closed:
            self._going.clear()

    def resume(self) -> None:
        """Begin with what has gathered."""
        self._going.set()

    def load(self) -> Load:
        """Tell how many sets are where."""
        return Load(
            urgent=len(self._urgent),
            routine=len(self._routine),
            retrying=len(self._retries),
            timed=len(self._times),
            workers=self._workers,
            busy=len(self._running),
        )

    def healthy(self, longest: timedelta) -> bool:
        """Tell whether all tasks live and no work has been running for longer than that."""
        loop = asyncio.get_running_loop()
        busy = loop.time() - min(self._running.values(), default=loop.time())
        return bool(self._tasks) and not any(t.done() for t in self._tasks) and busy <= longest.total_seconds()

    async def close(self, grace: timedelta = timedelta(seconds=1)) -> None:
        """Begin nothing more, let running work end within `grace`, cancel what is left."""
        self._closed = True
        for retry in self._retries.values():
            retry.cancel()
        for waiting in (self._urgent, self._routine, self._again, self._hearsay, self._times, self._retries):
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

    async def _serve(self) -> None:
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
                self.put(ref)  # what was heard of it must not be lost with this worker
                raise
            if failure is not None:
                self._retry_later(ref, failure, news=urgent is not None)
            if urgent is not None and (urgent or failure is None):
                self.put(ref, urgent)

    def _news_of(self, ref: SetRef) -> bool | None:
        """Give what came up while the ref ran: None for nothing, otherwise whether it is urgent."""
        news = [urgent for is_news, urgent in self._hearsay.pop(ref, ()) if is_news()]
        if ref in self._again:
            news.append(self._again.pop(ref))
        return any(news) if news else None

    async def _run(self, ref: SetRef) -> Exception | None:
        """Do the work and note its next time; return what it failed with."""
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
            self.at(ref, max(when, self._now() + SHORTEST))
        return None

    def _level(self, ref: SetRef) -> int:
        """How loudly to tell of a failure: the first in a row, and then about one a minute."""
        before = self._failures.get(ref, 0)
        loud = self._going.is_set() and (before == 0 or before >= LASTING)
        return logging.WARNING if loud else logging.DEBUG

    def _retry_later(self, ref: SetRef, failure: Exception, news: bool) -> None:
        if not self._going.is_set():
            self.put(ref)
            return
        self._failures[ref] = self._failures.get(ref, 0) + 1
        delay = self._backoff.delay(self._failures[ref])
        if news:
            delay = min(delay, FRESH_NEWS)
        asked = getattr(failure, "retry_after", None)  # a server under load names the least it needs
        delay = max(delay, float(asked or 0))
        if not self._closed:
            self._retries[ref] = asyncio.get_running_loop().call_later(delay, self._retry, ref)

    def _retry(self, ref: SetRef) -> None:
        del self._retries[ref]
        self.put(ref)

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
                    self.put(ref)
                else:
                    nap = min(NAP, (when - now).total_seconds())
                    break
            try:
                async with asyncio.timeout(nap):
                    await self._earlier.wait()
            except TimeoutError:
                continue
