"""Starts a node, runs commands in it and ends it."""

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from controlplane.console import say
from controlplane.errors import ControlPlaneError
from controlplane.processes import Deadline
from node import binaries
from node.credentials import write_credentials
from node.images import import_image, pause_image
from node.layout import CONTAINERD_SOCKET, PREFIX, Layout
from node.needs import NAMESPACES, cni_plugins, require

HACK = Path(__file__).parents[1]
READY_SECONDS = 180.0  # about 12 s are usual
SYNC = "1m0s"  # the kubelet's own default


class Node:
    """A node of this process's own, with its control plane; use as a context manager.

    It ends with the `with` block, at the latest with this process, and takes everything of it along.
    """

    def __init__(self, layout: Layout, keeper: "subprocess.Popen[bytes]") -> None:
        self.layout = layout
        self._keeper = keeper

    @classmethod
    def start(cls, *, sync: str = SYNC) -> "Node":
        """Build what is missing, start the node and wait until it takes pods.

        `sync` is the kubelet's syncFrequency. Raises ControlPlaneError, with the last lines of the logs.
        """
        require()
        plane, programs = binaries.resolve()
        pause = pause_image(programs / "pause")
        home = Path(tempfile.gettempdir(), f"{PREFIX}{secrets.token_hex(4)}")  # also its host name
        home.mkdir(mode=0o700)
        layout = Layout(str(home), str(plane), str(programs), str(cni_plugins()), sync)
        layout.logs.mkdir()
        layout.write()
        write_credentials(layout)
        keeper = subprocess.Popen(
            [sys.executable, "-m", "node.keeper", str(home)],
            stdin=subprocess.PIPE,
            stdout=sys.stderr,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(HACK)},
        )
        node = cls(layout, keeper)
        try:
            node._wait_until_ready(pause)
        except BaseException:
            node.stop()
            raise
        return node

    def __enter__(self) -> "Node":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the node and wait until nothing of it is left."""
        if self._keeper.stdin:
            self._keeper.stdin.close()
        self._keeper.wait()

    def command(self, arguments: Sequence[str]) -> list[str]:
        """Turn a command into one that runs inside the node, as its administrator."""
        if self._keeper.poll() is not None:
            raise ControlPlaneError("the node has ended by itself; what it said last is above")
        init = (self.layout.home / "init.pid").read_text()
        enter = ["nsenter", f"--target={init}", *NAMESPACES, f"--wd={Path.cwd()}", "--"]
        return [*enter, "env", *(f"{name}={value}" for name, value in self.environ().items()), *arguments]

    def environ(self) -> dict[str, str]:
        """What commands inside the node need in their environment."""
        path = f"{self.layout.plane}:{self.layout.programs}:{os.environ.get('PATH', os.defpath)}"
        return {
            "KUBECONFIG": str(self.layout.kubeconfig),
            "KUBECACHEDIR": str(self.layout.home / "kubectl-cache"),
            "CONTAINERD_ADDRESS": CONTAINERD_SOCKET,
            "PATH": path,
        }

    def run(self, *arguments: str, input: str | None = None) -> subprocess.CompletedProcess[str]:  # noqa: A002  subprocess.run's own name for it
        """Run a command inside the node; a failure is for the caller to judge."""
        return subprocess.run(self.command(arguments), input=input, capture_output=True, text=True, check=False)

    def import_image(self, archive: Path) -> None:
        """Give the node an image, so that pods need no registry."""
        import_image(self.run, archive)

    def restart(self, program: str) -> None:
        """Let a program of the node (kubelet, containerd, kube-apiserver, …) end and start again."""
        pid_file = self.layout.home / f"{program}.pid"
        before = pid_file.read_text()
        self.run("kill", before)
        deadline = Deadline(READY_SECONDS, f"waiting for {program} to start again")
        while pid_file.read_text() == before:
            deadline.pause()

    def _wait_until_ready(self, pause: Path) -> None:
        started = time.monotonic()
        self._wait("its namespaces", (self.layout.home / "init.pid").exists)
        self._wait("containerd", lambda: self._succeeds("ctr", "version"))
        self.import_image(pause)
        self._wait("the API server", lambda: self._succeeds("kubectl", "get", "--raw=/readyz"))
        ready = ("kubectl", "wait", "--for=condition=Ready", f"node/{self.layout.name}", "--timeout=1s")
        self._wait("the node", lambda: self._succeeds(*ready))
        self._wait("service accounts", lambda: self._succeeds("kubectl", "get", "serviceaccount/default"))
        say(f"node {self.layout.name} ready after {time.monotonic() - started:.1f} s")

    def _succeeds(self, *arguments: str) -> bool:
        return not self.run(*arguments).returncode

    def _wait(self, what: str, there: Callable[[], bool]) -> None:
        deadline = Deadline(READY_SECONDS, f"waiting for {what}")
        while not there():
            try:
                deadline.pause()
            except ControlPlaneError as error:
                raise ControlPlaneError(f"{error}\n{self._last_words()}") from error

    def _last_words(self) -> str:
        """The last lines of every log."""
        words = []
        for log in sorted([self.layout.home / "node.log", *self.layout.logs.glob("*.log")]):
            with contextlib.suppress(OSError):
                words.append(f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-8:]))
        return "\n".join(words)
