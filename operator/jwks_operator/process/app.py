"""The operator as a process: what starts in which order, what ends it, and how it ends.

1. Our own tasks (agenda, audit, election, admin port) start before kopf, because kopf cancels every task that
   did not exist before it. A keeper (tasks.py) restarts each of them, or ends the process with a reason.
2. kopf starts when the first audit has found the sets' kind served; it ends the process if it meets a kind
   that is not.
3. kopf takes over the signals and they are taken back.
4. While another replica leads this one watches, audits and remembers, and works on nothing (leadership.py).
5. SIGTERM or SIGINT: kopf stops, work in hand ends or is cancelled after a moment, the lead goes to the next
   replica, exit 0.
6. If kopf ends by itself, watching begins anew: once the kind is served again if it was not, else after a pause,
   because kopf ends at answers that a proxy may give (a plain 409 or 410 to a watch). Timers, audits and the lead
   go on meanwhile. If nothing was watched for ten minutes although the kind is served, the process calls itself
   ill, and Kubernetes starts it again.
"""

import asyncio
import logging
import math
import signal
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from jwks_operator import __version__
from jwks_operator.api.defaults import DEFAULTS
from jwks_operator.api.shards import Scope, Shard
from jwks_operator.kube.client import Client, Transport
from jwks_operator.kube.errors import KubeError
from jwks_operator.kube.events import EventRecorder
from jwks_operator.kube.lease import Election
from jwks_operator.kube.metered import MeteredTransport
from jwks_operator.kube.transport import connect
from jwks_operator.metrics.page import Metrics
from jwks_operator.metrics.process_gauges import ProcessGauges
from jwks_operator.process.admin_port import Admin, Shows
from jwks_operator.process.leadership import Leadership
from jwks_operator.reconcile.clock import Clock
from jwks_operator.reconcile.observed_versions import ObjectMemory
from jwks_operator.reconcile.work_queue import Agenda, Work
from jwks_operator.statuspage.board import Board
from jwks_operator.statuspage.pages import Writer
from jwks_operator.statuspage.status_site import Site
from jwks_operator.tasks import Keeper, TaskFailed
from jwks_operator.watch.event_router import Sightings
from jwks_operator.watch.kopf_adapter import Forever, watch
from jwks_operator.watch.resync import Audit

logger = logging.getLogger(__name__)

