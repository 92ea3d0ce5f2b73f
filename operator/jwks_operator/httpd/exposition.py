"""Prometheus text (exposition format 0.0.4).

Written by hand because it is one page, and the client library would cost a tenth of the memory of a server.
"""

from collections.abc import Iterable
from itertools import accumulate

from jwks_operator.httpd.counters import BUCKETS, Stats

Labels = tuple[tuple[str, str], ...]
Sample = tuple[str, Labels, float]
"""Suffix of the name, labels, value."""
Family = tuple[str, str, str, list[Sample]]
"""Name without prefix, type, help, samples."""


def write_families(prefix: str, families: Iterable[Family]) -> str:
    """Return the text; families of one name are merged."""
    merged: dict[str, Family] = {}
    for name, kind, text, samples in families:
        merged.setdefault(name, (name, kind, text, []))[3].extend(samples)
    lines = []
    for name, kind, text, samples in merged.values():
        lines += [f"# HELP {prefix}_{name} {text}", f"# TYPE {prefix}_{name} {kind}"]
        for suffix, labels, value in samples:
            inside = ",".join(f'{label}="{_escaped(content)}"' for label, content in labels)
            lines.append(f"{prefix}_{name}{suffix}{f'{{{inside}}}' if inside else ''} {float(value):.10g}")
    return "\n".join(lines) + "\n"


def list_buckets(stats: Stats) -> list[Sample]:
    """Return the samples of the histogram of handling times."""
    bounds = [*(f"{bound:g}" for bound in BUCKETS), "+Inf"]
    counts = list(accumulate(stats.buckets))
    buckets: list[Sample] = [("_bucket", (("le", bound),), count) for bound, count in zip(bounds, counts, strict=True)]
    return [*buckets, ("_sum", (), stats.seconds), ("_count", (), counts[-1])]


def _escaped(content: str) -> str:
    return content.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
