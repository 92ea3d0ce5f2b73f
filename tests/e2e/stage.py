"""The cluster that the end-to-end tests run in: a node of our own, or one that the user names.

With E2E_KUBECONFIG it is the user's, with kubectl and helm from PATH, and the images E2E_IMAGE (the operator's,
with its tag) and E2E_CLIENTS_IMAGE (tests/e2e/clients) must be where its nodes find them.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gotools import find_tool
from jwks_operator import __version__
from node import Node
from node.images import build_image, save_image

ROOT = Path(__file__).parents[2]
OPERATOR_IMAGE = f"jwks-operator:{__version__}"
CLIENTS_IMAGE = "jwks-clients:e2e"
CLIENTS = Path(__file__).with_name("clients")
SHELL_SECONDS = 420.0
SUMMARY = pytest.StashKey[str]()
"""What the terminal says at the end."""


@dataclass
class Stage:
    """A cluster and the images in it. `node` is None if the cluster is the user's."""

    image: str
    clients_image: str
    environ: dict[str, str]
    node: Node | None = None

    def run(self, *command: str, input: str | None = None, seconds: float = SHELL_SECONDS) -> str:  # noqa: A002  subprocess.run's own name for it
        """Run a command where the cluster can be reached; return what it prints. Fails with all that it said."""
        done = self.attempt(*command, input=input, seconds=seconds)
        assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def attempt(
        self,
        *command: str,
        input: str | None = None,  # noqa: A002  as above
        seconds: float = SHELL_SECONDS,
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command where the cluster can be reached; a failure is for the caller to judge."""
        words = ["env", *(f"{name}={value}" for name, value in self.environ.items()), *command]
        return subprocess.run(
            self.node.command(words) if self.node else words,
            input=input,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )

    def kubectl(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002  as above
        """Run kubectl."""
        return self.run("kubectl", *arguments, input=input)

    def shell(self, script: str, variables: Mapping[str, str]) -> str:
        """Run a script as a person would who stands in the project's root."""
        assignments = [f"{name}={value}" for name, value in variables.items()]
        return self.run("env", *assignments, "bash", "-euxo", "pipefail", "-c", script)

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        """Read an object."""
        reply: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "-n", namespace, "-o", "json"))
        return reply

    def list(self, kind: str, selector: str, namespace: str) -> list[dict[str, Any]]:
        """Read objects by their labels."""
        answer = self.kubectl("get", kind, f"--selector={selector}", "-n", namespace, "-o", "json")
        items: list[dict[str, Any]] = json.loads(answer)["items"]
        return items

    def picture(self) -> str:
        """What somebody would look at first when something is wrong."""
        looks = (
            "kubectl get pods,jwks -A -o wide",
            "kubectl get events -A --sort-by=.lastTimestamp --field-selector type!=Normal",
            "kubectl logs -n jwks-operator --selector=app.kubernetes.io/component=operator --prefix --tail=40",
        )
        shown = []
        for look in looks:
            done = self.attempt(*look.split(), seconds=30)
            shown.append(f"$ {look}\n{done.stdout}{done.stderr}")
        return "\n".join(shown)

    def keys(self, name: str, namespace: str) -> dict[str, str]:
        """The keys of a set: kid and state."""
        status = self.get("jwks", name, namespace).get("status", {})
        return {key["kid"]: key["state"] for key in status.get("keys", [])}


def users_stage(kubeconfig: str) -> Stage:
    """A cluster of the user's."""
    image, clients = os.environ.get("E2E_IMAGE"), os.environ.get("E2E_CLIENTS_IMAGE")
    if not (image and clients):
        raise RuntimeError(
            "E2E_KUBECONFIG needs E2E_IMAGE (the operator's, built from Dockerfile) and E2E_CLIENTS_IMAGE (built from "
            "tests/e2e/clients), both where that cluster's nodes find them; hack/node/README.md shows how with kind"
        )
    return Stage(image, clients, {"KUBECONFIG": str(Path(kubeconfig).expanduser().resolve())})


def own_stage(sync: str) -> Stage:
    """A node of our own with the images in it; the caller ends it."""
    with tempfile.TemporaryDirectory(prefix="jwks-images-") as scratch:
        archives = [Path(scratch, name) for name in ("operator.tar", "clients.tar")]
        build_image(OPERATOR_IMAGE, ROOT, {"VERSION": __version__})
        save_image(OPERATOR_IMAGE, archives[0])
        build_image(CLIENTS_IMAGE, CLIENTS, {})
        save_image(CLIENTS_IMAGE, archives[1])
        helm = find_tool("helm")
        node = Node.start(sync=sync)
        try:
            for archive in archives:
                node.import_image(archive)
        except BaseException:
            node.stop()
            raise
    path = f"{helm.parent}:{node.environ()['PATH']}"
    return Stage(f"localhost/{OPERATOR_IMAGE}", f"localhost/{CLIENTS_IMAGE}", {"PATH": path}, node)
