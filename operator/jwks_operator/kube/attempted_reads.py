"""The reads of one pass: one that fails does not end the pass, but nobody can tell what it would have found."""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TypeVar

from jwks_operator.api.names import SetRef
from jwks_operator.kube.client import Client, Object, Resource
from jwks_operator.kube.errors import KubeError

T = TypeVar("T")


@dataclass(slots=True)
class AttemptedReads:
    """Reads what belongs to one set; `failed` has the errors, by kind and name of the object or in words."""

    client: Client
    ref: SetRef
    failed: dict[str, KubeError] = field(default_factory=dict)

    async def read(self, resource: Resource, name: str) -> Object | None:
        """Return an object; None if it does not exist, or if the read failed."""
        return await self.attempt(f"{resource.kind} {name}", self.client.read(resource, self.ref.namespace, name))

    async def attempt(self, what: str, reading: Awaitable[T]) -> T | None:
        """Return what is read; None if that failed."""
        try:
            return await reading
        except KubeError as error:
            error.about, error.on_read = what, True
            self.failed[what] = error
            return None

    def raise_first(self) -> None:
        """Raise the first error; nothing if every read succeeded."""
        for error in self.failed.values():
            raise error
