"""People who live by the keys of one set and know no operator: signers and verifiers, senders and receivers, holders.

They see the set as in production: a kubelet shows each version late, a cache holds the published document for as
long as it may. Whatever they make is checked by the other side again and again until it expires.
"""

import json
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK

from cluster.chronicle import PATHS
from cluster.reading import files
from controlplane import Access
from controlplane.errors import ApiError
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass

Files = Mapping[str, bytes]

POLL_SECONDS = 0.25
LATE_SECONDS = 1.0
"""How late the kubelet shows what it found; with the time between two looks and a busy machine, `propagation`."""
CACHE_SECONDS = 2.0
"""How long a published document is believed: cacheMaxAge and verifierRefresh."""
LIFE_SECONDS = 3.0
TIMING = {
    "propagation": "2s",
    "cacheMaxAge": "1s",
    "verifierRefresh": "1s",
    "tokenLifetime": f"{LIFE_SECONDS:.0f}s",
    "clockSkew": "1s",
}


class Kubelet(threading.Thread):
    """Shows the ConfigMap and the Secret of a set to those who mount them, each version late."""

    def __init__(self, plane: Access, namespace: str, name: str) -> None:
        super().__init__(daemon=True)
        self.shown: dict[str, Files] = {"ConfigMap": {}, "Secret": {}}
        self._plane, self._namespace, self._name = plane, namespace, name
        self._coming: dict[str, deque[tuple[float, Files]]] = {kind: deque() for kind in self.shown}
        self._closed = threading.Event()

    def run(self) -> None:
        while not self._closed.wait(POLL_SECONDS):
            for kind in self.shown:
                self._look(kind)
                while self._coming[kind] and self._coming[kind][0][0] <= time.monotonic():
                    self.shown[kind] = self._coming[kind].popleft()[1]

    def close(self) -> None:
        self._closed.set()
        self.join()

    def _look(self, kind: str) -> None:
        """Whoever has mounted an object that is gone, or cannot be read now, goes on with what there is."""
        try:
            found = self._plane.api("GET", f"{PATHS[kind].format(self._namespace)}/{self._name}")
        except (ApiError, OSError):
            return
        now = files(found) if kind == "Secret" else {k: v.encode() for k, v in (found.get("data") or {}).items()}
        last = self._coming[kind][-1][1] if self._coming[kind] else self.shown[kind]
        if now != last:
            self._coming[kind].append((time.monotonic() + LATE_SECONDS, now))


@dataclass
class Cache:
    """What somebody out there holds of the published set, for as long as it may be held."""

    kubelet: Kubelet
    _until: float = 0.0
    _held: dict[str, dict[str, Any]] = field(default_factory=dict)

    def keys(self) -> dict[str, dict[str, Any]]:
        """Return the JWKs by kid."""
        if time.monotonic() >= self._until:
            document = json.loads(self.kubelet.shown["ConfigMap"].get("jwks.json", b'{"keys":[]}'))
            self._held = {key["kid"]: key for key in document["keys"]}
            self._until = time.monotonic() + CACHE_SECONDS
        return self._held


@dataclass(frozen=True)
class Made:
    """A token or a message, good until a time."""

    text: str
    kid: str
    algorithm: str
    entry: str
    expires: float


