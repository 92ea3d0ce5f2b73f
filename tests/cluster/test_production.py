"""The operator as the chart installs it, cluster-wide and with its policies, judged by the API server's audit log.

A control plane of this module's own: its audit log is this operator's alone, and its CRD comes and goes.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

import pytest
import yaml

from cluster.chronicle import PATHS, Chronicle
from cluster.operators import Operator
from cluster.reading import in_use, published
from cluster.rights import (
    live_with_a_copy,
    live_with_a_dispute,
    live_with_endpoints,
    live_with_pods,
    live_with_workloads,
    refused,
    resource,
    unlike,
)
from cluster.stage import ROOT, Stage, figures, install_chart, played
from controlplane import Access, ControlPlane
from controlplane.errors import ApiError
from helmchart import render as chart

pytestmark = pytest.mark.timeout(300)

ACCOUNT = (chart.NAMESPACE, chart.ACCOUNT)
VALUES = {
    # Who plays the administrator may delete what belongs to the operator, as one who restores it.
    "policies": {"restoreGroups": ["system:masters"]},
    "restarts": {"enabled": True},
    "podRefresh": {"enabled": True},
}
DELAY = 5.0
IDLE_SECONDS = 20.0
KEYS = [{"name": "signing", "algorithm": "ES256"}]
BUSY = {
    "keys": KEYS,
    "rotation": {"every": "3s", "rollbackWindow": "1s"},
    "timing": {
        "propagation": "1s",
        "cacheMaxAge": "1s",
        "verifierRefresh": "1s",
        "tokenLifetime": "1s",
        "clockSkew": "1s",
    },
}
WRITES = {"create", "update", "patch", "delete"}
CREATION = [
    "create secrets busy-keyring",
    "create configmaps busy",
    "create secrets busy",
    "update secrets busy-keyring",
    "patch jsonwebkeysets/status busy",
]
KEYRING = "update secrets busy-keyring"
STEPS = {
    "publish or destroy": [KEYRING, "update configmaps busy", KEYRING],
    "activate": [KEYRING, "update configmaps busy", "update secrets busy", KEYRING],
    "forget a private half": [KEYRING, KEYRING],
}


@dataclass(frozen=True)
class Production:
    """The control plane and the stages on it, one operator for all; `idle_from` and `idle_to` are `time.time()`."""

    plane: ControlPlane
    operator: Operator
    idle: Stage
    busy: Stage
    idle_from: float
    idle_to: float

    def asked(self, namespace: str = "") -> list[dict[str, Any]]:
        """What the operator asked of the API server, in order; in one namespace, if it is named."""
        user = "system:serviceaccount:{}:{}".format(*ACCOUNT)
        return [
            event
            for event in self.plane.audit_events()
            if event["user"].get("username") == user
            and "objectRef" in event
            and namespace in {"", event["objectRef"].get("namespace")}
        ]

    def writes(self, namespace: str) -> list[str]:
        """What it wrote in a namespace, without Events."""
        return [
            f"{event['verb']} {resource(event)} {event['objectRef'].get('name', '')}"
            for event in self.asked(namespace)
            if event["verb"] in WRITES and resource(event) != "events"
        ]


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """A busy life from creation to removal, while another set has nothing to do."""
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane.start(audit=True))
        install_chart(plane, VALUES)
        log = tmp_path_factory.mktemp("production") / "operator.log"
        options = (
            f"--deletion-delay={DELAY:.0f}s",
            "--resync-interval=3s",
            f"--lease-namespace={ACCOUNT[0]}",
            "--pod-refresh",
        )
        operator = Operator(plane.kubeconfig_for_service_account(*ACCOUNT), log, *options)
        idle, busy = (_stage(plane, operator, name) for name in ("idle", "busy"))
        stack.enter_context(played(busy))
        stack.callback(idle.chronicle.close)
        idle.create("auth", {"keys": KEYS})
        idle.until_ready("auth")
        time.sleep(1)
        begun = time.time()
        _live(busy)
        others = [_stage(plane, operator, name) for name in ("asked", "restarted", "copied", "disputed", "refreshed")]
        for other in others:
            stack.callback(other.chronicle.close)
        consent = {"wants": "keys", "accept.jwks-operator.dev/copied": "true"}
        plane.api("POST", "/api/v1/namespaces", {"metadata": {"name": "copies", "labels": consent}})
        live_with_endpoints(others[0])
        live_with_workloads(others[1])
        live_with_a_copy(others[2], "copies")
        live_with_a_dispute(others[3])
        live_with_pods(others[4])
        _delete_namespace(_stage(plane, operator, "doomed"))
        time.sleep(max(0.0, begun + IDLE_SECONDS - time.time()))
        yield Production(plane, operator, idle, busy, begun, time.time())


def _stage(plane: ControlPlane, operator: Operator, name: str) -> Stage:
    plane.api("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return Stage(plane, name, Chronicle(plane, name), operator)


def _live(busy: Stage) -> None:
    """Create, rotate until a key is destroyed, lose an object, be deleted, and be removed."""
    busy.create("busy", BUSY)
    busy.until(lambda: "KeyDestroyed" in _told(busy), "a key to go all the way")
    busy.patch("busy", {"spec": {"suspend": True}})
    busy.until_ready("busy")
    first = busy.there("ConfigMap", "busy")["metadata"]["uid"]
    busy.delete("ConfigMap", "busy")
    busy.until(
        lambda: (busy.latest("ConfigMap", "busy") or {"metadata": {"uid": first}})["metadata"]["uid"] != first,
        "a repair",
    )
    busy.until_ready("busy")
    busy.delete("JsonWebKeySet", "busy")
    busy.until(lambda: busy.latest("Secret", "busy-keyring") is None, "the removal")


def _delete_namespace(doomed: Stage) -> None:
    """Delete a namespace in which a set rotates, and wait for its end."""
    doomed.create("auth", BUSY)
    doomed.until_ready("auth")
    begun = time.monotonic()
    doomed.plane.api("DELETE", "/api/v1/namespaces/doomed")
    doomed.until(lambda: not _exists(doomed.plane, "/api/v1/namespaces/doomed"), "the end of the namespace", 60)
    figures.info(f"the namespace was gone {time.monotonic() - begun:.1f} s after its deletion")
    doomed.chronicle.close()


def _apply_crd(idle: Stage) -> None:
    """Do it by the shortest way: from now on the deletion delay counts."""
    definition = yaml.safe_load((ROOT / "crds" / "jsonwebkeysets.jwks-operator.dev.yaml").read_text())
    idle.plane.api("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
    idle.until(lambda: _exists(idle.plane, PATHS["JsonWebKeySet"].format(idle.namespace)), "the CRD to be served")


def _told(stage: Stage) -> set[str]:
    status = (stage.latest("JsonWebKeySet", "busy") or {}).get("status") or {}
    return {each["event"] for each in status.get("history") or []}


def test_creation_takes_five_writes_a_step_four_at_most_and_a_pass_one_status(production: Production) -> None:
    passes: list[list[str]] = [[]]
    for write in production.writes("busy"):
        passes[-1].append(write)
        if write.startswith("patch"):
            passes.append([])
    for written in passes:
        figures.info(f"{len(written)} writes: {written}")
    assert passes[0] == CREATION
    steps = [step for written in passes[1:-1] for step in _steps(written[:-1])]
    assert [name for name, step in STEPS.items() if step not in steps] == []
    assert max(map(len, steps)) <= 4
    assert max(len(list(_steps(written[:-1]))) for written in passes[1:-1]) > 1


def _steps(written: list[str]) -> Iterator[list[str]]:
    """Steps begin and end with the keyring."""
    step: list[str] = []
    for write in written:
        step.append(write)
        if write == KEYRING and len(step) > 1:
            yield step
            step = []
    if step:
        yield step


def test_an_idle_set_sees_no_write_while_everything_is_listed_again_and_again(production: Production) -> None:
    asked = [event for event in production.asked() if production.idle_from < _time(event) < production.idle_to]
    assert production.idle_to - production.idle_from >= IDLE_SECONDS
    assert [event for event in asked if event["verb"] in WRITES and event["objectRef"]["namespace"] == "idle"] == []
    assert [event for event in asked if event["verb"] == "get" and event["objectRef"]["namespace"] == "idle"] == []
    resyncs = [event for event in asked if _is_resync(event)]
    figures.info(f"{len(resyncs)} resyncs in {production.idle_to - production.idle_from:.0f} s")
    assert len(resyncs) >= 4
    last = production.idle.chronicle.sightings("JsonWebKeySet", "Secret", "ConfigMap", "Event")[-1]
    assert last.at < production.idle_from


def test_every_right_of_the_chart_is_used_and_nothing_was_forbidden(production: Production) -> None:
    assert unlike(chart.operator_rules(VALUES), production.asked()) == []
    ended = {"doomed"}  # where a namespace ends, the API server forbids everybody to write
    assert [
        each for each in production.asked() if refused(each) and each["objectRef"].get("namespace") not in ended
    ] == []


def test_secrets_and_configmaps_are_never_listed_without_a_label(production: Production) -> None:
    listed = [each for each in production.asked() if each["verb"] in {"list", "watch"}]
    unlabelled = {resource(each) for each in listed if "labelSelector=" not in each["requestURI"]}
    assert unlabelled <= {"jsonwebkeysets", "namespaces"}


def test_a_namespace_with_a_living_set_can_be_deleted(production: Production) -> None:
    assert not _exists(production.plane, "/api/v1/namespaces/doomed")
    assert production.operator.running


def test_deleting_and_applying_the_crd_again_costs_no_key(production: Production) -> None:
    idle, plane = production.idle, production.plane
    before = _keys(idle)
    assert plane.kubectl("delete", "crd", "jsonwebkeysets.jwks-operator.dev").returncode == 0
    ended = time.time() + DELAY
    idle.until(lambda: any(_is_resync(each) and _time(each) > ended for each in production.asked()), "a later resync")
    assert _keys(idle) == before, "without its CRD nobody can tell that a set is gone"
    _apply_crd(idle)
    time.sleep(DELAY / 4)  # a delay that had gone on without the CRD would end here
    idle.create("auth", {"keys": KEYS})
    idle.until_ready("auth")
    assert _keys(idle) == before
    removed = [s.name for s in idle.chronicle.sightings("Secret", "ConfigMap") if s.type == "DELETED"]
    assert removed == []


def test_with_the_operator_uninstalled_a_set_can_be_deleted_and_is_cleaned_up_by_the_next_one(
    production: Production,
) -> None:
    idle = production.idle
    idle.create("other", {"keys": KEYS})
    idle.until_ready("other")
    assert production.operator.stop() == 0
    done = idle.kubectl("delete", "jwks", "other", "--timeout=60s")
    assert done.returncode == 0, done.stderr
    assert idle.latest("ConfigMap", "other") is not None
    production.operator.start()
    idle.until(lambda: idle.latest("Secret", "other-keyring") is None, "the cleaning up")
    assert idle.latest("ConfigMap", "other") is None
    assert idle.latest("ConfigMap", "auth") is not None


def test_no_private_member_is_seen_anywhere_outside_of_the_secrets(production: Production) -> None:
    production.idle.assert_no_private_leak()
    production.busy.assert_no_private_leak()


def _is_resync(event: dict[str, Any]) -> bool:
    return event["verb"] == "list" and resource(event) == "jsonwebkeysets"


def _time(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["requestReceivedTimestamp"]).timestamp()


def _keys(stage: Stage) -> tuple[dict[str, str], set[str]]:
    return in_use(stage.there("Secret", "auth")), set(published(stage.there("ConfigMap", "auth")))


def _exists(plane: Access, path: str) -> bool:
    try:
        plane.api("GET", path)
    except ApiError as error:
        if error.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS}:  # the latter: of a new CRD
            raise
        return False
    return True
