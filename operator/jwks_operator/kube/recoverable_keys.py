"""What can be recovered of a record that is gone, or older than the keys: the keys in the objects of its set."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from jwks_operator.core.model.key_states import FreshKey
from jwks_operator.core.model.observed_state import RecoverableKeys
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass
from jwks_operator.keys.jwk import JwkError, parse_json_strict, parse_public, thumbprint
from jwks_operator.keys.members import list_keys
from jwks_operator.keys.naming import as_written
from jwks_operator.keys.private import PrivateJwk, PrivateKeys
from jwks_operator.kube.client import Object
from jwks_operator.kube.consumer_secret_data import read_keys, read_references
from jwks_operator.kube.historical_tombstones import read_tombstones


@dataclass(frozen=True, slots=True)
class ReadableObjects:
    """The objects of the set that keys can be read from, those under their present names first."""

    configmaps: tuple[Object, ...]
    secrets: tuple[Object, ...]


def recover_keys(readable: ReadableObjects) -> tuple[RecoverableKeys, PrivateKeys]:
    """Accept a private half if its public half is published, or if nothing is published (as for symmetric keys).

    What is published is in use, if its private half is here. Of the rest, the Secret says which key is in use.
    """
    published = tuple({key.kid: key for each in reversed(readable.configmaps) for key in _published(each)}.values())
    known = {key.kid: key.thumbprint for key in published}
    usable: dict[str, FreshKey] = {}
    openers: dict[str, tuple[str, FreshKey]] = {}
    private_keys: dict[str, PrivateJwk] = {}
    for found in (found for each in readable.secrets for found in read_keys(each)):
        if found.private is None:
            continue
        key = _fresh(found.public, found.private)
        unpublished = not readable.configmaps or not found.public
        believed = known.get(key.kid) == key.thumbprint or (unpublished and found.in_use)
        opens = ALGORITHMS[key.algorithm].key_class is not KeyClass.SIGNATURE
        if believed and found.entry not in usable:
            usable[found.entry], private_keys[key.kid] = key, found.private
        elif opens and key.kid not in private_keys:
            openers[key.kid], private_keys[key.kid] = (found.entry, key), found.private
    for entry, kid, ref in (found for each in readable.secrets for found in read_references(each)):
        for key in (key for key in published if key.kid == kid and ref and entry not in usable):
            usable[entry] = replace(key, has_private=True, ref=ref)
    buried = tuple(stone for each in readable.configmaps for stone in read_tombstones(each))
    return RecoverableKeys(usable, published, tuple(openers.values()), buried), private_keys


def _published(configmap: Object) -> Iterator[FreshKey]:
    """Yield every well-formed public key in any value of the ConfigMap: the user chooses the data key."""
    found: dict[str, FreshKey] = {}
    for text in (configmap.get("data") or {}).values():
        for value in _listed(text):
            with suppress(JwkError):
                key = _fresh(parse_public(value))
                found.setdefault(key.kid, replace(key, public=as_written(key.public, value)))
    yield from found.values()


def _listed(text: str) -> list[object]:
    with suppress(JwkError):
        return list_keys(parse_json_strict(text.encode()))
    return []


def _fresh(public: Mapping[str, object], private: PrivateJwk | None = None) -> FreshKey:
    members = public if private is None else private.reveal()
    return FreshKey(
        str(members["kid"]), str(members["alg"]), thumbprint(members), dict(public), has_private=private is not None
    )
