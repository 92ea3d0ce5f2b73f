"""Starts and stops the servers so that none outlives its owner."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from controlplane.errors import ControlPlaneError, PortTaken

HOST = "127.0.0.1"
STOP_SECONDS = 5.0  # then SIGKILL


class Server:
    """One process and its log."""

    def __init__(self, command: Sequence[str], log: Path, group: int) -> None:
        self.name = Path(command[0]).name
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=group
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def check(self) -> None:
        """Raise PortTaken or ControlPlaneError, with the log's last lines, if the process has ended."""
        status = self._process.poll()
        if status is None:
            return
        text = self._log.read_text(errors="replace")
        tail = "\n".join(text.splitlines()[-10:])
        error = PortTaken if "address already in use" in text else ControlPlaneError
        raise error(f"{self.name} ended with status {status}:\n{tail}")

    def stop(self) -> None:
        """Ask the process to end, and make it."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        self._process.kill()
        self._process.wait()


class Group:
    """A process group whose members die with this process; see watcher.py.

    A pipe rather than Linux's parent-death signal, which fires already when the starting *thread* ends.
    """

    def __init__(self, directory: Path) -> None:
        script = Path(__file__).with_name("watcher.py")
        self._watcher = subprocess.Popen(
            [sys.executable, "-I", "-S", str(script), str(directory)], stdin=subprocess.PIPE, process_group=0
        )

    def start(self, command: Sequence[str], log: Path) -> Server:
        """Start a server as a member."""
        return Server(command, log, self._watcher.pid)

    def close(self) -> None:
        """Dismiss the watcher; the members have been stopped."""
        self._watcher.communicate(b"done")


def free_ports(count: int) -> list[int]:
    """Find loopback ports that are free now; another process may still be faster."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


class Deadline:
    """A bound for waiting loops."""

    def __init__(self, seconds: float, what: str) -> None:
        self._seconds, self._what = seconds, what
        self._end = time.monotonic() + seconds

    def pause(self) -> None:
        """Sleep a moment; raise ControlPlaneError when the time is up."""
        if time.monotonic() > self._end:
            raise ControlPlaneError(f"{self._what} took longer than {self._seconds:.0f} s")
        time.sleep(0.05)
