"""Judges of a crowd of sets that keep nothing of what they have judged: were waits kept, did anything private show?

They are handed every version of every object once, in the API server's order, and remember kids and times.
"""

import hashlib
import heapq
import json
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from cluster.chronicle import Chronicle, Object, Sighting
from cluster.reading import files, in_use, private_texts, published
from controlplane import Access
from jwks_operator.keys.algorithms import ALGORITHMS, EDDSA, KeyClass

KEYRING = "-keyring"
SETTLED = 3.0
"""Seconds after which a version that another one follows can be taken to have arrived, whichever watch brings it."""
HURRY = 60.0
"""Seconds in which a revoked key may be replaced by one that has not waited."""


@dataclass(frozen=True)
class Bounds:
    """What the facts of a set come to, in seconds."""

    lead: float
    retention: float


class Stream(Chronicle):
    """Follows a namespace and keeps of each object what is there now; every version can be taken once."""

    def __init__(self, plane: Access, namespace: str) -> None:
        self._now: dict[tuple[str, str], Sighting] = {}
        self._coming: list[tuple[int, int, float, Sighting]] = []
        self._turn = count()
        self._lock = threading.Lock()
        super().__init__(plane, namespace)

    def sightings(self, *kinds: str) -> list[Sighting]:
        """What is there now of these kinds, or of all, in the API server's order; Events are not kept."""
        with self._lock:
            there = [s for s in self._now.values() if s.type != "DELETED" and (not kinds or s.kind in kinds)]
        return sorted(there, key=lambda s: s.version)

    def latest(self, kind: str, name: str) -> Object | None:
        """The object as last seen; None if it was deleted or never seen."""
        found = self._now.get((kind, name))
        return None if found is None or found.type == "DELETED" else found.object

    def settled(self, age: float = SETTLED) -> Iterator[Sighting]:
        """Take out, in the API server's order, what came so many seconds ago."""
        before = time.monotonic() - age
        while True:
            with self._lock:
                if not self._coming or self._coming[0][2] > before:
                    return
                seen = heapq.heappop(self._coming)[3]
            yield seen

    def _take(self, seen: Sighting) -> str:
        key = (seen.kind, seen.name)
        with self._lock:
            known = self._now.get(key)
            if known is not None and (known.version, known.type == "DELETED") >= (seen.version, seen.type == "DELETED"):
                return str(seen.version)
            if seen.kind != "Event":
                self._now[key] = seen
            heapq.heappush(self._coming, (seen.version, next(self._turn), time.monotonic(), seen))
        return super()._take(seen)

    def _remember(self, seen: Sighting) -> None:
        """Keep nothing."""


@dataclass
class Waits:
    """The keys of one class of one set: whoever checks has `shown`, whoever uses has `used`."""

    bounds: Bounds
    shown: frozenset[str] = frozenset()
    used: frozenset[str] = frozenset()
    shown_since: dict[str, float] = field(default_factory=dict)
    last_used: dict[str, float] = field(default_factory=dict)
    activations: int = 0

    def show(self, now: frozenset[str], seen: Sighting, excused: Set[str]) -> Iterator[str]:
        """Take in what whoever checks has from now on; give the objections."""
        for kid in now - self.shown:
            if kid in self.shown_since:
                yield f"{kid} came back"
            self.shown_since[kid] = seen.earliest
        for kid in self.shown - now - excused:
            if kid in self.used:
                yield f"{kid} was taken from those who check while it was in use"
            elif kid in self.last_used and (kept := seen.at - self.last_used[kid]) < self.bounds.retention:
                yield f"{kid} was removed {kept:.2f} s after its last use"
        self.shown = now

    def use(self, now: frozenset[str], seen: Sighting, first: Set[str], hurried: bool) -> Iterator[str]:
        """Take in what is used from now on; `first` keys and those that follow on a revocation need not have waited."""
        for kid in now - self.used:
            self.activations += kid not in first
            waited = seen.at - self.shown_since.get(kid, seen.at)
            if kid not in self.shown:
                yield f"{kid} is used and nobody can check it"
            elif kid in self.last_used:
                yield f"{kid} was used again"
            elif kid not in first and not hurried and waited < self.bounds.lead:
                yield f"{kid} was used {waited:.2f} s after it was shown"
        for kid in self.used - now:
            self.last_used[kid] = seen.earliest
        self.used = now


class Life:
    """One set from its first key to the removal of its record; a set that is adopted lives on."""

    def __init__(self, bounds: Mapping[KeyClass, Bounds]) -> None:
        self.waits = {each: Waits(bounds[each]) for each in KeyClass}
        self._first: dict[str, frozenset[str]] = {}

    def objections(self, seen: Sighting, excused: Set[str], hurried: bool) -> Iterator[str]:
        """Take in the ConfigMap or the consumer Secret."""
        kids = _kids_in_configmap(seen.object) if seen.kind == "ConfigMap" else _kids_in_secret(seen.object)
        self._first.setdefault(seen.kind, kids.everyone)
        first = frozenset().union(*self._first.values())
        for each, shown in kids.shown.items():
            yield from self.waits[each].show(shown, seen, excused)
        for each, used in kids.used.items():
            yield from self.waits[each].use(used, seen, first, hurried)
        if kids.misplaced:
            yield f"symmetric keys are published: {sorted(kids.misplaced)}"


