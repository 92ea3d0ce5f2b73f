"""The keyring Secret: the record as an object of the API server, private halves included.

Each key is one data key, named after the digest of its kid, so that a foreign kid may hold any character. The
rest of the record is `record.json`. Nobody mounts this Secret; it is written whole every time, because a
private half that was destroyed must not survive in it.
"""

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jwks_operator.api.names import KEYRING_TYPE, RECORD_KEY, SetRef, key_data_name, keyring_name
from jwks_operator.api.shards import Shard
from jwks_operator.core.model.codec import Document, RecordError, dump_key, dump_rest, load, load_key
from jwks_operator.core.model.record import Record
from jwks_operator.keys.jwk import JwkError
from jwks_operator.keys.private import PrivateJwk
from jwks_operator.kube.client import Object
from jwks_operator.kube.objects import PrivateKeys, our_metadata

_COMPACT = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Keyring:
    """What a keyring Secret says: its record and the private halves of its keys."""

    record: Record
    vault: PrivateKeys


def keyring_object(ref: SetRef, record: Record, vault: PrivateKeys, shard: Shard) -> Object:
    """Return the Secret that stores this record; the halves come from the vault, by kid (KeyError if missing)."""
    documents: dict[str, Document] = {RECORD_KEY: dump_rest(record)}
    for key in record.keys:
        document = dump_key(key)
        if key.has_private:
            document["private"] = vault[key.kid].reveal()
        documents[key_data_name(key.kid)] = document
    return {
        "metadata": our_metadata(ref, keyring_name(ref.name), shard),
        "type": KEYRING_TYPE,
        "data": {name: _encode(document) for name, document in documents.items()},
    }


def read_keyring(secret: Object) -> Keyring:
    """Return the record and private halves of a keyring Secret; raises RecordError, without key material."""
    documents = {name: _decode(name, text) for name, text in (secret.get("data") or {}).items()}
    rest = documents.pop(RECORD_KEY, None)
    if rest is None:
        raise RecordError(f"the keyring has no {RECORD_KEY}; restore it from a backup, or delete the Secret")
    vault: dict[str, PrivateJwk] = {}
    keys = []
    for name, document in documents.items():
        private = document.pop("private", None)
        key = load_key(document, has_private=private is not None)
        if key_data_name(key.kid) != name:
            raise RecordError("a key document of the keyring stands under the name of another key")
        keys.append(key)
        if private is not None:
            vault[key.kid] = _private(key.kid, private)
    keys.sort(key=lambda key: (key.created, key.kid))
    return Keyring(load(rest, tuple(keys)), vault)


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
