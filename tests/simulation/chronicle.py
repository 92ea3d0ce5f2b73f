"""Everything the API server ever held of one set, by true time: the documents that delayed readers may still hold.

Whoever writes, be it the operator, a replica that woke up late or a person, is seen here, because the changes
are taken from the store itself. From the real objects (JSON of the ConfigMap, files of the Secret, the stored
record) it is read off which key each side showed, which facts were in force, and which keys no rule protects.
"""

import json
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from fakes.apiserver import FakeApiServer
from fakes.store import Change
from jwks_operator.api.defaults import DEFAULTS
from jwks_operator.api.durations import parse_duration
from jwks_operator.api.names import RECORD_KEY, SetRef, keyring_name
from jwks_operator.keys.algorithms import ALGORITHMS, EDDSA, KeyClass
from jwks_operator.keys.formats import read_file
from jwks_operator.keys.jwk import parse_private
from jwks_operator.keys.secret_files import Form
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, SETS, Object

CACHES = ("cacheMaxAge", "staleWindow", "edgeCache", "verifierRefresh")
AT_ONCE = {"Emergency", "KeyLost", "Revocation"}
Keys = Mapping[str, Mapping[str, Any]]
"""JWKs by kid."""


@dataclass(frozen=True)
class Stated:
    """The facts in force from a time on."""

    since: datetime
    propagation: timedelta
    spread: timedelta
    validity: timedelta
    parts: Mapping[str, timedelta] = field(default_factory=dict)


@dataclass(frozen=True)
class Shown:
    """What one side showed from a time on; `tampered` if a person wrote it, `order` tells what came first."""

    since: datetime
    kids: frozenset[str]
    tampered: bool
    order: int
    keys: Keys


@dataclass(frozen=True)
class Sides:
    """Who uses and who checks keys of one class: every version of what they read."""

    use: list[Shown] = field(default_factory=list)
    check: list[Shown] = field(default_factory=list)


@dataclass
class Chronicle:
    """Listens to a server; `now` gives true time, which is no operator's clock."""

    ref: SetRef
    now: Callable[[], datetime]
    sides: Mapping[KeyClass, Sides] = field(default_factory=lambda: {kind: Sides() for kind in KeyClass})
    facts: list[Stated] = field(default_factory=list)
    exempt: set[str] = field(default_factory=set)
    """Keys that no rule protects: revoked, or used at once because there was no other way."""
    revoked: dict[str, datetime] = field(default_factory=dict)
    known: dict[str, KeyClass] = field(default_factory=dict)
    """Every kid that ever stood in the record."""
    objects: str = ""
    """The name of the ConfigMap and the Secret that people read: the set's, unless its spec says another one."""
    latencies: list[tuple[datetime, timedelta]] = field(default_factory=list)
    """What the status said from when on: how long verifiers may trust a key after it was revoked."""
    _tampering: bool = False
    _order: int = 0

    def begin_with(self, other: "Chronicle") -> None:
        """Know what another one has seen, of a world that was the same until now."""
        self.sides = {kind: Sides([*sides.use], [*sides.check]) for kind, sides in other.sides.items()}
        self.facts, self.exempt, self.known = [*other.facts], {*other.exempt}, {**other.known}
        self.revoked, self._order = {**other.revoked}, other._order
        self.latencies = [*other.latencies]

    def listen(self, server: FakeApiServer) -> None:
        """Take in everything that is written from now on."""
        server.store.listeners.append(self._take)

    @contextmanager
    def tampering(self) -> Iterator[None]:
        """What is written meanwhile is no work of the operator."""
        self._tampering = True
        try:
            yield
        finally:
            self._tampering = False

    def _take(self, change: Change) -> None:
        thing = change.after or change.before or {}
        where = thing.get("metadata", {})
        if where.get("namespace") != self.ref.namespace:
            return
        self._order += 1
        if change.resource in {CONFIGMAPS, SECRETS} and _content(change.before) == _content(change.after):
            return  # labels: whoever wrote them showed nothing anew
        name = self.objects or self.ref.name
        if change.resource == CONFIGMAPS and where["name"] == name:
            self._take_configmap(change.after)
        elif change.resource == SECRETS and where["name"] == name:
            self._take_secret(change.after)
        elif change.resource == SECRETS and where["name"] == keyring_name(self.ref.name) and change.after is not None:
            self._take_record(change.after)
        elif change.resource == SETS and where["name"] == self.ref.name and change.after is not None:
            told = (change.after.get("status") or {}).get("revocationLatency")
            if told is not None:
                self.latencies.append((self.now(), parse_duration(told)))

    def _take_configmap(self, configmap: Object | None) -> None:
        keys = published(configmap)
        self._show(self.sides[KeyClass.SIGNATURE].check, keys)
        senders = {kid: key for kid, key in keys.items() if _class_of(key) is KeyClass.ENCRYPTION}
        self._show(self.sides[KeyClass.ENCRYPTION].use, senders)

    def _take_secret(self, secret: Object | None) -> None:
        if secret is None:
            return  # whoever has mounted it goes on with the files it has
        opening, using = openers(secret), in_use(secret)
        self._show(self.sides[KeyClass.ENCRYPTION].check, opening)
        self._show(self.sides[KeyClass.SYMMETRIC].check, opening)
        for kind in (KeyClass.SIGNATURE, KeyClass.SYMMETRIC):
            keys = {kid: key for kid, key in using.items() if _class_of(key) is kind}
            self._show(self.sides[kind].use, keys)

    def _show(self, side: list[Shown], keys: Keys) -> None:
        if not side or side[-1].keys != keys or side[-1].tampered != self._tampering:
            side.append(Shown(self.now(), frozenset(keys), self._tampering, self._order, keys))

    def _take_record(self, keyring: Object) -> None:
        documents = _documents(keyring)
        rest = documents.pop(RECORD_KEY)
        self.known |= {key["kid"]: KeyClass(key["keyClass"]) for key in documents.values()}
        step = rest.get("step") or {"transition": "", "events": ()}
        self._state(rest["policy"]["facts"], adopting=step["transition"] == "ApplySpec")
        for told in step["events"]:
            if told["event"] == "KeyRevoked":
                self.revoked.setdefault(told["kid"], self.now())
                self.exempt.add(told["kid"])
            elif told["event"] == "KeyActivated" and told["reason"] in AT_ONCE:
                self.exempt.add(told["kid"])
            elif told["event"] == "KeysLost":
                kept = {key["kid"] for key in documents.values() if "private" in key}
                self.exempt |= {kid for kid, kind in self.known.items() if kind is not KeyClass.SIGNATURE} - kept

    def _state(self, timing: Mapping[str, str], *, adopting: bool) -> None:
        """While a spec is being adopted, caches may still follow the former one."""
        known = {_camel(name): value for name, value in DEFAULTS.items()}
        known |= {name: parse_duration(timing[name]) for name in known if name in timing}
        parts = {name: known[name] for name in CACHES}
        if adopting and self.facts:
            parts = {name: max(value, self.facts[-1].parts[name]) for name, value in parts.items()}
        spread = sum(parts.values(), timedelta())
        validity = known["tokenLifetime"] + known["clockSkew"]
        propagation = known["propagation"]
        if adopting and self.facts:
            propagation = max(propagation, self.facts[-1].propagation)
            validity = max(validity, self.facts[-1].validity)
        self.facts.append(Stated(self.now(), propagation, spread, validity, {**parts, "propagation": propagation}))


