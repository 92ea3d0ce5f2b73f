"""nginx and Varnish as Debian builds them: those of this machine, else their packages unpacked into the cache."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGES: Mapping[str, tuple[str, ...]] = {
    "nginx": ("nginx",),
    "varnishd": ("varnish", "libvarnishapi3", "libjemalloc2", "libedit2"),
}


@dataclass(frozen=True)
class Program:
    """Where a program is, and the environment that it needs."""

    path: str
    environ: Mapping[str, str]


def find_program(name: str) -> Program:
    """Return a program; AssertionError with the cure if it is neither here nor to be had."""
    here = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if here is not None:
        return Program(here, os.environ)
    root = _unpacked(name)
    libraries = [str(path) for path in (*root.glob("usr/lib/*-linux-gnu"), *root.glob("usr/lib/*-linux-gnu/varnish"))]
    return Program(str(root / "usr/sbin" / name), {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)})


def _unpacked(name: str) -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jwks-operator" / "debian"
    root = base / name
    if not root.is_dir():
        base.mkdir(parents=True, exist_ok=True)
        coming = base / f"{name}.{os.getpid()}"
        shutil.rmtree(coming, ignore_errors=True)
        where = coming / "packages"
        where.mkdir(parents=True)
        command = ["apt-get", "download", *PACKAGES[name]]
        fetched = subprocess.run(command, cwd=where, check=False, capture_output=True, text=True, timeout=240)
        cure = f"install {PACKAGES[name][0]}, or let apt-get download it (apt-get update): {fetched.stderr}"
        assert fetched.returncode == 0, cure
        for package in where.glob("*.deb"):
            subprocess.run(["dpkg-deb", "--extract", package, coming], check=True, timeout=60)
        try:
            coming.rename(root)
        except OSError:
            if not root.is_dir():  # else another process was faster
                raise
            shutil.rmtree(coming)
    return root
