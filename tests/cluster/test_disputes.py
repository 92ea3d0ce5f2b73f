"""Another client changes objects after every repair, on a real API server: policies on labels, controllers on data.

All objects of a set are in dispute at once: ConfigMap, Secret, keyring and a copy in another namespace. A dispute lasts
as long as its delays, so these tests take half a minute each.
"""

import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from cluster.chronicle import PATHS, Chronicle, Object
from cluster.operators import Operator
from cluster.reading import condition, published
from cluster.stage import Stage, figures, install_chart, played
from controlplane import ControlPlane
from controlplane.errors import ApiError
from helmchart import render as chart

ACCOUNT = (chart.NAMESPACE, chart.ACCOUNT)
PATIENCE = 120.0
OURS = "app.kubernetes.io/managed-by"
TIER = {"labels": {"tier": "edge"}}
SPEC: dict[str, Any] = {
    "keys": [{"name": "signing", "algorithm": "ES256"}],
    "publish": {"configMap": TIER, "namespaces": {"matchLabels": {"kubernetes.io/metadata.name": "web"}}},
    "secret": TIER,
}
POLICY = """
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: stamp}
spec:
  matchConstraints:
    namespaceSelector:
      matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [shop, web]}]
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [secrets, configmaps]}
  matchConditions:
  - {name: of-a-set, expression: "has(object.metadata.labels) && 'LABEL' in object.metadata.labels"}
  failurePolicy: Fail
  reinvocationPolicy: Never
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: 'Object{metadata: Object.metadata{labels: {"LABEL": "platform"}}}'
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: stamp}
spec: {policyName: stamp}
"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A control plane of its own: the operator looks after all namespaces, because copies are in another one."""
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane.start())
        install_chart(plane, {"policies": {"enabled": False}})  # which would refuse the other client
        for name, consent in (("shop", {}), ("web", {"accept.jwks-operator.dev/shop": "true"})):
            plane.api("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": consent}})
        log = tmp_path_factory.mktemp("disputes") / "operator.log"
        options = ("--resync-interval=5s", f"--lease-namespace={ACCOUNT[0]}")
        operator = Operator(plane.kubeconfig_for_service_account(*ACCOUNT), log, *options)
        yield stack.enter_context(played(Stage(plane, "shop", Chronicle(plane, "shop"), operator)))


Change = Callable[[Object], object]


@dataclass(frozen=True)
class Disputed:
    """One object, where it is, and how another client changes it."""

    kind: str
    name: str
    change: Change
    namespace: str = "shop"

    @property
    def about(self) -> str:
        """How the status names it."""
        return f"{self.kind} {self.name}" if self.namespace == "shop" else f"{self.kind} {self.namespace}/{self.name}"

    @property
    def path(self) -> str:
        return f"{PATHS[self.kind].format(self.namespace)}/{self.name}"

    def edit(self, stage: Stage) -> None:
        """Change it as a controller does, unless the operator writes in between."""
        thing = stage.plane.api("GET", self.path)
        before = json.dumps(thing)
        self.change(thing)
        if json.dumps(thing) != before:
            with suppress(ApiError):
                stage.plane.api("PUT", f"{self.path}?fieldManager=rewriter", thing)


def _labelled(label: str) -> Change:
    return lambda thing: thing["metadata"]["labels"].update({label: "platform"})


def _empty(thing: Object) -> None:
    thing["data"]["jwks.json"] = '{"keys":[]}'


def _other_kid(thing: Object) -> None:
    thing["data"]["signing.kid"] = b64encode(b"another").decode()


def _objects(name: str, configmap: Change, secret: Change, keyring: Change | None) -> list[Disputed]:
    found = [
        Disputed("ConfigMap", name, configmap),
        Disputed("Secret", name, secret),
        Disputed("ConfigMap", f"shop.{name}", configmap, "web"),
    ]
    return [*found, Disputed("Secret", f"{name}-keyring", keyring)] if keyring else found


def _begin(stage: Stage, name: str) -> None:
    """Create a set and wait for everything of it."""
    stage.create(name, SPEC)
    stage.until_ready(name)
    copy = ("get", "configmap", f"shop.{name}", "--namespace=web")
    stage.until(lambda: stage.plane.kubectl(*copy).returncode == 0, "the copy")


def _told(stage: Stage, name: str) -> dict[str, str]:
    """The disputes that the status tells, by object."""
    status = (stage.latest("JsonWebKeySet", name) or {}).get("status") or {}
    troubles = status.get("troubles") or []
    return {each["about"]: each["message"] for each in troubles if each["reason"] == "ObjectDisputed"}


