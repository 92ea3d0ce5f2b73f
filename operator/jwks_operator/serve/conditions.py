"""Conditional requests and content coding: pure functions of header values."""

import re
from typing import Final

_TAG: Final = re.compile(rb'"[^"]*"')
_WEIGHT: Final = re.compile(rb"\s*q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*", re.IGNORECASE)


def has_tag(if_none_match: bytes, etag: bytes) -> bool:
    """Tell whether If-None-Match names `etag` (with its quotes), by weak comparison (RFC 9110 section 13.1.2)."""
    return if_none_match.strip() == b"*" or etag in _TAG.findall(if_none_match)


def accepts_gzip(accept_encoding: bytes) -> bool:
    """Tell whether gzip is at least as welcome as no coding at all (RFC 9110 section 12.5.3)."""
    weights: dict[bytes, float] = {}
    for part in accept_encoding.lower().split(b","):
        coding, _, weight = part.partition(b";")
        weights[coding.strip()] = _weight(weight)
    anything = weights.get(b"*", 0.0)
    gzip = weights.get(b"gzip", weights.get(b"x-gzip", anything))
    return gzip > 0 and gzip >= weights.get(b"identity", 0.0)


def _weight(text: bytes) -> float:
    if not text.strip():
        return 1.0
    found = _WEIGHT.fullmatch(text)
    return float(found[1]) if found else 0.0
