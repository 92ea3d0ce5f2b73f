"""What it ran on."""

import os
import platform
import re
import subprocess
from pathlib import Path

from controlplane.build import resolve_binaries


def describe_machine() -> dict[str, str | int]:
    """Name processor, cores, kernel and the versions that matter."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    binaries = resolve_binaries()
    return {
        "cpu": found[1].strip() if found else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": f"Linux {platform.release()}",
        "python": platform.python_version(),
        "kubernetes": _version(binaries.kube_apiserver),
        "etcd": _version(binaries.etcd),
    }


def _version(binary: Path) -> str:
    """The first number with dots that a server prints of itself."""
    printed = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+\.\d+\.\d+\S*", printed)
    return found[0] if found else "unknown"
