"""Finds the control plane's binaries, and says which have to be built.

The order: KUBEBUILDER_ASSETS, then PATH, then the cache (built from the pinned Go modules when it is empty).
"""

import hashlib
import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from controlplane.errors import ControlPlaneError

MODULE = Path(__file__).parent / "go"
SERVERS = ("etcd", "kube-apiserver", "kube-controller-manager")  # each needs those before it
NAMES = (*SERVERS, "kubectl")
FROM_ASSETS = ("etcd", "kube-apiserver")  # what a directory named by KUBEBUILDER_ASSETS must hold


@dataclass(frozen=True)
class Binaries:
    """Where each binary is, or will be after a build."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kubectl: Path

    def paths(self) -> tuple[Path, ...]:
        """All of them, in the order of NAMES."""
        return (self.etcd, self.kube_apiserver, self.kube_controller_manager, self.kubectl)

    def within(self, directory: Path) -> bool:
        """Whether any of them belongs to the directory, so that it has to be there."""
        return any(path.parent == directory for path in self.paths())


def look_up(environ: Mapping[str, str], cached: Path) -> Binaries:
    """Choose each binary by the environment alone; what nobody brings is to be found in `cached`.

    Raises ControlPlaneError if KUBEBUILDER_ASSETS names a directory without etcd and kube-apiserver: the caller
    asked for those very servers, so others would surprise.
    """
    path = environ.get("PATH", "")
    if assets := environ.get("KUBEBUILDER_ASSETS"):
        brought = {name: found for name in NAMES if (found := shutil.which(name, path=assets))}
        if missing := [name for name in FROM_ASSETS if name not in brought]:
            raise ControlPlaneError(
                f"KUBEBUILDER_ASSETS is {assets}, where there is no {' and no '.join(missing)}. "
                "Fill it (setup-envtest use -p path), or unset it for the ones from PATH or the pinned ones."
            )
        # envtest ships no controller manager
        brought |= {name: found for name in NAMES if name not in brought and (found := shutil.which(name, path=path))}
    else:
        brought = {name: found for name in NAMES if (found := shutil.which(name, path=path))}
        if len(brought) < len(NAMES):
            brought = {}  # a kubectl alone says nothing about the servers wanted
    return Binaries(*(Path(brought[name]) if name in brought else cached / name for name in NAMES))


def kubernetes_version(go_mod: str) -> str:
    """Read the pinned version from go.mod, for instance "v1.36.3"."""
    found = re.search(r"^\s*k8s\.io/kubernetes (v\S+)$", go_mod, re.MULTILINE)
    if not found:
        raise ControlPlaneError(f"{MODULE / 'go.mod'} requires no k8s.io/kubernetes")
    return found[1]


def build_flags(version: str) -> list[str]:
    """Flags for `go build`; the version strings are what clients and audit logs see, v0.0.0 without them."""
    major, minor, _ = version.removeprefix("v").split(".", 2)
    stamps = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    stamped = " ".join(
        f"-X {package}.{name}={value}"
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        for name, value in stamps.items()
    )
    return ["-trimpath", "-buildvcs=false", "-ldflags", f"-s -w {stamped}"]


def module_sources(module: Path) -> dict[str, bytes]:
    """Everything of ours that goes into the build, by path: go.mod, go.sum and the Go files."""
    files = [module / "go.mod", module / "go.sum", *module.rglob("*.go")]
    return {str(file.relative_to(module)): file.read_bytes() for file in files}


def cache_key(sources: Mapping[str, bytes], flags: Sequence[str], machine: str) -> str:
    """Name a build: the Kubernetes version and a short hash over all that can change its result."""
    digest = hashlib.sha256()
    for part in (machine, *flags):
        digest.update(part.encode() + b"\0")
    for name in sorted(sources):
        digest.update(f"{name}\0{len(sources[name])}\0".encode() + sources[name])
    return f"{kubernetes_version(sources['go.mod'].decode())}-{digest.hexdigest()[:12]}"


def cache_root(environ: Mapping[str, str]) -> Path:
    """Where builds are kept, outside the work tree."""
    base = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or Path.home()) / ".cache"
    return Path(base) / "jwks-operator" / "control-plane"


def build_directory(environ: Mapping[str, str] = os.environ, module: Path = MODULE) -> Path:
    """Directory of the build of a module, of the pinned one by default; the build is complete if it is there."""
    sources = module_sources(module)
    flags = build_flags(kubernetes_version(sources["go.mod"].decode()))
    return cache_root(environ) / cache_key(sources, flags, f"{sys.platform}-{platform.machine()}")
