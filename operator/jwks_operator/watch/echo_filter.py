"""The HTTP session of kopf: asks for metadata only, and filters events that need no handling.

kopf makes a queue, a task and several copies for every object of an event. Most events are echoes of the operator's own
writes, and after a start they repeat what the first resync has found. Known versions are filtered before kopf reads
them: a watch event becomes a bookmark, which only carries the resourceVersion, and a list omits the object.
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
    """Receives what the watches see."""

    def count_request(self, verb: str, resource: str, code: str) -> None:
        """A request was answered with this status code; `none` without an answer."""
        ...

    def request_resync(self) -> None:
        """A list was answered: events before it may be missing."""
        ...

    def handle_known(self, plural: str, metadata: Mapping[str, Any]) -> bool:
        """Take in an existing object; tell whether it needs no event of kopf."""
        ...


def make_session(server: str, ssl: Any, headers: Mapping[str, str], listener: Listener) -> aiohttp.ClientSession:
    """Return a session for kopf, with the same proxy as every other request."""
    proxy = find_proxy(server)
    return aiohttp.ClientSession(
        connector=make_connector(limit=0, ssl=ssl),
        headers=headers,
        middlewares=(MetadataRequests(listener, describe_proxy(proxy)),),
        response_class=Response,
        proxy=proxy,
    )


class Response(aiohttp.ClientResponse):
    """A list without the objects that need no event, if `is_known` is set."""

    is_known: Callable[[Mapping[str, Any]], bool] | None = None

    async def json(self, **kwargs: Any) -> Any:
        """Return the page of a list. The API server may send `items: null`, which kopf cannot read."""
        body = await super().json(**kwargs)
        if isinstance(body, dict) and "items" in body:
            items = body["items"] or []
            body["items"] = [item for item in items if self.is_known is None or not self.is_known(item["metadata"])]
        return body


class WatchStream:
    """The content of a watch, with bookmarks in place of events that need no handling."""

    def __init__(self, content: aiohttp.StreamReader, is_known: Callable[[Mapping[str, Any]], bool]) -> None:
        self._content = content
        self._is_known = is_known

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Yield whole lines as they arrive."""
        rest = b""
        async for chunk in self._content.iter_chunked(size):
            *lines, rest = (rest + chunk).split(b"\n")
            if lines:
                yield b"".join(self._line(line) + b"\n" for line in lines if line)
        if rest:
            yield rest  # an incomplete line: kopf handles it

    def _line(self, line: bytes) -> bytes:
        try:
            event = json.loads(line)
            metadata = event["object"]["metadata"]
            if event["type"] not in {"ADDED", "MODIFIED"} or not self._is_known(metadata):
                return line
            bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": metadata["resourceVersion"]}}}
        except (ValueError, KeyError, TypeError):
            return line  # an error, or a line that only kopf can read
        return json.dumps(bookmark).encode()


class MetadataRequests:
    """Middleware that asks for metadata only and counts each request with its status code.

    The log has one line when a kind cannot be watched any more and one when it can again, for any number of attempts.
    """

    def __init__(self, listener: Listener, via: str = "") -> None:
        """`via` names the proxy for the log."""
        self._listener = listener
        self._via = via
        self._failing: set[str] = set()

    async def __call__(
        self, request: aiohttp.ClientRequest, send: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
    ) -> aiohttp.ClientResponse:
        """Send one request of kopf."""
        resource, watching = request.url.name, bool(request.url.query.get("watch"))
        if resource not in {PLURAL, SECRETS, CONFIG_MAPS, NAMESPACES}:
            return await send(request)
        request.headers["Accept"] = _AS_EVENT if watching else _AS_LIST
        code = "none"
        try:
            answer = await send(request)
            code = str(answer.status)
        finally:
            self._listener.count_request("watch" if watching else "list", resource, code)
            self._log(resource, code)
        if code == "200" and resource != NAMESPACES:
            self._filter(answer, resource, watching=watching)
        return answer

    def _filter(self, answer: aiohttp.ClientResponse, resource: str, *, watching: bool) -> None:
        def is_known(metadata: Mapping[str, Any]) -> bool:
            return self._listener.handle_known(resource, metadata)

        if watching:
            content: Any = WatchStream(answer.content, is_known)
            answer.content = content
            return
        self._listener.request_resync()
        if isinstance(answer, Response):
            answer.is_known = is_known

    def _log(self, resource: str, code: str) -> None:
        if code == "200" and resource in self._failing:
            self._failing.remove(resource)
            logger.info("%s are watched again", resource)
        elif code not in {"200", "410"} and resource not in self._failing:  # 410: a list is asked for next
            self._failing.add(resource)
            why = "no answer" if code == "none" else code
            logger.warning("%s cannot be watched: %s from the API server%s; trying again", resource, why, self._via)
