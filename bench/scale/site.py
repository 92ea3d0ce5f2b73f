"""Where a scenario takes place: a fresh control plane with the CRD, and a directory for logs."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from controlplane import ControlPlane
from scale.api import Api, open_api
from scale.operators import Operator
from scale.processes import Meter

CRDS = Path(__file__).parents[2] / "crds"
SERVERS = ("kube-apiserver", "etcd")


@dataclass(frozen=True)
class Site:
    """A control plane, the way to it, and how many sets are worked on at once, by the operator and by bare writes."""

    plane: ControlPlane
    api: Api
    workers: int

    def operator(self, *options: str, kubeconfig: Path | None = None, tree: Path | None = None) -> Operator:
        """Return an operator for all namespaces, that of another tree if one is given; it does not run yet."""
        handle, path = tempfile.mkstemp(prefix="jwks-operator-", suffix=".log", dir=self.plane.directory / "log")
        os.close(handle)
        log = Path(path)
        return Operator(kubeconfig or self.plane.kubeconfig, log, f"--workers={self.workers}", *options, tree=tree)

    def meter(self, **operators: Operator) -> Meter:
        """Begin to measure the servers, these operators and the generator."""
        servers = {name: pid for name, pid in self.plane.pids().items() if name in SERVERS}
        return Meter({**servers, **{name: operator.pid for name, operator in operators.items()}})


@asynccontextmanager
async def open_site(workers: int, crds: Path = CRDS) -> AsyncIterator[Site]:
    """Start a control plane with the sets' kind; it ends and vanishes with the block."""
    plane = await asyncio.to_thread(ControlPlane.start)
    try:
        for arguments in (
            ("apply", "--server-side", f"--filename={crds}"),
            ("wait", "--for=condition=Established", "--timeout=30s", f"--filename={crds}"),
        ):
            done = await asyncio.to_thread(plane.kubectl, *arguments)
            if done.returncode:
                raise RuntimeError(f"kubectl {arguments[0]}: {done.stderr}")
        async with open_api(plane) as api:
            yield Site(plane, api, workers)
    finally:
        await asyncio.to_thread(plane.stop)
