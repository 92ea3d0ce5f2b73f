"""The operator as a process: what starts in which order, what ends it, and how it ends.

1. The tasks of the operator (work queue, resync, election, admin port) start before kopf, because kopf cancels every
   task that did not exist before it. A keeper (tasks.py) restarts each of them, or ends the process with a reason.
2. kopf starts after the first resync that found the kind of the sets served; it fails for a kind that is not served.
3. kopf replaces the signal handlers, and the operator restores them.
4. While another replica leads, this one watches, resyncs and records versions, and runs no pass (leadership.py).
5. SIGTERM or SIGINT: kopf stops, running passes end or are cancelled after a moment, the leadership is handed over, the
   process exits with 0.
6. If kopf ends by itself, the watches start again: when the kind is served again if it was not, else after a pause,
   because kopf ends at answers that a proxy may give (a plain 409 or 410 to a watch). Times, resyncs and the leadership
   continue meanwhile. If nothing was watched for ten minutes although the kind is served, the liveness probe fails and
   Kubernetes restarts the process.
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
from jwks_operator.api.names import SetRef
from jwks_operator.api.shards import Scope, Shard
from jwks_operator.edges.edge_rules import NO_URLS, EdgeRules
from jwks_operator.kube.client import Client, Transport
from jwks_operator.kube.errors import KubeError
from jwks_operator.kube.events import EventRecorder
from jwks_operator.kube.lease import Election
from jwks_operator.kube.metered import MeteredTransport
from jwks_operator.kube.pod_refresh import PodRefresher
from jwks_operator.kube.transport import connect
from jwks_operator.metrics.page import Metrics
from jwks_operator.metrics.process_gauges import ProcessGauges
from jwks_operator.process.admin_port import AdminPort, Pages
from jwks_operator.process.leadership import Leadership
from jwks_operator.reconcile.clock import Clock
from jwks_operator.reconcile.config import leave_to_kubelets
from jwks_operator.reconcile.observed_versions import ObservedVersions
from jwks_operator.reconcile.work_queue import Priority, Work, WorkQueue
from jwks_operator.reconcile.written_mounts import RefreshPods
from jwks_operator.statuspage.board import Board
from jwks_operator.statuspage.pages import Writer
from jwks_operator.statuspage.status_site import Site
from jwks_operator.tasks import Keeper, TaskFailed
from jwks_operator.watch.event_router import EventRouter
from jwks_operator.watch.kopf_run import run_watches
from jwks_operator.watch.kopf_settings import RetryPauses
from jwks_operator.watch.resync import Resync

logger = logging.getLogger(__name__)

STUCK = timedelta(minutes=10)
"""A pass that runs longer is stuck: each of its calls has a timeout."""
UNWATCHED = timedelta(minutes=10)
"""How long the process continues without watches although the kind is served."""
CALM = 60.0
"""Watches that ran so many seconds before they failed start again without a longer pause."""
GRACE = timedelta(seconds=1)
"""Time for running passes to end by themselves."""
LAST_WORDS = 0.3
"""Seconds to post the Events that wait at the end."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the command line. No namespaces: all of them. No election: this is the only replica."""

    namespaces: tuple[str, ...] = ()
    deletion_delay: timedelta = timedelta(minutes=10)
    resync_interval: timedelta = timedelta(minutes=10)
    workers: int = 8
    admin_host: str = "127.0.0.1"
    admin_port: int = 0
    election: Election | None = None
    status_page: bool = False
    pod_refresh: bool = False
    shard: Shard = None
    """The shard of the operator; None: the sets without a shard label."""
    seen: EdgeRules = NO_URLS
    """Which public URLs may be asked."""

    @property
    def scope(self) -> Scope:
        """The sets of this operator."""
        return Scope(self.namespaces, self.shard)


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that a reconciler is made from."""

    client: Client
    clock: Clock
    versions: ObservedVersions
    options: Options
    metrics: Metrics
    event_recorder: EventRecorder
    refresh_pods: RefreshPods
    """Makes pods read at once what they mount, if that is enabled."""
    requeue: Callable[[SetRef], None]
    """Adds a set to the work queue because its new keys are there."""
    board: Board | None = None
    """The data of the status page, if it is enabled."""


Closer = Callable[[], Awaitable[None]]
Build = Callable[[Parts], tuple[Work, Closer]]
"""Makes the work of the queue, and the function that closes its parts."""


class Operator:
    """One run of the process."""

    def __init__(self, options: Options, transport: Transport, clock: Clock, build: Build) -> None:
        versions = ObservedVersions()
        metrics = Metrics(clock.now)
        self._leadership = Leadership(
            MeteredTransport(transport, metrics.count_request), clock.hear_date, options.election
        )
        client = self._leadership.client
        board = Board() if options.status_page else None
        self._event_recorder = EventRecorder(client, self._is_busy)
        self._refresher = PodRefresher(client, self._event_recorder.record, metrics.count_pod_refreshes)
        refresh = self._refresher.request if options.pod_refresh else leave_to_kubelets
        parts = Parts(client, clock, versions, options, metrics, self._event_recorder, refresh, self._requeue, board)
        work, self._close_work = build(parts)
        self._options = options
        self._stop = asyncio.Event()
        self._failure: str | None = None
        self._watching = False
        self._watched_until = math.inf
        timed = metrics.time_work(work, KubeError)
        self._queue = WorkQueue(timed, clock.now, workers=options.workers, expected=KubeError)
        self._resync = Resync(client, versions, self._queue, scope=options.scope, interval=options.resync_interval)
        self._router = EventRouter(
            versions, self._queue, self._resync.request, metrics.count_watch_request, everywhere=not options.namespaces
        )
        self._resyncing: asyncio.Task[None] | None = None
        gauges = ProcessGauges(
            load=self._queue.load,
            leads=self._leadership.leads,
            clock_doubt=lambda: clock.doubt(DEFAULTS["clock_skew"]),
            clock_offset=clock.ahead,
            resynced=lambda: self._resync.last_success,
            missed=lambda: self._resync.found_changed,
            tasks=lambda: len(asyncio.all_tasks()),
        )
        metrics.set_process_gauges(gauges)
        pages = Pages(
            metrics.render_page,
            None if board is None else Site(Writer(board, clock.now, gauges, metrics.find_failing_sets)),
        )
        self._admin = AdminPort(
            options.admin_host, options.admin_port, alive=self._find_failure, ready=self._find_unready, pages=pages
        )

    async def run(self) -> None:
        """Run until a signal. Raises TaskFailed, after an orderly end, if a task could not be kept running."""
        self._take_signals()
        await self._admin.start()
        keeper = Keeper(self._give_up, self._stop.is_set)
        serving = keeper.start(self._admin.serve, "admin port")
        self._leadership.start(self._queue, self._resync, keeper)
        self._resyncing = keeper.start(self._resync.run, "resync")
        posting = keeper.start(self._event_recorder.run, "event recorder")
        closing = keeper.start(self._close_in_time, "closing")
        where = self._options.scope
        logger.info("version %s started for %s; probes and metrics on port %d", __version__, where, self._admin.port)
        try:
            await self._watch_while_served()
        finally:
            self._stop.set()
            self._resyncing.cancel()
            await asyncio.wait({closing})
            posting.cancel()
            serving.cancel()
            await self._admin.close()
            await self._close_work()
            logger.info("stopped")
        if self._failure is not None:
            raise TaskFailed(self._failure)

    async def _watch_while_served(self) -> None:
        pauses = iter(RetryPauses())
        while True:
            await self._wait_for(self._resync.served.wait())
            begun = self._now()
            if self._stop.is_set() or await self._watch():
                return
            if not await self._resync.check_served():
                self._watched_until = math.inf
                continue
            if self._now() - begun > CALM:
                pauses = iter(RetryPauses())
            await self._wait_for(asyncio.sleep(next(pauses)))

    async def _watch(self) -> bool:
        """Watch until kopf ends; tell whether the process is stopping."""
        self._watching, self._watched_until = True, math.inf
        try:
            await run_watches(self._router, self._options.scope, self._stop, self._take_signals)
        except Exception:
            logger.exception("watching failed")
            return self._stop.is_set()
        else:
            return True
        finally:
            self._watching, self._watched_until = False, self._now()

    async def _wait_for(self, what: Coroutine[Any, Any, Any]) -> None:
        """Wait for a coroutine or the stop, whichever comes first."""
        waiting = {asyncio.create_task(what), asyncio.create_task(self._stop.wait())}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _close_in_time(self) -> None:
        # A task from before kopf, so that it closes the work queue while kopf is still ending.
        await self._stop.wait()
        await self._leadership.close(GRACE, self._say_last_words)

    async def _say_last_words(self) -> None:
        await self._refresher.close(LAST_WORDS)
        await self._event_recorder.flush(LAST_WORDS)

    def _take_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, logger.info, "SIGHUP: there is nothing to reload")

    def _give_up(self, reason: str) -> None:
        logger.critical("the process ends: %s", reason)
        self._failure = self._failure or reason
        self._stop.set()

    def _requeue(self, ref: SetRef) -> None:
        self._queue.add(ref, Priority.URGENT)

    def _is_busy(self) -> bool:
        return self._queue.is_busy()

    def _find_failure(self) -> str | None:
        if not self._queue.is_healthy(STUCK):
            return f"a worker has ended or has been busy with one set for more than {STUCK}"
        if self._resyncing is None or self._resyncing.done():
            return "the resync has ended"
        if self._now() - self._watched_until > UNWATCHED.total_seconds():
            return f"watching has failed for more than {UNWATCHED}"
        return self._leadership.find_failure()

    def _find_unready(self) -> str | None:
        if not self._resync.served.is_set():
            return "the sets were not listed yet, or their kind is not served"
        if self._resync.is_failing():
            return "the sets cannot be listed any more; the log says why"
        return None if self._watching else "not watching yet"


async def run_operator(options: Options, build: Build) -> None:
    """Connect, run until a signal, disconnect. Raises NotConfigured, OSError and TaskFailed."""
    clock = Clock()
    transport, disconnect = await connect()
    try:
        await Operator(options, transport, clock, build).run()
    finally:
        await disconnect()
