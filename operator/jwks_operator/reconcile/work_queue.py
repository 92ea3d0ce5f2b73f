"""The work queue: three lines of sets in which namespaces take turns, the times of the sets, and N workers.

The work queue knows sets only by name and their work only as `work(ref)`, a coroutine that returns the time of the next
pass. Its rules:

* a ref waits at most once, and never runs twice at the same time; a ref that is added while it runs, runs again;
* news about a ref that arrive while it runs are checked after the run: most of them are the echo of its own writes;
* a higher priority overtakes a lower one; within a priority namespaces take turns (turns.py);
* a quarter of the workers only run repairs and revocations, and one namespace never has all the other workers;
* a ref whose work raised is retried after a delay that grows with each failure and is reset by a success; `add` does
  not wait for that delay, because it brings news;
* each ref has at most one time (due_times.py), and a success without a time removes it;
* while the queue is paused no work starts and every ref waits, the latest news in front, because the leader may have
  left those sets unfinished; running work continues, and waits with the others if it fails;
* nothing is stored: the first resync of the next process finds what is due.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from jwks_operator.api.names import SetRef
from jwks_operator.reconcile.backoff import Backoff
from jwks_operator.reconcile.due_times import DueTimes
from jwks_operator.reconcile.turns import Turns
from jwks_operator.tasks import Keeper, was_meant

logger = logging.getLogger(__name__)

Work = Callable[[SetRef], Awaitable[datetime | None]]

FRESH_NEWS = 1.0
"""Longest delay in seconds after a failure if news about the same ref arrived meanwhile."""

LASTING = 9
"""Failures in a row after which delays do not grow any more: each further failure is logged as a warning."""

SHORTEST = timedelta(milliseconds=100)
"""Least delay before the next pass of a set, so that work never spins."""


class Priority(IntEnum):
    """Why a set is in the work queue; a higher number is served first."""

    ROUTINE = 0
    """A time has come, or a resync asks."""
    URGENT = 1
    """The set changed, or its new keys are made."""
    REPAIR = 2
    """A key is to be revoked, or an object of the set changed."""


@dataclass(frozen=True, slots=True)
class Load:
    """The number of sets in each part of the work queue."""

    repair: int
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
        self._reserved = max(1, workers // 4) if workers > 1 else 0
        self._lines = {priority: Turns() for priority in sorted(Priority, reverse=True)}
        self._changed = asyncio.Event()
        self._paused = False
        self._running: dict[SetRef, float] = {}
        self._busy: Counter[str] = Counter()
        self._again: dict[SetRef, Priority] = {}
        self._unchecked: dict[SetRef, list[tuple[Callable[[], bool], Priority]]] = {}
        self._failures: dict[SetRef, int] = {}
        self._retries: dict[SetRef, asyncio.TimerHandle] = {}
        self._times = DueTimes(now)
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    def start(self, keeper: Keeper | None = None) -> None:
        """Create the worker and sleeper tasks on the running loop; `keeper` owns them."""
        keeper = keeper or Keeper(closing=lambda: self._closed)
        runs = [self._run_repairs] * self._reserved + [self._run_all] * (self._workers - self._reserved)
        self._tasks = [keeper.start(run, f"work queue worker {n}") for n, run in enumerate(runs)]
        self._tasks.append(keeper.start(self._add_due, "work queue times"))

    def add(self, ref: SetRef, priority: Priority = Priority.ROUTINE) -> None:
        """Add a ref; it runs as soon as a worker is free."""
        if self._closed:
            return
        if ref in self._running:
            self._again[ref] = max(priority, self._again.get(ref, priority))
            return
        if retry := self._retries.pop(ref, None):
            retry.cancel()
        self._enqueue(ref, priority)

    def add_if_news(self, ref: SetRef, is_news: Callable[[], bool], priority: Priority = Priority.ROUTINE) -> None:
        """Add the ref if `is_news()`, which is called now, or after the run of a ref that is running.

        It is called exactly once; the calls keep the order of their arrival.
        """
        if ref in self._running:
            self._unchecked.setdefault(ref, []).append((is_news, priority))
        elif is_news():
            self.add(ref, priority)

    def is_running(self, ref: SetRef) -> bool:
        """Tell whether work on the ref is running."""
        return ref in self._running

    def is_busy(self) -> bool:
        """Tell whether refs wait for a worker."""
        return any(self._lines.values())

    def add_at(self, ref: SetRef, when: datetime) -> None:
        """Add the ref at a time; replaces its former time."""
        if not self._closed:
            self._times.set_time(ref, when)

    def pause(self) -> None:
        """Start no work until `resume`; refs and times are still taken in."""
        self._paused = not self._closed

    def resume(self) -> None:
        """Start work again."""
        self._paused = False
        self._changed.set()

    def load(self) -> Load:
        """Return how many sets wait, run, are retried, or have a time."""
        return Load(
            **{priority.name.lower(): len(line) for priority, line in self._lines.items()},
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
        for line in self._lines.values():
            line.clear()
        for waiting in (self._again, self._unchecked, self._retries):
            waiting.clear()
        self._times.clear()
        self._changed.set()
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=grace.total_seconds())
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _enqueue(self, ref: SetRef, priority: Priority) -> None:
        found = next((each for each, line in self._lines.items() if ref in line), priority)
        if found < priority:
            self._lines[found].discard(ref)
        self._lines[max(found, priority)].add(ref, first=self._paused)
        self._changed.set()

    async def _run_repairs(self) -> None:
        await self._work_on((Priority.REPAIR,))

    async def _run_all(self) -> None:
        await self._work_on(tuple(self._lines))

    async def _work_on(self, priorities: tuple[Priority, ...]) -> None:
        """Run the refs of these priorities, the first priority first, until the queue is closed."""
        while not self._closed:
            taken = None if self._paused else self._take(priorities)
            if taken is None:
                self._changed.clear()
                await self._changed.wait()
            else:
                await self._run_once(*taken)

    def _take(self, priorities: tuple[Priority, ...]) -> tuple[SetRef, Priority] | None:
        """Take the next ref, of a namespace that leaves a worker to the others."""
        most = max(1, self._workers - self._reserved - 1)
        for priority in priorities:
            ref = self._lines[priority].pop(lambda namespace: self._busy[namespace] < most)
            if ref is not None:
                return ref, priority
        return None

    async def _run_once(self, ref: SetRef, priority: Priority) -> None:
        self._running[ref] = asyncio.get_running_loop().time()
        self._busy[ref.namespace] += 1
        try:
            failure = await self._run(ref)
        finally:
            del self._running[ref]
            self._busy -= Counter({ref.namespace: 1})
            self._changed.set()  # a ref of this namespace may run now
        try:
            news = self._news_of(ref)
        except Exception:
            self.add(ref, priority)  # its news must not be lost with this worker
            raise
        if failure is not None:
            self._retry_later(ref, failure, priority, news=news is not None)
        if news is not None and (failure is None or news > Priority.ROUTINE):
            self.add(ref, news)

    def _news_of(self, ref: SetRef) -> Priority | None:
        """Return the priority of news that arrived while the ref ran; None if there are none."""
        news = [priority for is_news, priority in self._unchecked.pop(ref, ()) if is_news()]
        if ref in self._again:
            news.append(self._again.pop(ref))
        return max(news, default=None)

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
            self._times.remove(ref)
        else:
            self.add_at(ref, max(when, self._now() + SHORTEST))
        return None

    def _level(self, ref: SetRef) -> int:
        """Return the log level of a failure: a warning for the first in a row, and then about once a minute."""
        before = self._failures.get(ref, 0)
        loud = not self._paused and (before == 0 or before >= LASTING)
        return logging.WARNING if loud else logging.DEBUG

    def _retry_later(self, ref: SetRef, failure: Exception, priority: Priority, news: bool) -> None:
        if self._paused:
            self.add(ref, priority)
            return
        self._failures[ref] = self._failures.get(ref, 0) + 1
        delay = self._backoff.delay(self._failures[ref])
        if news:
            delay = min(delay, FRESH_NEWS)
        asked = getattr(failure, "retry_after", None)  # a server under load says how long to wait
        delay = max(delay, float(asked or 0))
        if not self._closed:
            self._retries[ref] = asyncio.get_running_loop().call_later(delay, self._retry, ref, priority)

    def _retry(self, ref: SetRef, priority: Priority) -> None:
        del self._retries[ref]
        self.add(ref, priority)

    async def _add_due(self) -> None:
        while not self._closed:
            for ref in await self._times.wait():
                self.add(ref)
