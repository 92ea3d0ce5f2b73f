"""The probes for the kubelet and the metrics for Prometheus.

A refused newer set does not end readiness: the last good one is right until its keys are rotated away, and
taking the server down would turn a bad write into an outage. `/readyz?verbose` says so.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from jwks_operator.httpd.probe_pages import Probe
from jwks_operator.serve import server_metrics
from jwks_operator.serve.stats import SetState, Snapshot

Snapshots = Callable[[], Sequence[Snapshot]]
"""Returns one snapshot for each living worker; a missing worker makes the server not ready."""


def build_probes(snapshots: Snapshots, workers: int) -> Mapping[str, Probe]:
    """Return /healthz and /readyz by path."""

    def healthz(_: bool) -> tuple[int, str]:
        return 200, "ok\n"

    def readyz(verbose: bool) -> tuple[int, str]:
        now = snapshots()
        ready = len(now) == workers and all(each.ready for each in now)
        if verbose:
            return (200 if ready else 503), _explain(now, workers)
        return (200, "ok\n") if ready else (503, "not ready; ask /readyz?verbose\n")

    return {"/healthz": healthz, "/readyz": readyz}


def build_admin_pages(snapshots: Snapshots, workers: int) -> Mapping[str, Probe]:
    """Return the probes and /metrics by path."""

    def render(_: bool) -> tuple[int, str]:
        return 200, server_metrics.render(snapshots(), time.time())

    return {**build_probes(snapshots, workers), "/metrics": render}


def _explain(snapshots: Sequence[Snapshot], workers: int) -> str:
    lines = []
    if len(snapshots) < workers:
        lines.append(f"[-] {len(snapshots)} of {workers} workers are there")
    if any(each.draining for each in snapshots):
        lines.append("[-] stopping")
    for number, snapshot in enumerate(snapshots):
        where = f"worker {number}: " if workers > 1 else ""
        for state in snapshot.sets:
            lines += [f"{mark} {where}{text}" for mark, text in _about(state)]
    return "\n".join(lines) + "\n"


def _about(state: SetState) -> list[tuple[str, str]]:
    name = f"{state.name}: " if state.name else ""
    good = ("[+]", f"{name}serving {state.keys} keys, content {state.etag[:12]}")
    newest = ("[+]", f"{name}that is the newest content")
    if state.trouble:
        newest = ("[-]", f"{name}the newest content is not served: {state.trouble}")
    return [good if state.loaded else ("[-]", f"{name}no set yet"), newest]
