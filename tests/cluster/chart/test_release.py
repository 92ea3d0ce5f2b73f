"""A release's life with helm itself: installed, upgraded, uninstalled, installed again; no key is lost on the way.

The pods do not run here (tests/e2e has a node); the operator runs beside, under the account that the chart made.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.chronicle import Chronicle
from cluster.operators import Operator
from cluster.reading import in_use
from cluster.stage import Stage
from controlplane import ControlPlane
from gotools import find_tool
from helmchart import render as chart

SPEC = {"keys": [{"name": "signing", "algorithm": "ES256"}]}


def helm(plane: ControlPlane, *arguments: str) -> str:
    command: list[str | Path] = [
        find_tool("helm"),
        arguments[0],
        chart.NAME,
        *arguments[1:],
        f"--namespace={chart.NAMESPACE}",
    ]
    done = subprocess.run(command, env=plane.environ(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    with ControlPlane.start() as plane:
        plane.api("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
        yield plane


@pytest.fixture
def shop(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A namespace, and the operator of the release that is installed here."""
    notes = helm(plane, "install", str(chart.CHART), "--create-namespace")
    assert "1. Make a set" in notes
    account = plane.kubeconfig_for_service_account(chart.NAMESPACE, chart.ACCOUNT)
    log = tmp_path_factory.mktemp("release") / "operator.log"
    operator = Operator(account, log, f"--lease-namespace={chart.NAMESPACE}")
    stage = Stage(plane, "shop", Chronicle(plane, "shop"), operator)
    operator.start()
    yield stage
    operator.stop()
    stage.chronicle.close()


def test_keys_outlive_the_release(plane: ControlPlane, shop: Stage) -> None:
    shop.create("auth", SPEC)
    shop.until_ready("auth")
    before = in_use(shop.there("Secret", "auth"))
    helm(plane, "upgrade", str(chart.CHART), "--reuse-values", "--set=replicas=3")
    assert shop.operator.stop() == 0
    kept = helm(plane, "uninstall")
    assert "jsonwebkeysets.jwks-operator.dev" in kept, "helm says what it keeps"
    for kind, name in (
        ("JsonWebKeySet", "auth"),
        ("Secret", "auth-keyring"),
        ("Secret", "auth"),
        ("ConfigMap", "auth"),
    ):
        assert plane.api("GET", shop.path(kind, name))
    helm(plane, "install", str(chart.CHART), "--set=operator.logLevel=debug")
    plane.kubeconfig_for_service_account(chart.NAMESPACE, chart.ACCOUNT)
    shop.operator.start()
    shop.patch("auth", {"spec": {"rotation": {"every": "1000h"}}})
    shop.until_ready("auth")
    helm(plane, "upgrade", str(chart.CHART), "--set=crds.install=false")
    shop.until_ready("auth")
    assert in_use(shop.there("Secret", "auth")) == before


def test_helm_takes_over_what_was_applied_before_it(plane: ControlPlane) -> None:
    crd = plane.kubectl("apply", "--server-side", f"--filename={chart.CHART.parents[1] / 'crds'}")
    assert crd.returncode == 0, crd.stderr
    helm(plane, "install", str(chart.CHART), "--create-namespace", "--take-ownership", "--force-conflicts")