STUCK = timedelta(minutes=10)
"""Work on one set that runs longer than this is stuck: every call it makes has a timeout of its own."""
UNWATCHED = timedelta(minutes=10)
"""How long the process lives on without watches although there is something to watch."""
CALM = 60.0
"""Watching that lasted so many seconds before it failed begins anew without a longer pause."""
GRACE = timedelta(seconds=1)
"""What work in hand gets to end by itself."""
LAST_WORDS = 0.3
"""Seconds for Events that wait to be posted at the end."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; no namespaces means all of them, no election that this is the only replica."""

    namespaces: tuple[str, ...] = ()
    deletion_delay: timedelta = timedelta(minutes=10)
    audit_interval: timedelta = timedelta(minutes=10)
    workers: int = 8
    admin_host: str = "127.0.0.1"
    admin_port: int = 0
    election: Election | None = None
    status_page: bool = False
    shard: Shard = None
    """Whose sets are looked after; None are those of no named shard."""

    @property
    def scope(self) -> Scope:
        """Which sets are looked after."""
        return Scope(self.namespaces, self.shard)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the work on a set is made from."""

    client: Client
    clock: Clock
    memory: ObjectMemory
    options: Options
    metrics: Metrics
    teller: EventRecorder
    board: Board | None = None
    """What the status page shows, if there is one."""


Closer = Callable[[], Awaitable[None]]
Build = Callable[[Parts], tuple[Work, Closer]]
"""Makes the work on one set, and what closes it."""


class Operator:
    """One run of the process."""

    def __init__(self, options: Options, transport: Transport, clock: Clock, build: Build) -> None:
        memory = ObjectMemory()
        metrics = Metrics(clock.now)
        self._leadership = Leadership(MeteredTransport(transport, metrics.answered), clock.heard, options.election)
        client = self._leadership.client
        board = Board() if options.status_page else None
        self._teller = EventRecorder(client, self._is_busy)
        work, self._close_work = build(Parts(client, clock, memory, options, metrics, self._teller, board))
        self._options = options
        self._stop = asyncio.Event()
        self._failure: str | None = None
        self._watching = False
        self._watched_until = math.inf
        timed = metrics.timed(work, KubeError)
        self._agenda = Agenda(timed, clock.now, workers=options.workers, expected=KubeError)
        self._audit = Audit(client, memory, self._agenda, scope=options.scope, interval=options.audit_interval)
        self._sightings = Sightings(
            memory, self._agenda, self._audit.nudge, metrics.watched, everywhere=not options.namespaces
        )
        self._auditing: asyncio.Task[None] | None = None
        vitals = ProcessGauges(
            load=self._agenda.load,
            leads=self._leadership.leads,
            clock_doubt=lambda: clock.doubt(DEFAULTS["clock_skew"]),
            clock_offset=clock.ahead,
            audited=lambda: self._audit.latest,
            missed=lambda: self._audit.found,
            tasks=lambda: len(asyncio.all_tasks()),
        )
        metrics.follow(vitals)
        shows = Shows(metrics.page, None if board is None else Site(Writer(board, clock.now, vitals, metrics.failing)))
        self._admin = Admin(options.admin_host, options.admin_port, alive=self._ill, ready=self._unready, shows=shows)

    async def run(self) -> None:
        """Run until a signal. Raises TaskFailed, after an orderly end, if a task could not be kept running."""
        self._take_signals()
        await self._admin.start()
        keeper = Keeper(self._give_up, self._stop.is_set)
        serving = keeper.start(self._admin.serve, "admin port")
        self._leadership.start(self._agenda, self._audit, keeper)
        self._auditing = keeper.start(self._audit.run, "audit")
        telling = keeper.start(self._teller.run, "telling")
        closing = keeper.start(self._close_in_time, "closing")
        where = self._options.scope
        logger.info("version %s started for %s; probes and metrics on port %d", __version__, where, self._admin.port)
        try:
            await self._watch_while_served()
        finally:
            self._stop.set()
            self._auditing.cancel()
            await asyncio.wait({closing})
            telling.cancel()
            serving.cancel()
            await self._admin.close()
            await self._close_work()
            logger.info("stopped")
        if self._failure is not None:
            raise TaskFailed(self._failure)

    async def _watch_while_served(self) -> None:
        pauses = iter(Forever())
        while True:
            await self._first(self._audit.served.wait())
            begun = self._now()
            if self._stop.is_set() or await self._watch():
                return
            if not await self._audit.still_served():
                self._watched_until = math.inf
                continue
            if self._now() - begun > CALM:
                pauses = iter(Forever())
            await self._first(asyncio.sleep(next(pauses)))

    async def _watch(self) -> bool:
        """Let kopf watch until it ends; tell whether it was meant to."""
        self._watching, self._watched_until = True, math.inf
        try:
            await watch(self._sightings, self._options.scope, self._stop, self._take_signals)
        except Exception:
            logger.exception("watching failed")
            return self._stop.is_set()
        else:
            return True
        finally:
            self._watching, self._watched_until = False, self._now()

    async def _first(self, what: Coroutine[Any, Any, Any]) -> None:
        """Wait for that or the stop, whichever comes first."""
        waiting = {asyncio.create_task(what), asyncio.create_task(self._stop.wait())}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _close_in_time(self) -> None:
        # A task from before kopf, so that it closes the agenda while kopf is still ending.
        await self._stop.wait()
        await self._leadership.close(GRACE, lambda: self._teller.flush(LAST_WORDS))

    def _take_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, logger.info, "SIGHUP: there is nothing to reload")

    def _give_up(self, reason: str) -> None:
        logger.critical("the process ends: %s", reason)
        self._failure = self._failure or reason
        self._stop.set()

    def _is_busy(self) -> bool:
        return self._agenda.is_busy()

    def _ill(self) -> str | None:
        if not self._agenda.healthy(STUCK):
            return f"a worker has ended or has been busy with one set for more than {STUCK}"
        if self._auditing is None or self._auditing.done():
            return "the audit has ended"
        if self._now() - self._watched_until > UNWATCHED.total_seconds():
            return f"watching has failed for more than {UNWATCHED}"
        return self._leadership.ill()

    def _unready(self) -> str | None:
        if not self._audit.served.is_set():
            return "the sets were not listed yet, or their kind is not served"
        return None if self._watching else "not watching yet"


async def operate(options: Options, build: Build) -> None:
    """Connect, run until a signal, disconnect. Raises NotConfigured, OSError and TaskFailed."""
    clock = Clock()
    transport, disconnect = await connect()
    try:
        await Operator(options, transport, clock, build).run()
    finally:
        await disconnect()
