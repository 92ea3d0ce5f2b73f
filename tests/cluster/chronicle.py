"""Follows a namespace through the API and remembers everything, so that a test can judge the order of things."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from cluster.versions import Versions, connect
from controlplane import Access

Object = dict[str, Any]
T = TypeVar("T")

SETS = "/apis/jwks-operator.dev/v1beta1/namespaces/{}/jsonwebkeysets"
SECRETS = "/api/v1/namespaces/{}/secrets"
CONFIGMAPS = "/api/v1/namespaces/{}/configmaps"
EVENTS = "/api/v1/namespaces/{}/events"
PATHS = {"JsonWebKeySet": SETS, "Secret": SECRETS, "ConfigMap": CONFIGMAPS, "Event": EVENTS}
"""Kind → the path of its objects in a namespace."""
PATIENCE = 60.0
"""Seconds that are enough for anything on a busy machine, where a test does not say otherwise."""


@dataclass(frozen=True)
class Sighting:
    """One watch event; `at` is `time.time()` when it arrived here, and it was written then or before.

    It was not written before `since`. A busy machine brings both further apart, and makes neither of them wrong.
    """

    at: float
    type: str
    object: Object
    since: float | None = None

    @property
    def earliest(self) -> float:
        """The moment before which it was not written, `at` if that is known to the point."""
        return self.at if self.since is None else self.since

    @property
    def kind(self) -> str:
        return str(self.object["kind"])

    @property
    def name(self) -> str:
        return str(self.object["metadata"]["name"])

    @property
    def version(self) -> int:
        """The resourceVersion, by which the events of all kinds can be put in order."""
        return int(self.object["metadata"]["resourceVersion"])


class Chronicle:
    """Everything the API server told of one namespace, from the beginning; one thread for each kind."""

    def __init__(self, plane: Access, namespace: str, kinds: Iterable[str] = tuple(PATHS)) -> None:
        self._plane = plane
        self._changed = threading.Condition()
        self._seen: dict[tuple[str, str, int, str], Sighting] = {}
        self._closed = False
        self._sockets: dict[str, socket.socket] = {}
        self._versions = Versions(plane, namespace)
        self._threads = [threading.Thread(target=self._follow, args=(PATHS[kind].format(namespace),)) for kind in kinds]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop following; what was seen stays."""
        self._closed = True
        self._versions.close()
        for open_socket in list(self._sockets.values()):
            with contextlib.suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def sightings(self, *kinds: str) -> list[Sighting]:
        """Everything seen so far of these kinds, or of all, in the API server's order."""
        return self._in_order(lambda seen: not kinds or seen.kind in kinds)

    def of(self, kind: str, name: str) -> list[Sighting]:
        """What was seen of one object."""
        return self._in_order(lambda seen: seen.kind == kind and seen.name == name)

    def _in_order(self, wanted: Callable[[Sighting], bool]) -> list[Sighting]:
        with self._changed:
            every = list(self._seen.values())
        return sorted(filter(wanted, every), key=lambda seen: seen.version)

    def latest(self, kind: str, name: str) -> Object | None:
        """The object as last seen; None if it was deleted or never seen."""
        found = self.of(kind, name)
        return found[-1].object if found and found[-1].type != "DELETED" else None

    def until(self, check: Callable[[], T | None], what: str, seconds: float = PATIENCE) -> T:
        """Wait until `check` gives something true, asking at each event and now and then."""
        end = time.monotonic() + seconds
        while not (found := check()):
            left = end - time.monotonic()
            assert left > 0, f"waited {seconds:.0f} s for {what}"
            with self._changed:
                self._changed.wait(min(left, 0.25))
        return found

    def _follow(self, path: str) -> None:
        version = ""
        while not self._closed:  # the API server ends a watch after a while, and when a CRD goes
            try:
                version = self._watch(path, version)
            except (OSError, ValueError, AttributeError, http.client.HTTPException):
                if not self._closed:
                    time.sleep(0.2)

    def _watch(self, path: str, version: str) -> str:
        """Read one stream to its end; return from where to go on, empty for the beginning."""
        with contextlib.closing(connect(self._plane)) as connection:
            connection.connect()
            self._sockets[path] = connection.sock
            headers = {"Authorization": f"Bearer {self._plane.admin_token}"}
            connection.request("GET", f"{path}?watch=1&resourceVersion={version}", headers=headers)
            reply = connection.getresponse()
            if reply.status != http.HTTPStatus.OK:
                time.sleep(0.2)
                return ""
            for line in reply:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return ""
                version = self._take(self._sighting(event["type"], event["object"]))
        return version

    def _sighting(self, change: str, thing: Object) -> Sighting:
        version = int(thing["metadata"]["resourceVersion"])
        return Sighting(time.time(), change, thing, self._versions.earliest(version))

    def _take(self, seen: Sighting) -> str:
        with self._changed:
            self._remember(seen)
            self._changed.notify_all()
        return str(seen.version)

    def _remember(self, seen: Sighting) -> None:
        state = "DELETED" if seen.type == "DELETED" else "THERE"
        self._seen.setdefault((seen.kind, seen.name, seen.version, state), seen)
