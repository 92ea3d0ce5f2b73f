"""Deletes the objects of a deleted JsonWebKeySet after `--deletion-delay`, if its deletionPolicy is Delete.

A set counts as deleted only after a read that found it missing while its kind is served. If a pass cannot tell, it
deletes nothing. When the objects may go is an annotation of the keyring, so that a change of leaders does not start the
delay again; the set that comes back drops it. Sets that went while their kind was not served, or most of all sets at
once, are no deletion that anybody is known to have wanted: their objects stay for a day.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from jwks_operator.api.names import SetRef
from jwks_operator.api.reasons import EventReason
from jwks_operator.api.spec import DeletionPolicy
from jwks_operator.core.model.observed_state import DriftState, Reading
from jwks_operator.core.model.policy import Facts
from jwks_operator.core.model.record import RecordedEvent
from jwks_operator.kube.apply import delete_objects
from jwks_operator.kube.client import Client
from jwks_operator.kube.copies import delete_copies
from jwks_operator.kube.deletion_time import read_delete_after, write_delete_after
from jwks_operator.kube.errors import Refused
from jwks_operator.kube.gather import Gathered, ObservedObjects
from jwks_operator.reconcile.audit_log import log_events
from jwks_operator.reconcile.clock import Clock
from jwks_operator.reconcile.observed_versions import ObservedVersions

logger = logging.getLogger(__name__)

DOUBT_RECHECK = timedelta(seconds=30)
"""Time until the next pass if the clock is not trusted."""
CANNOT_TELL = timedelta(days=1)
"""How long the objects of sets stay that went with their CRD, or most of all sets at once."""
MANY = 5
"""Fewer sets than these are never most of all sets."""
AT_ONCE = timedelta(seconds=10)
"""Sets that go within this time of each other go at once."""
SEEN_FOR = timedelta(minutes=1)
"""How long each process sees a set gone before it deletes, whatever an earlier one has noted."""


class DeletedSets:
    """Knows since when each set is deleted. The delay starts again if the set exists, or if a pass cannot tell."""

    def __init__(self, client: Client, clock: Clock, versions: ObservedVersions, delay: timedelta) -> None:
        self._client = client
        self._clock = clock
        self._versions = versions
        self._delay = delay
        self._gone_since: dict[SetRef, datetime] = {}
        self._doubted: set[SetRef] = set()
        self._existed: set[SetRef] = set()
        """The sets that this process has seen: a deletion noted before that is void."""
        self._kept: set[SetRef] = set()

    def cancel(self, ref: SetRef) -> None:
        """Record that the set exists."""
        self._existed.add(ref)
        self._gone_since.pop(ref, None)
        self._doubted.discard(ref)
        self._kept.discard(ref)

    def count_kept(self) -> int:
        """Return how many sets are gone whose objects stay longer than the delay, because of doubt."""
        return len(self._kept)

    def doubt(self, ref: SetRef) -> None:
        """Record that the existence of the set is unknown, because its kind is not served."""
        self._gone_since.pop(ref, None)
        self._doubted.add(ref)

    async def delete_due(self, gathered: Gathered) -> datetime | None:
        """Delete the objects of a deleted set if they are due; return the time of the next pass. Raises KubeError."""
        ref, record = gathered.observed.ref, gathered.observed.record
        nothing = record is None and not gathered.copies.orphaned
        if nothing or (record is not None and record.policy.deletion_policy is DeletionPolicy.RETAIN):
            self.cancel(ref)  # an object that is restored later has a delay of its own
            self._versions.forget_set(ref)
            return None
        reading = self._clock.read((Facts() if record is None else record.policy.facts).clock_skew)
        due = await self._due(gathered, reading)
        if reading.now + self._delay < due:
            self._kept.add(ref)
        if reading.now < due:
            return due
        if not reading.trusted:
            return reading.now + DOUBT_RECHECK
        # Copies first: they are found without the record. A refused copy never blocks the deletion of private keys.
        copies, events = await delete_copies(self._client, ref, gathered.copies)
        await delete_objects(self._client, gathered, _ours(gathered))
        log_events(ref, events)
        if copies.refused:
            where, why = next(iter(copies.refused.items()))
            raise Refused(f"the copy of {ref} in namespace {where} cannot be removed: {why}")
        self.cancel(ref)
        self._existed.discard(ref)
        self._versions.forget_set(ref)
        log_events(ref, (RecordedEvent(EventReason.OBJECTS_REMOVED, "the set was deleted"),))
        return None

    async def _due(self, gathered: Gathered, reading: Reading) -> datetime:
        """Return when the objects may go, and note it at the keyring; raises KubeError."""
        ref, keyring = gathered.observed.ref, gathered.seen.keyring
        gone = self._gone_since.setdefault(ref, reading.latest)
        since = max(gone, reading.since or gone)  # a step of the clock does not shorten the delay
        doubted = ref in self._doubted or self._are_most_gone(gone)
        due = since + (CANNOT_TELL if doubted else self._delay)
        if keyring is None:
            return due
        noted = None if ref in self._existed else read_delete_after(keyring)
        if noted is not None and not (doubted and noted <= since + self._delay):
            stepped = noted if reading.since is None else reading.since + self._delay
            return max(noted, stepped, gone + min(self._delay, SEEN_FOR))
        if doubted:
            logger.warning(
                "nobody can tell whether the set was deleted on purpose: it went with its CRD or with most sets; its "
                "keys stay until %s. Apply the set again to keep them, or delete its objects to confirm",
                due.isoformat(timespec="seconds"), extra={"set": str(ref)},
            )  # fmt: skip
        await write_delete_after(self._client, keyring, due)
        self._existed.discard(ref)
        return due

    def _are_most_gone(self, since: datetime) -> bool:
        """Tell whether most of all sets went at about this time (UTC)."""
        gone = sum(1 for each in self._gone_since.values() if abs(each - since) <= AT_ONCE)
        return gone >= MANY and 2 * gone > sum(1 for _ in self._versions)


def _ours(gathered: Gathered) -> ObservedObjects:
    observed, seen = gathered.observed, gathered.seen
    return replace(
        seen,
        configmap=None if observed.configmap is DriftState.FOREIGN else seen.configmap,
        secret=None if observed.secret is DriftState.FOREIGN else seen.secret,
    )
