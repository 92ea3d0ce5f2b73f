"""Revokes keys in use and tells how long it took until nobody could fetch them any more."""

import time
from collections import defaultdict
from dataclasses import dataclass, field

from scale.api import Api
from scale.chronicle import Chronicle
from scale.generator import Generator, Ref
from scale.watch import Watch

SECONDS = 300.0
"""Longest wait for one revocation."""


@dataclass
class Revoker:
    """A client that revokes keys and follows the ConfigMaps; `revoked` is what must never be published again."""

    api: Api
    told: Chronicle
    configmaps: Watch
    revoked: dict[Ref, set[str]] = field(default_factory=lambda: defaultdict(set))

    async def revoke(self, ref: Ref) -> float:
        """Revoke the key that a set uses; return the seconds from the request to the ConfigMap without it."""
        sent = time.time()
        return await self.revoked_at(ref) - sent

    async def revoked_at(self, ref: Ref) -> float:
        """Revoke the key that a set uses; return the Unix time of the ConfigMap without it."""
        kid = self.told.kid_in_use(ref)
        self.revoked[ref].add(kid)
        await Generator(self.api).revoke(ref, kid)
        what = f"{kid} of {ref.namespace}/{ref.name} to be off the ConfigMap"
        await self.configmaps.until(what, lambda: kid not in self.told.kids(ref), SECONDS)
        return next(time for time, kids in reversed(self.told.published[ref]) if kid not in kids)
