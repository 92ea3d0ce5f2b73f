"""Who used which key, how often and when last: counters for Prometheus, and the audit log."""

import json
import os
import select
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from jwks_operator.httpd.counters import Stats, read_usage
from jwks_operator.httpd.exposition import Family, Sample, list_buckets, write_families
from jwks_operator.sign.key_directory import KeyDirectory
from jwks_operator.sign.problems import Problem, RequestRefused

PREFIX: Final = "jwks_signer"
MOST_JTI: Final = 256
"""Characters of a jti that the audit log keeps: a line then fits into PIPE_BUF and is written whole, or not at all."""
DONE: Final = "ok"
"""The outcome of a use that succeeded; the others are the codes of problems."""


@dataclass(slots=True)
class Use:
    """One request: who asks, and which key it concerns as far as that is known."""

    uid: int
    entry: str = ""
    kid: str = ""


@dataclass(slots=True)
class Usage:
    """Counters of one signer; kids of keys that are gone stay until the process ends."""

    counts: dict[tuple[str, str, int, str], int] = field(default_factory=dict)
    """By entry, kid, uid and outcome."""
    last: dict[tuple[str, str], float] = field(default_factory=dict)

    def count(self, use: Use, outcome: str, now: float) -> None:
        """Count one use, or one refusal; entry and kid are empty where a request does not come that far."""
        counted = (use.entry, use.kid, use.uid, outcome)
        self.counts[counted] = self.counts.get(counted, 0) + 1
        if outcome == DONE:
            self.last[use.entry, use.kid] = now


def write_audit_line(use: Use, kind: str, payload: bytes, jti: object = None) -> None:
    """Write one line for a use, before its token is given out; raises RequestRefused if it cannot be written.

    It names the SHA-256 of the payload, or of the token to decrypt, never what is in them. Where nobody reads standard
    output, the pipe is full: that is a refusal at once, not a signer that stands still.
    """
    line = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "use": kind,
        "entry": use.entry,
        "kid": use.kid,
        "uid": use.uid,
        "sha256": sha256(payload).hexdigest(),
        "jti": jti[:MOST_JTI] if isinstance(jti, str) else None,
    }
    try:
        if not select.select((), (sys.stdout,), (), 0)[1]:  # writable means that PIPE_BUF octets fit, see pipe(7)
            raise RequestRefused(Problem.AUDIT, "the audit log cannot be written: nobody reads standard output")
        os.write(sys.stdout.fileno(), (json.dumps(line) + "\n").encode())
    except OSError as error:
        raise RequestRefused(Problem.AUDIT, f"the audit log cannot be written: {error.strerror}") from None


def render_metrics(stats: Stats, usage: Usage, keys: KeyDirectory) -> str:
    """Return the metrics page."""
    return write_families(PREFIX, _families(stats, usage, keys))


def _families(stats: Stats, usage: Usage, keys: KeyDirectory) -> Iterator[Family]:
    uses: list[Sample] = [
        ("", (("entry", entry), ("kid", kid), ("uid", str(uid)), ("outcome", outcome)), float(count))
        for (entry, kid, uid, outcome), count in sorted(usage.counts.items())
    ]
    yield "uses_total", "counter", "Requests by entry, kid, caller's uid and outcome.", uses
    last: list[Sample] = [
        ("", (("entry", entry), ("kid", kid)), when) for (entry, kid), when in sorted(usage.last.items())
    ]
    yield "key_last_use_timestamp_seconds", "gauge", "When a key was last used, in Unix time.", last
    held: list[Sample] = [
        ("", (("entry", entry), ("kid", key.kid), ("alg", key.alg)), 1.0)
        for entry, key in sorted(keys.keys.items())
        if key
    ]
    yield "key_active", "gauge", "1 for the active key of an entry.", held
    yield "troubles", "gauge", "Entries whose files cannot be used as they are.", [("", (), len(keys.troubles))]
    yield "reloads_total", "counter", "Changes of the mounted Secret that were taken.", [("", (), keys.reloads)]
    text = "From the last octet read to the reply in the socket."
    yield "request_duration_seconds", "histogram", text, list_buckets(stats)
    yield "connections", "gauge", "Open connections.", [("", (), stats.connections)]
    memory, cpu = read_usage()
    yield "resident_memory_bytes", "gauge", "Resident memory.", [("", (), memory)]
    yield "cpu_seconds_total", "counter", "CPU time.", [("", (), cpu)]
