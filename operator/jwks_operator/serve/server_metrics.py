"""Prometheus text (exposition format 0.0.4) from the snapshots of all workers.

Written by hand because it is one page, and the client library would cost a tenth of the memory of a server.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from jwks_operator.serve.stats import BUCKETS, SetState, Snapshot, Stats, sum_snapshots

PREFIX: Final = "jwks_server"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[tuple[str, str], ...]
Sample = tuple[str, Labels, float]


def render(snapshots: Sequence[Snapshot], now: float) -> str:
    """Return all metrics; `now` is the Unix time, `snapshots` one for each living worker."""
    stats = sum_snapshots(each.stats for each in snapshots)
    lines = [*_requests(stats), *_connections(stats), *_processes(snapshots)]
    for states in zip(*(each.sets for each in snapshots), strict=True):
        lines += _set(states, now)
    return render_families(lines, PREFIX)


Family = tuple[str, str, str, list[Sample]]
"""Name without prefix, type, help, samples."""


def _requests(stats: Stats) -> Iterator[Family]:
    codes: list[Sample] = [("", (("code", str(code)),), count) for code, count in sorted(stats.codes.items())]
    yield "requests_total", "counter", "Answered requests by status code.", codes
    bounds = [*(f"{bound:g}" for bound in BUCKETS), "+Inf"]
    counts = list(accumulate(stats.buckets))
    histogram: list[Sample] = [
        ("_bucket", (("le", bound),), count) for bound, count in zip(bounds, counts, strict=True)
    ]
    histogram += [("_sum", (), stats.seconds), ("_count", (), counts[-1])]
    yield "request_duration_seconds", "histogram", "From the last octet read to the reply in the socket.", histogram


def _connections(stats: Stats) -> Iterator[Family]:
    yield "connections", "gauge", "Open connections.", [("", (), stats.connections)]
    yield "connections_accepted_total", "counter", "Connections that were served.", [("", (), stats.accepted)]
    yield "connections_rejected_total", "counter", "Connections above the limit.", [("", (), stats.rejected)]
    yield "connections_timed_out_total", "counter", "Idle or slow connections ended.", [("", (), stats.timed_out)]
    yield "throttled_total", "counter", "Pauses of connections above their rate.", [("", (), stats.throttled)]
    reloads: list[Sample] = [
        ("", (("result", "taken"),), stats.tls_reloads),
        ("", (("result", "refused"),), stats.tls_refused),
    ]
    yield "tls_reloads_total", "counter", "Certificates found changed on disk.", reloads


def _processes(snapshots: Sequence[Snapshot]) -> Iterator[Family]:
    each = list(enumerate(snapshots))
    yield "workers", "gauge", "Living workers.", [("", (), len(each))]
    memory: list[Sample] = [("", (("worker", str(number)),), one.rss) for number, one in each]
    yield "resident_memory_bytes", "gauge", "Resident memory.", memory
    cpu: list[Sample] = [("", (("worker", str(number)),), one.cpu) for number, one in each]
    yield "cpu_seconds_total", "counter", "CPU time.", cpu


def _set(states: Sequence[SetState], now: float) -> Iterator[Family]:
    label = ("set", states[0].name)
    loaded = [each for each in states if each.loaded]
    refused = max(each.refused for each in states)
    yield "set_loaded", "gauge", "1 if every worker has a good set.", [("", (label,), len(loaded) == len(states))]
    stale = any(each.trouble for each in states)
    yield (
        "set_stale",
        "gauge",
        "1 if the newest content is not served because it is refused or gone.",
        [("", (label,), stale)],
    )
    yield "loads_refused_total", "counter", "Contents that must not be published.", [("", (label,), refused)]
    if loaded:
        hashes = sorted({each.etag for each in loaded})
        info: list[Sample] = [("", (label, ("hash", one)), 1) for one in hashes]
        yield "set_info", "gauge", "The SHA-256 of the served set.", info
        yield "set_keys", "gauge", "Keys in the served set.", [("", (label,), min(each.keys for each in loaded))]
        age = now - min(each.changed for each in loaded)
        yield "set_age_seconds", "gauge", "Time since the served set last changed here.", [("", (label,), age)]


def render_families(families: Iterable[Family], prefix: str) -> str:
    """Return the text of metric families; those of one name become one."""
    merged: dict[str, Family] = {}
    for name, kind, text, samples in families:
        merged.setdefault(name, (name, kind, text, []))[3].extend(samples)
    lines = []
    for name, kind, text, samples in merged.values():
        lines += [f"# HELP {prefix}_{name} {text}", f"# TYPE {prefix}_{name} {kind}"]
        for suffix, labels, value in samples:
            inside = ",".join(f'{label}="{content}"' for label, content in labels)
            lines.append(f"{prefix}_{name}{suffix}{f'{{{inside}}}' if inside else ''} {float(value):.10g}")
    return "\n".join(lines) + "\n"
