"""Other versions of the operator and its plugin, run from trees of their own beside this one."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

from cluster.operators import Operator
from cluster.stage import ROOT

OURS = ROOT / "operator"
PLUGIN = "import sys; from jwks_operator.plugin import main; sys.exit(main())"


def export_tree(ref: str, directory: Path) -> Path:
    """Write the operator of a commit or tag into a directory; return what PYTHONPATH is to name."""
    packed = subprocess.run(["git", "archive", ref, "operator"], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as tar:
        tar.extractall(directory, filter="data")
    return directory / "operator"


def speaking(version: str, directory: Path) -> Path:
    """Write this tree's operator into a directory, for another version of the API; it is one constant."""
    tree = directory / version
    shutil.copytree(OURS, tree, ignore=shutil.ignore_patterns("__pycache__"))
    names = tree / "jwks_operator" / "api" / "names.py"
    text, changed = re.subn(r'^VERSION = "v\w+"$', f'VERSION = "{version}"', names.read_text(), flags=re.MULTILINE)
    assert changed == 1
    names.write_text(text)
    return tree


def environ_of(tree: Path) -> dict[str, str]:
    """The environment in which Python finds the operator of a tree before the installed one."""
    return {**os.environ, "PYTHONPATH": str(tree), "PYTHONSAFEPATH": "1"}


class TreeOperator(Operator):
    """`jwks-operator run` of a tree."""

    def __init__(self, tree: Path, kubeconfig: Path, log: Path, *options: str) -> None:
        super().__init__(kubeconfig, log, *options)
        self._command = [sys.executable, "-m", "jwks_operator", *self._command[1:]]
        self._environ = {**self._environ, **environ_of(tree), "KUBECONFIG": str(kubeconfig)}


def run_plugin(tree: Path, kubeconfig: Path, *arguments: str) -> str:
    """Run `kubectl jwks` of a tree and return what it prints; it has to succeed."""
    done = subprocess.run(
        [sys.executable, "-c", PLUGIN, *arguments, f"--kubeconfig={kubeconfig}"],
        env=environ_of(tree),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
