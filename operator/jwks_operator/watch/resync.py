"""What the watches may have missed: a list of metadata now and then, compared with what is remembered.

A watch does not tell of an object that vanished while it was broken. So at the start, after each relist and
about every ten minutes all sets and all our objects are listed, and every set is put on the agenda that is
new, differs from memory, lost an object, or is absent while objects of it are left: of one shard, like the watches.
Whether such a set is gone, or only moved to another shard, its pass asks. No watch tells of the sources
that sets import from, so the audit lists what carries the label of consent: a change of a source is noticed here.

Sets that somebody changed since our last status come before the others, which at a start are all of them.

If the sets' kind is not served nothing can be told, and nothing is put. An audit that failed is repeated
sooner; it never ends by itself.
"""

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import UTC, datetime, timedelta

from jwks_operator.api.names import FIELD_MANAGER, GROUP, LABEL_ALLOW_SET, PLURAL, SetRef
from jwks_operator.api.shards import EVERYTHING, Scope, selector_of_objects, selector_of_sets
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, SETS, Client, Resource
from jwks_operator.kube.errors import KubeError, NotServed
from jwks_operator.reconcile.backoff import Backoff
from jwks_operator.reconcile.observed_versions import SOURCES, Kind, ObjectMemory
from jwks_operator.reconcile.work_queue import Agenda
from jwks_operator.tasks import was_meant
from jwks_operator.watch.event_router import Metadata, Sighting, sighting, source_sighting

logger = logging.getLogger(__name__)

CALM = 2.0
"""Seconds from the first sign of a relist to the audit: the other lists are usually under way."""
SERVED_POLL = 2.0
"""Seconds between looks for a kind that is not served yet."""


