"""Builds the control plane of any Kubernetes version into the cache, from a go.mod that is made for it."""

import os
import re
import shutil
import tempfile
from pathlib import Path

from controlplane.binaries import MODULE, cache_root
from controlplane.build import build_pinned
from controlplane.errors import ControlPlaneError
from controlplane.module import ETCD, write_module


def build_version(version: str) -> tuple[Path, str]:
    """Return the directory of the binaries of a Kubernetes version such as "1.34.4", and the version of their etcd.

    Raises ControlPlaneError if the version is not to be had or does not build.
    """
    if not re.fullmatch(r"1\.\d+\.\d+", version):
        raise ControlPlaneError(f"{version!r} is no Kubernetes version such as 1.34.4")
    module = make_module(version, cache_root(os.environ).parent / "modules" / f"kubernetes-{version}")
    return build_pinned(module), read_etcd(module)


def make_module(version: str, directory: Path) -> Path:
    """Return a directory with the Go module of a Kubernetes version, made once and again when our Go files change."""
    if directory.is_dir() and _go_files(directory) == _go_files(MODULE):
        return directory
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{directory.name}-", dir=directory.parent) as scratch:
        made = Path(scratch) / "module"
        shutil.copytree(MODULE, made)
        write_module(made, version)
        shutil.rmtree(directory, ignore_errors=True)
        made.rename(directory)
    return directory


def _go_files(module: Path) -> dict[Path, bytes]:
    return {path.relative_to(module): path.read_bytes() for path in module.rglob("*.go")}


def read_etcd(module: Path) -> str:
    """Read the version of etcd that a module pins, for instance "3.6.8"."""
    found = re.search(rf"^\s*{re.escape(ETCD)} v(\S+)", (module / "go.mod").read_text(), re.MULTILINE)
    if not found:
        raise ControlPlaneError(f"{module / 'go.mod'} pins no {ETCD}")
    return found[1]
