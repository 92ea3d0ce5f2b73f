"""Another writer changes objects after every repair, on a real API server: a policy on labels, a controller on data."""

import pytest

from cluster.chronicle import Object
from cluster.reading import condition, published
from cluster.stage import Stage

KEYS = [{"name": "signing", "algorithm": "ES256"}]
PATIENCE = 90.0
POLICY = """
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: NAMESPACE-stamp}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [secrets, configmaps]}
  failurePolicy: Fail
  reinvocationPolicy: Never
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: 'Object{metadata: Object.metadata{labels: {"LABEL": "platform"}}}'
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: NAMESPACE-stamp}
spec: {policyName: NAMESPACE-stamp}
"""


def _disputed(stage: Stage, name: str) -> str:
    found = condition(stage.latest("JsonWebKeySet", name), "Degraded")
    return str(found["message"]) if found.get("reason") == "ObjectDisputed" else ""


def _is_calm(stage: Stage, name: str) -> bool:
    return condition(stage.latest("JsonWebKeySet", name), "Degraded").get("reason") == "AsExpected"


def _events(stage: Stage, name: str) -> int:
    return sum(
        s.object["reason"] == "ObjectDisputed" and s.object["involvedObject"]["name"] == name
        for s in stage.chronicle.sightings("Event")
    )


@pytest.mark.parametrize("label", ["app.kubernetes.io/managed-by", "tier"])
def test_a_policy_on_a_label_is_named_and_ends_the_dispute_with_its_end(stage: Stage, label: str) -> None:
    name = label.rpartition("/")[2]
    stage.create(name, {"keys": KEYS, "publish": {"configMap": {"labels": {"tier": "edge"}}}})
    stage.until_ready(name)
    policy = POLICY.replace("NAMESPACE", stage.namespace).replace("LABEL", label)
    stage.kubectl("apply", "--filename=-", content=policy)
    probe = ("create", "configmap", "probe", "--dry-run=server", "--output=json")
    stage.until(lambda: label in stage.kubectl(*probe).stdout, "the policy", PATIENCE)

    def stamp(thing: Object) -> None:
        thing["metadata"]["labels"][label] = "platform"

    stage.edit("ConfigMap", name, stamp)
    said = stage.until(lambda: _disputed(stage, name), "the dispute", PATIENCE)
    assert "a mutating admission policy or webhook changes metadata.labels" in said
    stage.kubectl("delete", "--filename=-", content=policy)
    stage.until(lambda: _is_calm(stage, name), "the end", PATIENCE)
    assert stage.there("ConfigMap", name)["metadata"]["labels"]["tier"] == "edge"
    assert stage.there("ConfigMap", name)["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "jwks-operator"


def test_a_controller_that_rewrites_the_published_set_is_named_once_and_does_not_win(stage: Stage) -> None:
    stage.create("rewritten", {"keys": KEYS})
    stage.until_ready("rewritten")

    def rewrite() -> str:
        if published(stage.latest("ConfigMap", "rewritten")):
            stage.edit("ConfigMap", "rewritten", lambda thing: thing["data"].update({"jwks.json": '{"keys":[]}'}))
        return _disputed(stage, "rewritten")

    said = stage.until(rewrite, "the dispute", PATIENCE)
    assert "changes data[jwks.json] of ConfigMap rewritten after every repair" in said
    stage.until(lambda: published(stage.latest("ConfigMap", "rewritten")), "the repair", PATIENCE)
    stage.until(lambda: _is_calm(stage, "rewritten"), "the end", PATIENCE)
    assert _events(stage, "rewritten") == 1
