"""Writes the go.mod of a Kubernetes release, so that each module has the version that release was tested with.

An edited go.mod would keep the newer modules of the release before: Go takes the newest version that anything asks for.
"""

import json
import os
import re
import subprocess
from pathlib import Path

from controlplane.binaries import cache_root
from controlplane.errors import ControlPlaneError
from controlplane.golang import find_go, format_version, read_required_go

TOOL_LINES_SINCE = (1, 24, 0)  # the Go whose go.mod may have `tool` lines
ETCD = "go.etcd.io/etcd/server/v3"


def write_module(directory: Path, version: str, *, etcd: bool = True) -> None:
    """Write go.mod and go.sum beside the Go files in `directory`, for a Kubernetes version such as "1.34.4".

    With `etcd`, the etcd server of that release is a tool of the module. Raises ControlPlaneError if the release is
    not to be had or its modules do not fit together.
    """
    release = read_release(version)
    name = re.search(r"^module (\S+)$", (directory / "go.mod").read_text(), re.MULTILINE)
    if not name:
        raise ControlPlaneError(f"{directory / 'go.mod'} has no module line")
    (directory / "go.mod").write_text(render_go_mod(name[1], version, release, etcd=etcd))
    (directory / "go.sum").unlink(missing_ok=True)
    if etcd:
        call_go(["get", f"{ETCD}@{etcd_version(release)}"], directory)
    call_go(["mod", "tidy"], directory)


def render_go_mod(module: str, version: str, release: str, *, etcd: bool) -> str:
    """Return go.mod before `go mod tidy`. `release` is the go.mod of that Kubernetes version.

    Each staging module, which a release names v0.0.0 and takes from its own tree, is replaced by its published one:
    v0.34.4 is the one of Kubernetes v1.34.4.
    """
    staging = sorted(set(re.findall(r"^\s*(k8s\.io/[a-z0-9-]+) v0\.0\.0(?:\s|$)", release, re.MULTILINE)))
    published = f"v0.{version.partition('.')[2]}"
    go = max(read_required_go(release), TOOL_LINES_SINCE)
    lines = [f"module {module}", "", f"go {format_version(go)}", ""]
    if etcd:
        lines += [f"tool {ETCD} // a package here, so that its version is pinned beside the others", ""]
    lines += [f"require k8s.io/kubernetes v{version}", ""]
    lines += [f"replace {each} => {each} {published}" for each in staging]
    return "\n".join(lines) + "\n"


def etcd_version(release: str) -> str:
    """Read the version of etcd in the go.mod of a Kubernetes release, for instance "v3.6.8"."""
    found = re.search(rf"^\s*(?:require )?{re.escape(ETCD)} (v\S+)", release, re.MULTILINE)
    if not found:
        raise ControlPlaneError(f"the go.mod of this Kubernetes release does not name {ETCD}")
    return found[1]


def read_release(version: str) -> str:
    """Download the go.mod of a Kubernetes version, for instance "1.34.4"."""
    told = json.loads(call_go(["mod", "download", "-json", f"k8s.io/kubernetes@v{version}"], Path("/")))
    return Path(told["GoMod"]).read_text()


def call_go(arguments: list[str], directory: Path) -> str:
    """Run a go command and return what it prints. Raises ControlPlaneError with its last words."""
    go = find_go(TOOL_LINES_SINCE, cache_root(os.environ))
    environ = {**os.environ, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    done = subprocess.run([go, *arguments], cwd=directory, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise ControlPlaneError(f"go {' '.join(arguments)} failed:\n{last}")
    return done.stdout
