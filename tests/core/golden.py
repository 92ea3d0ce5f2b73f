"""The golden collection: keyrings as each version wrote them, read for ever by every later one.

`python -m core.golden` (with `tests` on the path) writes what the present version writes beside what is there, under
its version; a file that exists is never touched. A document holds the record and its keys as in a keyring Secret, but
for the private halves: a placeholder says where one would be.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jwks_operator import __version__
from jwks_operator.api.spec import JsonWebKeySetSpec
from jwks_operator.core.model import codec
from jwks_operator.core.model.policy import Facts
from jwks_operator.core.model.policy_from_spec import policy_from_spec
from jwks_operator.core.model.record import (
    Bounds,
    Certificate,
    FormerObject,
    Historical,
    HistoricalFacts,
    HistoryEntry,
    ImportState,
    KeyRecord,
    Record,
    RecordedEvent,
    Step,
    Tombstone,
    UrlConfirmation,
    Withdrawn,
    Writer,
)
from jwks_operator.core.transitions.transition_table import State, Transition
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass

COLLECTION = Path(__file__).parent / "keyrings"
PLACEHOLDER = "a private half would be here"
START = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def key(kid: str, entry: str, algorithm: str, state: State, **more: Any) -> KeyRecord:
    """Return a key in the middle of its life; its public members are made up."""
    key_class = ALGORITHMS[algorithm].key_class
    public: dict[str, Any] = {"kid": kid, "alg": algorithm, "kty": ALGORITHMS[algorithm].kty, "x": f"of-{kid}"}
    times = {"published": START + HOUR}
    times |= {"in_use_since": START + 2 * HOUR} if state is not State.PENDING else {}
    times |= {"retired": START + 3 * HOUR} if state is State.RETIRED else {}
    return KeyRecord(
        **{
            "kid": kid,
            "entry": entry,
            "algorithm": algorithm,
            "key_class": key_class,
            "state": state,
            "thumbprint": f"thumbprint-{kid}",
            "public": {} if key_class is KeyClass.SYMMETRIC else public,
            "has_private": True,
            "created": START,
            "bounds": Bounds(70 * timedelta(minutes=1), timedelta(minutes=66, milliseconds=5)),
            **times,
            **more,
        }
    )


def record(spec: dict[str, Any], *keys: KeyRecord, **more: Any) -> Record:
    """Return the record of a set under this spec."""
    policy = policy_from_spec(JsonWebKeySetSpec.model_validate(spec))
    return Record(set_name="auth", policy=policy, keys=keys, uid="uid-1", **more)


def entries(**algorithms: str) -> dict[str, Any]:
    return {"keys": [{"name": name, "algorithm": algorithm} for name, algorithm in algorithms.items()]}


SIGNING = entries(signing="ES256")
ACTIVE = key("k1", "signing", "ES256", State.ACTIVE)
FULL: dict[str, Any] = {
    "keys": [
        {
            "name": "signing",
            "algorithm": "RS256",
            "modulusLength": 4096,
            "rotation": {
                "schedule": "0 3 1 * *",
                "timeZone": "Europe/Berlin",
                "jitter": "10m",
                "prepublish": "OnSchedule",
                "rollbackWindow": "2h",
                "windows": [{"schedule": "0 2 * * 1-4", "duration": "2h"}],
                "freezes": [{"from": "2026-12-20T00:00:00Z", "to": "2027-01-02T00:00:00Z"}],
            },
        },
        {"name": "by-hand", "algorithm": "ECDH-ES", "crv": "X25519", "rotation": {"policy": "Manual"}},
    ],
    "timing": {"preset": "Istio", "cacheMaxAge": "1m", "lead": "1000h", "retention": "2000h"},
    "revoked": [{"kid": "old", "reason": "KeyCompromise"}, {"createdBefore": "2025-01-01T00:00:00Z"}],
    "held": ["k9"],
    "publish": {
        "configMap": {"name": "shown", "key": "set.json", "aliases": ["jwks"], "labels": {"team": "a"}},
        "documents": [{"name": "part", "entries": ["by-hand"], "format": "PEM", "aliases": ["a"], "paths": ["/a"]}],
        "issuer": "https://auth.example.com",
        "jwksUri": "https://cdn.example.net/jwks.json",
        "discovery": {"authorization_endpoint": "https://auth.example.com/login", "nothing": None},
        "paths": {"jwks": ["/keys.json"]},
        "mediaType": "application/json",
        "eddsaName": "EdDSA",
        "cors": {"allowOrigins": []},
        "historical": True,
        "maxKeys": 40,
        "serviceName": "auth-jwks",
        "seenAt": [{"url": "https://keys.example.com/jwks.json"}],
        "namespaces": {"matchLabels": {"team": "a"}},
    },
    "secret": {
        "name": "used",
        "formats": ["JWK", "JWKSet"],
        "annotations": {"note": "ours"},
        "restart": {"selector": {"matchLabels": {"app": "issuer"}}, "within": "3m"},
    },
    "recovery": "Manual",
    "deletionPolicy": "Retain",
    "suspend": True,
}
MOVED = (
    RecordedEvent("KeyActivated", "Schedule", "k2", "signing"),
    RecordedEvent("KeyRetired", "Schedule", "k1", "signing"),
)
IMPORTING = {
    "keys": [
        {
            **SIGNING["keys"][0],
            "import": {"secretRef": {"name": "old", "key": "k"}, "publicRef": {"name": "p", "key": "j"}},
        }
    ]
}
EXTERNAL = {"keys": [{**SIGNING["keys"][0], "external": {"configMapRef": {"name": "kms", "key": "jwks.json"}}}]}
CERTIFIED = {
    "keys": [
        {
            **SIGNING["keys"][0],
            "certificate": {"caSecretRef": {"name": "ca"}, "names": ["auth.example.com"], "renewBefore": "24h"},
        }
    ]
}
CERTIFICATE = Certificate(("bm90IGEgY2VydGlmaWNhdGU=",), START, START + 100 * HOUR, "digest-of-terms")
TOMBSTONES = (
    Tombstone("digest-1", "Destroyed", START, "kid-1", "key-1", HistoricalFacts({"kid": "k0"}, START, START - HOUR)),
    Tombstone(
        "digest-2", "Compromised", START, historical=HistoricalFacts({"kid": "k8"}, START, revoked="KeyCompromise")
    ),
    Tombstone("digest-3", "Destroyed", START),
)

SEEN = {"https://keys.example.com/jwks.json": UrlConfirmation(START + HOUR, START + 2 * HOUR, HOUR, 3)}

RECORDS = {
    "bare": record(SIGNING, ACTIVE),
    "classes": record(
        entries(signing="ES256", box="ECDH-ES", mac="HS256", lattice="ML-DSA-44"),
        ACTIVE,
        key("k2", "signing", "ES256", State.PENDING),
        key("k3", "signing", "ES256", State.RETIRED, has_private=False),
        key("k4", "box", "ECDH-ES", State.ACTIVE),
        key("k5", "mac", "HS256", State.ACTIVE),
        key("k6", "lattice", "ML-DSA-44", State.ACTIVE),
    ),
    "every-field": record(
        FULL,
        key("k1", "signing", "RS256", State.ACTIVE, served=START + HOUR, urls=SEEN),
        key("k2", "by-hand", "ECDH-ES", State.RETIRED, unserved=START + 4 * HOUR),
        honoured={"rotate/signing": START},
        lead_floor={KeyClass.SIGNATURE: START + HOUR},
        objects={"configMap": "uid-2", "secret": "uid-3"},
        withdrawn=(Withdrawn("k0", START, tuple(SEEN)),),
    ),
    "imports": record(
        IMPORTING,
        ACTIVE,
        key("other", "signing", "ES256", State.RETIRED, has_private=False),
        import_states={
            "signing": ImportState(("thumbprint-k1", "digest"), ("Secret/old/k", "ConfigMap/p/j"), True, True)
        },
    ),
    "external": record(
        EXTERNAL,
        key("k1", "signing", "ES256", State.ACTIVE, ref="arn:aws:kms:eu-central-1:111122223333:key/1"),
        import_states={"signing": ImportState(("thumbprint-k1",), ("ConfigMap/kms/jwks.json",), True)},
    ),
    "certificates": record(CERTIFIED, key("k1", "signing", "ES256", State.ACTIVE, certificate=CERTIFICATE)),
    "unfinished-step": record(SIGNING, ACTIVE, step=Step(Transition.ACTIVATE, MOVED)),
    "revoking": record(
        SIGNING,
        key("k1", "signing", "ES256", State.COMPROMISED, has_private=False),
        step=Step(Transition.REVOKE, (RecordedEvent("KeyRevoked", "KeyCompromise", "k1", "signing"),)),
    ),
    "tombstones": record(SIGNING, ACTIVE, tombstones=TOMBSTONES, history=(HistoryEntry(START, MOVED[0]),)),
    "former-facts": record(
        SIGNING,
        ACTIVE,
        longest=Facts(HOUR, cache_max_age=2 * HOUR, restart=HOUR, excess=timedelta(minutes=3)),
        longest_until=START + 9 * HOUR,
        former_leads={KeyClass.SIGNATURE: HOUR, KeyClass.SYMMETRIC: 2 * HOUR},
        step=Step(Transition.APPLY_SPEC, ()),
    ),
    "former-names": record(
        {**SIGNING, "secret": {"name": "other"}},
        ACTIVE,
        objects={"configMap": "uid-2", "secret": "uid-3"},
        former={"Secret auth": FormerObject("uid-4", START + 9 * HOUR), "Secret first": FormerObject()},
    ),
    "lost-keys": record({**SIGNING, "recovery": "Manual"}, lost=("signing",)),
    "restart-owed": record({**SIGNING, "secret": {"restart": {}}}, ACTIVE, restart="0123456789abcdef"),
    "other-operator": record(SIGNING, ACTIVE, writers=(Writer("one", START), Writer("two", START + HOUR))),
    "historical": record(
        {**SIGNING, "publish": {"issuer": "https://auth.example.com", "historical": True}},
        ACTIVE,
        tombstones=TOMBSTONES,
        historical=Historical("digest-of-it", "header.payload.signature"),
    ),
}


def document_of(stored: Record) -> dict[str, Any]:
    """Return a record as a keyring holds it, placeholders in the place of private halves."""
    halves = ({"private": PLACEHOLDER} if one.has_private else {} for one in stored.keys)
    keys = [codec.dump_key(one) | half for one, half in zip(stored.keys, halves, strict=True)]
    return {"record.json": codec.dump_record(stored), "keys": keys}


def record_of(document: dict[str, Any]) -> Record:
    """Return the record of such a document; raises RecordError."""
    keys = []
    for each in document["keys"]:
        members = dict(each)
        keys.append(codec.load_key(members, has_private=members.pop("private", None) is not None))
    return codec.load_record(document["record.json"], tuple(keys))


def collected() -> tuple[Path, ...]:
    """Return every file of the collection."""
    return tuple(sorted(COLLECTION.glob("*.json")))


def main() -> None:
    """Add what this version writes to the collection."""
    COLLECTION.mkdir(exist_ok=True)
    for name, stored in RECORDS.items():
        path = COLLECTION / f"{name}-{__version__}.json"
        if not path.exists():
            path.write_text(json.dumps(document_of(stored), indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
