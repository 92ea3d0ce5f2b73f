"""Restart help on a real API server: real Deployments, StatefulSets and DaemonSets, with the rights of the chart."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cluster.chronicle import Chronicle, Object
from cluster.operators import Operator
from cluster.stage import Stage, grant, new_namespace, played
from controlplane import Access
from helmchart.render import operator_rules
from jwks_operator.api.names import ANNOTATION_RESTARTED_FOR

KINDS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}
RESTARTING = {"keys": [{"name": "signing", "algorithm": "ES256"}], "secret": {"restart": {}}}


def workload(kind: str, labels: dict[str, str]) -> Object:
    app = {"app": kind.lower()}
    containers = [{"name": "issuer", "image": "issuer:1", "env": [{"name": "A", "value": "b"}]}]
    spec: dict[str, Any] = {
        "selector": {"matchLabels": app},
        "template": {"metadata": {"labels": app}, "spec": {"containers": containers}},
    }
    if kind == "StatefulSet":
        spec["serviceName"] = "issuer"
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "issuer", "labels": labels}, "spec": spec}


class Workloads:
    """A stage with workloads that mount the Secret of the set `auth`."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def add(self, kind: str, **labels: str) -> Object:
        labels = labels or {"jwks-operator.dev/allow-set": "auth"}
        return self.stage.plane.api("POST", self._path(kind), workload(kind, labels))

    def read(self, kind: str) -> Object:
        return self.stage.plane.api("GET", f"{self._path(kind)}/issuer")

    def mark(self, kind: str) -> str | None:
        annotations: dict[str, str] = self.read(kind)["spec"]["template"]["metadata"].get("annotations", {})
        return annotations.get(ANNOTATION_RESTARTED_FOR)

    def rotate(self) -> None:
        before = self.stage.there("JsonWebKeySet", "auth")["status"]["activeKid"]
        asked = f"signing@{datetime.now(UTC).isoformat()}!"
        self.stage.patch("auth", {"metadata": {"annotations": {"jwks-operator.dev/rotate": asked}}})
        self.stage.until(
            lambda: self.stage.there("JsonWebKeySet", "auth")["status"]["activeKid"] != before, "another key in use"
        )

    def condition(self) -> tuple[str, str]:
        found = {c["type"]: c for c in self.stage.there("JsonWebKeySet", "auth")["status"]["conditions"]}
        return found["Degraded"]["reason"], found["Degraded"]["message"]

    def _path(self, kind: str) -> str:
        return f"/apis/apps/v1/namespaces/{self.stage.namespace}/{KINDS[kind]}"


def workloads(plane: Access, directory: Path, *, granted: bool) -> Iterator[Workloads]:
    namespace = new_namespace(plane, "restart")
    rights = operator_rules({"watchNamespaces": ["any"], "restarts": {"enabled": granted}})
    kubeconfig = grant(plane, namespace, rights)
    operator = Operator(kubeconfig, directory / "operator.log", f"--namespace={namespace}")
    with played(Stage(plane, namespace, Chronicle(plane, namespace), operator)) as stage:
        stage.create("auth", RESTARTING)
        stage.until_ready("auth")
        yield Workloads(stage)


@pytest.fixture
def granted(control_plane: Access, crds: None, tmp_path: Path) -> Iterator[Workloads]:
    yield from workloads(control_plane, tmp_path, granted=True)


@pytest.fixture
def denied(control_plane: Access, crds: None, tmp_path: Path) -> Iterator[Workloads]:
    yield from workloads(control_plane, tmp_path, granted=False)


def test_a_rotation_rolls_out_each_kind_of_workload_once_and_changes_nothing_else(granted: Workloads) -> None:
    before = {kind: granted.add(kind) for kind in KINDS}
    granted.rotate()
    for kind, was in before.items():
        granted.stage.until(lambda kind=kind: granted.mark(kind), f"{kind} to be marked")  # type: ignore[misc]  # bound
        now = granted.read(kind)
        assert now["metadata"]["generation"] == was["metadata"]["generation"] + 1, "one roll-out"
        assert now["spec"]["template"]["metadata"].pop("annotations") == {ANNOTATION_RESTARTED_FOR: granted.mark(kind)}
        was["spec"]["template"]["metadata"].pop("annotations", None)
        assert now["spec"] == was["spec"]
    first = granted.mark("Deployment")
    granted.rotate()
    granted.stage.until(lambda: granted.mark("Deployment") != first, "another mark for another key")
    assert granted.condition()[0] == "AsExpected"


def test_what_does_not_consent_is_left_alone(granted: Workloads) -> None:
    granted.add("Deployment", app="issuer")
    granted.add("StatefulSet")
    granted.rotate()
    granted.stage.until(lambda: granted.mark("StatefulSet"), "the one that consents to be marked")
    assert granted.mark("Deployment") is None


def test_a_right_that_is_missing_holds_no_rotation_and_is_named(denied: Workloads) -> None:
    denied.add("Deployment")
    denied.rotate()
    denied.stage.until(lambda: denied.condition()[0] == "RestartFailed", "the condition to tell it")
    message = denied.condition()[1]
    assert message.startswith("Deployments, StatefulSets, DaemonSets could not be restarted: ")
    assert "deployments" in message
    assert denied.mark("Deployment") is None
