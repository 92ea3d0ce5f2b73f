"""Sets the stage: CRD, rights, operator and server, each as it would be on a real cluster."""

import contextlib
import json
import os
import sys
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from controlplane import ControlPlane, ControlPlaneError
from controlplane.processes import HOST, Deadline, Group, Server, free_ports
from helmchart import render as chart

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "jwks-demo"
SET = "auth"
FIRST_SET_SECONDS = 60.0
KUBECTL = ["kubectl", f"--namespace={NAMESPACE}"]
BINARY = str(Path(sys.executable).with_name("jwks-operator"))


def install_chart(plane: ControlPlane) -> None:
    """Do what an administrator does once: everything in the chart (no pod runs here), a namespace for the set."""
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": chart.NAMESPACE}}
    _apply(plane, content={"apiVersion": "v1", "kind": "List", "items": [home, *chart.render_objects()]})
    crds = f"--filename={ROOT / 'crds'}"
    established = plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", crds)
    if established.returncode:
        raise ControlPlaneError(f"the CRD is not served: {established.stderr.strip()}")
    _apply(plane, content={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})


def start_operator(plane: ControlPlane, group: Group, log: Path) -> Server:
    """Start the operator outside of the cluster, as its own service account."""
    os.environ["KUBECONFIG"] = str(plane.kubeconfig_for_service_account(chart.NAMESPACE, chart.ACCOUNT))
    return group.start([BINARY, "run", "--admin-port=0", "--log-format=text"], log)


def create_set(plane: ControlPlane) -> None:
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


def _apply(plane: ControlPlane, *arguments: str, content: object = None) -> None:
    """Run `kubectl apply` as the administrator; raise ControlPlaneError with what it says if it fails."""
    source = [] if content is None else ["--filename=-"]
    done = plane.kubectl(
        "apply", "--server-side", *arguments, *source, input=None if content is None else json.dumps(content)
    )
    if done.returncode:
        raise ControlPlaneError(f"kubectl apply: {done.stderr.strip()}")
