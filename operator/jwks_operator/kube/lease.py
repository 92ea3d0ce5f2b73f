"""Which replica may write? One Lease, held by one of them; the others watch and wait.

* The holder may write only while its last confirmed renewal is younger than the renew deadline, by a clock that
  also counts while the process or the machine sleeps: a leader that was paused finds itself deposed before it
  can send anything. A renewal is as old as the moment before its first request.
* Others take over when the Lease has not changed for its whole duration, measured by their own clock from the
  moment they saw it. Nobody compares clocks across machines, and the wall clock only fills in the times that
  people read. Duration minus deadline is what the holder's last write has to arrive.
* A Lease that vanishes while it is held is as good as held until its duration is over.
* Every request ends within half the deadline, so that one that hangs leaves time for another.
* A leader that ends releases the Lease, so that the next one need not wait for its end.

The library's own election is not used: docs/adr/0009.
"""

import asyncio
import logging
import math
import random
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from jwks_operator.kube.client import LEASES, Client, Object
from jwks_operator.kube.errors import Conflict, KubeError

logger = logging.getLogger(__name__)

JITTER = 1.2
"""Pauses between renewals vary by a tenth either way; the deadline leaves room for more than one of them."""
LOOKS = 4
"""How often a standby replica reads the Lease for each renewal by the leader, for a quick leadership handover."""
SHORTEST = 0.01
"""Least seconds between two looks."""
RELEASES = 3
"""How often the Lease is released again: a renewal that was cut off may land in between, once, and others edit it."""