# --- what an object says ---


def published(configmap: Object | None) -> Keys:
    """Return the keys of the published document; a document that is none publishes nothing."""
    text = ((configmap or {}).get("data") or {}).get("jwks.json", "{}")
    try:
        keys = json.loads(text).get("keys", [])
    except (ValueError, AttributeError):
        return {}
    return {key["kid"]: key for key in keys}


def in_use(secret: Object) -> Keys:
    """Return the keys that whoever mounts the Secret signs or seals with."""
    found: dict[str, Mapping[str, Any]] = {}
    files, sets = _files(secret), openers(secret)
    for name, text in files.items():
        if name.endswith(".kid"):
            entry, kid = name.removesuffix(".kid"), text.decode()
            if f"{entry}.jwk" in files:
                found[kid] = json.loads(files[f"{entry}.jwk"])
            elif kid in sets:
                found[kid] = sets[kid]
            else:
                found[kid] = _from_pem(files[f"{entry}.pem"], kid, files[f"{entry}.alg"].decode())
    return found


def openers(secret: Object) -> Keys:
    """Return the keys that whoever mounts the Secret can open and check with."""
    found: dict[str, Mapping[str, Any]] = {}
    for name, text in _files(secret).items():
        if name.endswith(".jwks"):
            found |= {key["kid"]: key for key in json.loads(text)["keys"]}
    return found


@lru_cache(maxsize=512)
def _from_pem(text: bytes, kid: str, algorithm: str) -> Mapping[str, Any]:
    return parse_private(*read_file(Form.PEM, text, kid, algorithm))[0]


def _content(thing: Object | None) -> Object | None:
    return None if thing is None else thing.get("data") or {}


def _files(secret: Object) -> dict[str, bytes]:
    return {name: b64decode(text) for name, text in (secret.get("data") or {}).items()}


def _documents(keyring: Object) -> dict[str, dict[str, Any]]:
    return {name: json.loads(text) for name, text in _files(keyring).items()}


def _class_of(key: Mapping[str, Any]) -> KeyClass:
    """The class of a published key; EdDSA is the name of both Edwards curves (RFC 8037)."""
    return KeyClass.SIGNATURE if key["alg"] == EDDSA else ALGORITHMS[key["alg"]].key_class


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)
