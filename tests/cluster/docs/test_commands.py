"""The commands of README.md and docs/*.md, run as a reader would: in order, on a real API server, the operator running.

The control plane is one of this module's own, because pages install what is cluster-wide. It has no nodes: the image
does not run here, `jwks-operator run` does. Each page starts with a namespace and a directory of its own.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from cluster.operators import Operator
from cluster.stage import install_chart
from controlplane import ControlPlane
from docs.pages import OF_USERS, ON_A_NODE, ROOT, blocks, name_of
from gotools import find_tool
from jwks_operator.keys.formats import render
from jwks_operator.keys.generate import generate
from jwks_operator.keys.secret_files import Form

PAGES = [page for page in OF_USERS if page != ON_A_NODE and any(not block.mark for block in blocks(page, "sh"))]
FOLDERS = ("crds", "docs", "examples", "helm")
"""What of the repository a reader's commands use."""


def old_issuer(room: Path) -> None:
    """The private key and the JWK Set of an issuer that moves in."""
    key = generate("RS256", 2048)
    (room / "key.pem").write_bytes(render(key.public, key.private, Form.PEM))
    (room / "jwks.json").write_text(json.dumps({"keys": [dict(key.public)]}))


PREPARED: dict[str, Callable[[Path], None]] = {"migration.md": old_issuer}
"""What a page takes for granted."""


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane with the chart on it, and an operator for all of its namespaces, with the rights of the chart.

    Without the admission policies: pages show what happens when people write what is not theirs.
    """
    with ControlPlane.start() as plane:
        install_chart(plane, {"policies": {"enabled": False}})
        kubeconfig = plane.kubeconfig_for_service_account("jwks-operator", "jwks-operator")
        log = tmp_path_factory.mktemp("operator") / "log"
        operator = Operator(kubeconfig, log, "--leader-elect", "--lease-namespace=jwks-operator")
        operator.start()
        try:
            yield plane
        finally:
            operator.stop()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_commands_of_a_page_work(plane: ControlPlane, page: Path, tmp_path: Path) -> None:
    for folder in FOLDERS:
        (tmp_path / folder).symlink_to(ROOT / folder)
    if page.name in PREPARED:
        PREPARED[page.name](tmp_path)
    script = "\n".join(block.text for block in blocks(page, "sh") if not block.mark)
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=environ(plane, page, tmp_path),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, f"{name_of(page)}:\n{done.stdout}\n{done.stderr}"


def environ(plane: ControlPlane, page: Path, room: Path) -> dict[str, str]:
    """What a reader's shell has: kubectl, helm and our commands on PATH, and a namespace that is the page's own."""
    namespace = "page-" + re.sub(r"[^a-z0-9]+", "-", page.stem.lower())
    assert plane.kubectl("create", "namespace", namespace).returncode == 0
    kubeconfig = yaml.safe_load(plane.kubeconfig.read_text())
    for context in kubeconfig["contexts"]:
        context["context"]["namespace"] = namespace
    (room / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
    inherited = plane.environ()
    path = os.pathsep.join([str(Path(sys.executable).parent), str(find_tool("helm").parent), inherited["PATH"]])
    return {**inherited, "KUBECONFIG": str(room / "kubeconfig"), "PATH": path, "HOME": str(room)}
