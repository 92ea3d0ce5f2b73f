"""One serving process: its shelves with their sources, its listener, its shutdown.

With `--workers N` there are N of these under a supervisor; each follows the sources by itself, so none depends on
another.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from jwks_operator.httpd.counters import read_usage, sum_snapshots
from jwks_operator.httpd.probe_pages import Probe
from jwks_operator.httpd.server import Bounds, Server, bind_socket
from jwks_operator.serve.hints import CAPPED_AGE
from jwks_operator.serve.mounted import Mounted
from jwks_operator.serve.probes import build_probes
from jwks_operator.serve.shelf import Shelf
from jwks_operator.serve.site import Site, list_states
from jwks_operator.serve.stats import Snapshot
from jwks_operator.serve.tls import Tls

QUIET_SECONDS: Final = 1.0
RESTART_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)

Runner = Callable[[asyncio.Event], Coroutine[None, None, None]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to serve and where, from the command line.

    `sets` are paths by name ("" for the only one) and `configmaps` "namespace/name" by name; `tls` is
    certificate and key; `drain` and `longest_age` in seconds.
    """

    host: str
    port: int
    sets: Mapping[str, Path] = field(default_factory=dict)
    configmaps: Mapping[str, str] = field(default_factory=dict)
    tls: tuple[Path, Path] | None = None
    admin_host: str = "127.0.0.1"
    admin_port: int | None = None
    workers: int = 1
    drain: float = 10.0
    access_log: bool = False
    longest_age: int = CAPPED_AGE
    bounds: Bounds = field(default_factory=Bounds)


class Worker:
    """Serves what the plan says until it is stopped."""

    def __init__(self, plan: Plan) -> None:
        """Raises CertificateRefused if there is no usable certificate."""
        self._plan = plan
        self._tls = Tls(*plan.tls) if plan.tls else None
        self.shelves = [Shelf(name, plan.longest_age) for name in (*plan.sets, *plan.configmaps)]
        own = {} if plan.admin_port is not None else build_probes(self._alone, 1)
        self._site = Site(self.shelves, own)
        self._server = Server(self._site, plan.bounds, access_log=plan.access_log)

    def snapshot(self) -> Snapshot:
        """Return the snapshot of this worker."""
        stats = sum_snapshots([self._server.stats, *([self._tls.stats] if self._tls else [])])
        return Snapshot(stats, list_states(self.shelves), self._server.draining, *read_usage())

    async def run(self, sock: socket.socket, stop: asyncio.Event, started: Callable[[], None]) -> None:
        """Serve on the bound socket until `stop` is set, then drain. Raises OSError if it cannot listen.

        `started` is called when it listens.
        """
        runners = await self._runners()
        for shelf in self.shelves:
            shelf.on_change = self._show_content
        self._show_content()
        await self._server.listen(sock, self._tls.context if self._tls else None)
        started()
        ended = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for runner in runners:
                tasks.create_task(_keep(runner, ended))
            await stop.wait()
            _log.info("stopping")
            await self._server.drain(min(QUIET_SECONDS, self._plan.drain / 4), self._plan.drain)
            ended.set()

    def _show_content(self) -> None:
        """Answer from the present content of the shelves."""
        self._site.rebuild()
        self._server.forget_replies()

    async def _runners(self) -> list[Runner]:
        runners: list[Runner] = [self._tls.run] if self._tls else []
        by_name = {shelf.name: shelf for shelf in self.shelves}
        for name, path in self._plan.sets.items():
            mounted = Mounted(path, by_name[name])
            await mounted.reload()  # the first answer should be the set, if it is there
            runners.append(mounted.run)
        if self._plan.configmaps:
            # Only here, because it brings the Kubernetes client and its memory along.
            from jwks_operator.serve.configmap import Watched  # noqa: PLC0415

            runners += [Watched(target, by_name[name]).run for name, target in self._plan.configmaps.items()]
        return runners

    def _alone(self) -> list[Snapshot]:
        return [self.snapshot()]


async def _keep(runner: Runner, ended: asyncio.Event) -> None:
    """Run until `ended`; what fails starts again after a pause, and the last good set is served meanwhile."""
    while not ended.is_set():
        try:
            await runner(ended)
        except Exception:  # noqa: BLE001 - whatever it is, it is logged, and the last good set is served
            _log.exception("what follows a set or a certificate failed and starts again")
        else:
            if ended.is_set():
                return
            _log.error("what follows a set or a certificate ended by itself and starts again")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), RESTART_SECONDS)


class AdminPort:
    """The second port: probes and metrics, without TLS, for the kubelet and Prometheus."""

    def __init__(self, pages: Mapping[str, Probe]) -> None:
        self._server = Server(Site((), pages), Bounds(connections=64, rate=1000))

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Listen and return the address. Raises OSError."""
        sock = bind_socket(host, port)
        await self._server.listen(sock)
        address = sock.getsockname()
        return address[0], address[1]

    def close(self) -> None:
        """End at once."""
        self._server.abort()
