"""The road from v1beta1 to v1: one schema, so no webhook converts; operator and plugin work at every stage of it.

The operator of v1 is this one with another constant (`trees.speaking`). docs/stability.md tells the stages.
"""

import copy
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.chronicle import PATIENCE, Chronicle
from cluster.reading import in_use, ready
from cluster.stage import ROOT, figures, grant, rules
from cluster.witness import BRISK, BRISK_LEAD, BRISK_RETENTION, Witness
from controlplane import ControlPlane
from jwks_operator.api.names import GROUP
from upgrade.trees import OURS, TreeOperator, run_plugin, speaking

pytestmark = pytest.mark.timeout(400)

CRD = ROOT / "crds" / "jsonwebkeysets.jwks-operator.dev.yaml"
DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/jsonwebkeysets.jwks-operator.dev"
HERE = "shop"
OLD, NEW = "v1beta1", "v1"
SPEC = {
    "keys": [{"name": "signing", "algorithm": "ES256"}],
    "rotation": {"policy": "Manual"},
    "timing": BRISK,
    "secret": {"formats": ["JWK", "PEM"]},
}


@dataclass(frozen=True)
class Phase:
    """One stage of the road: which versions are served, which is stored, and whether all sets are rewritten in it."""

    title: str
    served: tuple[str, ...]
    stored: str
    rewritten: bool = False
    known: tuple[str, ...] = (OLD, NEW)

    def other(self, version: str) -> str:
        """The other version that is served, if there is one."""
        return self.served[self.served.index(version) - 1]


ROAD = (
    Phase("v1beta1 alone", (OLD,), OLD, known=(OLD,)),
    Phase("both are served", (OLD, NEW), OLD),
    Phase("v1 is stored", (OLD, NEW), NEW),
    Phase("every set is rewritten", (OLD, NEW), NEW, rewritten=True),
    Phase("v1beta1 is not served", (NEW,), NEW, rewritten=True),
    Phase("v1 alone", (NEW,), NEW, rewritten=True, known=(NEW,)),
)


def definition(phase: Phase) -> dict[str, Any]:
    """The CRD of a stage: each version has the one schema."""
    crd: dict[str, Any] = yaml.load(CRD.read_text(), Loader=yaml.CSafeLoader)
    (only,) = crd["spec"]["versions"]
    crd["spec"]["versions"] = [
        {**copy.deepcopy(only), "name": name, "served": name in phase.served, "storage": name == phase.stored}
        for name in phase.known
    ]
    return crd


class Road:
    """A cluster on the road, and what a person does there."""

    def __init__(self, plane: ControlPlane, directory: Path) -> None:
        self.plane = plane
        self.trees = {OLD: OURS, NEW: speaking(NEW, directory)}
        plane.api("POST", "/api/v1/namespaces", {"metadata": {"name": HERE}})
        account = grant(plane, HERE, rules())
        self.operators = {
            version: TreeOperator(tree, account, directory / f"{version}.log", f"--namespace={HERE}")
            for version, tree in self.trees.items()
        }

    def sets(self, version: str) -> str:
        return f"/apis/jwks-operator.dev/{version}/namespaces/{HERE}/jsonwebkeysets"

    def enter(self, phase: Phase) -> None:
        """Apply the CRD of a stage, and wait until exactly its versions are served; rewrite the sets if it says so."""
        done = self.plane.kubectl("apply", "--server-side", "--filename=-", input=json.dumps(definition(phase)))
        assert done.returncode == 0, done.stderr
        for version in (OLD, NEW):
            self.until(partial(self._serves, version, version in phase.served), phase.title)
        if phase.rewritten:
            self._rewrite(phase.stored)

    def _serves(self, version: str, wanted: bool) -> bool:
        groups = self.plane.api("GET", "/apis")["groups"]
        served = [each["version"] for group in groups for each in group["versions"] if group["name"] == GROUP]
        return (version in served) is wanted

    def _rewrite(self, version: str) -> None:
        """Store every set anew, as docs/stability.md says, and tell that no other version is stored."""
        listed = self.plane.kubectl("get", f"jsonwebkeysets.{version}.jwks-operator.dev", "-A", "--output=json")
        assert listed.returncode == 0, listed.stderr
        done = self.plane.kubectl("replace", "--filename=-", input=listed.stdout)
        assert done.returncode == 0, done.stderr
        stored = ("--subresource=status", "--type=merge", f'--patch={{"status":{{"storedVersions":["{version}"]}}}}')
        done = self.plane.kubectl("patch", "crd", "jsonwebkeysets.jwks-operator.dev", *stored)
        assert done.returncode == 0, done.stderr

    def until(self, check: Any, what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not check():
            assert time.monotonic() < end, f"waited for: {what}"
            time.sleep(0.1)

    def create(self, version: str, name: str) -> None:
        body = {"apiVersion": f"jwks-operator.dev/{version}", "kind": "JsonWebKeySet", "metadata": {"name": name}}
        self.plane.api("POST", self.sets(version), {**body, "spec": SPEC})
        self.until(lambda: ready(self.plane.api("GET", f"{self.sets(version)}/{name}")), f"{name} is Ready")

    def key_in_use(self, name: str) -> str:
        return in_use(self.plane.api("GET", f"/api/v1/namespaces/{HERE}/secrets/{name}"))["signing"]

    def rotate(self, version: str) -> None:
        """Rotate the oldest set with the plugin of a version."""
        before = self.key_in_use("auth")
        self.plugin(version, "rotate", "auth", "signing", f"--namespace={HERE}", "--wait", "--yes")
        assert self.key_in_use("auth") != before

    def plugin(self, version: str, *arguments: str) -> str:
        return run_plugin(self.trees[version], self.plane.kubeconfig, *arguments)


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    with ControlPlane.start() as plane:
        road = Road(plane, tmp_path_factory.mktemp("road"))
        yield road
        for operator in road.operators.values():
            operator.stop()


def test_sets_come_from_v1beta1_to_v1_without_a_webhook(road: Road) -> None:
    chronicle = Chronicle(road.plane, HERE, ("Secret", "ConfigMap"))
    for number, phase in enumerate(ROAD):
        road.enter(phase)
        for version in phase.served:
            operator = road.operators[version]
            operator.start()
            road.create(version, f"{version}-{number}" if number else "auth")
            plugin = phase.other(version)
            figures.info(f"{phase.title}: operator {version}, plugin {plugin}")
            road.rotate(plugin)
            assert "auth" in road.plugin(plugin, "status", f"--namespace={HERE}")
            assert operator.stop() == 0
    chronicle.close()
    witness = Witness(BRISK_LEAD, BRISK_RETENTION)
    witness.watch(seen for seen in chronicle.sightings() if seen.name == "auth")
    assert witness.objections == []
    assert witness.activations == sum(len(phase.served) for phase in ROAD)
    stored = road.plane.api("GET", DEFINITION)["status"]["storedVersions"]
    assert stored == [NEW]
