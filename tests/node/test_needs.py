"""A machine that cannot have a node is told what it lacks before anything is built."""

import os
from pathlib import Path

import pytest

from controlplane.binaries import MODULE, kubernetes_version
from controlplane.errors import ControlPlaneError
from node import needs
from node.binaries import KUBE


def test_missing_programs_are_named_by_their_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(needs, "CNI_PLACES", (tmp_path,))
    with pytest.raises(ControlPlaneError) as refused:
        needs.require()
    assert "apt-get install --no-install-recommends buildah containernetworking-plugins" in str(refused.value)
    assert "E2E_KUBECONFIG" in str(refused.value)


def test_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ControlPlaneError, match=r"a node needs root: sudo make e2e\..*E2E_KUBECONFIG"):
        needs.require()


def test_what_the_kernel_forbids_is_said_in_its_own_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for command in needs.PACKAGES:
        (tmp_path / command).write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2; exit 1\n")
        (tmp_path / command).chmod(0o755)
    (tmp_path / "bridge").touch()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(needs, "CNI_PLACES", (tmp_path,))
    monkeypatch.setattr(needs, "KEYRING", tmp_path)
    with pytest.raises(ControlPlaneError, match=r"does not permit \(unshare failed: Operation not permitted\)"):
        needs.require()


def test_the_kubelet_is_as_old_as_its_api_server() -> None:
    assert kubernetes_version((KUBE / "go.mod").read_text()) == kubernetes_version((MODULE / "go.mod").read_text())
