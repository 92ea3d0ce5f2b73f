"""Judges a life from outside, by what the API server showed and in its order: was every wait kept, was all in step?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from jwcrypto.jwk import JWK

from cluster.chronicle import Sighting
from cluster.reading import files, in_use, published

BRISK = {
    "propagation": "1s",
    "cacheMaxAge": "1s",
    "verifierRefresh": "0s",
    "tokenLifetime": "1s",
    "clockSkew": "1s",
}
"""`spec.timing` of sets whose keys are to move within seconds."""
BRISK_LEAD, BRISK_RETENTION = 2.0, 3.0
"""The waits of signature keys that follow, in seconds."""


@dataclass
class Witness:
    """Watches one set through the sightings of its ConfigMap and consumer Secret; `objections` is what it found.

    Times are those before which a key was not published and not used for the last time: what it objects to was so.
    """

    lead: float
    retention: float
    objections: list[str] = field(default_factory=list)
    published: dict[str, float] = field(default_factory=dict)
    last_used: dict[str, float] = field(default_factory=dict)
    shown: frozenset[str] = frozenset()
    used: dict[str, str] = field(default_factory=dict)
    activations: int = 0

    def watch(self, sightings: Iterable[Sighting]) -> None:
        """Take in the sightings of the ConfigMap and the consumer Secret of one set, in order."""
        for seen in sightings:
            if seen.kind == "ConfigMap":
                self.objections += self._published(seen)
            else:
                self.objections += self._used(seen)

    def _published(self, seen: Sighting) -> Iterator[str]:
        now = frozenset(published(seen.object))
        for kid in now - self.shown:
            if kid in self.published:
                yield f"{kid} came back"
            self.published[kid] = seen.earliest
        for kid in self.shown - now:
            if kid in self.used.values():
                yield f"{kid} left the published set while it was in use"
            elif kid in self.last_used and (kept := seen.at - self.last_used[kid]) < self.retention:
                yield f"{kid} was removed {kept:.2f} s after its last use"
        self.shown = now

    def _used(self, seen: Sighting) -> Iterator[str]:
        now = in_use(seen.object)
        for entry, kid in now.items():
            yield from _disagreements(seen, entry, kid)
            if kid not in self.shown:
                yield f"{kid} is used and not published"
            before = self.used.get(entry)
            if before is None or before == kid:
                continue
            self.activations += 1
            self.last_used[before] = seen.earliest
            if kid in self.last_used:
                yield f"{kid} was used again"
            waited = seen.at - self.published[kid] if kid in self.published else self.lead
            if waited < self.lead:
                yield f"{kid} was used {waited:.2f} s after its publication"
        self.used = now


def _disagreements(seen: Sighting, entry: str, kid: str) -> Iterator[str]:
    """All files of an entry must hold the same key."""
    mounted = files(seen.object)
    jwk = JWK.from_json(mounted[f"{entry}.jwk"].decode())
    thumbprints = {jwk.thumbprint(), JWK.from_pem(mounted[f"{entry}.pem"]).thumbprint(), kid, jwk["kid"]}
    if len(thumbprints) > 1:
        yield f"the files of {entry} hold different keys: {thumbprints}"
