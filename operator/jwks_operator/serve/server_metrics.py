"""Prometheus metrics from the snapshots of all workers."""

from collections.abc import Iterator, Sequence
from typing import Final

from jwks_operator.httpd.counters import Stats, sum_snapshots
from jwks_operator.httpd.exposition import Family, Sample, list_buckets, write_families
from jwks_operator.serve.stats import SetState, Snapshot

PREFIX: Final = "jwks_server"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def render(snapshots: Sequence[Snapshot], now: float) -> str:
    """Return all metrics; `now` is the Unix time, `snapshots` one for each living worker."""
    stats = sum_snapshots(each.stats for each in snapshots)
    lines = [*_requests(stats), *_connections(stats), *_processes(snapshots)]
    for states in zip(*(each.sets for each in snapshots), strict=True):
        lines += _set(states, now)
    return write_families(PREFIX, lines)


def _requests(stats: Stats) -> Iterator[Family]:
    codes: list[Sample] = [("", (("code", str(code)),), count) for code, count in sorted(stats.codes.items())]
    yield "requests_total", "counter", "Answered requests by status code.", codes
    text = "From the last octet read to the reply in the socket."
    yield "request_duration_seconds", "histogram", text, list_buckets(stats)


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
