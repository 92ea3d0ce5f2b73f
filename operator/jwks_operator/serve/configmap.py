"""Follows one ConfigMap through the API onto a shelf, where a revocation must be faster than the kubelet.

List, then watch, both narrowed to the one name by a field selector, so that a Role with `resourceNames` is
enough. A ConfigMap that is gone, an API server that does not answer, rights that were taken away: in each case
the last good set stays, and it is tried again.

Only the operator's own object is believed: it carries the operator's labels, which the chart's policies let nobody else
set. Where there are no policies a person may delete the object and make another one, labels included. So another object
of the same name is served at once only if it holds the same set, and otherwise when it has stayed for SETTLE seconds:
the operator repairs such an object within a second.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final

from jwks_operator.kube.client import CONFIGMAPS, Call, Object, Transport
from jwks_operator.kube.errors import Gone, KubeError, RequestTarget, error_for
from jwks_operator.kube.transport import connect
from jwks_operator.serve.check import SetRefused
from jwks_operator.serve.shelf import Content, NothingThere, Shelf, content_of

WATCH_SECONDS: Final = 240
SETTLE: Final = 10.0
"""Seconds that an object with another uid has to stay before it is served."""
OURS: Final = ("app.kubernetes.io/managed-by", "jwks-operator")
"""Label of what the operator made (docs/reference.md); this room does not know the operator's API."""
OF_SET: Final = "jwks-operator.dev/set"
LONGEST_PAUSE: Final = 30.0
"""Seconds between two attempts."""

_log = logging.getLogger(__name__)


class Watched:
    """The ConfigMap `target`, "namespace/name"."""

    def __init__(self, target: str, shelf: Shelf, transport: Transport | None = None, settle: float = SETTLE) -> None:
        """Without a transport it connects as a pod does, or by the kubeconfig; `settle` in seconds."""
        self._settle = settle
        self._uid = ""
        self._newcomer: tuple[str, Object] | None = None
        self._timer: asyncio.TimerHandle | None = None
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
        self._forget_newcomer()
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
            self._found(items[0])
        else:
            self._forget_newcomer()
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
            self._forget_newcomer()
            self._shelf.complain(NothingThere(f"ConfigMap {self._namespace}/{self._name} was deleted"))
        elif kind != "BOOKMARK":
            self._found(found)

    def _found(self, found: Object) -> None:
        """Take an object over if it is the operator's, and the same as before or old enough."""
        labels: Mapping[str, Any] = found["metadata"].get("labels") or {}
        if labels.get(OURS[0]) != OURS[1] or not labels.get(OF_SET):
            self._forget_newcomer()
            said = f"ConfigMap {self._namespace}/{self._name} lacks the labels of jwks-operator"
            self._shelf.complain(SetRefused(said))
            return
        uid = found["metadata"]["uid"]
        former = self._shelf.content
        if former is None or uid == self._uid or self._holds(found, former):
            self._take(found)
        elif self._newcomer is not None and self._newcomer[0] == uid:
            self._newcomer = (uid, found)
        else:
            self._forget_newcomer()
            self._newcomer = (uid, found)
            self._timer = asyncio.get_running_loop().call_later(self._settle, self._accept)
            said = f"ConfigMap {self._namespace}/{self._name} is another object; served if it stays {self._settle:g} s"
            self._shelf.complain(NothingThere(said))

    def _holds(self, found: Object, former: Content) -> bool:
        """Tell whether an object holds the documents that are served now, with the same hints."""
        content = self._content(found)
        if not isinstance(content, Content):
            return False
        return self._same(content, former)

    def _same(self, content: Content, former: Content) -> bool:
        return self._shelf.capped(replace(content, modified=former.modified)) == former

    def _accept(self) -> None:
        if self._newcomer is not None:
            self._take(self._newcomer[1])

    def _forget_newcomer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._newcomer = self._timer = None

    def _content(self, found: Object) -> Content | NothingThere | SetRefused:
        data: Mapping[str, Any] = found.get("data") or {}
        files = {name: text.encode() for name, text in data.items() if isinstance(text, str)}
        try:
            return content_of(files, None, time.time())
        except (NothingThere, SetRefused) as trouble:
            return trouble

    def _take(self, found: Object) -> None:
        content = self._content(found)
        self._uid = found["metadata"]["uid"]
        self._forget_newcomer()
        if not isinstance(content, Content):
            self._shelf.complain(content)
            return
        former = self._shelf.content
        if former is not None and self._same(content, former):  # a relist or another field: no change
            content = replace(content, modified=former.modified)
        self._shelf.take(content)

    def _selector(self) -> dict[str, str]:
        return {"fieldSelector": f"metadata.name={self._name}"}
