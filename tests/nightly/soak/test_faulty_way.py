"""Over a bad way to the API server the operator comes to the same end as over a good one, and nothing moves early."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster.chronicle import Chronicle
from cluster.faulty import FaultyWay
from cluster.operators import Operator
from cluster.reading import condition, in_use, ready
from cluster.stage import Stage, figures, grant, install, new_namespace, played, rules
from cluster.witness import Witness
from controlplane import Access
from soak.household import TIMING, Household, inhabited

ENTRIES = {"signing": "ES256", "other": "ES384"}
SPEC = {
    "keys": [{"name": name, "algorithm": algorithm} for name, algorithm in ENTRIES.items()],
    "rotation": {"every": "4s", "rollbackWindow": "1s"},
    "timing": TIMING,
    "publish": {"maxKeys": 20},
}
LEAD, RETENTION = 4.0, 6.0  # what the facts of the household come to
ROTATIONS = 3


@dataclass(frozen=True)
class Arrived:
    """The set after its rotations over the bad way, and after some peace."""

    stage: Stage
    household: Household
    way: FaultyWay


@pytest.fixture(scope="module")
def arrived(control_plane: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arrived]:
    install(control_plane, "crds")
    namespace = new_namespace(control_plane, "faulty-way")
    seed = secrets.randbits(32)
    figures.info(f"seed {seed}")
    with FaultyWay(control_plane, seed) as way:
        kubeconfig = way.kubeconfig(_copy(grant(control_plane, namespace, rules()), tmp_path_factory.mktemp("way")))
        operator = Operator(kubeconfig, kubeconfig.with_name("operator.log"), f"--namespace={namespace}")
        with played(Stage(control_plane, namespace, Chronicle(control_plane, namespace), operator)) as stage:
            yield _rotate(stage, way)
    control_plane.api("DELETE", f"/api/v1/namespaces/{namespace}")


def _copy(kubeconfig: Path, directory: Path) -> Path:
    path = directory / "kubeconfig"
    path.write_text(kubeconfig.read_text())
    return path


def _rotate(stage: Stage, way: FaultyWay) -> Arrived:
    stage.create("auth", SPEC)
    stage.until_ready("auth")
    with inhabited(stage.plane, stage.namespace, {"auth": ENTRIES}) as households:
        household = households["auth"]
        end = time.monotonic() + 120
        while not household.has_seen(ROTATIONS):
            assert time.monotonic() < end, household.used
            time.sleep(0.2)
        way.faulty = False
        stage.patch("auth", {"spec": {"rotation": {"policy": "Manual", "every": None}}})
        stage.until_ready("auth")
    stage.until(lambda: _states(stage) == ["Active", "Active", "Pending", "Pending"], "the end of the former keys")
    stage.until(
        lambda: condition(stage.there("JsonWebKeySet", "auth"), "Degraded")["status"] == "False", "a calm condition"
    )
    return Arrived(stage, household, way)


def _states(stage: Stage) -> list[str]:
    return sorted(key["state"] for key in stage.there("JsonWebKeySet", "auth")["status"]["keys"])


@pytest.mark.timeout(240)
def test_nothing_that_was_made_is_refused(arrived: Arrived) -> None:
    figures.info(f"{dict(arrived.way.happened)}: {arrived.household.made} made, {arrived.household.checked} checked")
    assert arrived.household.failures == []
    assert arrived.way.happened.total() >= 10, "the way was not bad enough to prove anything"


def test_no_key_moved_early(arrived: Arrived) -> None:
    witness = Witness(LEAD, RETENTION)
    witness.watch(s for s in arrived.stage.chronicle.sightings("Secret", "ConfigMap") if s.name == "auth")
    assert witness.objections == []
    assert witness.activations >= ROTATIONS


def test_it_ends_as_over_a_good_way(arrived: Arrived) -> None:
    the_set = arrived.stage.there("JsonWebKeySet", "auth")
    assert ready(the_set)
    assert condition(the_set, "Degraded")["status"] == "False"
    active = {key["kid"] for key in the_set["status"]["keys"] if key["state"] == "Active"}
    assert {*in_use(arrived.stage.there("Secret", "auth")).values()} == active
