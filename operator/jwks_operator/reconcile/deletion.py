"""What a deleted set leaves behind is removed, once its delay has passed and its policy says so.

The set was seen gone by a live read while its kind is served. What cannot be told is left alone.
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
from jwks_operator.reconcile.audit_log import trail
from jwks_operator.reconcile.clock import Clock
from jwks_operator.reconcile.observed_versions import ObjectMemory

DOUBT_RECHECK = timedelta(seconds=30)
"""How soon what a clock in doubt withholds is looked at again."""


class Aftermath:
    """Remembers since when sets are gone; a set that is back, or cannot be told of, begins anew."""

    def __init__(self, client: Client, clock: Clock, memory: ObjectMemory, delay: timedelta) -> None:
        self._client = client
        self._clock = clock
        self._memory = memory
        self._delay = delay
        self._gone_since: dict[SetRef, datetime] = {}

    def back(self, ref: SetRef) -> None:
        """Take note that a set is there, or that it cannot be told."""
        self._gone_since.pop(ref, None)

    async def of(self, gathered: Gathered) -> datetime | None:
        """Remove what is due of a set that is gone; return when to look again. Raises KubeError."""
        ref, record = gathered.world.ref, gathered.world.record
        nothing = record is None and not gathered.copies.orphaned
        if nothing or (record is not None and record.policy.deletion_policy is DeletionPolicy.RETAIN):
            self.back(ref)  # what is restored later has a delay of its own
            self._memory.forget(ref)
            return None
        reading = self._clock.read((Facts() if record is None else record.policy.facts).clock_skew)
        gone = self._gone_since.setdefault(ref, reading.latest)
        due = max(gone, reading.since or gone) + self._delay  # a step of the clock is no delay
        if reading.now < due:
            return due
        if not reading.trusted:
            return reading.now + DOUBT_RECHECK
        # Copies first, because they are found by themselves; what refuses to go keeps no private key from going.
        copies, told = await delete_copies(self._client, ref, gathered.copies)
        await delete_objects(self._client, _ours(gathered))
        for happening in told:
            trail(ref, happening)
        if copies.refused:
            where, why = next(iter(copies.refused.items()))
            raise Refused(f"the copy of {ref} in namespace {where} cannot be removed: {why}")
        self._gone_since.pop(ref)
        self._memory.forget(ref)
        trail(ref, Happening(EventReason.OBJECTS_REMOVED, "the set was deleted"))
        return None


def _ours(gathered: Gathered) -> ObservedObjects:
    world, seen = gathered.world, gathered.seen
    return replace(
        seen,
        configmap=None if world.configmap is Sight.FOREIGN else seen.configmap,
        secret=None if world.secret is Sight.FOREIGN else seen.secret,
    )
