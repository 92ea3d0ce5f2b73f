"""Builds the pinned binaries from Go modules into the cache, once for each version."""

import fcntl
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from controlplane.binaries import (
    MODULE,
    NAMES,
    Binaries,
    build_directory,
    build_flags,
    cache_root,
    kubernetes_version,
    look_up,
)
from controlplane.console import say
from controlplane.errors import ControlPlaneError
from controlplane.golang import find_go, read_required_go

PACKAGES = ("./kube", "go.etcd.io/etcd/server/v3")  # built as `kube` and, after its last directory, `server`
ROOM = 600 * 2**20  # bytes for the binaries and the linker's scratch
REPORT_EVERY = 5.0  # seconds


def resolve_binaries() -> Binaries:
    """Return binaries that exist, after building those that nobody brings.

    Raises ControlPlaneError with the cure when that is impossible.
    """
    cached = build_directory()
    binaries = look_up(os.environ, cached)
    if binaries.within(cached):
        build_pinned()
    return binaries


def build_pinned(module: Path = MODULE) -> Path:
    """Return the directory of the binaries that a module pins, after building them if they are not there."""
    cached = build_directory(os.environ, module)
    if not cached.is_dir():
        build_once(cached, ROOM, lambda result: _build(module, result))
    return cached


def build_once(cached: Path, room: int, build: Callable[[Path], None]) -> None:
    """Have a directory made by `build`, which fills the one it is given, and move it to its place when it is complete.

    One process builds, others wait. `room` is what it needs, in bytes. Raises ControlPlaneError with the cure.
    """
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        with _lock(cached.with_name(f"{cached.name}.lock")):
            if not cached.is_dir():  # another process may have built it while this one waited
                _build_aside(cached, room, build)
    except PermissionError as error:
        raise ControlPlaneError(
            f"cannot write to the cache: {error}. Set XDG_CACHE_HOME to a directory of yours."
        ) from error


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Let one process at a time through; the kernel opens the lock when its holder dies."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is building; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build_aside(cached: Path, room: int, build: Callable[[Path], None]) -> None:
    free = shutil.disk_usage(cached.parent).free
    if free < room:
        raise ControlPlaneError(
            f"{cached.parent} has {free // 2**20} MB free and the build needs {room // 2**20} MB there. "
            "Make room, or set XDG_CACHE_HOME to a larger disk."
        )
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f".{cached.name}-", dir=cached.parent) as scratch:
        result = Path(scratch) / "bin"
        result.mkdir()
        build(result)
        result.rename(cached)
    say(f"built {cached} in {time.monotonic() - started:.0f} s")


def _build(module: Path, result: Path) -> None:
    version = kubernetes_version((module / "go.mod").read_text())
    say(f"building Kubernetes {version} and etcd from Go modules (about 6 minutes on 2 cores, once)")
    compile_go(module, build_flags(version), PACKAGES, result)
    (result / "server").rename(result / "etcd")
    for name in NAMES:
        if name != "etcd":
            (result / name).symlink_to("kube")


def compile_go(module: Path, flags: Sequence[str], packages: Sequence[str], result: Path) -> None:
    """Build packages of the Go module in the directory `module` into `result`, telling how far it is.

    Raises ControlPlaneError if there is no Go, or with the compiler's last words.
    """
    go = find_go(read_required_go((module / "go.mod").read_text()), cache_root(os.environ))
    # -v names each package as it is compiled.
    command = [str(go), "build", "-v", *flags, "-o", f"{result}/", *packages]
    environ = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GO111MODULE": "on",
    }
    for cross in ("GOOS", "GOARCH", "GOROOT"):  # the binaries run here, with this Go's own library
        environ.pop(cross, None)
    process = subprocess.Popen(command, cwd=module, env=environ, stderr=subprocess.PIPE, text=True)
    with process:
        try:
            talk = _report(cast(IO[str], process.stderr))
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        text = "\n".join(talk[-20:])
        if "no space left on device" in text:
            raise ControlPlaneError(
                "the disk is full. The build needs about 5 GB for Go's caches (go env GOCACHE GOMODCACHE) "
                f"and TMPDIR; make room, or set GOCACHE, GOMODCACHE and TMPDIR elsewhere.\n{text}"
            )
        raise ControlPlaneError(
            f"go build failed. If modules could not be downloaded, set GOPROXY to a proxy you can reach.\n{text}"
        )


def _feed(stderr: IO[str], lines: "queue.SimpleQueue[str | None]") -> None:
    for line in stderr:
        lines.put(line)
    lines.put(None)


def _report(stderr: IO[str]) -> list[str]:
    """Count packages and downloads with a line every few seconds; return what was neither."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_feed, args=(stderr, lines), daemon=True).start()
    started = reported = time.monotonic()
    compiled, fetched, talk = 0, 0, list[str]()
    while True:
        try:
            line = lines.get(timeout=1)
        except queue.Empty:
            line = ""
        if line is None:
            return talk
        if line.startswith("go: downloading "):
            fetched += 1
        elif line and " " not in line.strip():
            compiled += 1
        elif line:
            talk.append(line.rstrip())
        if time.monotonic() - reported >= REPORT_EVERY:
            reported = time.monotonic()
            say(f"{reported - started:4.0f} s, {fetched} modules downloaded, {compiled} packages compiled")
