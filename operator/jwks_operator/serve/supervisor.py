"""Several workers on one port: starts them, replaces those that end, sums up their snapshots.

Each worker is a process of its own (`jwks-operator serve` again) that binds the same port with SO_REUSEPORT. Over
its standard input the supervisor asks for a snapshot each second; an input that ends means that the supervisor is
gone and the worker goes down too. SIGTERM to the supervisor becomes SIGTERM to all.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, cast

from jwks_operator.serve.stats import Snapshot

ASK_SECONDS: Final = 1.0
SILENT_SECONDS: Final = 5.0
"""Seconds without an answer after which a worker does not count as living."""

RESTART_SECONDS: Final = 1.0
QUESTION: Final = b"snapshot\n"

_log = logging.getLogger(__name__)


class WorkerFailed(Exception):
    """A worker ended before it ever answered; the message is for the user."""


@dataclass(slots=True)
class _Seen:
    snapshot: Snapshot
    at: float


class Supervisor:
    """Keeps `count` workers running, each started with `command`."""

    def __init__(self, command: Sequence[str], count: int, started: Callable[[], None]) -> None:
        """`started` is called when all of them have answered for the first time."""
        self._command = list(command)
        self._started: Callable[[], None] | None = started
        self._count = count
        self._seen: dict[int, _Seen] = {}
        self._processes: dict[int, asyncio.subprocess.Process] = {}

    def snapshots(self) -> list[Snapshot]:
        """Return the last snapshot of each living worker."""
        now = time.monotonic()
        return [seen.snapshot for _, seen in sorted(self._seen.items()) if now - seen.at < SILENT_SECONDS]

    async def run(self, stop: asyncio.Event, limit: float) -> None:
        """Run until `stop` is set and all workers have gone down, which they may take `limit` seconds for.

        Raises WorkerFailed if one cannot start.
        """
        keepers = [asyncio.create_task(self._keep(number, stop)) for number in range(self._count)]
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({*keepers, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await stopping
        self._signal(signal.SIGTERM)
        _, late = await asyncio.wait(keepers, timeout=limit)
        if late:
            self._signal(signal.SIGKILL)
        for outcome in await asyncio.gather(*keepers, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    def _signal(self, number: signal.Signals) -> None:
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    async def _keep(self, number: int, stop: asyncio.Event) -> None:
        answered = False
        while not stop.is_set():
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
            self._processes[number] = process
            try:
                answered |= await self._ask(number, process)
                status = await process.wait()
            finally:
                self._processes.pop(number, None)
                self._seen.pop(number, None)
            if stop.is_set():
                return
            if not answered:
                raise WorkerFailed(f"worker {number} ended with status {status}")
            _log.error("worker %d ended with status %d; starting another", number, status)
            await asyncio.sleep(RESTART_SECONDS)

    async def _ask(self, number: int, process: asyncio.subprocess.Process) -> bool:
        """Ask until the process ends; return whether it ever answered."""
        questions, answers = cast(asyncio.StreamWriter, process.stdin), cast(asyncio.StreamReader, process.stdout)
        answered = False
        with contextlib.suppress(ConnectionError):
            while not questions.is_closing():
                questions.write(QUESTION)
                await questions.drain()
                line = await answers.readline()
                if not line:
                    break
                answered = True
                self._seen[number] = _Seen(Snapshot.from_json(json.loads(line)), time.monotonic())
                if self._started is not None and len(self._seen) == self._count:
                    self._started()
                    self._started = None
                await asyncio.sleep(ASK_SECONDS)
        return answered


async def report(snapshot: Callable[[], Snapshot], stop: asyncio.Event) -> None:
    """Answer the supervisor on standard output, in a worker; set `stop` when the supervisor is gone."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        while await reader.readline():
            os.write(sys.stdout.fileno(), json.dumps(snapshot().to_json()).encode() + b"\n")
    finally:
        stop.set()  # a worker that cannot answer any more is replaced rather than missed
