"""`make attack` on a cluster of somebody: nothing succeeds that must not, and the cluster is as it was."""

import pytest

import attack.__main__ as command
from cluster.stage import install
from controlplane import Access

# Namespaces go in the background.
LEFT = "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings"


def test_every_attempt_is_refused_and_nothing_is_left(
    control_plane: Access, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(control_plane, "crds")
    monkeypatch.setenv("PATH", control_plane.environ()["PATH"])
    assert command.main(["--kubeconfig", str(control_plane.kubeconfig)]) == 0, capsys.readouterr().out
    left = control_plane.kubectl("get", LEFT, "--output=name").stdout.splitlines()
    assert [each for each in left if "jwks-attack" in each] == []
