"""etcd under the API server is full: no write succeeds, nothing is lost, and all goes on when there is room."""

import json
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.chronicle import Chronicle
from cluster.operators import Operator
from cluster.reading import in_use, published
from cluster.stage import Stage, figures, grant, install, new_namespace, played, rules
from cluster.witness import BRISK, BRISK_LEAD, BRISK_RETENTION, Witness
from controlplane import ControlPlane
from controlplane.errors import ApiError

SPEC = {
    "keys": [{"name": "signing", "algorithm": "ES256"}],
    "rotation": {"every": "3s", "rollbackWindow": "1s"},
    "timing": BRISK,
}
QUOTA = 24 * 1024 * 1024
PATIENCE = 240.0
FULL = "database space exceeded"
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with ControlPlane.start(etcd_flags=[f"--quota-backend-bytes={QUOTA}"]) as plane:
        install(plane, "crds")
        namespace = new_namespace(plane, "full")
        plane.api("POST", "/api/v1/namespaces", {"metadata": {"name": "ballast"}})
        options = (f"--namespace={namespace}", f"--lease-namespace={namespace}", "--leader-elect")
        operator = Operator(grant(plane, namespace, rules()), tmp_path / "operator.log", *options)
        with played(Stage(plane, namespace, Chronicle(plane, namespace), operator)) as stage:
            yield stage


def fill(plane: ControlPlane) -> int:
    """Store ConfigMaps until etcd takes no more; return how many."""
    for number in range(64):
        body = {"metadata": {"name": f"b{number}"}, "data": {"ballast": "x" * 900_000}}
        try:
            plane.api("POST", "/api/v1/namespaces/ballast/configmaps", body)
        except ApiError as error:
            if FULL not in str(error):
                raise
            return number
    raise AssertionError("etcd was never full")


def etcd(plane: ControlPlane, path: str, **body: object) -> dict[str, object]:
    """Ask etcd itself, by its HTTP gateway."""
    request = urllib.request.Request(f"{plane.etcd_url}/v3/{path}", json.dumps(body).encode(), method="POST")
    with _DIRECT.open(request, timeout=60) as answer:
        found: dict[str, object] = json.load(answer)
        return found


def make_room(plane: ControlPlane, stored: int) -> None:
    """Delete the ballast as an administrator does, compact, defragment, and take back the alarm."""
    for number in range(stored):
        plane.api("DELETE", f"/api/v1/namespaces/ballast/configmaps/b{number}")
    everything = {"key": b64encode(b"\0").decode(), "range_end": b64encode(b"\0").decode()}
    header = etcd(plane, "kv/range", **everything, limit="1")["header"]
    assert isinstance(header, dict)
    etcd(plane, "kv/compaction", revision=header["revision"], physical=True)
    etcd(plane, "maintenance/defragment")
    alarms = etcd(plane, "maintenance/alarm", action="GET")["alarms"]
    assert isinstance(alarms, list)
    for alarm in alarms:
        etcd(plane, "maintenance/alarm", action="DEACTIVATE", **alarm)


@pytest.mark.timeout(900)
def test_a_full_etcd_loses_no_key_and_the_rotation_goes_on_when_there_is_room(stage: Stage) -> None:
    plane = stage.plane
    assert isinstance(plane, ControlPlane)
    stage.create("auth", SPEC)
    stage.until_ready("auth")
    stored = fill(plane)
    said = len(stage.operator.printed)
    stage.until(lambda: f"{FULL}; make room" in stage.operator.printed[said:], "the words of etcd and a cure", PATIENCE)
    figures.info(f"full after {stored} ConfigMaps; the log says: {_first(stage.operator.printed[said:])}")
    secret, configmap = (plane.api("GET", stage.path(kind, "auth")) for kind in ("Secret", "ConfigMap"))
    assert in_use(secret)["signing"] in published(configmap)
    assert stage.operator.running
    assert stage.operator.health() == "ok"
    make_room(plane, stored)
    kid = in_use(secret)["signing"]
    stage.until(lambda: in_use(stage.latest("Secret", "auth")).get("signing") != kid, "the next rotation", PATIENCE)
    stage.until_ready("auth")
    witness = Witness(BRISK_LEAD, BRISK_RETENTION)
    witness.watch(stage.chronicle.sightings("Secret", "ConfigMap"))
    assert witness.objections == []


def _first(printed: str) -> str:
    return next(line for line in printed.splitlines() if FULL in line)
