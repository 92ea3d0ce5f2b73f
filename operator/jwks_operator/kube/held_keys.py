"""Which keys does an object hold? Read from what is in it, whether it is ours or not."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Collection, Iterator
from contextlib import suppress

from jwks_operator.api.names import key_data_name, keyring_name
from jwks_operator.keys.jwk import JwkError, parse_json_strict
from jwks_operator.keys.members import list_keys
from jwks_operator.keys.public_pem import is_public_pem, kids_in_pem
from jwks_operator.keys.secret_files import KID, split_name
from jwks_operator.kube.client import CONFIGMAPS, Object
from jwks_operator.kube.consumer_secret_data import read_keys
from jwks_operator.kube.gather import Gathered


def find_held_kids(gathered: Gathered, about: str, kids: Collection[str]) -> frozenset[str]:
    """Return which of these keys an object of the set holds, which is given by kind and name.

    One that could not be read may hold them all.
    """
    observed, seen = gathered.observed, gathered.seen
    if about in gathered.unread:
        return frozenset(kids)
    if about == f"Secret {keyring_name(observed.ref.name)}":
        return kids_in_keyring(seen.keyring, kids)
    present = {f"ConfigMap {observed.configmap_name}": seen.configmap, f"Secret {observed.secret_name}": seen.secret}
    thing = {**gathered.copies.existing(observed.ref), **gathered.former.seen, **present}.get(about)
    found = kids_in_configmap(thing) if about.startswith(f"{CONFIGMAPS.kind} ") else kids_in_secret(thing)
    return found & frozenset(kids)


def kids_in_configmap(configmap: Object | None) -> frozenset[str]:
    """Return the kids of every JWK Set and PEM document in the data of a ConfigMap."""
    data = (configmap or {}).get("data") or {}
    return frozenset(kid for text in data.values() for kid in _kids_of(str(text)))


def kids_in_secret(secret: Object | None) -> frozenset[str]:
    """Return the kids of every private key in a consumer Secret, and those that it calls in use."""
    if secret is None:
        return frozenset()
    data = secret.get("data") or {}
    named = (_text(data[name]) for name in data if split_name(name)[1] is KID)
    return frozenset(filter(None, (*named, *(found.kid for found in read_keys(secret)))))


def kids_in_keyring(keyring: Object | None, kids: Collection[str]) -> frozenset[str]:
    """Return those of these kids that a keyring can use, by private half or ref, also in a format that is not read."""
    data = (keyring or {}).get("data") or {}
    texts = {kid: _text(data.get(key_data_name(kid), "")) for kid in kids}
    return frozenset(
        kid for kid, text in texts.items() if '"private"' in text or '"ref":' in text.replace('"ref":""', "")
    )


def _kids_of(text: str) -> Iterator[str]:
    yield from kids_in_pem(text) if is_public_pem(text) else ()
    with suppress(JwkError):
        for key in list_keys(parse_json_strict(text.encode())):
            if isinstance(key, dict) and isinstance(key.get("kid"), str):
                yield key["kid"]


def _text(encoded: str) -> str:
    with suppress(Base64Error, UnicodeDecodeError):
        return b64decode(encoded, validate=True).decode()
    return ""
