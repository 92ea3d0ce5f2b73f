"""Two operators that look after one namespace of a real API server, one of them as a standby.

With the real terms of 15, 10 and 2 seconds. Each replica has an account of its own, so that the API server's audit log
tells who wrote what and when.
"""

import json
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from cluster.chronicle import PATIENCE, Chronicle, Object
from cluster.operators import Operator
from cluster.stage import Stage, grant, install, new_namespace, rules
from cluster.witness import BRISK, BRISK_LEAD, BRISK_RETENTION, Witness
from controlplane import Access
from jwks_operator.kube.lease import LOOKS, Terms

TERMS = Terms()
SPEC = {
    "keys": [{"name": "signing", "algorithm": "ES256"}],
    "rotation": {"every": "2s", "rollbackWindow": "1s"},
    "timing": BRISK,
}
WRITES = {"create", "update", "patch", "delete"}
NAMES = ("one", "two")
SILENCE = 0.5
"""Seconds within which a write is answered, or nobody can hand over in time."""
LONGEST_PAUSE = TERMS.retry * 1.1 / LOOKS
"""Seconds between two looks at the Lease by a standby."""


@dataclass
class Pair:
    """Both replicas and the namespace that they look after; `leader` and `standby` change places."""

    stage: Stage
    replicas: dict[str, Operator]
    leader: str = "one"
    standby: str = "two"

    def wrote(self, name: str, since: float) -> list[tuple[float, str]]:
        """When a replica asked for which write, since a moment of `time.time()`, in order."""
        asked = [(_stamp(event, "requestReceivedTimestamp"), _what(event)) for event in self._writes_of(name)]
        return sorted(each for each in asked if each[0] > since)

    def slowest(self, name: str, since: float) -> float:
        """How long the API server took at most for a write of a replica that it ended since that moment, in seconds."""
        ended = [(_stamp(event, "stageTimestamp"), event) for event in self._writes_of(name)]
        return max((end - _stamp(event, "requestReceivedTimestamp") for end, event in ended if end > since), default=0)

    def looks(self, name: str, since: float, until: float) -> list[float]:
        """When a replica asked for the Lease in that time, in order."""
        asked = [
            _stamp(event, "requestReceivedTimestamp")
            for event in self._requests_of(name)
            if _what(event).startswith("get leases")
        ]
        return sorted(at for at in asked if since < at < until)

    def slowness(self, name: str, since: float, until: float) -> float:
        """How many times longer than they should the pauses between a standby's looks were in that time, at least 1."""
        pauses = [later - earlier for earlier, later in pairwise(self.looks(name, since, until))]
        return max([1.0, *(pause / LONGEST_PAUSE for pause in pauses)])

    def released(self, name: str, since: float) -> float:
        """When the API server had answered a replica's last write of the Lease."""
        ends = [_stamp(event, "stageTimestamp") for event in self._writes_of(name) if " leases" in _what(event)]
        return max(end for end in ends if end > since)

    def _writes_of(self, name: str) -> Iterator[dict[str, Any]]:
        return (event for event in self._requests_of(name) if event["verb"] in WRITES)

    def _requests_of(self, name: str) -> Iterator[dict[str, Any]]:
        user = f"system:serviceaccount:{self.stage.namespace}:{name}"
        for event in self.stage.plane.audit_events(user):
            if event["user"].get("username") == user and "objectRef" in event:
                yield event

    def took_over(self, since: float, patience: float) -> float:
        """Wait until the standby has taken the Lease, and swap the names; give the seconds that it took."""
        self.leader, self.standby = self.standby, self.leader
        return self.first(self.leader, since, "update leases", patience) - since

    def first(self, name: str, since: float, what: str, patience: float = PATIENCE) -> float:
        """When a replica first wrote such a thing since then; a standby never writes the Lease."""

        def found() -> list[float]:
            return [at for at, text in self.wrote(name, since) if text.startswith(what)]

        return self.stage.until(found, f"{what} by {name}", patience)[0]

    def join(self, name: str) -> None:
        """Start a replica and wait until it stands by, with everything in view."""
        operator = self.replicas[name]
        before = len(operator.printed)
        operator.start()
        for what in ("another replica leads", "resync done"):
            self.stage.until(lambda: what in operator.printed[before:], f"{name} to say: {what}")  # noqa: B023 - now
        time.sleep(0.5)

    def objections(self) -> list[str]:
        """Moves that were too early, over everything that ever happened here."""
        witness = Witness(BRISK_LEAD, BRISK_RETENTION)
        witness.watch(self.stage.chronicle.sightings("Secret", "ConfigMap"))
        return witness.objections

    def unfinished(self) -> Any:
        """The step in the record that was begun and not finished."""
        keyring = self.stage.plane.api("GET", self.stage.path("Secret", "auth-keyring"))
        return json.loads(b64decode(keyring["data"]["record.json"])).get("step")

    def versions(self) -> dict[str, str]:
        """The resourceVersion of the set and of everything that belongs to it."""
        things = [("JsonWebKeySet", "auth"), ("Secret", "auth-keyring"), ("ConfigMap", "auth"), ("Secret", "auth")]
        found = {what: self.stage.plane.api("GET", self.stage.path(*what)) for what in things}
        return {"/".join(what): str(each["metadata"]["resourceVersion"]) for what, each in found.items()}

    def rotates(self) -> None:
        """Wait until a key has come into use since now."""
        kid = _kid(self.stage.there("Secret", "auth"))
        self.stage.until(lambda: _kid(self.stage.there("Secret", "auth")) != kid, "a rotation")


@contextmanager
def open_pair(control_plane: Access, logs: Path) -> Iterator[Pair]:
    """Both are running, one leads, and a set rotates every few seconds."""
    install(control_plane, "crds")
    namespace = new_namespace(control_plane, logs.name)
    chronicle = Chronicle(control_plane, namespace)
    options = (f"--namespace={namespace}", f"--lease-namespace={namespace}")
    replicas = {
        name: Operator(_account(control_plane, namespace, name), logs / f"{name}.log", *options) for name in NAMES
    }
    pair = Pair(Stage(control_plane, namespace, chronicle, replicas["one"]), replicas)
    try:
        pair.stage.create("auth", SPEC)
        replicas["one"].start()
        pair.stage.until_ready("auth")
        pair.join("two")
        yield pair
    finally:
        for replica in replicas.values():
            replica.thaw()
            replica.stop()
        chronicle.close()


def _account(plane: Access, namespace: str, name: str) -> Path:
    return grant(plane, namespace, rules(), name)


def _what(event: dict[str, Any]) -> str:
    ref = event["objectRef"]
    return f"{event['verb']} {ref['resource']} {ref.get('name', '')}".rstrip()


def _stamp(event: dict[str, Any], name: str) -> float:
    return datetime.fromisoformat(event[name]).timestamp()


def _kid(secret: Object) -> str:
    return b64decode(secret["data"]["signing.kid"]).decode()