def _is_calm(stage: Stage, name: str) -> bool:
    return condition(stage.latest("JsonWebKeySet", name), "Degraded").get("reason") == "AsExpected"


def _counts(stage: Stage, name: str) -> list[int]:
    """How often each Event about a dispute of a set happened."""
    events = {
        each.name: each.object
        for each in stage.chronicle.sightings("Event")
        if each.object["reason"] == "ObjectDisputed" and each.object["involvedObject"]["name"] == name
    }
    return [event["count"] for event in events.values()]


def _ends(stage: Stage, name: str, disputes: int) -> None:
    """Wait for the end of all disputes of a set; each had one Event."""
    begun = time.monotonic()
    stage.until(lambda: _is_calm(stage, name), "the end", PATIENCE)
    figures.info(f"{name}: calm {time.monotonic() - begun:.1f} s after the end of the other client")
    counts = _counts(stage, name)
    assert len(counts) == disputes
    assert min(counts) > 2
    history = stage.there("JsonWebKeySet", name)["status"]["history"]
    assert "KeyActivated" in {each["event"] for each in history}, "repairs do not push out what matters"


@pytest.mark.parametrize(("name", "label", "keyring"), [("ours", OURS, True), ("theirs", "tier", False)])
def test_a_policy_on_a_label_is_named_for_each_object_and_the_disputes_end_with_it(
    stage: Stage, name: str, label: str, keyring: bool
) -> None:
    change = _labelled(label)
    objects = _objects(name, change, change, change if keyring else None)
    _begin(stage, name)
    policy = POLICY.replace("LABEL", label)
    stage.kubectl("apply", "--filename=-", content=policy)
    probe = ("create", "--dry-run=server", "--output=json", "--filename=-")
    tried = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "probe", "labels": {label: "a"}}})
    stage.until(lambda: "platform" in stage.kubectl(*probe, content=tried).stdout, "the policy", PATIENCE)
    for each in objects:
        each.edit(stage)
    stage.until(lambda: _told(stage, name).keys() == {each.about for each in objects}, "the disputes", PATIENCE)
    said = set(_told(stage, name).values())
    assert all("a mutating admission policy or webhook changes metadata.labels" in each for each in said), said
    stage.kubectl("delete", "--filename=-", content=policy)
    _ends(stage, name, len(objects))
    assert stage.there("ConfigMap", name)["metadata"]["labels"]["tier"] == "edge"
    for each in objects:
        assert stage.plane.api("GET", each.path)["metadata"]["labels"][OURS] == "jwks-operator"


def test_controllers_that_rewrite_data_are_named_once_and_do_not_win(stage: Stage) -> None:
    objects = _objects("rewritten", _empty, _other_kid, _labelled(OURS))
    _begin(stage, "rewritten")

    def rewrite() -> dict[str, str]:
        for each in objects:
            each.edit(stage)
        told = _told(stage, "rewritten")
        return told if len(told) == len(objects) else {}

    said = stage.until(rewrite, "the disputes", PATIENCE)
    assert "rewriter changes data[jwks.json] of ConfigMap rewritten after every repair" in said["ConfigMap rewritten"]
    assert "rewriter changes data[jwks.json] of ConfigMap web/" in said["ConfigMap web/shop.rewritten"]
    assert "rewriter changes data[signing.kid]" in said["Secret rewritten"]
    assert "rewriter changes metadata.labels" in said["Secret rewritten-keyring"]
    _ends(stage, "rewritten", len(objects))
    assert published(stage.there("ConfigMap", "rewritten"))


def test_a_keyring_with_data_of_another_client_is_told_and_left_alone(stage: Stage) -> None:
    stage.create("noted", {"keys": SPEC["keys"]})
    stage.until_ready("noted")
    note = {"note": b64encode(b"hello").decode()}
    written = stage.edit("Secret", "noted-keyring", lambda thing: thing["data"].update(note))
    stage.until(
        lambda: condition(stage.latest("JsonWebKeySet", "noted"), "Ready").get("reason") == "UnknownRecordFormat",
        "the condition",
        PATIENCE,
    )
    assert stage.plane.api("GET", stage.path("Secret", "noted-keyring")) == written
    stage.edit("Secret", "noted-keyring", lambda thing: thing["data"].pop("note"))
    stage.until(lambda: _is_calm(stage, "noted"), "the end", PATIENCE)
