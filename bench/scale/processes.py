"""The processes that take part: their start and end, and what /proc says of them, CPU time and memory."""

import asyncio
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

STOP_SECONDS = 30.0
"""How long a process has to end after SIGTERM."""
_TICK = os.sysconf("SC_CLK_TCK")


def start_process(
    command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a process that writes to a file whatever it prints; its environment is ours unless one is given."""
    with log.open("ab") as file:
        return subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=file, stderr=file)


async def end_process(process: subprocess.Popen[bytes]) -> bool:
    """Ask a process to end and wait until it has; kill it if it does not in time, and tell whether it did."""
    process.terminate()
    try:
        await asyncio.to_thread(process.wait, STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


def last_words(log: Path) -> str:
    """Return the end of what a process printed."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-5:])


def cpu_seconds(pid: int) -> float:
    """Return how many seconds of a core a process has used so far, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident megabytes (10^6 bytes) of a process: now, and the most so far."""

    now: float
    peak: float


def read_memory(pid: int) -> Memory:
    """Read VmRSS and VmHWM."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return Memory(*(round(int(fields[name].split()[0]) * 1024 / 1e6, 1) for name in ("VmRSS", "VmHWM")))


@dataclass(frozen=True, slots=True)
class Lap:
    """What passed since a mark: wall seconds, and CPU seconds by process."""

    seconds: float
    cpu: Mapping[str, float]


class Meter:
    """Measures laps of several processes at once; this one is called `generator`."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        """Start at once; `pids` by name."""
        self._pids = {**pids, "generator": os.getpid()}
        self._begun = time.perf_counter()
        self._before = {name: cpu_seconds(pid) for name, pid in self._pids.items()}

    def lap(self) -> Lap:
        """Return what passed since the start; goes on."""
        seconds = time.perf_counter() - self._begun
        used = {name: round(cpu_seconds(pid) - self._before[name], 2) for name, pid in self._pids.items()}
        return Lap(seconds, used)
