"""Follows one ConfigMap through the API onto a shelf, where a revocation must be faster than the kubelet.

List, then watch, both narrowed to the one name by a field selector, so that a Role with `resourceNames` is
enough. A ConfigMap that is gone, an API server that does not answer, rights that were taken away: in each case
the last good set stays, and it is tried again.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, Final

from jwks_operator.kube.client import CONFIGMAPS, Call, Object, Transport
from jwks_operator.kube.errors import Gone, KubeError, RequestTarget, error_for
from jwks_operator.kube.transport import connect
from jwks_operator.serve.check import SetRefused
from jwks_operator.serve.shelf import NothingThere, Shelf, content_of

WATCH_SECONDS: Final = 240
LONGEST_PAUSE: Final = 30.0
"""Seconds between two attempts."""

_log = logging.getLogger(__name__)


class Watched:
    """The ConfigMap `target`, "namespace/name"."""

    def __init__(self, target: str, shelf: Shelf, transport: Transport | None = None) -> None:
        """Without a transport it connects as a pod does, or by the kubeconfig."""
        self._namespace, _, self._name = target.partition("/")
        self._shelf = shelf
        self._transport = transport
        self._resource_version = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Follow it until `stop` is set."""
        ended = asyncio.create_task(stop.wait())
        following = asyncio.create_task(self._follow())
        await asyncio.wait({ended, following}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following

    async def _follow(self) -> None:
        if self._transport is not None:
            await self._retry(self._transport)
            return
        transport, close = await connect()
        try:
            await self._retry(transport)
        finally:
            await close()

    async def _retry(self, transport: Transport) -> None:
        pause = 0.0
        while True:
            try:
                if not self._resource_version:
                    await self._list(transport)
                pause = 0.0
                await self._watch(transport)
            except Gone:
                self._resource_version = ""
            except KubeError as error:
                self._resource_version = ""
                self._shelf.complain(NothingThere(f"the API cannot be asked: {error}"))
                pause = min(LONGEST_PAUSE, pause * 2 or 0.5)
                await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads attempts, no secret

    async def _list(self, transport: Transport) -> None:
        path = CONFIGMAPS.path(self._namespace)
        reply = await transport.request(Call("GET", path, self._selector()))
        if reply.status != 200 or reply.body is None:
            raise error_for(
                RequestTarget("GET", CONFIGMAPS.plural, self._namespace, self._name), reply.status, reply.body
            )
        items = reply.body.get("items") or []
        if items:
            self._take(items[0])
        else:
            self._shelf.complain(NothingThere(f"ConfigMap {self._namespace}/{self._name} does not exist"))
        self._resource_version = reply.body["metadata"]["resourceVersion"]

    async def _watch(self, transport: Transport) -> None:
        query = {
            **self._selector(),
            "watch": "true",
            "resourceVersion": self._resource_version,
            "timeoutSeconds": str(WATCH_SECONDS),
            "allowWatchBookmarks": "true",
        }
        call = Call("GET", CONFIGMAPS.path(self._namespace), query, timeout=WATCH_SECONDS + 30)
        async with aclosing(transport.stream(call)) as events:
            async for event in events:
                self._seen(event["type"], event["object"])

    def _seen(self, kind: str, found: Object) -> None:
        if kind == "ERROR":
            asked = RequestTarget("WATCH", CONFIGMAPS.plural, self._namespace, self._name)
            raise error_for(asked, found.get("code", 500), found)
        self._resource_version = found["metadata"]["resourceVersion"]
        if kind == "DELETED":
            self._shelf.complain(NothingThere(f"ConfigMap {self._namespace}/{self._name} was deleted"))
        elif kind != "BOOKMARK":
            self._take(found)

    def _take(self, found: Object) -> None:
        data: Mapping[str, Any] = found.get("data") or {}
        files = {name: text.encode() for name, text in data.items() if isinstance(text, str)}
        former = self._shelf.content
        try:
            content = content_of(files, None, time.time())
        except (NothingThere, SetRefused) as trouble:
            self._shelf.complain(trouble)
            return
        if former is not None and former.body == content.body:  # a relist or another field: no change of the set
            content = content_of(files, None, former.modified)
        self._shelf.take(content)

    def _selector(self) -> dict[str, str]:
        return {"fieldSelector": f"metadata.name={self._name}"}
