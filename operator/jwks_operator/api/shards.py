"""Shards: the label of a set names the shard whose operator manages it; without the label it is the default shard.

A set belongs to exactly one shard. Its objects carry the same label, so that the API server sends a shard only its own
objects.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jwks_operator.api.names import LABEL_SHARD, MANAGED_SELECTOR

Shard = str | None
"""The value of the label; None for the default shard, whose sets have none."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The sets that an operator manages: those of its shard, in the named namespaces or, if none is named, in all."""

    namespaces: tuple[str, ...] = ()
    shard: Shard = None

    def __str__(self) -> str:
        """Name it for people."""
        where = ", ".join(self.namespaces) or "all namespaces"
        return where if self.shard is None else f"shard {self.shard} in {where}"


EVERYTHING = Scope()
"""All sets of the default shard."""

_NAME = re.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def parse_shard(text: str) -> str:
    """Return the name of a shard; raises ValueError unless it is a DNS label (RFC 1123) of at most 63 characters."""
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} names no shard: use up to 63 of a-z, 0-9 and -, and no - at the ends")
    return text


def shard_of(thing: Mapping[str, Any]) -> Shard:
    """Return the shard of a set, or of an object of a set, by its label; an invalid value belongs to no shard."""
    value = (thing["metadata"].get("labels") or {}).get(LABEL_SHARD)
    return None if value is None else str(value)


def shard_labels(shard: Shard) -> dict[str, str]:
    """Return the labels of an object of the shard."""
    return {} if shard is None else {LABEL_SHARD: shard}


def selector_of_sets(shard: Shard) -> str:
    """Return the label selector for the sets of a shard."""
    return f"!{LABEL_SHARD}" if shard is None else f"{LABEL_SHARD}={shard}"


def selector_of_objects(shard: Shard) -> str:
    """Return the label selector for what belongs to the sets of a shard."""
    return f"{MANAGED_SELECTOR},{selector_of_sets(shard)}"