class Witness:
    """Watches every set of a namespace; `objections` is what it found."""

    def __init__(self, bounds: Mapping[KeyClass, Bounds]) -> None:
        self.objections: list[str] = []
        self.activations = 0
        self._bounds = bounds
        self._lives: dict[str, Life] = {}
        self._excused: dict[str, set[str]] = defaultdict(set)
        self._hurried: dict[str, float] = {}
        self._not_the_operators: set[tuple[str, str, str]] = set()

    def revoked(self, name: str, kid: str) -> None:
        """Somebody revokes a key now: it may go at once, and what follows on it may be used at once."""
        self._excused[name].add(kid)
        self._hurried[name] = time.time()

    def edited(self, thing: Object) -> None:
        """Somebody else wrote this version, so it is not the operator's to answer for."""
        meta = thing["metadata"]
        self._not_the_operators.add((thing["kind"], meta["name"], meta["resourceVersion"]))

    def take(self, seen: Sighting) -> None:
        """Take in what happened next."""
        if seen.kind not in {"ConfigMap", "Secret"}:
            return
        name = seen.name.removesuffix(KEYRING)
        if seen.name != name:
            if seen.type == "DELETED":
                self._lives.pop(name, None)
            return
        mark = (seen.kind, name, str(seen.version))
        if seen.type == "DELETED" or mark in self._not_the_operators or not _is_of_a_set(seen.object):
            self._not_the_operators.discard(mark)
            return
        life = self._lives.setdefault(name, Life(self._bounds))
        before = sum(each.activations for each in life.waits.values())
        hurried = self._hurried.get(name, float("-inf")) + HURRY > seen.at
        self.objections += [f"{name}: {text}" for text in life.objections(seen, self._excused[name], hurried)]
        self.activations += sum(each.activations for each in life.waits.values()) - before


_RUN = re.compile(r"[A-Za-z0-9+/=_-]{16,}")


class Leaks:
    """Knows every private text that a Secret has ever held, as digests, and looks for it everywhere else."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()
        self._private: set[bytes] = set()

    @property
    def known(self) -> int:
        """How many private texts are looked for."""
        return len(self._private)

    def take(self, seen: Sighting) -> None:
        """Take in what happened next."""
        if seen.kind != "Secret":
            self.look(f"{seen.kind} {seen.name}", "\n".join(_texts(seen.object)))
        else:
            with suppress(ValueError):  # somebody damaged it, and what they wrote is no key
                self._private.update(map(_digest, private_texts(seen.object)))

    def look(self, where: str, text: str) -> None:
        """Look for private texts in a text that anybody may read."""
        if any(_digest(run) in self._private for run in _RUN.findall(text)):
            self.found[where] += 1


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def _texts(thing: Any) -> Iterator[str]:
    """Every text in a JSON value, with the line feeds of texts within texts."""
    if isinstance(thing, str):
        yield thing.replace("\\n", "\n")
    elif isinstance(thing, dict):
        for name, value in thing.items():
            yield name
            yield from _texts(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from _texts(value)


def _is_of_a_set(thing: Object) -> bool:
    return "jwks-operator.dev/set" in (thing["metadata"].get("labels") or {})


@dataclass(frozen=True)
class _Kids:
    """The keys that one object shows to whoever checks, and those that it gives to whoever uses, by class."""

    shown: Mapping[KeyClass, frozenset[str]]
    used: Mapping[KeyClass, frozenset[str]]
    misplaced: frozenset[str] = frozenset()

    @property
    def everyone(self) -> frozenset[str]:
        return frozenset().union(*self.shown.values(), *self.used.values())


def _kids_in_configmap(configmap: Object) -> _Kids:
    kids = _by_class((kid, key["alg"]) for kid, key in published(configmap).items())
    signature, encryption, symmetric = (kids[each] for each in KeyClass)
    return _Kids({KeyClass.SIGNATURE: signature}, {KeyClass.ENCRYPTION: encryption}, symmetric)


def _kids_in_secret(secret: Object) -> _Kids:
    mounted = files(secret)
    used = _by_class((kid, mounted[f"{entry}.alg"].decode()) for entry, kid in in_use(secret).items())
    shown = _by_class(_openers(mounted))
    return _Kids(
        {each: shown[each] for each in (KeyClass.ENCRYPTION, KeyClass.SYMMETRIC)},
        {each: used[each] for each in (KeyClass.SIGNATURE, KeyClass.SYMMETRIC)},
    )


def _openers(mounted: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    for name, content in mounted.items():
        if name.endswith(".jwks"):
            yield from ((key["kid"], key["alg"]) for key in json.loads(content)["keys"])


def _by_class(keys: Iterable[tuple[str, str]]) -> dict[KeyClass, frozenset[str]]:
    found: dict[KeyClass, set[str]] = {each: set() for each in KeyClass}
    for kid, algorithm in keys:
        key_class = KeyClass.SIGNATURE if algorithm == EDDSA else ALGORITHMS[algorithm].key_class
        found[key_class].add(kid)
    return {each: frozenset(kids) for each, kids in found.items()}
