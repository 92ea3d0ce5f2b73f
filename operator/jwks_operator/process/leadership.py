"""When this replica works: always if it is the only one, else while it holds the Lease.

A standby's agenda is paused, and fills. With the lead it begins, and an audit looks for what was missed; when
the lead is lost it is paused again at once, and whatever is in hand fails at its next write. At the end work in
hand ends first and then the Lease is released, so that no two replicas ever write at the same time.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from jwks_operator.kube.client import Client, Transport
from jwks_operator.kube.lease import Election, Lease, read_boottime
from jwks_operator.reconcile.work_queue import Agenda
from jwks_operator.tasks import Keeper
from jwks_operator.watch.resync import Audit

logger = logging.getLogger(__name__)


class Leadership:
    """`client` writes while this replica leads and not otherwise; give it to whatever writes."""

    def __init__(
        self,
        transport: Transport,
        on_date: Callable[[datetime], None],
        election: Election | None,
        boottime: Callable[[], float] = read_boottime,
    ) -> None:
        """Without an election this replica leads from beginning to end."""
        self._lease: Lease | None = None
        if election is not None:
            self._lease = Lease(Client(transport, on_date), election, self._changed, boottime)
        self.client = Client(transport, on_date, None if self._lease is None else self._lease.leads)
        self._electing: asyncio.Task[None] | None = None

    def start(self, agenda: Agenda, audit: Audit, keeper: Keeper) -> None:
        """Start the agenda, paused if others may be leading, and take part in the election; `keeper` owns the tasks."""
        self._agenda = agenda
        self._audit = audit
        if self._lease is not None:
            agenda.pause()
            self._electing = keeper.start(self._lease.run, "election")
        agenda.start(keeper)

    async def close(self, grace: timedelta, last: Callable[[], Awaitable[None]]) -> None:
        """End the work within `grace`, do the `last` thing, and hand over to the next replica.

        Work in hand has half of that to end by itself and the other half for the answer to its last write, then
        it is cancelled. A write cut off by that may still land: the next one waits for the Lease to run out.
        """
        if self._lease is None or self._electing is None:
            await self._agenda.close(grace)
            await last()
            return
        unanswered = self.client.unanswered
        ceasing = asyncio.get_running_loop().call_later(grace.total_seconds() / 2, self._lease.cease)
        await self._agenda.close(grace)
        await last()
        ceasing.cancel()
        self._electing.cancel()
        await asyncio.wait({self._electing})
        if self.client.unanswered == unanswered:
            await self._lease.release()
        else:
            logger.warning("the Lease is left to run out: a write was given up that may still land")

    def leads(self) -> bool:
        """Tell whether this replica works now."""
        return self._lease is None or self._lease.leads()

    def ill(self) -> str | None:
        """Tell what is wrong with the election, which goes on as long as the process."""
        return "the election has ended" if self._electing is not None and self._electing.done() else None

    def _changed(self, leads: bool) -> None:
        if leads:
            self._agenda.resume()
            self._audit.nudge()
        else:
            self._agenda.pause()
