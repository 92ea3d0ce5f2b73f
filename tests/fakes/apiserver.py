"""The fake API server: one call in, one answer out, as kube-apiserver's REST semantics have it.

What it does not do: authentication, RBAC, admission beyond field validation, CEL, controllers. A terminating
namespace stays until `finish_namespace`; history stays until `compact`.
"""

import asyncio
import base64
import copy
import json
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from fakes import selectors, validation
from fakes.discovery import discover
from fakes.kinds import Kind, served
from fakes.status import ApiError, PageNotFound, bad_request, expired, not_found, status
from fakes.store import Change, Store
from fakes.writes import Manner, Place, Writes
from jwks_operator.kube.client import Call, Object, Reply, Resource

Clock = Callable[[], datetime]

_PATCHES = (
    "application/apply-patch+yaml",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
_WATCH_SECONDS = 1800.0


def utc_now() -> datetime:
    return datetime.now(UTC)


class FakeApiServer:
    """`clock` gives the Date header and creationTimestamp."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self.store = Store()
        self._clock = clock
        self._writes = Writes(self.store, clock)
        self._snapshots: dict[str, tuple[list[Object], str]] = {}

    def handle(self, call: Call) -> Reply:
        """Answer anything but a watch. The effect and the answer are one step: nothing comes between them."""
        headers = {"date": format_datetime(self._clock().astimezone(UTC), usegmt=True)}
        try:
            # Through JSON and back, as on the wire: what is stored shares nothing with what was sent.
            sent = json.dumps(call.body)
            validation.check_size(sent)
            code, body = self._answer(call, json.loads(sent))
        except ApiError as error:
            code, body = error.code, error.body
        except PageNotFound:
            return Reply(404, headers | {"content-type": "text/plain; charset=utf-8"}, None)
        return Reply(code, headers | {"content-type": "application/json"}, body)

    async def watch(self, call: Call) -> AsyncGenerator[Object, None]:
        """Yield the events of a watch until its timeoutSeconds are over."""
        queue: asyncio.Queue[Object] = asyncio.Queue()
        try:
            place = self._place(call.path)
            view = _View(call)
            for event in self._backlog(place, view, call):
                queue.put_nowait(event)
        except ApiError as error:
            yield {"type": "ERROR", "object": error.body}
            return
        except PageNotFound:
            yield {"type": "ERROR", "object": status(404, "", "404 page not found")}
            return

        def listen(change: Change) -> None:
            for event in view.events(place, change):
                queue.put_nowait(event)

        self.store.listeners.append(listen)
        loop = asyncio.get_running_loop()
        end = loop.time() + float(call.query.get("timeoutSeconds", _WATCH_SECONDS))
        try:
            # Not one timeout around it all: that would strike the consumer while we are suspended in `yield`.
            while True:
                yield copy.deepcopy(await asyncio.wait_for(queue.get(), end - loop.time()))
        except TimeoutError:
            return
        finally:
            self.store.listeners.remove(listen)

    def compact(self) -> None:
        """Forget history and pages: older watches and continue tokens are answered 410 from now on."""
        self.store.compact()
        self._snapshots.clear()

    def finish_namespace(self, name: str) -> None:
        """Empty and remove a terminating namespace."""
        self._writes.finish_namespace(name)

    def _answer(self, call: Call, body: Any) -> tuple[int, Object]:
        if call.method == "GET":
            found = discover(self.store, call.path)
            return (200, found) if found is not None else self._read(call)
        place = self._place(call.path)
        query = call.query
        manner = Manner(
            query.get("fieldManager", "unknown"),
            query.get("fieldValidation") == "Strict",
            query.get("force") == "true",
            query.get("dryRun") == "All",
        )
        if call.method == "POST":
            return 201, self._writes.create(place, body, manner)
        if call.method == "PUT":
            fresh = self.store.get(place.kind.resource, place.namespace, place.existing) is None
            return (201 if fresh else 200), self._writes.replace(place, body, manner)
        if call.method == "PATCH":
            return self._patch(place, call, body, manner)
        if call.method == "DELETE":
            return 200, self._writes.delete(place, body)
        raise ApiError(405, "MethodNotAllowed", f"{call.method} is not supported")

    def _patch(self, place: Place, call: Call, body: Any, manner: Manner) -> tuple[int, Object]:
        if call.content_type not in _PATCHES:
            raise ApiError(415, "UnsupportedMediaType", f"{call.content_type} is not supported")
        if "strategic" in call.content_type and place.kind.schema is not None:
            raise ApiError(415, "UnsupportedMediaType", "strategic merge is not supported for custom resources")
        if "apply" not in call.content_type:
            return 200, self._writes.merge(place, body, manner)
        if "fieldManager" not in call.query:
            raise bad_request("fieldManager is required for apply patch")
        fresh = self.store.get(place.kind.resource, place.namespace, place.existing) is None
        return (201 if fresh else 200), self._writes.apply(place, body, manner)

    def _place(self, path: str) -> Place:
        parts = path.strip("/").split("/")
        group = parts.pop(1) if parts[0] == "apis" and len(parts) > 2 else ""
        if parts[0] not in {"api", "apis"} or len(parts) < 3:
            raise PageNotFound
        version, rest = parts[1], parts[2:]
        namespace = None
        if rest[0] == "namespaces" and len(rest) > 2 and rest[2] != "status":
            namespace, rest = rest[1], rest[2:]
        name, subresource = (*rest[1:], None, "")[:2] if len(rest) < 3 else rest[1:3]
        for kind in served(self.store):
            known = kind.resource
            if (known.group, known.version, known.plural) == (group, version, rest[0]):
                if subresource and not (subresource == "status" and kind.status):
                    raise _no_subresource(kind, name)
                return Place(kind, namespace, name, subresource or "")
        raise PageNotFound

    def _read(self, call: Call) -> tuple[int, Object]:
        place = self._place(call.path)
        resource = place.kind.resource
        if place.name is None:
            return 200, self._list(place, call)
        obj = self.store.get(resource, place.namespace, place.name)
        if obj is None:
            raise not_found(resource, place.name)
        return 200, obj

    def _list(self, place: Place, call: Call) -> Object:
        resource, view = place.kind.resource, _View(call)
        if token := call.query.get("continue"):
            if token not in self._snapshots:
                raise expired("The provided continue parameter is too old to display a consistent list result.")
            items, version = self._snapshots[token]
        else:
            items = [obj for obj in self.store.all(resource, place.namespace) if view.selects(obj)]
            version = str(self.store.version)
        meta: Object = {"resourceVersion": version}
        limit = int(call.query.get("limit", 0)) or len(items)
        if len(items) > limit:
            token = base64.urlsafe_b64encode(f"{version}:{len(self._snapshots)}".encode()).decode()
            self._snapshots[token] = (items[limit:], version)
            meta["continue"] = token
        shown = [view.show(obj) for obj in items[:limit]]
        if view.metadata_only:
            return {
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": meta,
                "items": shown,
            }
        if place.kind.schema is None:
            shown = [{key: obj[key] for key in obj if key not in {"kind", "apiVersion"}} for obj in shown]
        return {
            "kind": f"{resource.kind}List",
            "apiVersion": resource.api_version,
            "metadata": meta,
            "items": shown,
        }

    def _backlog(self, place: Place, view: "_View", call: Call) -> list[Object]:
        since = call.query.get("resourceVersion", "")
        if since in {"", "0"}:
            objects = self.store.all(place.kind.resource, place.namespace)
            return [{"type": "ADDED", "object": view.show(obj)} for obj in objects if view.selects(obj)]
        if int(since) < self.store.compacted:
            raise expired(f"too old resource version: {since} ({self.store.compacted})")
        late = [change for change in self.store.changes if change.version > int(since)]
        return [event for change in late for event in view.events(place, change)]


def _no_subresource(kind: Kind, name: str | None) -> ApiError:
    if kind.schema is None or name is None:
        return ApiError(404, "NotFound", "the server could not find the requested resource")
    return not_found(kind.resource, name)  # so it is: a custom resource says that the object itself is missing


class _View:
    """What one list or watch call selects, and in which form it wants to see it."""

    def __init__(self, call: Call) -> None:
        self.metadata_only = "PartialObjectMetadata" in call.accept
        self._tests = [
            selectors.labels(call.query.get("labelSelector", "")),
            selectors.fields(call.query.get("fieldSelector", "")),
        ]

    def selects(self, obj: Object) -> bool:
        return all(test(obj) for test in self._tests)

    def show(self, obj: Object) -> Object:
        if not self.metadata_only:
            return obj
        return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}

    def events(self, place: Place, change: Change) -> list[Object]:
        if not _within(change, place.kind.resource, place.namespace):
            return []
        had = change.before if change.before is not None and self.selects(change.before) else None
        has = change.after if change.after is not None and self.selects(change.after) else None
        if has is not None:
            return [{"type": "ADDED" if had is None else "MODIFIED", "object": self.show(has)}]
        if had is None:
            return []
        # Deleted, or no longer selected: the former object, at the version of the change.
        last = had | {"metadata": had["metadata"] | {"resourceVersion": str(change.version)}}
        return [{"type": "DELETED", "object": self.show(last)}]


def _within(change: Change, resource: Resource, namespace: str | None) -> bool:
    obj = change.after or change.before or {}
    return change.resource == resource and namespace in {None, obj["metadata"].get("namespace")}
