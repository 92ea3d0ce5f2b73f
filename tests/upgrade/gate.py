"""A way to the API server that lets each set be written so many times and no more, as if the operator died there."""

import json
from collections import Counter

from aiohttp import web

from cluster.faulty import FaultyWay
from controlplane import Access
from jwks_operator.api.names import KEYRING_SUFFIX, PLURAL

OBJECTS = {"secrets", "configmaps", PLURAL}
WRITES = {"POST", "PUT", "PATCH", "DELETE"}


class Gate(FaultyWay):
    """Open at first. After `shut_after(n)`, n more writes of each set are made; the answer to the last one is lost."""

    def __init__(self, plane: Access) -> None:
        super().__init__(plane, seed=0, share=0)
        self._left: int | None = None
        self._made: Counter[str] = Counter()
        self.stuck: set[str] = set()
        """Sets of which a write more was asked for."""

    def shut_after(self, writes: int) -> None:
        """From now on, let so many writes of each set through."""
        self._left = writes

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        name = await _set_of(request)
        if self._left is None or name is None:
            return await super()._serve(request)
        if self._made[name] >= self._left:
            self.stuck.add(name)
            return _hang_up(request)
        self._made[name] += 1
        last = self._made[name] == self._left
        answer = await super()._serve(request)
        return _hang_up(request) if last else answer


async def _set_of(request: web.Request) -> str | None:
    """Return the set whose object a request writes; None for other requests."""
    parts = request.path.strip("/").split("/")
    kind = next((place for place, part in enumerate(parts) if part in OBJECTS), None)
    if request.method not in WRITES or kind is None:
        return None
    if len(parts) > kind + 1:
        return parts[kind + 1].removesuffix(KEYRING_SUFFIX)
    sent = json.loads(await request.read())
    return str(sent["metadata"]["name"]).removesuffix(KEYRING_SUFFIX)


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=499)
