"""`python -m demo [--once]`: brings everything up, shows it, takes everything down."""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType

from controlplane import ControlPlane, ControlPlaneError
from controlplane.processes import Group, Server
from demo import cluster
from demo.kubelet import Watch, mount
from demo.prospect import describe_plan
from demo.rotations import Rotations
from demo.traffic import Tally, Traffic
from demo.view import choose_view
from demo.visited import run_on_cluster

ROTATIONS = 3
ONCE_SECONDS = 180.0
REFRESH_SECONDS = 0.25
LOG_LINES = 20


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs."""

    plane: cluster.Plane
    servers: tuple[Server, ...]
    rotations: Rotations
    traffic: Traffic

    def check(self) -> None:
        """Raise ControlPlaneError if something ended by itself."""
        self.plane.check()
        for server in self.servers:
            server.check()


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; return 0 if every token verified for its whole life."""
    parser = argparse.ArgumentParser(prog="make demo", description=sys.modules["demo"].__doc__)
    ending = f"end after {ROTATIONS} full rotations, with exit code 0 only if every token verified"
    parser.add_argument("--once", action="store_true", help=ending)
    once = parser.parse_args(arguments).once
    signal.signal(signal.SIGTERM, _end)
    # What is on this machine is not behind a proxy.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    started = time.monotonic()
    try:
        kubeconfig = os.environ.get("DEMO_KUBECONFIG")
        for line in describe_plan(own_cluster=bool(kubeconfig), rotations=ROTATIONS if once else None):
            _say(line)
        with open_stage(Path(kubeconfig) if kubeconfig else None) as running:
            complete = _watch(running, once=once)
            tally, full = running.traffic.tally, running.rotations.full
    except ControlPlaneError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    for failure in tally.failures:
        print(failure)
    print(_summary(tally, full, started))
    return 0 if complete and tally.signed and not tally.failed else 1


@contextmanager
def open_stage(kubeconfig: Path | None = None) -> Iterator[Stage]:
    """Bring everything up, in this order, and take it down in the reverse one.

    1. A control plane, or the user's cluster of `kubeconfig`; the CRD, the operator's service account and rights.
    2. The operator, and the set of the quickstart.
    3. The mounts: the published set for the server, the consumer Secret for the signer.
    4. The server; when it is ready, the signer and the verifier.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jwks-demo-")))
        plane = stack.enter_context(_cluster(kubeconfig, directory))
        stack.push(partial(_show_logs, directory))
        group = Group(directory)
        stack.callback(group.close)
        _say("installing CRD and rights, starting the operator, applying examples/quickstart.yaml")
        if kubeconfig is None:
            only = None
            cluster.install_chart(plane)
        else:
            only = cluster.NAMESPACE
            cluster.install_in_one_namespace(plane)
        operator = cluster.start_operator(plane, group, directory / "operator.log", only)
        stack.callback(operator.stop)
        cluster.create_set(plane)
        rotations = Rotations()
        published, private = directory / "published", directory / "private"
        for resource, seen in (
            ("jsonwebkeysets", rotations.seen),
            ("configmaps", mount(published)),
            ("secrets", mount(private)),
        ):
            watch = Watch(cluster.KUBECTL, plane.environ(), (resource, cluster.SET), seen)
            stack.callback(watch.close)
        server, address = cluster.start_server(group, published, directory / "server.log")
        stack.callback(server.stop)
        cluster.wait_until_ready(address, (operator, server))
        uri = f"{address}/.well-known/jwks.json"
        _say(f"the set is served at {uri}; look around with KUBECONFIG={plane.kubeconfig}")
        traffic = Traffic(private, uri)
        traffic.start()
        stack.callback(traffic.close)
        yield Stage(plane, (operator, server), rotations, traffic)


def _cluster(kubeconfig: Path | None, directory: Path) -> AbstractContextManager[cluster.Plane]:
    if kubeconfig is not None:
        return run_on_cluster(kubeconfig, cluster.NAMESPACE, directory)
    _say("starting a control plane")
    return ControlPlane.start()


def _watch(running: Stage, *, once: bool) -> bool:
    """Show what happens; return whether it went as far as it should. Raise ControlPlaneError if it does not end."""
    last = time.monotonic() + ONCE_SECONDS
    with choose_view() as show:
        try:
            while not once or running.rotations.full < ROTATIONS:
                running.check()
                show(running.rotations, running.traffic.tally)
                time.sleep(REFRESH_SECONDS)
                if once and time.monotonic() > last:
                    raise ControlPlaneError(f"no {ROTATIONS} full rotations within {ONCE_SECONDS:.0f} s")
            running.traffic.drain()
        except KeyboardInterrupt:
            return not once
        show(running.rotations, running.traffic.tally)
        return True


def _show_logs(directory: Path, kind: type[BaseException] | None, *_: object) -> None:
    """Print the ends of the logs before they are removed, if something went wrong."""
    if kind is None or not issubclass(kind, ControlPlaneError):
        return
    for log in sorted(directory.glob("*.log")):
        lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        print(f"--- {log.name}", *lines, sep="\n", file=sys.stderr)


def _summary(tally: Tally, full: int, started: float) -> str:
    first = "never" if tally.first_verified is None else f"after {tally.first_verified - started:.1f} s"
    return (
        f"{full} full rotations, {tally.signed} tokens, {tally.verifications} verifications, "
        f"{tally.failed} failures, first verified token {first}, {time.monotonic() - started:.1f} s in all"
    )


def _say(text: str) -> None:
    print(f"demo: {text}", flush=True)


def _end(signum: int, _frame: FrameType | None) -> None:
    """Leave through every `with` block, so that all is stopped in order."""
    raise SystemExit(128 + signum)


if __name__ == "__main__":
    sys.exit(main())
