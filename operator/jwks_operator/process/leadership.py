"""Leadership: a replica runs passes if it is the only one, or while it holds the Lease.

The work queue of a standby replica is paused and fills. When the replica becomes leader, the queue resumes and a resync
finds missed changes; when it loses the Lease, the queue pauses at once and running passes fail at their next write. At
the end running passes end before the Lease is released, so that two replicas never write at the same time.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from jwks_operator import __version__
from jwks_operator.kube.client import Client, Transport
from jwks_operator.kube.lease import Election, Lease, new_identity, read_boottime
from jwks_operator.reconcile.work_queue import WorkQueue
from jwks_operator.tasks import Keeper
from jwks_operator.watch.resync import Resync

logger = logging.getLogger(__name__)


class Leadership:
    """Runs the election. `client` writes only while this replica leads; every writer uses it."""

    def __init__(
        self,
        transport: Transport,
        on_date: Callable[[datetime], None],
        election: Election | None,
        boottime: Callable[[], float] = read_boottime,
    ) -> None:
        """Without an election this replica always leads."""
        self._lease: Lease | None = None
        self._identity = new_identity() if election is None else election.identity
        self._term = 0
        if election is not None:
            self._lease = Lease(Client(transport, on_date), election, self._follow_lease, boottime)
        self.client = Client(transport, on_date, None if self._lease is None else self._lease.leads, self.name_term)
        self._electing: asyncio.Task[None] | None = None

    def start(self, queue: WorkQueue, resync: Resync, keeper: Keeper) -> None:
        """Start the work queue, paused if there is an election, and the election; `keeper` owns the tasks."""
        self._queue = queue
        self._resync = resync
        if self._lease is not None:
            queue.pause()
            self._electing = keeper.start(self._lease.run, "election")
        queue.start(keeper)

    async def close(self, grace: timedelta, last: Callable[[], Awaitable[None]]) -> None:
        """End the work within `grace`, run `last`, and hand the leadership over to the next replica.

        Running passes have half of `grace` to end by themselves and half for the answer to their last write. Then they
        are cancelled. A cancelled write may still arrive: then the Lease is not released and runs out.
        """
        if self._lease is None or self._electing is None:
            await self._queue.close(grace)
            await last()
            return
        unanswered = self.client.unanswered
        ceasing = asyncio.get_running_loop().call_later(grace.total_seconds() / 2, self._lease.cease)
        await self._queue.close(grace)
        await last()
        ceasing.cancel()
        self._electing.cancel()
        await asyncio.wait({self._electing})
        if self.client.unanswered == unanswered:
            await self._lease.release()
        else:
            logger.warning("the Lease is not released and runs out: the answer to a write is missing")

    def leads(self) -> bool:
        """Tell whether this replica leads."""
        return self._lease is None or self._lease.leads()

    def name_term(self) -> str:
        """Return a name that no other operator has, and no former term of this one had."""
        term = f", term {self._term}" if self._term > 1 else ""
        return f"{self._identity} (version {__version__}{term})"

    def find_failure(self) -> str | None:
        """Return the failure of the election; None if it runs."""
        return "the election has ended" if self._electing is not None and self._electing.done() else None

    def _follow_lease(self, leads: bool) -> None:
        if leads:
            self._term += 1
            self._queue.resume()
            self._resync.request()
        else:
            self._queue.pause()