class Household(threading.Thread):
    """Makes something with every entry of a set, three times a second, and checks all of it twice a second."""

    def __init__(self, kubelet: Kubelet, entries: Mapping[str, str]) -> None:
        super().__init__(daemon=True)
        self.failures: list[str] = []
        self.used: dict[str, list[str]] = {entry: [] for entry in entries}
        """Per entry, the kids in the order in which something was made with them."""
        self.made = self.checked = 0
        self._kubelet, self._entries = kubelet, entries
        self._verifier, self._sender = Cache(kubelet), Cache(kubelet)
        self._alive: list[Made] = []
        self._no_more = threading.Event()

    def run(self) -> None:
        while not all(self._kubelet.shown.values()):  # no pod starts before its volumes are there
            time.sleep(POLL_SECONDS)
        turn = 0
        while not self._no_more.is_set() or self._alive:
            turn += 1
            if not self._no_more.is_set():
                for entry, algorithm in self._entries.items():
                    self._make(entry, algorithm)
            if turn % 2:
                self._check()
            self._alive = [thing for thing in self._alive if time.time() < thing.expires]
            time.sleep(0.3)

    def has_seen(self, rotations: int) -> bool:
        """Whether every entry changed its key so often."""
        assert self.is_alive(), "whoever lives by the keys has given up"
        return all(len(kids) > rotations for kids in self.used.values())

    def drain(self) -> None:
        """Make no more and wait until everything has lived its life."""
        self._no_more.set()
        self.join()

    def _make(self, entry: str, algorithm: str) -> None:
        kind = ALGORITHMS[algorithm].key_class
        key = self._sent_to(algorithm) if kind is KeyClass.ENCRYPTION else self._own(entry)
        if key is None:
            return
        expires = time.time() + LIFE_SECONDS
        text = _sealed(key) if kind is KeyClass.ENCRYPTION else _signed(key, expires)
        self._alive.append(Made(text, key["kid"], key["alg"], entry, expires))
        self.made += 1
        if self.used[entry][-1:] != [key["kid"]]:
            self.used[entry].append(key["kid"])

    def _own(self, entry: str) -> dict[str, Any] | None:
        text = self._kubelet.shown["Secret"].get(f"{entry}.jwk")
        return None if text is None else json.loads(text)

    def _sent_to(self, algorithm: str) -> dict[str, Any] | None:
        return next((key for key in self._sender.keys().values() if key["alg"] == algorithm), None)

    def _check(self) -> None:
        secret, published = self._kubelet.shown["Secret"], self._verifier.keys()
        for thing in self._alive:
            kind = ALGORITHMS[thing.algorithm].key_class
            known = published if kind is KeyClass.SIGNATURE else _openers(secret, thing.entry)
            complaint = _checked(thing, known.get(thing.kid))
            self.checked += 1
            if complaint is not None and time.time() < thing.expires:
                self.failures.append(f"{thing.entry}, key {thing.kid[:8]}: {complaint}")


@contextmanager
def inhabited(plane: Access, namespace: str, sets: Mapping[str, Mapping[str, str]]) -> Iterator[dict[str, Household]]:
    """Give every set, by name with its entries and their algorithms, a kubelet and a household."""
    kubelets = {name: Kubelet(plane, namespace, name) for name in sets}
    households = {name: Household(kubelets[name], entries) for name, entries in sets.items()}
    try:
        for thread in (*kubelets.values(), *households.values()):
            thread.start()
        yield households
    finally:
        for household in households.values():
            household.drain()
        for kubelet in kubelets.values():
            kubelet.close()


def _openers(secret: Files, entry: str) -> dict[str, dict[str, Any]]:
    return {key["kid"]: key for key in json.loads(secret.get(f"{entry}.jwks", b'{"keys":[]}'))["keys"]}


def _signed(key: dict[str, Any], expires: float) -> str:
    claims = {"sub": "somebody", "exp": int(expires) + 1}
    return jwt.encode(claims, jwt.PyJWK(key), algorithm=key["alg"], headers={"kid": key["kid"]})


def _sealed(key: dict[str, Any]) -> str:
    header = {"alg": key["alg"], "enc": "A128GCM", "kid": key["kid"]}
    message = JWE(b"hello", protected=json.dumps(header))
    message.add_recipient(JWK(**key))
    return str(message.serialize(compact=True))


def _checked(thing: Made, key: dict[str, Any] | None) -> str | None:
    """Return what is wrong with it."""
    if key is None:
        return "its key is not there"
    try:
        if ALGORITHMS[thing.algorithm].key_class is KeyClass.ENCRYPTION:
            JWE.from_jose_token(thing.text).decrypt(JWK(**key))
        else:
            jwt.decode(thing.text, jwt.PyJWK(key), algorithms=[thing.algorithm])
    except (jwt.PyJWTError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return None
