"""The resync: a periodic list of metadata that finds the changes that watches missed.

A watch does not report an object that was deleted while the watch was broken. So at the start, after each relist and
about every ten minutes the resync lists all sets and all objects of the operator, of one shard like the watches. It
adds to the work queue every set that is new, that changed, that lost an object, or that is missing while its objects
exist. The pass finds out whether a missing set is deleted or belongs to another shard. No watch reports the sources of
imports, so the resync also lists the objects with the label of consent.

Sets that another client changed since the last status write are urgent. The first resync adds all sets.

If the kind of the sets is not served, the resync adds nothing. A failed resync is repeated sooner; the resync never
ends by itself.
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
from jwks_operator.reconcile.observed_versions import SOURCES, Kind, ObservedVersions
from jwks_operator.reconcile.work_queue import Priority, WorkQueue
from jwks_operator.tasks import was_meant
from jwks_operator.watch.event_router import Metadata, ObjectVersion, identify_object, identify_source, priority_of

logger = logging.getLogger(__name__)

CALM = 2.0
"""Seconds from a relist to the resync: the other watches usually list at the same time."""
FAILING = 3
"""Failed resyncs in a row from which on the operator is not ready."""
SERVED_POLL = 2.0
"""Seconds between attempts while the kind is not served."""


class Resync:
    """See the module. `served` is set if the last resync could list the sets."""

    def __init__(
        self,
        client: Client,
        versions: ObservedVersions,
        queue: WorkQueue,
        *,
        scope: Scope = EVERYTHING,
        interval: timedelta = timedelta(minutes=10),
    ) -> None:
        """`interval` is jittered by a tenth either way."""
        self._client = client
        self._versions = versions
        self._queue = queue
        self._namespaces: tuple[str | None, ...] = tuple(sorted(scope.namespaces)) or (None,)
        self._shard = scope.shard
        self._interval = interval.total_seconds()
        self._chance = random.random
        self._retry = Backoff(first=1.0, most=max(1.0, min(60.0, self._interval)))
        self._failures = 0
        self._requested = asyncio.Event()
        self._logged_unserved = False
        self.served = asyncio.Event()
        self.last_success: datetime | None = None
        """The wall-clock time of the last complete resync."""
        self.found_changed = 0
        """The number of sets that resyncs found changed, without the first resync."""

    def is_failing(self) -> bool:
        """Tell whether the last resyncs failed, such as without a valid token; watches may still be open."""
        return self._failures >= FAILING

    def request(self) -> None:
        """Ask for a resync soon; several requests cause one resync."""
        self._requested.set()

    async def run(self) -> None:
        """Resync until cancelled."""
        while True:
            pause = await self._attempt()
            try:
                async with asyncio.timeout(pause):
                    await self._requested.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(CALM)

    async def run_once(self) -> int:
        """Resync once and return the number of added sets. Raises KubeError if a list failed."""
        self._requested.clear()
        due: dict[SetRef, Priority] = {}
        try:
            await self._compare(due)
        finally:  # the versions found so far are recorded, so that a failed list must not lose them
            for ref in sorted(due):
                self._queue.add(ref, due[ref])
        return len(due)

    async def _compare(self, due: dict[SetRef, Priority]) -> None:
        """List everything; collect the sets to add and their priority: sets that another client changed come first."""
        before = self._versions.copy()
        listed: dict[SetRef, set[tuple[Kind, str]]] = defaultdict(set)
        for resource in (SETS, SECRETS, CONFIGMAPS):
            async for seen, metadata in self._list_objects(resource):
                if seen.kind in SOURCES and not _is_there(listed, seen.ref):
                    continue
                listed[seen.ref].add((seen.kind, seen.name))
                if self._observe(before, seen):
                    changed = seen.kind is Kind.SET and _is_changed(metadata)
                    priority = priority_of(seen, metadata) if changed else Priority.ROUTINE
                    due[seen.ref] = max(priority, due.get(seen.ref, priority))
        for ref in before:
            for kind, name in before.objects_of(ref) - listed.get(ref, set()):
                if before.mark_of(ref, kind, name) == self._versions.mark_of(ref, kind, name):
                    self._versions.forget_object(ref, kind, name)
                    due.setdefault(ref, Priority.ROUTINE)
        for ref, objects in listed.items():
            if _is_orphaned(ref, objects):
                due.setdefault(ref, Priority.ROUTINE)

    async def check_served(self) -> bool:
        """Tell whether the API server serves the kind of the sets; if not, clear `served` and ask for a resync."""
        try:
            await self._client.read(SETS, self._namespaces[0] or "default", "any")
        except KubeError as error:
            logger.warning("the sets cannot be read: %s", error)
            self.served.clear()
            self.request()
            return False
        return True

    def _observe(self, before: ObservedVersions, seen: ObjectVersion) -> bool:
        """Record the listed version if it differs from the recorded one; tell whether it does.

        A mark that changed during the lists is newer than they are, and its set was added with it.
        """
        place = (seen.ref, seen.kind, seen.name)
        if before.mark_of(*place) != self._versions.mark_of(*place):
            return False
        if not self._versions.is_different(*place, seen.uid, seen.version):
            return False
        self._versions.observe(*place, seen.uid, seen.version)
        return True

    async def _list_objects(self, resource: Resource) -> AsyncIterator[tuple[ObjectVersion, Metadata]]:
        of_sets = resource.plural == PLURAL
        selector = selector_of_sets(self._shard) if of_sets else selector_of_objects(self._shard)
        async for metadata in self._list_metadata(resource, selector):
            seen = identify_object(resource.plural, metadata)
            if seen is not None and (seen.kind is not Kind.COPY or self._namespaces == (None,)):
                yield seen, metadata
        if of_sets:
            return
        async for metadata in self._list_metadata(resource, LABEL_ALLOW_SET):
            source = identify_source(resource.plural, metadata)
            if source is not None:
                yield source, metadata

    async def _list_metadata(self, resource: Resource, selector: str | None) -> AsyncIterator[Metadata]:
        for namespace in self._namespaces:
            async for page in self._client.pages(resource, namespace, selector):
                for item in page:
                    yield item["metadata"]

    async def _attempt(self) -> float:
        try:
            added = await self.run_once()
        except NotServed:
            self.served.clear()
            if not self._logged_unserved:
                self._logged_unserved = True
                logger.warning("the kind %s.%s is not served; waiting for its CRD", PLURAL, GROUP)
            return SERVED_POLL
        except (KubeError, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and was_meant():
                raise
            self._failures += 1
            logger.warning("the resync failed and will be repeated: %s", error)
            return self._retry.delay(self._failures)
        self._failures = 0
        self._logged_unserved = False
        if self.last_success is not None:
            self.found_changed += added
        self.last_success = datetime.now(UTC)
        self.served.set()
        logger.info("resync done", extra={"queued": added, "sets": len(self._versions)})
        return self._interval * (0.9 + self._chance() / 5)


def _is_changed(metadata: Metadata) -> bool:
    """Whether another client wrote a set after the last status write of the operator."""
    times: dict[bool, str] = {}
    for entry in metadata.get("managedFields") or ():
        ours = entry.get("manager") == FIELD_MANAGER
        times[ours] = max(times.get(ours, ""), entry.get("time") or "")
    return times.get(False, "") >= times.get(True, "")


def _is_there(listed: Mapping[SetRef, Collection[tuple[Kind, str]]], ref: SetRef) -> bool:
    """Whether the set itself was listed, so that it belongs to this shard; sources have no shard."""
    return (Kind.SET, ref.name) in listed.get(ref, ())


def _is_orphaned(ref: SetRef, objects: Collection[tuple[Kind, str]]) -> bool:
    """Whether objects of a missing set exist; sources do not belong to a set."""
    return (Kind.SET, ref.name) not in objects and any(kind not in SOURCES for kind, _ in objects)
