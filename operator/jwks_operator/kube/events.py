"""Posts Kubernetes Events: one for each thing that really happened, at most once.

An Event must not delay a rotation: it is posted in the background, and an Event that cannot be written is logged and
dropped (docs/adr/0018). What goes on for long has one Event, whose `count` and `lastTimestamp` grow.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import uuid4

from jwks_operator.api.status_model import format_time
from jwks_operator.core.model.record import RecordedEvent
from jwks_operator.core.outputs.event_texts import is_warning, render_message
from jwks_operator.kube.client import EVENTS, Client, Object
from jwks_operator.kube.errors import KubeError, NotLeading

logger = logging.getLogger(__name__)

WARNING = "Warning"
PACE = 0.1
"""Seconds between two Normal Events while sets wait in the work queue."""


@dataclass(frozen=True, slots=True)
class CountedEvent:
    """What happened `count` times since then, more than once; `about` tells it from others of its reason."""

    recorded: RecordedEvent
    about: str
    since: datetime
    count: int


AnyEvent = RecordedEvent | CountedEvent


async def post_events(client: Client, the_set: Object, events: Iterable[AnyEvent], now: datetime) -> None:
    """Post an Event about the set for each recorded, in order."""
    for recorded in events:
        try:
            await _post(client, _event(the_set, recorded, now))
        except KubeError as error:
            _log(error)


class EventRecorder:
    """Posts Events one after the other in the background: no pass waits for them.

    Warnings go first. While sets wait in the work queue, Normal Events are slowed down, because they cost the API
    server as much as other writes.
    """

    def __init__(self, client: Client, busy: Callable[[], bool], most: int = 10_000) -> None:
        """`busy` says whether sets wait in the work queue; `most` is the number of Events that may wait.

        Further Events are dropped, and the log says how many.
        """
        self._client = client
        self._busy = busy
        self._most = most
        self._warnings: deque[Object] = deque()
        self._others: deque[Object] = deque()
        self._dropped = 0
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()

    def __len__(self) -> int:
        return len(self._warnings) + len(self._others)

    async def record(self, the_set: Object, events: Iterable[AnyEvent], now: datetime) -> None:
        """Queue an Event about the set for each recorded; never waits."""
        for recorded in events:
            if len(self) < self._most:
                event = _event(the_set, recorded, now)
                (self._warnings if event["type"] == WARNING else self._others).append(event)
            else:
                self._dropped += 1
        if len(self):
            self._none.clear()
            self._some.set()

    async def run(self) -> None:
        """Post queued Events until cancelled."""
        while True:
            await self._some.wait()
            while len(self):
                if not self._warnings and self._busy():
                    await asyncio.sleep(PACE)
                await self._post((self._warnings or self._others).popleft())
            if self._dropped:
                logger.warning(
                    "%d Events were dropped: more than %d waited, or the lead was lost", self._dropped, self._most
                )
                self._dropped = 0
            self._some.clear()
            self._none.set()

    async def flush(self, seconds: float) -> None:
        """Wait until the queue is empty, at most `seconds`; drop and log the rest."""
        try:
            async with asyncio.timeout(seconds):
                await self._none.wait()
        except TimeoutError:
            logger.warning("%d Events were not written before the end", len(self))
            self._clear()

    async def _post(self, event: Object) -> None:
        try:
            await _post(self._client, event)
        except NotLeading:
            self._dropped += 1 + len(self)
            self._clear()
        except KubeError as error:
            _log(error)

    def _clear(self) -> None:
        self._warnings.clear()
        self._others.clear()


async def _post(client: Client, event: Object) -> None:
    if event["count"] > 1:
        await client.put_event(event)
    else:
        await client.create(EVENTS, event["metadata"]["namespace"], event)


def _log(error: KubeError) -> None:
    logger.warning("an Event was not written: %s", error)


def _event(the_set: Object, told: AnyEvent, now: datetime) -> Object:
    counted = told if isinstance(told, CountedEvent) else CountedEvent(told, uuid4().hex, now, 1)
    recorded, meta = counted.recorded, the_set["metadata"]
    identity = f"{meta['uid']}/{recorded.event}/{counted.about}/{counted.since.isoformat()}"
    return {
        "metadata": {
            "name": f"{meta['name']}.{sha256(identity.encode()).hexdigest()[:16]}",
            "namespace": meta["namespace"],
        },
        "involvedObject": {
            "apiVersion": the_set["apiVersion"],
            "kind": the_set["kind"],
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": meta["uid"],
        },
        "type": WARNING if is_warning(recorded) else "Normal",
        "reason": recorded.event,
        "message": render_message(recorded),
        "source": {"component": "jwks-operator"},
        "reportingComponent": "jwks-operator",
        "firstTimestamp": format_time(counted.since),
        "lastTimestamp": format_time(now),
        "count": counted.count,
    }
