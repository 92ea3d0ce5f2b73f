"""A cluster of the user's: reached by a kubeconfig, left as it was found.

Only the CRD and one namespace are made there, and removed at the end. A cluster that has the CRD already is refused: an
operator may look after it, and two of them would work on one set.
"""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from controlplane import ControlPlaneError

TOKEN_DURATION = "4h"  # noqa: S105  how long, not what
CRD = "jsonwebkeysets.jwks-operator.dev"
DELETION_SECONDS = 120


class Visited:
    """What the demo needs of a cluster: kubectl as the user, and a kubeconfig of a service account.

    `directory` gets that kubeconfig, and kubectl's cache.
    """

    def __init__(self, kubeconfig: Path, directory: Path) -> None:
        self.kubeconfig = kubeconfig
        self._directory = directory

    def kubectl(self, *arguments: str, input: str | None = None) -> subprocess.CompletedProcess[str]:  # noqa: A002  subprocess.run's own name for it
        """Run kubectl as the user and return what came of it; a failure is for the caller to judge."""
        return subprocess.run(
            ["kubectl", *arguments], input=input, env=self.environ(), capture_output=True, text=True, check=False
        )

    def environ(self) -> dict[str, str]:
        """Return the environment for a command that is to use this cluster."""
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig), "KUBECACHEDIR": str(self._directory / "cache")}

    def check(self) -> None:
        """Do nothing: the cluster is the user's to look after."""

    def kubeconfig_for_service_account(self, namespace: str, name: str) -> Path:
        """Return the kubeconfig of a service account, with a token for it and the user's way to the API server."""
        token = self._done("create", "token", name, f"--namespace={namespace}", f"--duration={TOKEN_DURATION}")
        found = json.loads(self._done("config", "view", "--minify", "--flatten", "--raw", "--output=json"))
        context: dict[str, Any] = found["contexts"][0]
        context["context"] = {"cluster": context["context"]["cluster"], "user": name, "namespace": namespace}
        found["users"] = [{"name": name, "user": {"token": token.strip()}}]
        path = self._directory / f"kubeconfig-{name}"
        path.touch(mode=0o600)
        path.write_text(json.dumps(found))
        return path

    def _done(self, *arguments: str) -> str:
        done = self.kubectl(*arguments)
        if done.returncode:
            raise ControlPlaneError(f"kubectl {arguments[0]}: {done.stderr.strip()}")
        return done.stdout


@contextlib.contextmanager
def run_on_cluster(kubeconfig: Path, namespace: str, directory: Path) -> Iterator[Visited]:
    """Check that a cluster has nothing of ours, and remove afterwards what the demo makes there."""
    if not shutil.which("kubectl"):
        raise ControlPlaneError("a cluster of yours needs kubectl on PATH; without DEMO_KUBECONFIG one is built")
    if not kubeconfig.is_file():
        raise ControlPlaneError(f"DEMO_KUBECONFIG: there is no file {kubeconfig}")
    cluster = Visited(kubeconfig.resolve(), directory)
    mine = (("crd", CRD), ("namespace", namespace))
    for kind, name in mine:
        found = cluster.kubectl("get", kind, name, "--ignore-not-found", "--output=name")
        if found.returncode:
            raise ControlPlaneError(f"kubectl get {kind}: {found.stderr.strip()}")
        if found.stdout.strip():
            raise ControlPlaneError(
                f"this cluster has the {kind} {name}: an operator may look after it, and the demo would disturb that. "
                f"Take another cluster or, if it is left over, kubectl delete {kind} {name}"
            )
    try:
        yield cluster
    finally:
        for kind, name in reversed(mine):
            gone = cluster.kubectl("delete", kind, name, "--ignore-not-found", f"--timeout={DELETION_SECONDS}s")
            if gone.returncode:
                print(f"demo: left behind: kubectl delete {kind} {name} ({gone.stderr.strip()})", flush=True)
