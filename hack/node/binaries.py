"""The programs of a node, built from two pinned Go modules into the cache.

Those of the control plane come from its own build; `go/kube` has the versions of that module, so that after it there
is little left to compile.
"""

import hashlib
import os
import platform
import re
import sys
from pathlib import Path

from controlplane.binaries import MODULE, build_flags, cache_root, kubernetes_version, module_sources
from controlplane.build import build_once, compile_go
from controlplane.build import build_pinned as build_control_plane
from controlplane.console import say
from controlplane.errors import ControlPlaneError

GO = Path(__file__).parent / "go"
KUBE = GO / "kube"
RUNTIME = GO / "runtime"
CONTAINERD = "github.com/containerd/containerd/v2"
COMMANDS = tuple(f"{CONTAINERD}/cmd/{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr"))
ROOM = 700 * 2**20  # bytes for the binaries and the linker's scratch


def resolve() -> tuple[Path, Path]:
    """Return the directories of the control plane's programs and of the node's, after building what is missing.

    Always the pinned ones: a kubelet must not be newer than its API server.
    """
    plane = build_control_plane()
    cached = build_directory()
    if not cached.is_dir():
        build_once(cached, ROOM, _build)
    return plane, cached


def build_directory() -> Path:
    """Directory of the pinned build, which is complete if it is there; its name changes with all that goes into it."""
    digest = hashlib.sha256()
    for part in (sys.platform, platform.machine(), *_kube_flags(), *_runtime_flags()):
        digest.update(part.encode() + b"\0")
    for module in (KUBE, RUNTIME):
        for name, content in sorted(module_sources(module).items()):
            digest.update(f"{module.name}/{name}\0{len(content)}\0".encode() + content)
    return cache_root(os.environ).parent / "cluster-node" / f"{_version()}-{digest.hexdigest()[:12]}"


def _version() -> str:
    return kubernetes_version((KUBE / "go.mod").read_text())


def _kube_flags() -> list[str]:
    return build_flags(_version())


def _runtime_flags() -> list[str]:
    found = re.search(rf"^\s*{re.escape(CONTAINERD)} v(\S+)", (RUNTIME / "go.mod").read_text(), re.MULTILINE)
    if not found:
        raise ControlPlaneError(f"{RUNTIME / 'go.mod'} requires no {CONTAINERD}")
    stamp = f"-s -w -X {CONTAINERD}/version.Version={found[1]}"
    tags = "-tags=no_btrfs,no_devmapper,no_zfs,urfave_cli_no_docs,osusergo,netgo"
    return ["-trimpath", "-buildvcs=false", "-ldflags", stamp, tags]


def _build(result: Path) -> None:
    if _version() != kubernetes_version((MODULE / "go.mod").read_text()):
        raise ControlPlaneError(f"{KUBE / 'go.mod'} must ask for the Kubernetes of {MODULE / 'go.mod'}")
    say(f"building kubelet, scheduler and proxy {_version()}, containerd and CoreDNS (3 minutes on 2 cores, once)")
    compile_go(KUBE, _kube_flags(), ["./kube"], result)
    for name in ("kubelet", "kube-scheduler", "kube-proxy"):
        (result / name).symlink_to("kube")
    compile_go(RUNTIME, _runtime_flags(), ["./coredns", "./pause", *COMMANDS], result)
