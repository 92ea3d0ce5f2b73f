"""Sets the stage: CRD, rights, operator and server, each as it would be on a real cluster."""

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import yaml

from controlplane import ControlPlaneError
from controlplane.processes import HOST, Deadline, Group, Server, free_ports

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "jwks-demo"
OPERATOR = "jwks-operator"
"""Namespace and service account of manifests/install.yaml."""
RIGHTS = frozenset({"ServiceAccount", "Role", "RoleBinding"})
"""Kinds of manifests/namespace-install.yaml that an operator beside the cluster needs."""
SET = "auth"
FIRST_SET_SECONDS = 60.0
KUBECTL = ["kubectl", f"--namespace={NAMESPACE}"]
BINARY = str(Path(sys.executable).with_name("jwks-operator"))


class Plane(Protocol):
    """What the demo needs of a cluster, whosever it is."""

    kubeconfig: Path

    def kubectl(self, *arguments: str, input: str | None = None) -> "subprocess.CompletedProcess[str]":  # noqa: A002  subprocess.run's own name for it
        """Run kubectl as the administrator."""

    def environ(self) -> dict[str, str]:
        """Return the environment in which kubectl finds the cluster."""

    def check(self) -> None:
        """Raise ControlPlaneError if a part of it has ended."""

    def kubeconfig_for_service_account(self, namespace: str, name: str) -> Path:
        """Return the kubeconfig of a service account."""


def install_chart(plane: Plane) -> None:
    """Do what an administrator does once: apply manifests/install.yaml (no pod runs here), make a namespace."""
    _apply(plane, f"--filename={ROOT / 'manifests' / 'install.yaml'}")
    _wait_until_served(plane)
    _apply(plane, content={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})


def install_in_one_namespace(plane: Plane) -> None:
    """Install the CRD, and what an operator of one namespace needs there: manifests/namespace-install.yaml, no pods."""
    _apply(plane, f"--filename={ROOT / 'crds'}")
    _wait_until_served(plane)
    _apply(plane, content={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    found = yaml.safe_load_all((ROOT / "manifests" / "namespace-install.yaml").read_text())
    for each in found:
        if each["kind"] in RIGHTS:
            _apply(plane, f"--namespace={NAMESPACE}", content=each)


def _wait_until_served(plane: Plane) -> None:
    established = plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", f"--filename={ROOT / 'crds'}")
    if established.returncode:
        raise ControlPlaneError(f"the CRD is not served: {established.stderr.strip()}")


def start_operator(plane: Plane, group: Group, log: Path, namespace: str | None = None) -> Server:
    """Start the operator outside of the cluster, as its own service account; for one namespace if one is given."""
    os.environ["KUBECONFIG"] = str(plane.kubeconfig_for_service_account(namespace or OPERATOR, OPERATOR))
    only = [] if namespace is None else [f"--namespace={namespace}"]
    return group.start([BINARY, "run", "--admin-port=0", "--log-format=text", *only], log)


def create_set(plane: Plane) -> None:
    """Do what a user does."""
    _apply(plane, f"--namespace={NAMESPACE}", content=quickstart_manifest())


def quickstart_manifest() -> dict[str, Any]:
    """Return examples/quickstart.yaml with the facts of the demo's world laid over it."""
    wanted: dict[str, Any] = yaml.safe_load((ROOT / "examples" / "quickstart.yaml").read_text())
    overlay = yaml.safe_load(Path(__file__).with_name("overlay.yaml").read_text())
    wanted["spec"] |= overlay["spec"]
    return wanted


def start_server(group: Group, volume: Path, log: Path) -> tuple[Server, str]:
    """Start `jwks-operator serve` over the mounted ConfigMap; return it and its address."""
    port = free_ports(1)[0]
    command = [BINARY, "serve", f"--file={volume}", f"--host={HOST}", f"--port={port}"]
    return group.start(command, log), f"http://{HOST}:{port}"


def wait_until_ready(address: str, servers: Iterable[Server]) -> None:
    """Wait for the first set to be served, as a readiness probe would before an issuer gets requests.

    Raise ControlPlaneError if one of the `servers` ends, or if it takes too long.
    """
    deadline = Deadline(FIRST_SET_SECONDS, "waiting for the first set to be served")
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        with contextlib.suppress(OSError), direct.open(f"{address}/readyz", timeout=2):
            return
        for server in servers:
            server.check()
        deadline.pause()


def _apply(plane: Plane, *arguments: str, content: object = None) -> None:
    """Run `kubectl apply` as the administrator; raise ControlPlaneError with what it says if it fails."""
    source = [] if content is None else ["--filename=-"]
    done = plane.kubectl(
        "apply", "--server-side", *arguments, *source, input=None if content is None else json.dumps(content)
    )
    if done.returncode:
        raise ControlPlaneError(f"kubectl apply: {done.stderr.strip()}")
