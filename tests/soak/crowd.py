"""Many sets and the people who will not leave them alone: they write, edit, revoke, delete, damage, and write again.

The number of living sets stays what it is: a set that is deleted comes back, at once, within the deletion delay or
after it. Everything is drawn from one seed, but for what the timing of the processes adds.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from random import Random
from typing import Any

from cluster.reading import in_use, published
from cluster.stage import Stage
from controlplane.errors import ApiError
from jwks_operator.keys.algorithms import KeyClass
from soak.debts import PATIENCE, Debts
from soak.judges import KEYRING, Bounds, Witness

PROPAGATION, CACHE, REFRESH, LIFE, SKEW = 2, 1, 1, 2, 5
TIMING = {
    "propagation": f"{PROPAGATION}s",
    "cacheMaxAge": f"{CACHE}s",
    "verifierRefresh": f"{REFRESH}s",
    "tokenLifetime": f"{LIFE}s",
    "clockSkew": f"{SKEW}s",
}
BOUNDS = {
    KeyClass.SIGNATURE: Bounds(PROPAGATION + CACHE + REFRESH, PROPAGATION + LIFE + SKEW),
    KeyClass.ENCRYPTION: Bounds(PROPAGATION, PROPAGATION + CACHE + REFRESH + LIFE + SKEW),
    KeyClass.SYMMETRIC: Bounds(PROPAGATION, PROPAGATION + LIFE + SKEW),
}
KINDS = {
    "signing": ("ES256", "ES384", "ES512", "Ed25519", "RS256"),
    "tokens": ("ES256", "ES384", "Ed25519"),
    "inbox": ("ECDH-ES+A256KW", "ECDH-ES"),
    "sessions": ("HS256", "A256KW", "A128GCM"),
}
"""Entries that a set may have, and the algorithms that each of them may change to; RSA is rare because it is dear."""
RARE, RARELY = "RS256", 0.05
OWNED = (("Secret", KEYRING), ("ConfigMap", ""), ("Secret", ""))
DELAY = 8
"""Seconds for which the objects of a deleted set stay."""
HOLD = (8.0, 25.0)
PREFIX = "jwks-operator.dev/"


@dataclass
class Home:
    """One set as its people want it."""

    name: str
    entries: dict[str, str]
    every: int
    held: str = ""
    held_until: float = 0.0
    was_held: bool = False
    deleted: float | None = None
    back: float = 0.0

    def spec(self) -> dict[str, Any]:
        """The spec as it is written next."""
        rsa = {"modulusLength": 2048}
        keys = [{"name": n, "algorithm": a} | (rsa if a == RARE else {}) for n, a in self.entries.items()]
        rotation = {"every": f"{self.every}s", "rollbackWindow": "1s"}
        return {"keys": keys, "rotation": rotation, "timing": TIMING, "publish": {"maxKeys": 30}}


@dataclass
class Crowd:
    """The sets of one stage; `act` does the next thing that comes to somebody's mind."""

    stage: Stage
    witness: Witness
    chance: Random
    every: tuple[int, ...]
    homes: dict[str, Home] = field(default_factory=dict)
    did: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    debts: Debts = field(default_factory=Debts)

    def arrive(self, number: int) -> None:
        """Write one more set."""
        home = Home(f"set-{number:03}", self._entries(), self.chance.choice(self.every))
        self.homes[home.name] = home
        self._create(home)

    def act(self) -> None:
        """Do one thing to one set; it may be too late for it, because sets change by themselves."""
        living = [home for home in self.homes.values() if home.deleted is None]
        home = self.chance.choice(living)
        what = self.chance.choices([name for name, _, _ in ACTS], [weight for _, weight, _ in ACTS])[0]
        deed = next(deed for name, _, deed in ACTS if name == what)
        try:
            deed(self, home)
            self.did[what] += 1
        except ApiError as error:
            if error.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                raise
            self.did["too late"] += 1

    def tend(self) -> None:
        """Bring back what was deleted long enough ago, let go of what was held, and see what the operator owes."""
        now = time.monotonic()
        for home in self.homes.values():
            if home.deleted is not None and now >= home.back and self._may_come_back(home):
                home.deleted = None
                self._create(home)
            if home.held:
                self._tend_held(home, now)
        self.debts.settle()

    def end(self) -> list[Home]:
        """Hold nothing any more and wait until everybody is back; return the homes."""
        for home in self.homes.values():
            home.held_until = 0.0
        end = time.monotonic() + PATIENCE
        while any(home.deleted is not None or home.held for home in self.homes.values()) or self.debts.open:
            self.tend()
            if time.monotonic() > end:
                break
            time.sleep(0.2)
        return list(self.homes.values())

    # --- what people do ---

    def rotate(self, home: Home) -> None:
        """Ask for a rotation of an entry."""
        entry = self.chance.choice(sorted(home.entries))
        asked = f"{entry}@{datetime.now(UTC).isoformat()}"
        self._edit(home, lambda meta, _: meta.setdefault("annotations", {}).update({f"{PREFIX}rotate": asked}))

    def reschedule(self, home: Home) -> None:
        """Rotate more or less often."""
        home.every = self.chance.choice(self.every)
        self._write(home)

    def add(self, home: Home) -> None:
        """Add an entry, if there is one left to add."""
        left = sorted(set(KINDS) - set(home.entries))
        if left:
            entry = self.chance.choice(left)
            home.entries[entry] = self._algorithm(entry)
            self._write(home)

    def drop(self, home: Home) -> None:
        """Remove an entry, unless it is the last one."""
        if len(home.entries) > 1:
            del home.entries[self.chance.choice(sorted(home.entries))]
            self._write(home)

    def change(self, home: Home) -> None:
        """Give an entry another algorithm."""
        entry = self.chance.choice(sorted(home.entries))
        home.entries[entry] = self._algorithm(entry)
        self._write(home)

    def revoke(self, home: Home) -> None:
        """Revoke any key of the set."""
        kid = self._any_kid(home, "Active", "Pending", "Retired")
        if kid and kid != home.held:
            self.witness.revoked(home.name, kid)
            revoked = {"kid": kid, "reason": "KeyCompromise"}
            self._edit(home, lambda _, spec: spec.update({"revoked": [revoked]}))
            self.debts.owe("a revocation", home.name, partial(self._is_off_both_sides, home.name, kid))

    def hold(self, home: Home) -> None:
        """Keep a key for a while that would go otherwise."""
        kid = self._any_kid(home, "Retired", "Active")
        if kid and not home.held:
            self._edit(home, lambda meta, _: meta.setdefault("annotations", {}).update({f"{PREFIX}hold": kid}))
            home.held, home.was_held = kid, False
            home.held_until = time.monotonic() + self.chance.uniform(*HOLD)

    def delete(self, home: Home) -> None:
        """Delete the set; it comes back at once, within the delay or after it."""
        self.stage.delete("JsonWebKeySet", home.name)
        home.deleted, home.held = time.monotonic(), ""
        home.back = home.deleted + self.chance.choice((0.0, DELAY / 2, DELAY + 5.0, DELAY + 5.0))
        if home.back > home.deleted + DELAY:
            self.debts.owe("a removal", home.name, partial(self._left_nothing, home.name))

    def damage_configmap(self, home: Home) -> None:
        """Edit the published set."""
        self._damage("ConfigMap", home, lambda data: data.update({"jwks.json": '{"keys":[]}'}))

    def damage_secret(self, home: Home) -> None:
        """Remove a file of the consumer Secret."""
        self._damage("Secret", home, lambda data: data.pop(self.chance.choice(sorted(data)), None))

    def lose_configmap(self, home: Home) -> None:
        """Delete the published set."""
        self._lose("ConfigMap", home)

    def lose_secret(self, home: Home) -> None:
        """Delete the consumer Secret."""
        self._lose("Secret", home)

    # --- how ---

    def _entries(self) -> dict[str, str]:
        names = self.chance.sample(sorted(KINDS), self.chance.choice((1, 2, 2, 3)))
        return {name: self._algorithm(name) for name in names}

    def _algorithm(self, entry: str) -> str:
        usual = [algorithm for algorithm in KINDS[entry] if algorithm != RARE]
        if RARE in KINDS[entry] and self.chance.random() < RARELY:
            return RARE
        return self.chance.choice(usual)

    def _create(self, home: Home) -> None:
        self.stage.create(home.name, home.spec())
        self.did["create"] += 1

    def _edit(self, home: Home, change: Callable[[Any, Any], object]) -> None:
        self.stage.edit("JsonWebKeySet", home.name, lambda thing: change(thing["metadata"], thing["spec"]))

    def _write(self, home: Home) -> None:
        """Write the spec anew; a request for an entry that is gone would be a complaint of the set for good."""

        def write(meta: Any, spec: Any) -> None:
            spec.update(home.spec())
            (meta.get("annotations") or {}).pop(f"{PREFIX}rotate", None)

        self._edit(home, write)

    def _damage(self, kind: str, home: Home, change: Callable[[dict[str, str]], object]) -> None:
        edited = self.stage.edit(kind, home.name, lambda thing: change(thing["data"]))
        self.witness.edited(edited)
        version = int(edited["metadata"]["resourceVersion"])
        self.debts.owe("a repair", home.name, partial(self._is_newer, kind, home, version))

    def _lose(self, kind: str, home: Home) -> None:
        lost = self.stage.latest(kind, home.name)
        self.stage.delete(kind, home.name)
        version = int(lost["metadata"]["resourceVersion"]) if lost else 0
        self.debts.owe("a repair", home.name, partial(self._is_newer, kind, home, version))

    def _any_kid(self, home: Home, *states: str) -> str:
        status = (self.stage.latest("JsonWebKeySet", home.name) or {}).get("status") or {}
        kids = sorted(key["kid"] for key in status.get("keys", ()) if key["state"] in states)
        return self.chance.choice(kids) if kids else ""

    def _tend_held(self, home: Home, now: float) -> None:
        the_set = self.stage.latest("JsonWebKeySet", home.name) or {}
        kept = [key for key in (the_set.get("status") or {}).get("keys", ()) if key["kid"] == home.held]
        home.was_held |= bool(kept and kept[0].get("held"))
        if home.was_held and not kept:
            self.complaints.append(f"{home.name}: {home.held} went although it was held")
        if now >= home.held_until or (home.was_held and not kept):
            self._edit(home, lambda meta, _: meta["annotations"].pop(f"{PREFIX}hold", None))
            home.held = ""
            self.did["unhold"] += 1

    def _may_come_back(self, home: Home) -> bool:
        """Whoever comes back after the delay waits until everything is gone."""
        late = home.deleted is not None and home.back > home.deleted + DELAY
        return not late or self._left_nothing(home.name)

    def _left_nothing(self, name: str) -> bool:
        return all(self.stage.latest(kind, f"{name}{suffix}") is None for kind, suffix in OWNED)

    def _is_newer(self, kind: str, home: Home, version: int) -> bool:
        thing = self.stage.latest(kind, home.name)
        return home.deleted is not None or (thing is not None and int(thing["metadata"]["resourceVersion"]) > version)

    def _is_off_both_sides(self, name: str, kid: str) -> bool:
        secret = self.stage.latest("Secret", name)
        return kid not in published(self.stage.latest("ConfigMap", name)) and kid not in in_use(secret).values()


ACTS: tuple[tuple[str, float, Callable[[Crowd, Home], None]], ...] = (
    ("rotate", 8, Crowd.rotate),
    ("reschedule", 4, Crowd.reschedule),
    ("add an entry", 5, Crowd.add),
    ("drop an entry", 4, Crowd.drop),
    ("change an algorithm", 5, Crowd.change),
    ("revoke", 4, Crowd.revoke),
    ("hold", 4, Crowd.hold),
    ("delete", 8, Crowd.delete),
    ("damage a ConfigMap", 2, Crowd.damage_configmap),
    ("damage a Secret", 2, Crowd.damage_secret),
    ("delete a ConfigMap", 2, Crowd.lose_configmap),
    ("delete a Secret", 2, Crowd.lose_secret),
)
