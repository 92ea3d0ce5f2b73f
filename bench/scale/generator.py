"""The load generator: creates, rotates, revokes, edits and deletes sets through the API, as users do."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from jwks_operator.api.names import ANNOTATION_REVOKE, ANNOTATION_ROTATE, GROUP, KIND, PLURAL, VERSION
from scale.api import MERGE, Api, Object, run_each

GROUP_PATH = f"/apis/{GROUP}/{VERSION}"
ALL_SETS = f"{GROUP_PATH}/{PLURAL}"
ENTRY = "signing"
PER_NAMESPACE = 100
POSTING = 8
"""How many requests of users are under way at once."""

Spec = Mapping[str, Any]


class Ref(NamedTuple):
    """Which set is meant."""

    namespace: str
    name: str

    @property
    def path(self) -> str:
        """Where it is."""
        return f"{GROUP_PATH}/namespaces/{self.namespace}/{PLURAL}/{self.name}"


def set_spec(algorithm: str = "ES256", **more: Any) -> Spec:
    """Return the spec of a set with one key."""
    size = {"modulusLength": 2048} if re.match("[RP]S", algorithm) else {}
    return {"keys": [{"name": ENTRY, "algorithm": algorithm, **size}], **more}


def set_refs(title: str, first: int, count: int) -> list[Ref]:
    """Return the sets with these numbers; a hundred share a namespace, and all names are equally long."""
    return [Ref(f"{title}-{number // PER_NAMESPACE:03d}", f"s{number:05d}") for number in range(first, first + count)]


def set_body(ref: Ref, of: Spec) -> Object:
    """Return a set as its user writes it."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": KIND,
        "metadata": {"name": ref.name, "namespace": ref.namespace},
        "spec": dict(of),
    }


@dataclass(frozen=True)
class Generator:
    """Users of one API server."""

    api: Api

    async def namespaces(self, sets: Iterable[Ref]) -> None:
        """Create the namespaces of these sets, which must not be there yet."""
        for name in sorted({ref.namespace for ref in sets}):
            await self.api.send("POST", "/api/v1/namespaces", {"metadata": {"name": name}})

    async def create(self, sets: Iterable[Ref], of: Spec) -> None:
        """Create the sets as fast as they are taken."""
        await run_each(sets, lambda ref: self.create_one(ref, of), POSTING)

    async def create_one(self, ref: Ref, of: Spec) -> Object:
        """Create a set and return it as stored."""
        return await self.api.send("POST", ref.path.rpartition("/")[0], set_body(ref, of))

    async def rotate(self, ref: Ref) -> None:
        """Ask for a rotation now, lead and windows respected."""
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        await self._annotate(ref, ANNOTATION_ROTATE, f"{ENTRY}@{now}")

    async def revoke(self, ref: Ref, kid: str) -> None:
        """Revoke a key."""
        await self._annotate(ref, ANNOTATION_REVOKE, kid)

    async def edit(self, ref: Ref, change: Spec) -> Object:
        """Change the spec of a set, as `kubectl patch` does; return it as stored."""
        return await self.api.send("PATCH", ref.path, {"spec": dict(change)}, MERGE)

    async def delete(self, ref: Ref) -> None:
        """Delete a set."""
        await self.api.send("DELETE", ref.path)

    async def _annotate(self, ref: Ref, name: str, value: str) -> None:
        await self.api.send("PATCH", ref.path, {"metadata": {"annotations": {name: value}}}, MERGE)
