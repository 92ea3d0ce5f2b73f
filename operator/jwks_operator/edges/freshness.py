"""How old is a cached answer, and how long may caches keep it? Read from its headers (RFC 9111, RFC 5861)."""

import re
from collections.abc import Mapping
from datetime import timedelta

_NONE = timedelta()


def find_directive(cache_control: str, name: str) -> timedelta | None:
    """Return the seconds of a directive of Cache-Control; None if it is missing or no number."""
    found = re.search(rf"(?:^|[,\s]){re.escape(name)}\s*=\s*\"?(\d{{1,9}})", cache_control.lower())
    return timedelta(seconds=int(found[1])) if found else None


def parse_age(text: str) -> timedelta:
    """Return how long a cache on the way says that it has had the answer (RFC 9111 section 5.1)."""
    return timedelta(seconds=int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else _NONE


def compute_lifetime(headers: Mapping[str, str]) -> timedelta:
    """Return how long any cache may serve the answer after it was made: fresh, and then stale."""
    told = headers.get("Cache-Control", "")

    def longest(*names: str) -> timedelta:
        return max(find_directive(told, name) or _NONE for name in names)

    return longest("max-age", "s-maxage") + longest("stale-while-revalidate", "stale-if-error")
