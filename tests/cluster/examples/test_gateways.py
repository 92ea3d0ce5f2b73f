"""The configurations of gateways in examples/: the API server accepts their workloads and starts with its own."""

from pathlib import Path

import pytest
import yaml

from cluster.stage import ROOT
from controlplane import Access, ControlPlane
from examples.test_gateways import FILES, documents, name_of

FOREIGN = {"gateway.envoyproxy.io", "security.istio.io", "apiserver.config.k8s.io"}
"""API groups that a bare API server does not serve."""


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_what_is_kubernetes_own_is_accepted_by_it(
    control_plane: Access, crds: None, namespace: str, path: Path
) -> None:
    native = [each for each in documents(path) if each["apiVersion"].partition("/")[0] not in FOREIGN]
    for each in native:
        strict = ("--dry-run=server", "--validate=strict", f"--namespace={namespace}", "--filename=-")
        done = control_plane.kubectl("create", *strict, input=yaml.safe_dump(each))
        assert done.returncode == 0, done.stderr
    assert native or path.stem == "kube-apiserver"


def test_kube_apiserver_starts_with_its_configuration() -> None:
    flag = f"--authentication-config={ROOT / 'examples' / 'gateways' / 'kube-apiserver.yaml'}"
    with ControlPlane.start(apiserver_flags=[flag]) as plane:
        assert plane.is_ready()
