"""The shared control plane from a client's side."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from controlplane import Access, ControlPlaneError
from controlplane.binaries import MODULE, build_directory, kubernetes_version, look_up

ROOT = Path(__file__).parents[3]


def as_service_account(
    control_plane: Access, namespace: str, name: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    kubeconfig = control_plane.kubeconfig_for_service_account(namespace, name)
    return control_plane.kubectl("--kubeconfig", str(kubeconfig), *arguments)


@pytest.fixture
def reader(control_plane: Access, namespace: str) -> str:
    """A service account that may read ConfigMaps of its namespace and nothing else."""
    for arguments in (
        ("create", "serviceaccount", "reader"),
        ("create", "role", "reader", "--verb=get,list", "--resource=configmaps"),
        ("create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={namespace}:reader"),
    ):
        done = control_plane.kubectl("-n", namespace, *arguments)
        assert done.returncode == 0, done.stderr
    return "reader"


def test_client_and_server_say_the_pinned_version(control_plane: Access) -> None:
    pinned = kubernetes_version((MODULE / "go.mod").read_text())
    brought = not look_up(os.environ, build_directory()).kube_apiserver.is_relative_to(build_directory())

    versions = json.loads(control_plane.kubectl("version", "-o", "json").stdout)

    assert brought or versions["clientVersion"]["gitVersion"] == pinned
    assert brought or versions["serverVersion"]["gitVersion"] == pinned


def test_a_service_account_may_do_what_its_role_allows(control_plane: Access, namespace: str, reader: str) -> None:
    done = as_service_account(control_plane, namespace, reader, "get", "configmaps")

    assert done.returncode == 0, done.stderr


def test_rbac_refuses_the_rest(control_plane: Access, namespace: str, reader: str) -> None:
    done = as_service_account(control_plane, namespace, reader, "get", "secrets")

    assert done.returncode == 1
    assert f'"system:serviceaccount:{namespace}:reader" cannot list resource "secrets"' in done.stderr


def test_a_kubeconfig_of_a_service_account_is_for_its_owner_only(
    control_plane: Access, namespace: str, reader: str
) -> None:
    kubeconfig = control_plane.kubeconfig_for_service_account(namespace, reader)

    assert kubeconfig.stat().st_mode & 0o777 == 0o600
    assert control_plane.kubeconfig.stat().st_mode & 0o777 == 0o600


def test_a_token_for_a_service_account_that_does_not_exist_is_refused(control_plane: Access, namespace: str) -> None:
    with pytest.raises(ControlPlaneError, match=r'404: .*"nobody" not found'):
        control_plane.kubeconfig_for_service_account(namespace, "nobody")


def test_a_token_that_nobody_issued_is_refused(control_plane: Access) -> None:
    done = control_plane.kubectl("--token=guessed", "get", "namespaces")

    assert done.returncode == 1
    assert "You must be logged in" in done.stderr


def test_the_audit_log_tells_who_asked_for_what(control_plane: Access, namespace: str, reader: str) -> None:
    as_service_account(control_plane, namespace, reader, "get", "secrets")

    user = f"system:serviceaccount:{namespace}:{reader}"
    asked = [event for event in control_plane.audit_events() if event["user"].get("username") == user]
    assert [event["responseStatus"]["code"] for event in asked if event["verb"] == "list"] == [403]
    assert {event["level"] for event in asked} == {"Metadata"}


def test_dependents_of_a_deleted_object_are_collected(control_plane: Access, namespace: str) -> None:
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    owner = control_plane.api("POST", maps, {"metadata": {"name": "owner"}})
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "owner",
        "uid": owner["metadata"]["uid"],
    }
    control_plane.api("POST", maps, {"metadata": {"name": "dependent", "ownerReferences": [reference]}})

    control_plane.api("DELETE", f"{maps}/owner")

    done = control_plane.kubectl("-n", namespace, "wait", "--for=delete", "cm/dependent", "--timeout=30s")
    assert done.returncode == 0, done.stderr
