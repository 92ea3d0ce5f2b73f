"""The API server's clock jumps by hours: nothing moves by time and nothing is deleted until the clocks agree again."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from cluster.chronicle import Chronicle
from cluster.faulty import FaultyWay
from cluster.operators import Operator
from cluster.reading import condition, in_use, published
from cluster.stage import Stage, grant, install, new_namespace, rules
from cluster.witness import BRISK, BRISK_LEAD, BRISK_RETENTION, Witness
from controlplane import Access

SPEC = {
    "keys": [{"name": "signing", "algorithm": "ES256"}],
    "rotation": {"every": "3s", "rollbackWindow": "1s"},
    "timing": BRISK,
}
PATIENCE = 240.0


@pytest.fixture
def way(control_plane: Access) -> Iterator[FaultyWay]:
    with FaultyWay(control_plane, seed=1, share=0.0) as way:
        yield way


@pytest.fixture
def stage(control_plane: Access, way: FaultyWay, tmp_path: Path) -> Iterator[Stage]:
    install(control_plane, "crds")
    namespace = new_namespace(control_plane, "clock")
    with ExitStack() as stack:
        stack.callback(control_plane.api, "DELETE", f"/api/v1/namespaces/{namespace}")
        kubeconfig = way.kubeconfig(grant(control_plane, namespace, rules()))
        options = (f"--namespace={namespace}", "--resync-interval=3s", "--deletion-delay=2s")
        operator = Operator(kubeconfig, tmp_path / "operator.log", *options)
        stage = Stage(control_plane, namespace, Chronicle(control_plane, namespace), operator)
        stack.callback(stage.chronicle.close)
        stack.callback(operator.stop)
        operator.start()
        yield stage


@pytest.mark.timeout(900)
@pytest.mark.parametrize("hours", [5, -5])
def test_while_the_server_has_another_time_only_revocation_and_repair_act(
    stage: Stage, way: FaultyWay, hours: int
) -> None:
    for name in ("auth", "leaves"):
        stage.create(name, SPEC)
    stage.until_ready("auth", "leaves")
    way.clock = timedelta(hours=hours)
    stage.edit("JsonWebKeySet", "auth", lambda thing: thing["metadata"].update(annotations={"look": "again"}))
    stage.until(lambda: _reason(stage) == "ClockUncertain", "the condition", PATIENCE)
    stage.delete("JsonWebKeySet", "leaves")
    kid = in_use(stage.there("Secret", "auth"))["signing"]
    shown = set(published(stage.there("ConfigMap", "auth")))
    stage.delete("ConfigMap", "auth")
    stage.until(lambda: set(published(stage.latest("ConfigMap", "auth"))) == shown, "the repair", PATIENCE)
    assert in_use(stage.there("Secret", "auth"))["signing"] == kid, "no key rotates"
    stage.patch("auth", {"metadata": {"annotations": {"jwks-operator.dev/revoke": kid}}})
    stage.until(lambda: in_use(stage.there("Secret", "auth"))["signing"] != kid, "the revocation", PATIENCE)
    revoked = kid
    assert revoked not in published(stage.there("ConfigMap", "auth"))
    assert stage.latest("Secret", "leaves-keyring") is not None, "nothing is deleted"
    way.clock = timedelta()
    stage.until(lambda: stage.latest("Secret", "leaves-keyring") is None, "the deletion", PATIENCE)
    kid = in_use(stage.there("Secret", "auth"))["signing"]
    stage.until(lambda: in_use(stage.there("Secret", "auth"))["signing"] != kid, "the rotation", PATIENCE)
    for name in ("auth", "leaves"):
        witness = Witness(BRISK_LEAD, BRISK_RETENTION)
        witness.watch(each for each in stage.chronicle.sightings("Secret", "ConfigMap") if each.name == name)
        assert [each for each in witness.objections if revoked not in each] == []


def _reason(stage: Stage) -> str:
    return str(condition(stage.latest("JsonWebKeySet", "auth"), "Degraded").get("reason", ""))
