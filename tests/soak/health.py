"""How a process is doing over time, from outside: /proc and its metrics, and whether any of it only grows."""

import socket
import statistics
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from metrics.scrape import Scrape

ESTABLISHED = "01"  # linux/include/net/tcp_states.h
MB = 1024 * 1024
POOLED = 8
"""Connections that a pool keeps: one for each worker, as long as any request uses them by turns."""


@dataclass(frozen=True)
class Sample:
    """One look; `second` counts from the first one, `cpu` is in seconds since the process began."""

    second: float
    rss_mb: float
    threads: int
    files: int
    connections: int
    tasks: int
    sets: int
    timers: int
    retries: int
    queue: int
    cpu: float
    passes: int
    rotations: int
    requests: int
    watches: int


@dataclass(frozen=True)
class Doctor:
    """Looks at the process `pid` with an admin port; `hear` is given everything that it says there."""

    pid: int
    port: int
    hear: Callable[[str, str], None]

    def look(self, second: float) -> Sample:
        """Take one sample; the scrape comes last, because it is a connection itself."""
        status = dict(line.split(":", 1) for line in self._proc("status").splitlines())
        sockets, files = self._files()
        page = self.scrape()
        total = _sum(page)
        return Sample(
            second=round(second, 1),
            rss_mb=int(status["VmRSS"].split()[0]) * 1024 / MB,
            threads=int(status["Threads"]),
            files=files,
            connections=self._established(sockets),
            tasks=int(total("tasks")),
            sets=int(total("sets")),
            timers=int(total("timers_waiting")),
            retries=int(total("retries_waiting")),
            queue=int(total("queue_depth")),
            cpu=page.process("process_cpu_seconds_total"),
            passes=int(total("reconcile_duration_seconds_count")),
            rotations=int(total("rotations_total")),
            requests=int(total("api_requests_total")),
            watches=int(total("watch_requests_total")),
        )

    def scrape(self) -> Scrape:
        """Read the metrics and the status page as Prometheus and people do."""
        self.hear("status page", self._get("/status"))
        text = self._get("/metrics")
        self.hear("metrics", text)
        return Scrape(text)

    def is_ready(self) -> bool:
        """Whether the operator says so."""
        try:
            return self._get("/readyz") == "ok\n"
        except OSError:
            return False

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            body: bytes = answer.read()
            return body.decode()

    def _proc(self, what: str) -> str:
        return (Path("/proc") / str(self.pid) / what).read_text()

    def _files(self) -> tuple[set[str], int]:
        """The inodes of its sockets, and how many files are open in all."""
        found = []
        for link in (Path("/proc") / str(self.pid) / "fd").iterdir():
            try:
                found.append(str(link.readlink()))
            except FileNotFoundError:  # closed meanwhile
                continue
        return {name[8:-1] for name in found if name.startswith("socket:[")}, len(found)

    def _established(self, inodes: set[str]) -> int:
        rows = [row.split() for row in self._proc("net/tcp").splitlines()[1:]]
        return sum(row[3] == ESTABLISHED and row[9] in inodes for row in rows)


def _sum(page: Scrape) -> Callable[[str], float]:
    return lambda name: sum(page.series(name).values())


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def thirds(values: Sequence[float]) -> tuple[float, float]:
    """The medians of the first and of the last third."""
    size = max(1, len(values) // 3)
    return statistics.median(values[:size]), statistics.median(values[-size:])


def slope(times: Sequence[float], values: Sequence[float]) -> float:
    """The median of the slopes between all pairs (Theil and Sen): up to 29 % of wild values do not move it much."""
    pairs = combinations(zip(times, values, strict=True), 2)
    return statistics.median((b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs if b[0] > a[0])
