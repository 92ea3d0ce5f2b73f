"""The keyring Secret: the record as an object of the API server, private halves included.

Each key has one data key, named by the digest of its kid, because an imported kid may contain any character. The
rest of the record is `record.json`. No pod mounts this Secret. Every write replaces it completely, because a destroyed
private half must not survive in it.
"""

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jwks_operator.api.names import KEYRING_TYPE, RECORD_KEY, SetRef, key_data_name, keyring_name
from jwks_operator.api.shards import Shard
from jwks_operator.core.model.codec import Document, RecordError, dump_key, dump_record, load_key
from jwks_operator.core.model.mended_policy import load_mended
from jwks_operator.core.model.policy import Policy
from jwks_operator.core.model.record import Record
from jwks_operator.keys.jwk import JwkError
from jwks_operator.keys.private import PrivateJwk, PrivateKeys
from jwks_operator.kube.client import Object
from jwks_operator.kube.objects import our_metadata

_COMPACT = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Keyring:
    """The content of a keyring Secret: the record and the private halves of its keys by kid."""

    record: Record
    private_keys: PrivateKeys


def keyring_object(ref: SetRef, record: Record, private_keys: PrivateKeys, shard: Shard) -> Object:
    """Return the Secret that stores this record; KeyError if `private_keys` lacks a kid."""
    documents: dict[str, Document] = {RECORD_KEY: dump_record(record)}
    for key in record.keys:
        document = dump_key(key)
        if key.has_private and not key.ref:
            document["private"] = private_keys[key.kid].reveal()
        documents[key_data_name(key.kid)] = document
    return {
        "metadata": our_metadata(ref, keyring_name(ref.name), shard),
        "type": KEYRING_TYPE,
        "data": {name: _encode(document) for name, document in documents.items()},
    }


def read_keyring(secret: Object, written: Policy | None = None) -> Keyring:
    """Return the record and private halves of a keyring Secret; raises RecordError, without key material.

    `written` is the policy as written now, from which one that cannot be read is mended.
    """
    documents = {name: _decode(name, text) for name, text in (secret.get("data") or {}).items()}
    rest = documents.pop(RECORD_KEY, None)
    if rest is None:
        raise RecordError(f"the keyring has no {RECORD_KEY}; restore it from a backup, or delete the Secret")
    private_keys: dict[str, PrivateJwk] = {}
    keys = []
    for name, document in documents.items():
        private = document.pop("private", None)
        key = load_key(document, has_private=private is not None or bool(document.get("ref")))
        if key_data_name(key.kid) != name:
            raise RecordError("a key of the keyring has the data key of another key; restore the Secret from a backup")
        keys.append(key)
        if private is not None:
            private_keys[key.kid] = _private(key.kid, private)
    keys.sort(key=lambda key: (key.created, key.kid))
    return Keyring(load_mended(rest, tuple(keys), written), private_keys)


def _private(kid: str, members: Mapping[str, Any]) -> PrivateJwk:
    try:
        private = PrivateJwk.from_members(members)
    except JwkError as error:
        raise RecordError(f"a private key of the keyring cannot be used: {error}") from None
    if private.kid != kid:
        raise RecordError("a private key of the keyring belongs to another kid")
    return private


def _encode(document: Document) -> str:
    return b64encode(_COMPACT.encode(document).encode()).decode()


def _decode(name: str, text: str) -> Document:
    try:
        document = json.loads(b64decode(text, validate=True))
    except (Base64Error, ValueError):
        raise RecordError(f"{name[:60]} of the keyring is not a JSON document") from None
    if not isinstance(document, dict):
        raise RecordError(f"{name[:60]} of the keyring is not a JSON object")
    return document
