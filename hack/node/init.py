"""PID 1 of the node: `python -m node.init DIRECTORY`, in new namespaces; started by `node.keeper`.

It makes the place fit for a node, starts the programs, starts again those that end, reaps orphans, and ends when
standard input ends, because its owner is gone then. With it, the kernel ends everything else in its namespaces.
"""

import contextlib
import os
import select
import subprocess
import sys
import time
from pathlib import Path

from node.cgroups import make_cgroup
from node.layout import ADDRESS, Layout
from node.programs import certificate_path, command_lines, write_files

AGAIN_AFTER = 1.0  # seconds until a program that ended is started again
LOOK_EVERY = 0.2  # seconds
CERTIFICATE_SECONDS = 60.0
SYSCTLS = (  # host-wide settings that the kubelet changes when it starts
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)


def main() -> None:
    """Become the node."""
    layout = Layout.read(sys.argv[1])
    _mount(layout)
    make_cgroup(layout.name)
    _connect(layout)
    write_files(layout, "overlayfs" if _overlays(layout) else "native")
    Programs(layout).run()


def _mount(layout: Layout) -> None:
    """Hide the machine's changing places behind the node's own."""
    _call("mount", "--make-rshared", "/")
    _call("mount", "-t", "tmpfs", "tmpfs", "/run")
    for place, own in (("/var/log", "pods"), ("/var/lib/kubelet", "kubelet")):
        Path(place).mkdir(parents=True, exist_ok=True)
        (layout.home / own).mkdir()
        _call("mount", "--bind", str(layout.home / own), place)
    Path("/run/lock").mkdir()
    for name in SYSCTLS:  # a plain file to write to instead
        setting, cover = Path("/proc/sys", name), Path("/run/sys", name)
        cover.parent.mkdir(parents=True, exist_ok=True)
        cover.write_text(setting.read_text())
        _call("mount", "--bind", str(cover), str(setting))


def _connect(layout: Layout) -> None:
    """Give the node its name and its address, and a route by which it reaches Services. None leads out."""
    _call("hostname", layout.name)
    _call("ip", "link", "set", "lo", "up")
    _call("ip", "link", "add", "node0", "type", "bridge")
    _call("ip", "address", "add", f"{ADDRESS}/24", "dev", "node0")
    _call("ip", "link", "set", "node0", "up")
    _call("ip", "route", "add", "default", "dev", "node0")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _overlays(layout: Layout) -> bool:
    """Whether the disk can hold overlay mounts; one that is an overlay itself, as in a container, cannot."""
    lower, upper, work, place = (layout.home / "probe" / name for name in ("lower", "upper", "work", "place"))
    for directory in (lower, upper, work, place):
        directory.mkdir(parents=True)
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    mount = ["mount", "-t", "overlay", "overlay", "-o", options, str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        return False
    _call("umount", str(place))
    return True


class Programs:
    """The node's programs, each started again when it ends."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._commands = command_lines(layout)
        self._running: dict[int, str] = {}
        self._due: dict[str, float] = {}

    def run(self) -> None:
        """Start all, and look after them until standard input ends."""
        self._start_first("containerd", "etcd", "kube-apiserver")
        self._due = {name: 0.0 for name in self._commands if name not in self._running.values()}
        while not _input_ended(LOOK_EVERY):
            self._reap()
            now = time.monotonic()
            for name in [name for name, when in self._due.items() if when <= now]:
                del self._due[name]
                self._start(name)

    def _start_first(self, *names: str) -> None:
        """Start those that the others need; the API server's certificate is in every other's kubeconfig."""
        for name in names:
            self._start(name)
        end = time.monotonic() + CERTIFICATE_SECONDS
        there = certificate_path(self._layout)
        while not (there.exists() and there.stat().st_size) and time.monotonic() < end:
            if _input_ended(LOOK_EVERY):
                return

    def _start(self, name: str) -> None:
        log = str(self._layout.logs / f"{name}.log")
        pid = os.posix_spawn(
            self._commands[name][0],
            self._commands[name],
            {**os.environ, "PATH": f"{self._layout.programs}:{os.environ['PATH']}"},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setpgroup=0,
        )
        self._running[pid] = name
        (self._layout.home / f"{name}.pid").write_text(str(pid))

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                pid, status = ended
                if name := self._running.pop(pid, None):  # others are orphans of containers
                    print(f"{name} ended with {os.waitstatus_to_exitcode(status)}", file=sys.stderr, flush=True)
                    self._due[name] = time.monotonic() + AGAIN_AFTER


def _input_ended(seconds: float) -> bool:
    """Wait so long at most; whether the owner is gone."""
    readable, _, _ = select.select([0], [], [], seconds)
    return bool(readable) and not os.read(0, 4096)


def _call(*command: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")


main()