class Audit:
    """See the module. `served` is set while the last audit could tell what there is."""

    def __init__(
        self,
        client: Client,
        memory: ObjectMemory,
        agenda: Agenda,
        *,
        scope: Scope = EVERYTHING,
        interval: timedelta = timedelta(minutes=10),
    ) -> None:
        """`interval` is jittered by a tenth either way."""
        self._client = client
        self._memory = memory
        self._agenda = agenda
        self._namespaces: tuple[str | None, ...] = tuple(sorted(scope.namespaces)) or (None,)
        self._shard = scope.shard
        self._interval = interval.total_seconds()
        self._chance = random.random
        self._retry = Backoff(first=1.0, most=max(1.0, min(60.0, self._interval)))
        self._failures = 0
        self._nudged = asyncio.Event()
        self._told_unserved = False
        self.served = asyncio.Event()
        self.latest: datetime | None = None
        """When everything was listed last, on the wall clock."""
        self.found = 0
        """How many sets an audit has put on the agenda since the first one, which puts them all."""

    def nudge(self) -> None:
        """Ask for an audit soon; many nudges make one audit."""
        self._nudged.set()

    async def run(self) -> None:
        """Audit for ever."""
        while True:
            pause = await self._attempt()
            try:
                async with asyncio.timeout(pause):
                    await self._nudged.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(CALM)

    async def once(self) -> int:
        """Audit once and return how many sets were put. Raises KubeError if something could not be listed."""
        self._nudged.clear()
        due: set[SetRef] = set()
        changed: set[SetRef] = set()
        try:
            await self._compare(due, changed)
        finally:  # what was found is remembered and no news any more, whether or not the rest could be listed
            for ref in sorted(due):
                self._agenda.put(ref, urgent=ref in changed)
        return len(due)

    async def _compare(self, due: set[SetRef], changed: set[SetRef]) -> None:
        """List everything; add the sets that are to be put, and those of them that somebody has changed."""
        before = self._memory.copy()
        listed: dict[SetRef, set[tuple[Kind, str]]] = defaultdict(set)
        for resource in (SETS, SECRETS, CONFIGMAPS):
            async for seen, metadata in self._seen(resource):
                if seen.kind in SOURCES and not _is_there(listed, seen.ref):
                    continue
                listed[seen.ref].add((seen.kind, seen.name))
                if self._take(before, seen):
                    due.add(seen.ref)
                    if seen.kind is Kind.SET and _is_changed(metadata):
                        changed.add(seen.ref)
        for ref in before:
            for kind, name in before.names(ref) - listed.get(ref, set()):
                if before.mark(ref, kind, name) == self._memory.mark(ref, kind, name):
                    self._memory.drop(ref, kind, name)
                    due.add(ref)
        due.update(ref for ref, objects in listed.items() if _is_orphaned(ref, objects))

    async def still_served(self) -> bool:
        """Ask whether the API server answers and serves the sets' kind; if not, `served` waits for both."""
        try:
            await self._client.read(SETS, self._namespaces[0] or "default", "any")
        except KubeError as error:
            logger.warning("the sets cannot be read: %s", error)
            self.served.clear()
            self.nudge()
            return False
        return True

    def _take(self, before: ObjectMemory, seen: Sighting) -> bool:
        """Remember what was listed, if it is another state than the remembered one; tell whether it was.

        A mark that changed while the lists were under way is younger than they are: whoever made it has put
        the set on the agenda already.
        """
        place = (seen.ref, seen.kind, seen.name)
        if before.mark(*place) != self._memory.mark(*place):
            return False
        if not self._memory.differs(*place, seen.uid, seen.version):
            return False
        self._memory.saw(*place, seen.uid, seen.version)
        return True

    async def _seen(self, resource: Resource) -> AsyncIterator[tuple[Sighting, Metadata]]:
        of_sets = resource.plural == PLURAL
        selector = selector_of_sets(self._shard) if of_sets else selector_of_objects(self._shard)
        async for metadata in self._metadata(resource, selector):
            seen = sighting(resource.plural, metadata)
            if seen is not None and (seen.kind is not Kind.COPY or self._namespaces == (None,)):
                yield seen, metadata
        if of_sets:
            return
        async for metadata in self._metadata(resource, LABEL_ALLOW_SET):
            source = source_sighting(resource.plural, metadata)
            if source is not None:
                yield source, metadata

    async def _metadata(self, resource: Resource, selector: str | None) -> AsyncIterator[Metadata]:
        for namespace in self._namespaces:
            async for page in self._client.pages(resource, namespace, selector):
                for item in page:
                    yield item["metadata"]

    async def _attempt(self) -> float:
        try:
            put = await self.once()
        except NotServed:
            self.served.clear()
            if not self._told_unserved:
                self._told_unserved = True
                logger.warning("the kind %s.%s is not served; waiting for its CRD", PLURAL, GROUP)
            return SERVED_POLL
        except (KubeError, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and was_meant():
                raise
            self._failures += 1
            logger.warning("the audit failed and will be repeated: %s", error)
            return self._retry.delay(self._failures)
        self._failures = 0
        self._told_unserved = False
        if self.latest is not None:
            self.found += put
        self.latest = datetime.now(UTC)
        self.served.set()
        logger.info("audit done", extra={"put": put, "sets": len(self._memory)})
        return self._interval * (0.9 + self._chance() / 5)


def _is_changed(metadata: Metadata) -> bool:
    """Whether a set was written by somebody else since our last status, so that it is worth a look before others."""
    times: dict[bool, str] = {}
    for entry in metadata.get("managedFields") or ():
        ours = entry.get("manager") == FIELD_MANAGER
        times[ours] = max(times.get(ours, ""), entry.get("time") or "")
    return times.get(False, "") >= times.get(True, "")


def _is_there(listed: Mapping[SetRef, Collection[tuple[Kind, str]]], ref: SetRef) -> bool:
    """Whether the set was listed itself, so that it is ours; sources have no shard."""
    return (Kind.SET, ref.name) in listed.get(ref, ())


def _is_orphaned(ref: SetRef, objects: Collection[tuple[Kind, str]]) -> bool:
    """Whether objects of a set are left that is gone itself; sources are not the set's."""
    return (Kind.SET, ref.name) not in objects and any(kind not in SOURCES for kind, _ in objects)
