"""The operator as a process of its own, as it runs in production, and what it says of itself."""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from controlplane.processes import free_ports
from scale.processes import STOP_SECONDS, end_process, last_words, start_process
from scale.watch import Late

POLL = 0.05
PAUSE = 0.5
"""Seconds between scrapes, which cost the operator a few milliseconds each."""
OBJECTS = frozenset({"jsonwebkeysets", "jsonwebkeysets/status", "secrets", "configmaps"})
"""What counts as a write of a set: not Events, not the Lease."""
_WRITES = frozenset({"create", "update", "patch", "delete"})
_REQUESTS = "jwks_operator_api_requests_total"


@dataclass(frozen=True)
class Metrics:
    """One scrape: samples by name and labels."""

    samples: dict[tuple[str, frozenset[tuple[str, str]]], float]

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of a name that have these labels."""
        wanted = labels.items()
        return sum(value for (each, has), value in self.samples.items() if each == name and wanted <= dict(has).items())

    def requests(self) -> dict[str, int]:
        """Return the requests to the API server so far, as `verb resource code`."""
        return {
            "{verb} {resource} {code}".format(**dict(labels)): int(value)
            for (name, labels), value in self.samples.items()
            if name == _REQUESTS
        }

    def writes(self) -> int:
        """Return how many writes of sets' objects were sent, whatever was answered."""
        return sum(
            count
            for asked, count in self.requests().items()
            if (words := asked.split())[0] in _WRITES and words[1] in OBJECTS
        )

    def events(self) -> int:
        """Return how many Events were sent."""
        return sum(count for asked, count in self.requests().items() if asked.startswith("create events "))

    def settled(self) -> bool:
        """Whether nothing waits and nobody works."""
        names = ("queue_depth", "workers_busy", "retries_waiting")
        return not any(self.value(f"jwks_operator_{name}") for name in names)

    def caught_up(self) -> bool:
        """Whether nothing waits but what users have just asked for."""
        return not self.value("jwks_operator_queue_depth", priority="routine")


class Operator:
    """`jwks-operator run` with its defaults, except for what is given; the log goes to a file."""

    def __init__(self, kubeconfig: Path, log: Path, *options: str, tree: Path | None = None) -> None:
        """Of the package in `tree`, if one is given, in place of the installed one."""
        self._log = log
        self._options = options
        self._environ = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        self._environ.pop("KUBERNETES_SERVICE_HOST", None)
        if tree is not None:
            self._environ |= {"PYTHONPATH": str(tree), "PYTHONSAFEPATH": "1"}

    async def __aenter__(self) -> Self:
        (port,) = free_ports(1)
        self._url = f"http://127.0.0.1:{port}"
        options = [f"--admin-port={port}", *self._options]
        self._process = start_process(
            [sys.executable, "-m", "jwks_operator", "run", *options], self._log, self._environ
        )
        self.started = time.time()
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            sys.stderr.write(f"the operator's last words:\n{last_words(self._log)}\n")
        await self._session.close()
        if self._process.poll() is None:
            await self.stop()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def terminate(self) -> None:
        """Ask it to end, as the kubelet does."""
        self._process.terminate()

    async def stop(self) -> None:
        """Ask it to end and wait until it has."""
        if not await end_process(self._process):
            raise Late(f"the operator did not end within {STOP_SECONDS:.0f} s of SIGTERM")

    async def metrics(self) -> Metrics:
        """Scrape it."""
        async with self._session.get(f"{self._url}/metrics") as answer:
            text = await answer.text()
        return Metrics(
            {
                (sample.name, frozenset(sample.labels.items())): sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
            }
        )

    async def ready(self, seconds: float = 60) -> float:
        """Wait for /readyz; return the seconds since the start of the process."""
        end = time.monotonic() + seconds
        while not await self._is_ready():
            if self._process.poll() is not None or time.monotonic() > end:
                raise Late(f"the operator is not ready; its last words: {last_words(self._log)}")
            await asyncio.sleep(POLL)
        return time.time() - self.started

    async def settled(self, seconds: float) -> Metrics:
        """Wait until it has nothing in hand, as two scrapes in a row say; return the second one."""
        return await self._scrape_until(Metrics.settled, seconds)

    async def caught_up(self, seconds: float) -> None:
        """Wait until it has looked at everything that a start or a resync asks for, whatever users do meanwhile."""
        await self._scrape_until(Metrics.caught_up, seconds)

    async def _scrape_until(self, is_so: Callable[[Metrics], bool], seconds: float) -> Metrics:
        end, times = time.monotonic() + seconds, 0
        while True:
            metrics = await self.metrics()
            times = times + 1 if is_so(metrics) else 0
            if times == 2:
                return metrics
            if time.monotonic() > end:
                raise Late(f"the operator is still at work after {seconds:.0f} s")
            await asyncio.sleep(PAUSE)

    def resyncs(self) -> int:
        """Return how many resyncs its log reports, which costs it nothing."""
        return self._log.read_bytes().count(b"resync done")

    async def resynced(self, seconds: float) -> None:
        """Wait for the end of the next resync."""
        before, end = self.resyncs(), time.monotonic() + seconds
        while self.resyncs() == before:
            if time.monotonic() > end:
                raise Late(f"no resync within {seconds:.0f} s")
            await asyncio.sleep(POLL)

    async def _is_ready(self) -> bool:
        try:
            async with self._session.get(f"{self._url}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientConnectionError:
            return False
