"""What the machine must have, said before anything is built rather than by a strange failure later."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from controlplane.errors import ControlPlaneError

PACKAGES = {  # command: Debian's and Ubuntu's package
    "buildah": "buildah",
    "ip": "iproute2",
    "mmdebstrap": "mmdebstrap",
    "mount": "mount",
    "nft": "nftables",
    "nsenter": "util-linux",
    "runc": "runc",
    "unshare": "util-linux",
}
CNI_PACKAGE = "containernetworking-plugins"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")  # not part of Ubuntu
CNI_PLACES = (Path("/usr/lib/cni"), Path("/opt/cni/bin"), Path("/usr/libexec/cni"))
ELSEWHERE = "To use a cluster of yours instead: make e2e E2E_KUBECONFIG=… (hack/node/README.md)."
NAMESPACES = ("--net", "--mount", "--pid", "--uts", "--ipc")
"""Those that a node gets of its own; arguments of unshare and nsenter alike."""


def require() -> None:
    """Raise ControlPlaneError with the cure if this machine cannot have a node."""
    if not sys.platform.startswith("linux"):
        raise ControlPlaneError(f"a node needs Linux. {ELSEWHERE}")
    if os.geteuid():
        raise ControlPlaneError(f"a node needs root: sudo make e2e. {ELSEWHERE}")
    missing = find_missing_packages()
    if missing:
        raise ControlPlaneError(
            f"a node needs programs that are not here: apt-get install --no-install-recommends "
            f"{' '.join(missing)}\n{ELSEWHERE}"
        )
    done = subprocess.run(
        ["unshare", *NAMESPACES, "--fork", "--mount-proc", "ip", "link", "add", "probe0", "type", "bridge"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ControlPlaneError(
            "a node needs namespaces and a bridge of its own, which this machine does not permit "
            f"({done.stderr.strip()}). In a container, it takes --privileged. {ELSEWHERE}"
        )


def find_missing_packages() -> list[str]:
    """Name the packages of Debian and Ubuntu that bring what is not here."""
    missing = {package for command, package in PACKAGES.items() if not shutil.which(command)}
    if not cni_plugins():
        missing.add(CNI_PACKAGE)
    if not KEYRING.exists():
        missing.add("debian-archive-keyring")
    return sorted(missing)


def cni_plugins() -> Path | None:
    """Find the directory of the CNI plugins."""
    return next((place for place in CNI_PLACES if (place / "bridge").exists()), None)
