"""Two operators on a real API server: handed over, killed, and stopped for longer than the Lease lasts.

With the real terms of 15, 10 and 2 seconds. The API server's audit log is the judge of who wrote what and when;
each replica has an account of its own there.
"""

import json
import time
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cluster.chronicle import PATIENCE, Chronicle, Object
from cluster.operators import Operator
from cluster.reading import condition
from cluster.stage import Stage, figures, grant, install, new_namespace, rules
from cluster.witness import BRISK, BRISK_LEAD, BRISK_RETENTION, Witness
from controlplane import Access
from jwks_operator.kube.lease import LOOKS, Terms

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("replicas")]

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
BUSY_MACHINE = 1.0
"""Seconds by which a busy machine may be late."""


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

    def _writes_of(self, name: str) -> Iterator[dict[str, Any]]:
        user = f"system:serviceaccount:{self.stage.namespace}:{name}"
        for event in self.stage.plane.audit_events():
            if event["user"].get("username") == user and event["verb"] in WRITES and "objectRef" in event:
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


@pytest.fixture(scope="module")
def pair(control_plane: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both are running, one leads, and a set rotates every few seconds."""
    install(control_plane, "crds")
    namespace = new_namespace(control_plane, "replicas")
    logs = tmp_path_factory.mktemp("replicas")
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
        control_plane.api("DELETE", f"/api/v1/namespaces/{namespace}")


def _account(plane: Access, namespace: str, name: str) -> Path:
    return grant(plane, namespace, rules(), name)


def _what(event: dict[str, Any]) -> str:
    ref = event["objectRef"]
    return f"{event['verb']} {ref['resource']} {ref.get('name', '')}".rstrip()


def _stamp(event: dict[str, Any], name: str) -> float:
    return datetime.fromisoformat(event[name]).timestamp()


def _kid(secret: Object) -> str:
    return b64decode(secret["data"]["signing.kid"]).decode()


def test_a_standby_writes_nothing(pair: Pair) -> None:
    pair.rotates()
    assert pair.wrote("two", 0) == []
    assert len({what for _, what in pair.wrote("one", 0)}) > 4


def test_a_leader_that_is_ended_hands_over_within_two_seconds(pair: Pair) -> None:
    taken: list[float] = []
    for _ in range(5):
        pair.rotates()
        leader, asked = pair.leader, time.time()
        before = len(pair.replicas[leader].printed)
        assert pair.replicas[leader].stop() == 0
        ended, last_words = time.time() - asked, pair.replicas[leader].printed[before:]
        if "the Lease is released" in last_words:
            taken.append(pair.took_over(asked, 10))
            working = pair.first(pair.leader, asked, "update secrets") - asked
            figures.info(f"ended after {ended:.2f} s, Lease taken after {taken[-1]:.2f} s, first write {working:.2f} s")
        else:  # the API server was silent for as long as the end may take, by its own log: the Lease must run out
            assert "a write was given up that may still land" in last_words
            pair.took_over(asked, 2 * TERMS.duration)
            assert pair.slowest(leader, asked) > SILENCE, last_words
        pair.rotates()
        pair.join(leader)
        if len(taken) == 3:
            break
    assert len(taken) == 3
    assert max(taken) < 2.0
    assert pair.objections() == []


def test_a_leader_that_is_killed_is_replaced_within_the_duration_of_the_lease(pair: Pair) -> None:
    pair.rotates()
    leader, killed = pair.leader, time.time()
    pair.replicas[leader].kill()
    renewed = max(at for at, what in pair.wrote(leader, 0) if what.startswith("update leases"))
    taken = pair.took_over(killed, 2 * TERMS.duration)
    figures.info(f"killed {killed - renewed:.2f} s after its last renewal, Lease taken {taken:.2f} s after the kill")
    assert killed + taken - renewed >= TERMS.duration
    assert killed + taken - renewed <= TERMS.duration + TERMS.retry * 1.1 / LOOKS + BUSY_MACHINE
    pair.rotates()
    pair.join(leader)
    assert pair.objections() == []


@pytest.mark.soak
def test_a_leader_stopped_within_a_step_for_longer_than_its_lease_changes_nothing_afterwards(pair: Pair) -> None:
    leader, stage = pair.leader, pair.stage
    frozen, begun = _freeze_within_a_step(pair)
    figures.info(f"stopped within {begun['kind']}")
    written = pair.wrote(leader, 0)
    renewed = max(at for at, what in written if " leases" in what)  # it may have been created just now
    taken = pair.took_over(frozen, 2 * TERMS.duration)
    figures.info(f"stopped {frozen - renewed:.2f} s after its last renewal, Lease taken {taken:.2f} s after the stop")
    stage.until(lambda: pair.unfinished() != begun, "the new leader to finish the step")
    pair.rotates()
    stage.patch("auth", {"spec": {"suspend": True}})
    stage.until_ready("auth")
    stage.until(lambda: pair.unfinished() is None, "the last step to end")
    time.sleep(BRISK_RETENTION + 2)  # what was retired goes, and then nothing is due any more
    before = pair.versions()
    pair.replicas[leader].thaw()
    time.sleep(2 * TERMS.retry + 2)
    assert pair.versions() == before
    assert pair.wrote(leader, 0) == written
    assert "not leading any more" in pair.replicas[leader].printed.rpartition("resync done")[2]
    stage.patch("auth", {"spec": {"suspend": False}})
    pair.rotates()
    assert pair.wrote(leader, 0) == written
    assert pair.objections() == []
    assert condition(stage.there("JsonWebKeySet", "auth"), "Degraded")["status"] == "False"


def _freeze_within_a_step(pair: Pair) -> tuple[float, Any]:
    """Stop the leader right after a write to the record, until that was an intent; give when, and the step."""
    leader, stage = pair.replicas[pair.leader], pair.stage
    for _ in range(20):
        writes = len(stage.chronicle.of("Secret", "auth-keyring"))
        stage.until(lambda: len(stage.chronicle.of("Secret", "auth-keyring")) > writes, "a step")  # noqa: B023
        leader.freeze()
        frozen = time.time()
        time.sleep(0.3)  # what it had sent arrives
        if step := pair.unfinished():
            return frozen, step
        leader.thaw()
    raise AssertionError("it was never stopped within a step")
