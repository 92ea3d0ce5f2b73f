"""Shard takeover: takes over the objects of a set from another shard before anything is planned for it.

Its former owner may be in the middle of a pass. Every object of the set is written again, the record first, with our
label and nothing else changed. From then on whatever the former owner has read of them is out of date, so that all of
its writes conflict; and what was read here is true together. Why that is enough: docs/adr/0025.
"""

import logging
from dataclasses import dataclass, replace

from jwks_operator.api.names import LABEL_SHARD
from jwks_operator.api.shards import shard_labels, shard_of
from jwks_operator.core.model.observed_state import DriftState, ObservedState
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, SETS, Client, Object, Resource
from jwks_operator.kube.effects import check_record
from jwks_operator.kube.errors import KubeError
from jwks_operator.kube.gather import Gathered, check_shard, refresh_comparisons
from jwks_operator.kube.objects import is_copy, is_ours

logger = logging.getLogger(__name__)


async def take_over(client: Client, gathered: Gathered) -> Gathered:
    """Return the facts with every object of the set labelled as ours.

    An object that lost all our labels is left to repair, and a copy that cannot be written now to its next write.
    Raises KubeError: Conflict while the former owner continues, OwnedByOtherShard if the set is not ours any more.
    """
    taker, observed, seen, copies = _Taker(client, gathered.observed), gathered.observed, gathered.seen, gathered.copies
    keyring = taker.wants(seen.keyring, observed.keyring)
    own = keyring or taker.wants(seen.configmap, observed.configmap) or taker.wants(seen.secret, observed.secret)
    if not own and not any(map(taker.wants_copy, (*copies.targets.values(), *copies.orphaned))):
        return gathered
    # The set once more, behind all that was read: it may have been taken over from us in between.
    check_shard(
        observed.ref, await client.read(SETS, observed.ref.namespace, observed.ref.name) or seen.keyring, observed.shard
    )
    if not keyring:
        await check_record(client, gathered)
    seen = replace(
        seen,
        keyring=await taker.taken(SECRETS, seen.keyring, observed.keyring),
        configmap=await taker.taken(CONFIGMAPS, seen.configmap, observed.configmap),
        secret=await taker.taken(SECRETS, seen.secret, observed.secret),
    )
    targets = {where: await taker.taken_copy(each) for where, each in copies.targets.items()}
    orphaned = [await taker.taken_copy(each) for each in copies.orphaned]
    copies = replace(copies, targets=targets, orphaned=tuple(each for each in orphaned if each is not None))
    if own:  # not each time that a copy could not be written
        logger.info("taken over from another shard", extra={"set": str(observed.ref)})
    return refresh_comparisons(replace(gathered, seen=seen, copies=copies))


@dataclass(frozen=True, slots=True)
class _Taker:
    """Writes labels of one set."""

    client: Client
    observed: ObservedState

    def wants(self, thing: Object | None, drift: DriftState) -> bool:
        """Tell whether an object belongs to the set and carries another shard's label."""
        ours = thing is not None and drift is not DriftState.FOREIGN and is_ours(thing, self.observed.ref, None)
        return thing is not None and ours and shard_of(thing) != self.observed.shard

    def wants_copy(self, thing: Object | None) -> bool:
        """Tell the same of a copy."""
        return thing is not None and is_copy(thing, self.observed.ref) and self.wants(thing, DriftState.SAME)

    async def taken(self, resource: Resource, thing: Object | None, drift: DriftState) -> Object | None:
        """Write our label onto an object as it was read, if it carries another one; return it as it is then."""
        if thing is None or not self.wants(thing, drift):
            return thing
        metadata = {name: value for name, value in thing["metadata"].items() if name != "managedFields"}
        labels = {name: value for name, value in metadata["labels"].items() if name != LABEL_SHARD}
        metadata["labels"] = {**labels, **shard_labels(self.observed.shard)}
        return await self.client.replace(resource, {**thing, "metadata": metadata})

    async def taken_copy(self, thing: Object | None) -> Object | None:
        """Write it onto a copy likewise; what goes wrong in another namespace keeps no set from anything."""
        if not self.wants_copy(thing):
            return thing
        try:
            return await self.taken(CONFIGMAPS, thing, DriftState.SAME)
        except KubeError:
            return thing
