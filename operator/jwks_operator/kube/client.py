"""The one seam between the operator and a Kubernetes API.

`Client` speaks in objects (plain dicts) and typed errors; beneath it a `Transport` carries single requests,
one over HTTP (transport.py) and one in memory for tests. Rules kept here:

* a 404 means gone only when the server names the object that is missing; any other 404 raises `NotServed`;
* creation is a POST, a change a PUT that carries uid and resourceVersion, a deletion carries both as
  preconditions, status is a server-side apply and what belongs to another owner a merge patch, each with both (an
  annotation that depends on nothing that was read: with the uid alone; an Event that is counted: with neither), so no
  write can hit an object it did not read;
* whatever is not a read is sent only while `may_write()` says so;
* nothing is retried: the caller plans again from fresh facts.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from time import monotonic

from jwks_operator.api.names import FIELD_MANAGER
from jwks_operator.kube.calls import JSON, REQUEST_TIMEOUT, Call, Object, Reply, Transport
from jwks_operator.kube.dates import has_waited, read_date
from jwks_operator.kube.errors import Gone, NotLeading, Refused, RequestTarget, confirms_absence, error_for
from jwks_operator.kube.resources import CONFIGMAPS, CRDS, EVENTS, LEASES, NAMESPACES, PODS, SECRETS, SETS, Resource

__all__ = [
    "CONFIGMAPS",
    "CRDS",
    "EVENTS",
    "LEASES",
    "NAMESPACES",
    "PODS",
    "REQUEST_TIMEOUT",
    "SECRETS",
    "SETS",
    "Call",
    "Client",
    "Object",
    "Objects",
    "Reply",
    "Resource",
    "Transport",
]

Objects = list[Object]  # inside Client the name `list` is the method

WATCH_SECONDS = 240
PAGE = 500

_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class Client:
    """Reads and fenced writes. Every method may raise any `KubeError`; each names what is peculiar to it."""

    def __init__(
        self,
        transport: Transport,
        on_date: Callable[[datetime], None] | None = None,
        may_write: Callable[[], bool] | None = None,
        name: Callable[[], str] = str,
    ) -> None:
        """`on_date` is told the server's Date header of every answer, at the moment it arrives.

        `may_write` is asked before each write is sent; `NotLeading` if it says no. `name` names this operator.
        """
        self.name = name
        self._transport = transport
        self._on_date = on_date
        self._may_write = may_write
        self.unanswered = 0
        """How many writes were given up without an answer: each of them may still land."""

    async def read(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        """Return the object as stored now (never a cache), or None if it is certainly gone."""
        asked = RequestTarget("GET", resource.plural, namespace, name)
        reply = await self._send(Call("GET", resource.path(namespace, name)))
        if reply.status == 404 and confirms_absence(asked, reply.body):
            return None
        return _body(asked, reply)

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        selector: str | None = None,
        *,
        metadata_only: bool = False,
        limit: int = PAGE,
    ) -> tuple[Objects, str]:
        """Return all objects that match, read in pages of `limit`, and the resourceVersion to watch from.

        `namespace` None means the whole cluster. A page token that expired restarts the list once, then
        raises `Gone`.
        """
        try:
            return await _all(self._pages(resource, namespace, selector, metadata_only=metadata_only, limit=limit))
        except Gone:
            return await _all(self._pages(resource, namespace, selector, metadata_only=metadata_only, limit=limit))

    async def pages(
        self,
        resource: Resource,
        namespace: str | None,
        selector: str | None,
        *,
        metadata_only: bool = True,
        limit: int = PAGE,
    ) -> AsyncGenerator[Objects, None]:
        """Yield all objects that match, or their metadata, a page at a time; `Gone` if a page token expired."""
        async for page in self._pages(resource, namespace, selector, metadata_only=metadata_only, limit=limit):
            yield page.get("items") or []

    async def create(self, resource: Resource, namespace: str | None, body: Object, *, dry_run: bool = False) -> Object:
        """POST a new object and return it as stored. `AlreadyExists` if one of that name is there.

        With `dry_run` the server checks it, admission included, and stores nothing.
        """
        name = body.get("metadata", {}).get("name")
        query = _strict() | ({"dryRun": "All"} if dry_run else {})
        call = Call("POST", resource.path(namespace), query, _typed(resource, body))
        return _body(RequestTarget("POST", resource.plural, namespace, name), await self._send(call))

    async def replace(self, resource: Resource, body: Object, *, dry_run: bool = False) -> Object:
        """PUT a changed object and return it as stored.

        `body` carries metadata.name, uid and resourceVersion as read (ValueError otherwise). `Conflict` if
        the object changed since or is another one of the same name, `Missing` if it is gone. With `dry_run` the server
        answers what it would store, admission included, and stores nothing.
        """
        namespace, name = _fenced(resource, body)
        query = _strict() | ({"dryRun": "All"} if dry_run else {})
        call = Call("PUT", resource.path(namespace, name), query, _typed(resource, body))
        return _body(RequestTarget("PUT", resource.plural, namespace, name), await self._send(call))

    async def put_event(self, event: Object) -> Object:
        """PUT an Event by its name, whether it is there or not: the API server creates a missing one."""
        namespace, name = event["metadata"]["namespace"], event["metadata"]["name"]
        call = Call("PUT", EVENTS.path(namespace, name), _strict(), _typed(EVENTS, event))
        return _body(RequestTarget("PUT", EVENTS.plural, namespace, name), await self._send(call))

    async def merge(self, resource: Resource, body: Object) -> Object:
        """PATCH only what `body` holds of another owner's object (RFC 7386) and return it as stored.

        `body` carries metadata.name, uid and resourceVersion as read (ValueError otherwise). `Conflict` if the object
        changed since or is another one of the same name, `Missing` if it is gone.
        """
        namespace, name = _fenced(resource, body)
        path = resource.path(namespace, name)
        call = Call("PATCH", path, _strict(), _typed(resource, body), content_type=_MERGE)
        return _body(RequestTarget("PATCH", resource.plural, namespace, name), await self._send(call))

    async def annotate(self, resource: Resource, body: Object) -> None:
        """PATCH the annotations in `body` onto another owner's object, whatever its version is by now.

        `body` carries metadata.name and uid as read. `Missing` if the object is gone, `Refused` if another one has its
        name.
        """
        meta = body["metadata"]
        path = resource.path(meta.get("namespace"), meta["name"])
        call = Call("PATCH", path, _strict(), _typed(resource, body), content_type=_MERGE)
        _body(RequestTarget("PATCH", resource.plural, meta.get("namespace"), meta["name"]), await self._send(call))

    async def apply_status(self, body: Object) -> Object:
        """Server-side apply of a set's `status` and return the set as stored.

        `body` carries metadata.name, namespace, uid, resourceVersion (ValueError otherwise) and the whole
        status: what it leaves out and we wrote before is removed. `Conflict` as in `replace`.
        """
        namespace, name = _fenced(SETS, body)
        query = _strict() | {"force": "true"}
        path = SETS.path(namespace, name, "status")
        call = Call("PATCH", path, query, _typed(SETS, body), content_type=_APPLY)
        return _body(RequestTarget("PATCH", SETS.plural, namespace, name), await self._send(call))

    async def delete(self, resource: Resource, body: Object) -> None:
        """Delete exactly the object that was read; one that is already gone is fine.

        `body` carries metadata.name, uid and resourceVersion (ValueError otherwise). `Conflict` if it changed
        since or is another one of the same name.
        """
        namespace, name = _fenced(resource, body)
        asked = RequestTarget("DELETE", resource.plural, namespace, name)
        meta = body["metadata"]
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]},
        }
        reply = await self._send(Call("DELETE", resource.path(namespace, name), body=options))
        if reply.status == 404 and confirms_absence(asked, reply.body):
            return
        _body(asked, reply)

    async def watch(
        self, resource: Resource, namespace: str | None, selector: str | None, resource_version: str
    ) -> AsyncGenerator[tuple[str, Object], None]:
        """Yield (type, object) for each change after `resource_version`; types ADDED, MODIFIED, DELETED.

        DELETED also tells that an object stopped matching the selector. Ends quietly after some minutes:
        watch again from the last seen resourceVersion. `Gone` if that is too old.
        """
        query = {"watch": "true", "resourceVersion": resource_version, "timeoutSeconds": str(WATCH_SECONDS)}
        if selector:
            query["labelSelector"] = selector
        call = Call("GET", resource.path(namespace), query, timeout=WATCH_SECONDS + REQUEST_TIMEOUT)
        async with aclosing(self._transport.stream(call)) as events:
            async for event in events:
                if event["type"] == "ERROR":
                    status = event["object"]
                    raise error_for(RequestTarget("WATCH", resource.plural, namespace, None), status["code"], status)
                yield event["type"], event["object"]

    async def _pages(
        self, resource: Resource, namespace: str | None, selector: str | None, *, metadata_only: bool, limit: int
    ) -> AsyncGenerator[Object, None]:
        asked = RequestTarget("GET", resource.plural, namespace, None)
        query = {"limit": str(limit)} | ({"labelSelector": selector} if selector else {})
        accept = _METADATA_ONLY if metadata_only else JSON
        token = ""
        while True:
            whole = query | ({"continue": token} if token else {})
            page = _body(asked, await self._send(Call("GET", resource.path(namespace), whole, accept=accept)))
            token = page["metadata"].get("continue", "")
            yield page
            if not token:
                return

    async def _send(self, call: Call) -> Reply:
        began = monotonic()
        reply = await (self._transport.request(call) if call.method == "GET" else self._write(call))
        date = read_date(reply.headers.get("date", ""))
        if self._on_date is not None and date is not None and not has_waited(date, monotonic() - began):
            self._on_date(date)
        return reply

    async def _write(self, call: Call) -> Reply:
        if self._may_write is not None and not self._may_write():
            raise NotLeading(f"{call.method} {call.path} was not sent: this replica does not lead")
        try:
            return await self._transport.request(replace(call, permit=self._may_write))
        except NotLeading:  # raised before the body was sent, so nothing can land
            raise
        except BaseException:  # cancelled, too
            self.unanswered += 1
            raise


async def _all(pages: AsyncGenerator[Object, None]) -> tuple[Objects, str]:
    found = [page async for page in pages]
    return [item for page in found for item in page.get("items") or []], found[0]["metadata"]["resourceVersion"]


def _strict() -> dict[str, str]:
    return {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}


def _typed(resource: Resource, body: Object) -> Object:
    return {**body, "apiVersion": resource.api_version, "kind": resource.kind}


def _fenced(resource: Resource, body: Object) -> tuple[str | None, str]:
    meta = body.get("metadata", {})
    wanted = ["name", "uid", "resourceVersion"] + (["namespace"] if resource.namespaced else [])
    if missing := [key for key in wanted if not meta.get(key)]:
        raise ValueError(f"a change of {resource.plural} needs metadata.{', metadata.'.join(missing)}")
    return meta["namespace"] if resource.namespaced else None, meta["name"]


def _body(asked: RequestTarget, reply: Reply) -> Object:
    if not 200 <= reply.status < 300:
        raise error_for(asked, reply.status, reply.body, reply.headers.get("retry-after"))
    if reply.body is None:
        raise Refused(f"{asked}: {reply.status} without a JSON object; is that a Kubernetes API?")
    return reply.body
