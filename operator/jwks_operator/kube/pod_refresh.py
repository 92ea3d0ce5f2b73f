"""Makes the kubelets of pods that mount the objects of a set write the new content into the volumes at once.

A kubelet synchronizes a pod, its volumes included, when the pod changes; otherwise within about a minute. So one
annotation of the pod is written. Only pods that consent by a label and mount an object of the set are changed.

No step waits for it, and it can lose nothing but time: each set has a task of its own beside the work queue, a failure
is reported in an Event and a metric, and after `GIVE_UP` seconds the kubelets have looked by themselves. All sets share
one pace, so that neither a workload with a thousand pods nor a thousand sets are a burst of writes.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from jwks_operator.api.names import ANNOTATION_REFRESHED_AT, LABEL_ALLOW_SET, SetRef
from jwks_operator.api.reasons import EventReason
from jwks_operator.core.model.record import RecordedEvent
from jwks_operator.kube.client import PODS, Client, Object
from jwks_operator.kube.errors import KubeError, Missing, NotLeading, NotServed, Refused, Throttled, Unavailable
from jwks_operator.kube.pod_volumes import list_volume_sources

logger = logging.getLogger(__name__)

PER_SECOND: Final = 50.0
"""Pods and lists of pods, of all refreshes together."""
BURST: Final = 50
"""Of them at once, after a while without any."""
AT_ONCE: Final = 8
"""Pods of one set at the same time."""
PAGE: Final = 100
"""Pods in one answer; of each, only namespace, name and uid are kept."""
RETRIES: Final = (0.2, 1.0, 5.0)
"""Seconds before each further attempt, unless the server asks for more."""
GIVE_UP: Final = 90.0
"""Seconds after which a kubelet with the default syncFrequency of 1m has looked by itself."""
_OVER: Final = frozenset({"Succeeded", "Failed"})

RecordEvents = Callable[[Object, tuple[RecordedEvent, ...], datetime], Awaitable[None]]
Count = Callable[[int, int], None]
"""Receives how many pods were refreshed and how many could not be."""


@dataclass(frozen=True, slots=True)
class MountedObjects:
    """The objects of a set that pods may mount: by namespace, the names of ConfigMaps and of Secrets."""

    the_set: Object
    configmaps: Mapping[str, str]
    """By namespace, the name of the ConfigMap or of its copy."""
    secret: str
    """The consumer Secret, in the namespace of the set."""

    @property
    def ref(self) -> SetRef:
        """The set."""
        meta = self.the_set["metadata"]
        return SetRef(meta["namespace"], meta["name"])

    def are_mounted_by(self, pod: Object) -> bool:
        """Tell whether a running pod has one of them in a volume, directly or projected."""
        meta = pod["metadata"]
        if meta.get("deletionTimestamp") or pod.get("status", {}).get("phase") in _OVER:
            return False
        wanted = {("ConfigMap", self.configmaps.get(meta["namespace"]))}
        if meta["namespace"] == self.ref.namespace:
            wanted.add(("Secret", self.secret))
        return any(not wanted.isdisjoint(sources) for _, sources in list_volume_sources(pod["spec"]))


@dataclass(slots=True)
class _Progress:
    """What a refresh has come to so far, by the uid of the pods."""

    time: datetime
    done: set[str] = field(default_factory=set)
    failed: dict[str, KubeError] = field(default_factory=dict)
    trouble: KubeError | None = None
    """Why not all pods could be listed."""

    def errors(self) -> list[KubeError]:
        """Return what failed."""
        return [*filter(None, [self.trouble]), *self.failed.values()]


class PodRefresher:
    """Refreshes the pods of each set that it is asked for, in the background."""

    def __init__(self, client: Client, record_events: RecordEvents, count: Count) -> None:
        self._client = client
        self._record_events = record_events
        self._count = count
        self._pace = _Pace()
        self._latest: dict[SetRef, MountedObjects] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def request(self, mounted: MountedObjects) -> None:
        """Start to refresh the pods of a set; never waits. A refresh of it that runs ends: this one follows."""
        self._latest[mounted.ref] = mounted
        task = asyncio.create_task(self._refresh(mounted), name=f"pod refresh of {mounted.ref}")
        self._tasks.add(task)
        task.add_done_callback(self._end)

    async def close(self, seconds: float) -> None:
        """Send no further request, and wait for the answers to the last ones, at most `seconds`."""
        self._latest.clear()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("%s failed", task.get_name(), exc_info=task.exception())

    async def _refresh(self, mounted: MountedObjects) -> None:
        progress = _Progress(datetime.now(UTC))
        try:
            async with asyncio.timeout(GIVE_UP):
                await self._try_again(mounted, progress)
        except TimeoutError:
            progress.trouble = Unavailable(f"not all of them were reached within {GIVE_UP:.0f} s")
        except NotLeading as error:
            logger.info("the pods of %s are left to their kubelets: %s", mounted.ref, error)
        self._count(len(progress.done), len(progress.failed))
        if self._is_latest(mounted):
            del self._latest[mounted.ref]
            await self._record_events(mounted.the_set, tuple(_events(progress)), progress.time)

    async def _try_again(self, mounted: MountedObjects, progress: _Progress) -> None:
        """Annotate all pods, those that fail again as long as that may help; raises NotLeading."""
        for pause in (*RETRIES, None):
            progress.failed.clear()
            progress.trouble = None
            try:
                await self._annotate_all(mounted, progress)
            except NotLeading:
                raise
            except KubeError as error:
                progress.trouble = error
            passing = [error for error in progress.errors() if not isinstance(error, Refused | NotServed)]
            if pause is None or not passing:
                return
            asked = (error.retry_after or 0.0 for error in passing if isinstance(error, Throttled))
            await asyncio.sleep(max(pause, *asked, 0.0))

    async def _annotate_all(self, mounted: MountedObjects, progress: _Progress) -> None:
        everywhere = len(mounted.configmaps) > 1
        where, selector = None if everywhere else mounted.ref.namespace, f"{LABEL_ALLOW_SET}={mounted.ref.name}"
        await self._pace.wait()
        async with aclosing(self._client.pages(PODS, where, selector, metadata_only=False, limit=PAGE)) as pages:
            async for page in pages:
                pods = [_identity(pod) for pod in page if mounted.are_mounted_by(pod)]
                waiting = [pod for pod in pods if pod["uid"] not in progress.done]
                for first in range(0, len(waiting), AT_ONCE):
                    if not self._is_latest(mounted):
                        return
                    some = waiting[first : first + AT_ONCE]
                    await asyncio.gather(*(self._annotate(pod, progress) for pod in some))

    async def _annotate(self, pod: Object, progress: _Progress) -> None:
        """Annotate one pod; one that is gone needs nothing."""
        await self._pace.wait()
        annotations = {ANNOTATION_REFRESHED_AT: _stamp(progress.time)}
        try:
            await self._client.annotate(PODS, {"metadata": {**pod, "annotations": annotations}})
        except NotLeading:
            raise
        except Missing:
            return
        except KubeError as error:
            progress.failed[pod["uid"]] = error
        else:
            progress.done.add(pod["uid"])

    def _is_latest(self, mounted: MountedObjects) -> bool:
        """Tell whether no later request of the set follows, and the process is not ending."""
        return self._latest.get(mounted.ref) is mounted


class _Pace:
    """Lets `BURST` requests through at once and `PER_SECOND` afterwards, in the order in which they ask."""

    def __init__(self) -> None:
        self._next = 0.0

    async def wait(self) -> None:
        """Wait for the turn of one request."""
        now = asyncio.get_running_loop().time()
        self._next = max(self._next + 1 / PER_SECOND, now - (BURST - 1) / PER_SECOND)
        if self._next > now:
            await asyncio.sleep(self._next - now)


def _identity(pod: Object) -> Object:
    return {name: pod["metadata"][name] for name in ("namespace", "name", "uid")}


def _stamp(now: datetime) -> str:
    return now.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _events(progress: _Progress) -> Iterator[RecordedEvent]:
    """Yield the Events of a refresh; none if no pod consents."""
    if progress.done:
        what = f"pods that mount objects of the set read them at once: {len(progress.done)}"
        yield RecordedEvent(EventReason.PODS_REFRESHED, what)
    for error in progress.errors()[:1]:
        what = f"pods that mount objects of the set and do not read them at once: {len(progress.failed) or 'unknown'}"
        cure = "each follows when its kubelet looks by itself; a right that is missing comes with podRefresh.enabled"
        yield RecordedEvent(EventReason.POD_REFRESH_FAILED, f"{what}: {error}; {cure}")
