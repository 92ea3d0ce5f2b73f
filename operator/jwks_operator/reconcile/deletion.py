"""Deletes the objects of a deleted JsonWebKeySet after `--deletion-delay`, if its deletionPolicy is Delete.

A set counts as deleted only after a read that found it missing while its kind is served. If a pass cannot tell, it
deletes nothing.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from jwks_operator.api.names import SetRef
from jwks_operator.api.reasons import EventReason
from jwks_operator.api.spec import DeletionPolicy
from jwks_operator.core.model.observed_state import Sight
from jwks_operator.core.model.policy import Facts
from jwks_operator.core.model.record import Happening
from jwks_operator.kube.apply import delete_objects
from jwks_operator.kube.client import Client
from jwks_operator.kube.copies import delete_copies
from jwks_operator.kube.errors import Refused
from jwks_operator.kube.gather import Gathered, ObservedObjects
from jwks_operator.reconcile.audit_log import log_event
from jwks_operator.reconcile.clock import Clock
from jwks_operator.reconcile.observed_versions import ObservedVersions

DOUBT_RECHECK = timedelta(seconds=30)
"""Time until the next pass if the clock is not trusted."""


class DeletedSets:
    """Knows since when each set is deleted. The delay starts again if the set exists, or if a pass cannot tell."""

    def __init__(self, client: Client, clock: Clock, versions: ObservedVersions, delay: timedelta) -> None:
        self._client = client
        self._clock = clock
        self._versions = versions
        self._delay = delay
        self._gone_since: dict[SetRef, datetime] = {}

    def cancel(self, ref: SetRef) -> None:
        """Record that the set exists, or that its existence is unknown."""
        self._gone_since.pop(ref, None)

    async def delete_due(self, gathered: Gathered) -> datetime | None:
        """Delete the objects of a deleted set if they are due; return the time of the next pass. Raises KubeError."""
        ref, record = gathered.world.ref, gathered.world.record
        nothing = record is None and not gathered.copies.orphaned
        if nothing or (record is not None and record.policy.deletion_policy is DeletionPolicy.RETAIN):
            self.cancel(ref)  # an object that is restored later has a delay of its own
            self._versions.forget_set(ref)
            return None
        reading = self._clock.read((Facts() if record is None else record.policy.facts).clock_skew)
        gone = self._gone_since.setdefault(ref, reading.latest)
        due = max(gone, reading.since or gone) + self._delay  # a step of the clock does not shorten the delay
        if reading.now < due:
            return due
        if not reading.trusted:
            return reading.now + DOUBT_RECHECK
        # Copies first: they are found without the record. A refused copy never blocks the deletion of private keys.
        copies, events = await delete_copies(self._client, ref, gathered.copies)
        await delete_objects(self._client, _ours(gathered))
        for happening in events:
            log_event(ref, happening)
        if copies.refused:
            where, why = next(iter(copies.refused.items()))
            raise Refused(f"the copy of {ref} in namespace {where} cannot be removed: {why}")
        self._gone_since.pop(ref)
        self._versions.forget_set(ref)
        log_event(ref, Happening(EventReason.OBJECTS_REMOVED, "the set was deleted"))
        return None


def _ours(gathered: Gathered) -> ObservedObjects:
    world, seen = gathered.world, gathered.seen
    return replace(
        seen,
        configmap=None if world.configmap is Sight.FOREIGN else seen.configmap,
        secret=None if world.secret is Sight.FOREIGN else seen.secret,
    )
