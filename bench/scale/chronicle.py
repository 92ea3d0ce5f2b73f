"""What consumers of many sets could see and when, by watches: which kids were published, and which one was in use."""

import math
from base64 import b64decode
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from jwks_operator.api.names import MANAGED_SELECTOR
from scale.api import Api, Object
from scale.generator import ENTRY, Ref
from scale.survey import CONFIGMAPS, SECRETS
from scale.verify import kids_in_configmap
from scale.watch import Watch

SLACK = 1.0
"""Seconds by which one watch may be later than another one on a machine that is busy."""


@dataclass
class Chronicle:
    """Per set, what changed, with the Unix times of the watch events."""

    published: dict[Ref, list[tuple[float, frozenset[str]]]] = field(default_factory=lambda: defaultdict(list))
    used: dict[Ref, list[tuple[float, str]]] = field(default_factory=lambda: defaultdict(list))

    def saw_configmap(self, change: str, configmap: Object, now: float) -> None:
        """Take in a ConfigMap; nothing is published by one that is gone."""
        meta = configmap["metadata"]
        kids = frozenset[str]() if change == "DELETED" else frozenset(kids_in_configmap(configmap))
        seen = self.published[Ref(meta["namespace"], meta["name"])]
        if not seen or seen[-1][1] != kids:
            seen.append((now, kids))

    def saw_secret(self, change: str, secret: Object, now: float) -> None:
        """Take in a consumer Secret."""
        meta = secret["metadata"]
        kid = "" if change == "DELETED" else b64decode(secret["data"].get(f"{ENTRY}.kid", "")).decode()
        seen = self.used[Ref(meta["namespace"], meta["name"])]
        if not seen or seen[-1][1] != kid:
            seen.append((now, kid))

    def kids(self, ref: Ref) -> frozenset[str]:
        """Return what a set publishes now, which must have been reported."""
        return self.published[ref][-1][1]

    def kid_in_use(self, ref: Ref) -> str:
        """Return the kid in use now, likewise."""
        return self.used[ref][-1][1]

    def broken_waits(self, ref: Ref, lead: float, retention: float) -> list[str]:
        """Return which waits, in seconds, a set did not keep, its first key and what is still published excepted."""
        return [f"{ref.namespace}/{ref.name}: {what}" for what in self._broken(ref, lead, retention)]

    def _broken(self, ref: Ref, lead: float, retention: float) -> Iterator[str]:
        changes = self.used[ref]
        for (_, old), (time, new) in pairwise(changes):
            waited = time - self._published_since(ref, new)
            if waited < lead - SLACK:
                yield f"{new} was used {waited:.1f} s after its publication, not {lead:.0f} s"
            kept = self._removed(ref, old, time) - time
            if kept < retention - SLACK:
                yield f"{old} was removed {kept:.1f} s after its last use, not {retention:.0f} s"

    def _published_since(self, ref: Ref, kid: str) -> float:
        return next((time for time, kids in self.published[ref] if kid in kids), math.inf)

    def _removed(self, ref: Ref, kid: str, since: float) -> float:
        """When a kid was no longer published; at once if it already was not."""
        former = [kids for time, kids in self.published[ref] if time <= since]
        if former and kid not in former[-1]:
            return since
        return next((time for time, kids in self.published[ref] if time > since and kid not in kids), math.inf)


@dataclass(frozen=True)
class Watches:
    """What feeds a chronicle."""

    configmaps: Watch
    secrets: Watch

    async def know(self, told: Chronicle, sets: Collection[Ref], seconds: float = 120) -> None:
        """Wait until the chronicle has heard of all of these sets."""
        await self.configmaps.until("the ConfigMaps to be told", lambda: told.published.keys() >= set(sets), seconds)
        await self.secrets.until("the Secrets to be told", lambda: told.used.keys() >= set(sets), seconds)


@asynccontextmanager
async def follow_chronicle(api: Api) -> AsyncIterator[tuple[Chronicle, Watches]]:
    """Follow all ConfigMaps and consumer Secrets of sets."""
    told = Chronicle()
    ours = f"&labelSelector={MANAGED_SELECTOR}"
    async with (
        Watch(api, CONFIGMAPS, told.saw_configmap, ours) as configmaps,
        Watch(api, SECRETS, told.saw_secret, f"{ours}&fieldSelector=type%3DOpaque") as secrets,
    ):
        yield told, Watches(configmaps, secrets)
