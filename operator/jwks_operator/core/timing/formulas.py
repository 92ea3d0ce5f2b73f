"""How long must everybody wait? The waits of a key, derived from facts about the world.

The facts are stated in `spec.timing`; what is silent takes the default. A user may lengthen a derived wait,
never shorten it. The derivations per class are those of docs/architecture.md:

- signature: lead = propagation + cacheMaxAge + staleWindow + edgeCache + verifierRefresh;
  retention = propagation + restart + tokenLifetime + clockSkew
- encryption: lead = propagation + restart; retention = what a signature key leads plus what it retains, propagation
  once and without restart
- symmetric: lead = propagation + restart; retention = propagation + restart + tokenLifetime + clockSkew

`restart` is how long workloads take that are restarted to read the Secret, nothing where none are.

Retention is never shorter than the rollback window: a key that may come back must still be known.

Where facts changed, what happened under the former ones goes on for a while: a server that is still slow hands a
document to a cache that has become slower. So the longest of each single fact counts, not the longest of two sums.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import lru_cache
from types import MappingProxyType

from jwks_operator.api.defaults import DEFAULTS, LEAD_TERMS, RESTART, RETENTION_TERMS
from jwks_operator.api.spec import JsonWebKeySetSpec, KeyEntry, Rotation, Timing
from jwks_operator.core.model.record import Bounds, Record
from jwks_operator.keys.algorithms import KeyClass

Facts = Mapping[str, timedelta]
NO_OTHERS: Facts = MappingProxyType({})

EXCESS = "excess"
"""The name of a fact that is part of every wait: by how much a former wait was longer, nobody knows by which fact."""


@lru_cache(maxsize=1024)  # asked dozens of times in a pass, and most sets say the same
def facts(timing: Timing) -> Facts:
    """Return every fact of a spec by its name, the silent ones filled from the table of defaults."""
    return MappingProxyType({name: timing.fact(name) for name in DEFAULTS})


def facts_of(spec: JsonWebKeySetSpec) -> Facts:
    """Return every fact that a wait can be made of: those of `timing`, and how long a restart takes if there is one."""
    restart = spec.secret.restart
    return _facts_of(spec.timing, timedelta() if restart is None else restart.takes)


@lru_cache(maxsize=1024)
def _facts_of(timing: Timing, restart: timedelta) -> Facts:
    return MappingProxyType({**facts(timing), RESTART: restart})


def longest(some: Facts, others: Facts) -> Facts:
    """Return the longest of each fact."""
    if others is some or not others:
        return some
    names = dict.fromkeys((*some, *others))
    return {name: max(some.get(name, timedelta()), others.get(name, timedelta())) for name in names}


def bounds(spec: JsonWebKeySetSpec, rotation: Rotation, key_class: KeyClass, others: Facts = NO_OTHERS) -> Bounds:
    """Return the waits of keys of a class and rotation under a spec: derived, or longer where it says so.

    `others` are former facts that still count.
    """
    known = {EXCESS: timedelta(), **longest(facts_of(spec), others)}
    lead = _longest(spec.timing.lead, (known[term] for term in (EXCESS, *LEAD_TERMS[key_class])))
    retention = _longest(spec.timing.retention, (known[term] for term in (EXCESS, *RETENTION_TERMS[key_class])))
    return Bounds(lead, max(retention, rollback_window(rotation, lead)))


def horizon(record: Record) -> timedelta:
    """Return how long it takes until nothing is left of what was done under these and the former facts of a record."""
    return sum(longest(facts_of(record.spec), record.longest).values(), timedelta())


def rollback_window(rotation: Rotation, lead: timedelta) -> timedelta:
    """Return how long a retired signing key keeps its private half: as declared, else one lead."""
    return lead if rotation.rollback_window is None else rotation.rollback_window


def rotation_of(spec: JsonWebKeySetSpec, entry: KeyEntry | None) -> Rotation:
    """Return the rotation that governs an entry: its own, else (also for an entry that left) the set's."""
    return spec.rotation if entry is None else spec.rotation_of(entry)


def entry_named(spec: JsonWebKeySetSpec, name: str) -> KeyEntry | None:
    """Return the entry of this name, or None if the spec has none."""
    return next((entry for entry in spec.keys if entry.name == name), None)


def _longest(stated: timedelta | None, terms: Iterable[timedelta]) -> timedelta:
    derived = sum(terms, timedelta())
    return derived if stated is None else max(derived, stated)
