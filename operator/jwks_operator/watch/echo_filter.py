"""How kopf asks to list and to watch: for metadata only, and without being told what needs no handling.

kopf makes a queue, a task and several copies for every object it hears of. Most of what it would hear are the echoes
of our own writes, and after a start everything that the first audit has found. Such events are settled on the way: in
a watch they become bookmarks, which only say how far the watch has come, and lists leave them out.
"""

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Protocol

import aiohttp

from jwks_operator.api.names import PLURAL
from jwks_operator.kube.proxies import describe_proxy, find_proxy
from jwks_operator.kube.sockets import make_connector
from jwks_operator.watch.event_router import CONFIG_MAPS, NAMESPACES, SECRETS

logger = logging.getLogger(__name__)

_METADATA = ";g=meta.k8s.io;v=v1,application/json"
_AS_LIST = "application/json;as=PartialObjectMetadataList" + _METADATA
_AS_EVENT = "application/json;as=PartialObjectMetadata" + _METADATA


class Listener(Protocol):
    """Whom the watches are for."""

    def asked(self, verb: str, resource: str, code: str) -> None:
        """A request was answered with this status code, `none` if it was not."""
        ...

    def listed(self) -> None:
        """Something was listed instead of watched: events may have been missed before."""
        ...

    def settles(self, plural: str, metadata: Mapping[str, Any]) -> bool:
        """Take in an object that is there, if that needs no kopf; tell whether it did."""
        ...


def session(server: str, ssl: Any, headers: Mapping[str, str], listener: Listener) -> aiohttp.ClientSession:
    """Return a session for kopf, through the same proxy as every other request."""
    proxy = find_proxy(server)
    return aiohttp.ClientSession(
        connector=make_connector(limit=0, ssl=ssl),
        headers=headers,
        middlewares=(Metadata(listener, describe_proxy(proxy)),),
        response_class=Response,
        proxy=proxy,
    )


class Response(aiohttp.ClientResponse):
    """An answer out of which what is settled is taken, once it was told how."""

    settles: Callable[[Mapping[str, Any]], bool] | None = None

    async def json(self, **kwargs: Any) -> Any:
        """Return the page of a list; the API server gives an empty one as `items: null`, at which kopf stumbles."""
        body = await super().json(**kwargs)
        if isinstance(body, dict) and "items" in body:
            items = body["items"] or []
            body["items"] = [item for item in items if self.settles is None or not self.settles(item["metadata"])]
        return body


class Stream:
    """The content of a watch, with bookmarks in place of what is settled."""

    def __init__(self, content: aiohttp.StreamReader, settles: Callable[[Mapping[str, Any]], bool]) -> None:
        self._content = content
        self._settles = settles

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Yield whole lines, as they come."""
        rest = b""
        async for chunk in self._content.iter_chunked(size):
            *lines, rest = (rest + chunk).split(b"\n")
            if lines:
                yield b"".join(self._line(line) + b"\n" for line in lines if line)
        if rest:
            yield rest  # cut off in the middle: for kopf to judge

    def _line(self, line: bytes) -> bytes:
        try:
            event = json.loads(line)
            metadata = event["object"]["metadata"]
            if event["type"] not in {"ADDED", "MODIFIED"} or not self._settles(metadata):
                return line
            bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": metadata["resourceVersion"]}}}
        except (ValueError, KeyError, TypeError):
            return line  # an error, or what only kopf may understand
        return json.dumps(bookmark).encode()


class Metadata:
    """Asks for nothing but metadata, and tells of each request how it was answered.

    The log has one line when a kind cannot be watched any more and one when it can again, for any number of attempts.
    """

    def __init__(self, listener: Listener, via: str = "") -> None:
        """`via` names the proxy on the way, in words, for the log."""
        self._listener = listener
        self._via = via
        self._failing: set[str] = set()

    async def __call__(
        self, request: aiohttp.ClientRequest, send: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
    ) -> aiohttp.ClientResponse:
        """Send one request of kopf's."""
        resource, watching = request.url.name, bool(request.url.query.get("watch"))
        if resource not in {PLURAL, SECRETS, CONFIG_MAPS, NAMESPACES}:
            return await send(request)
        request.headers["Accept"] = _AS_EVENT if watching else _AS_LIST
        code = "none"
        try:
            answer = await send(request)
            code = str(answer.status)
        finally:
            self._listener.asked("watch" if watching else "list", resource, code)
            self._log(resource, code)
        if code == "200" and resource != NAMESPACES:
            self._sift(answer, resource, watching=watching)
        return answer

    def _sift(self, answer: aiohttp.ClientResponse, resource: str, *, watching: bool) -> None:
        def settles(metadata: Mapping[str, Any]) -> bool:
            return self._listener.settles(resource, metadata)

        if watching:
            content: Any = Stream(answer.content, settles)
            answer.content = content
            return
        self._listener.listed()
        if isinstance(answer, Response):
            answer.settles = settles

    def _log(self, resource: str, code: str) -> None:
        if code == "200" and resource in self._failing:
            self._failing.remove(resource)
            logger.info("%s are watched again", resource)
        elif code not in {"200", "410"} and resource not in self._failing:  # 410: a list is asked for next
            self._failing.add(resource)
            why = "no answer" if code == "none" else code
            logger.warning("%s cannot be watched: %s from the API server%s; trying again", resource, why, self._via)
