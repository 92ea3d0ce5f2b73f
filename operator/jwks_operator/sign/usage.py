"""Who used which key, how often and when last: counters for Prometheus, and the audit log."""

import json
import os
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
DONE: Final = "ok"
"""The outcome of a use that succeeded; the others are the codes of problems."""

Use = tuple[str, str, int, str]
"""Entry, kid, uid, outcome."""


@dataclass(slots=True)
class Usage:
    """Counters of one signer; kids of keys that are gone stay until the process ends."""

    counts: dict[Use, int] = field(default_factory=dict)
    last: dict[tuple[str, str], float] = field(default_factory=dict)

    def count(self, entry: str, kid: str, uid: int, outcome: str, now: float) -> None:
        """Count one use, or one refusal; entry and kid are empty where a request does not come that far."""
        use = (entry, kid, uid, outcome)
        self.counts[use] = self.counts.get(use, 0) + 1
        if outcome == DONE:
            self.last[entry, kid] = now


def write_audit_line(entry: str, kid: str, uid: int, payload: bytes, jti: object) -> None:
    """Write one line for a use, before its token is given out; raises RequestRefused if it cannot be written.

    It names the SHA-256 of the payload, never the payload or the token.
    """
    line = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "use": "sign",
        "entry": entry,
        "kid": kid,
        "uid": uid,
        "sha256": sha256(payload).hexdigest(),
        "jti": jti if isinstance(jti, str) else None,
    }
    try:
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
    yield "key_active", "gauge", "1 for the key that signs for an entry.", held
    yield "troubles", "gauge", "Entries whose files cannot be used as they are.", [("", (), len(keys.troubles))]
    yield "reloads_total", "counter", "Changes of the mounted Secret that were taken.", [("", (), keys.reloads)]
    text = "From the last octet read to the reply in the socket."
    yield "request_duration_seconds", "histogram", text, list_buckets(stats)
    yield "connections", "gauge", "Open connections.", [("", (), stats.connections)]
    memory, cpu = read_usage()
    yield "resident_memory_bytes", "gauge", "Resident memory.", [("", (), memory)]
    yield "cpu_seconds_total", "counter", "CPU time.", [("", (), cpu)]