def read_boottime() -> float:
    """Seconds that never step and go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def new_identity() -> str:
    """Return a name that no other process has and no former life of this one had."""
    return f"{socket.gethostname()}_{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class Terms:
    """How long things take, in seconds: `duration` of the Lease, `deadline` to renew it, `retry` between renewals.

    Raises ValueError unless duration > deadline > 1.2 x retry > 0.
    """

    duration: float = 15.0
    deadline: float = 10.0
    retry: float = 2.0

    def __post_init__(self) -> None:
        if not self.duration > self.deadline:
            raise ValueError("the lease duration must be longer than the renew deadline")
        if not self.deadline > JITTER * self.retry:
            raise ValueError(f"the renew deadline must be longer than {JITTER} times the retry period")
        if not self.retry > 0:
            raise ValueError("the retry period must be longer than nothing")


@dataclass(frozen=True, slots=True)
class Election:
    """Which Lease is held on which terms; `identity` differs between replicas and between their lives."""

    namespace: str
    name: str
    identity: str
    terms: Terms = Terms()


class Lease:
    """One replica's part in the election."""

    def __init__(
        self,
        client: Client,
        election: Election,
        changed: Callable[[bool], None],
        boottime: Callable[[], float] = read_boottime,
    ) -> None:
        """`changed` is told whenever this replica begins (True) or ceases to lead, at the latest by `leads`."""
        self._client = client
        self._election = election
        self._terms = election.terms
        self._changed = changed
        self._boottime = boottime
        self._renewed = -math.inf
        self._ceased = False
        self._told = False
        self._seen: Object | None = None
        self._free_from = -math.inf
        self._complaint = ""

    def leads(self) -> bool:
        """Tell whether this replica may write at this moment."""
        leading = self._left() > 0
        if not leading:
            self._tell()
        return leading

    async def run(self) -> None:
        """Take part until cancelled; what cannot be told or written is tried again."""
        while True:
            self._tell()  # the deadline may have passed during the pause
            await self._turn()
            self._tell()
            await asyncio.sleep(self._pause())

    def cease(self) -> None:
        """Write nothing more, for good, although the Lease may still be held."""
        self._ceased = True
        self._tell()

    async def release(self) -> None:
        """Cease, and give the Lease up if it is held; `run` has ended, and so has all work."""
        self.cease()
        words = ""
        try:
            async with asyncio.timeout(self._terms.retry):
                for _ in range(RELEASES):
                    try:
                        await self._give_up()
                    except Conflict as error:
                        words = _words(error)
                    else:
                        return
        except (KubeError, TimeoutError) as error:
            words = _words(error)
        logger.warning("the Lease was not released and will run out: %s", words)

    async def _give_up(self) -> None:
        lease = await self._client.read(LEASES, self._election.namespace, self._election.name)
        if lease is not None and _spec(lease).get("holderIdentity") == self._election.identity:
            await self._client.replace(LEASES, {**lease, "spec": {**_spec(lease), "holderIdentity": ""}})
            logger.info("the Lease is released")

    async def _turn(self) -> None:
        started, left = self._boottime(), self._left()
        limit = self._terms.deadline / 2
        try:
            async with asyncio.timeout(min(limit, left) if left > 0 else limit):
                await self._attempt(started)
        except (KubeError, TimeoutError) as error:
            if self._complaint != (words := _words(error)) and not isinstance(error, Conflict):
                logger.warning("the Lease can be neither had nor renewed: %s", words)
                self._complaint = words
        else:
            self._complaint = ""

    async def _attempt(self, started: float) -> None:
        """Look at the Lease, and renew, take or create it if it is ours to have.

        After a conflict or an unanswered write nothing is known; what was confirmed before holds on.
        """
        lease = await self._client.read(LEASES, self._election.namespace, self._election.name)
        if not self._mine(lease):
            self._observe(lease)
            if self._boottime() < self._free_from:
                return
        wanted = self._wanted(lease)
        if lease is None:
            stored = await self._client.create(LEASES, self._election.namespace, wanted)
        else:
            stored = await self._client.replace(LEASES, wanted)
        self._renewed = started
        self._see(stored)

    def _mine(self, lease: Object | None) -> bool:
        """Whether this replica is the holder, or was it until another client deleted the Lease just now."""
        if lease is None:
            return self._left() > 0
        return bool(_spec(lease).get("holderIdentity") == self._election.identity)

    def _observe(self, lease: Object | None) -> None:
        """Take in a Lease that is not ours."""
        if lease is None:
            return
        self._renewed = -math.inf
        if not (holder := _spec(lease).get("holderIdentity")):
            self._free_from = -math.inf
        elif _spec(lease) != self._seen:
            if self._seen is None or self._seen.get("holderIdentity") != holder:
                logger.info("another replica leads", extra={"holder": holder})
            self._see(lease)

    def _see(self, lease: Object) -> None:
        """Remember a Lease that is held, and from when on it is free if it stays as it is."""
        self._seen = _spec(lease)
        self._free_from = self._boottime() + float(self._seen.get("leaseDurationSeconds") or self._terms.duration)

    def _wanted(self, lease: Object | None) -> Object:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        former = {} if lease is None else _spec(lease)
        mine = former.get("holderIdentity") == self._election.identity
        spec = {
            **former,
            "holderIdentity": self._election.identity,
            "leaseDurationSeconds": math.ceil(self._terms.duration),
            "renewTime": now,
            "acquireTime": former.get("acquireTime", now) if mine else now,
            "leaseTransitions": int(former.get("leaseTransitions") or 0) + (0 if mine or lease is None else 1),
        }
        if lease is None:
            return {"metadata": {"name": self._election.name, "namespace": self._election.namespace}, "spec": spec}
        return {**lease, "spec": spec}

    def _left(self) -> float:
        """Give the seconds for which this replica may still write; not positive if it may not."""
        return -math.inf if self._ceased else self._renewed + self._terms.deadline - self._boottime()

    def _pause(self) -> float:
        """Give the seconds until the next turn, which comes no later than what it is about."""
        chance = 0.9 + random.random() / 5  # noqa: S311 - spreads load, no secret
        if (left := self._left()) > 0:
            return min(self._terms.retry * chance, left)
        until_free = self._free_from - self._boottime()
        look = self._terms.retry / LOOKS * chance
        return max(SHORTEST, min(look, until_free)) if until_free > 0 else look

    def _tell(self) -> None:
        leads = self._left() > 0
        if leads != self._told:
            self._told = leads
            logger.info("leading" if leads else "not leading any more", extra={"identity": self._election.identity})
            self._changed(leads)


def _spec(lease: Object) -> Object:
    """Give the spec, which the API does not require."""
    spec: Object = lease.get("spec") or {}
    return spec


def _words(error: Exception) -> str:
    return str(error) or "no answer in time"
