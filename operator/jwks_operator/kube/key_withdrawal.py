"""Takes revoked keys out of the objects of a set that has no record: each object for itself, nothing else changed.

Without a record nothing can be planned, but a revocation needs no plan: a revoked key may not stay where it is. The
documents of the ConfigMap and of its copies, the files of the consumer Secret and the private halves in a keyring that
this version cannot read lose these keys. An object that is not ours is left as it is, and so is one that holds none of
them.
"""

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from jwks_operator.api.names import key_data_name, keyring_name
from jwks_operator.core.model.observed_state import DriftState
from jwks_operator.core.outputs.serving_documents import compact_json
from jwks_operator.keys.jwk import JwkError, parse_json_strict
from jwks_operator.keys.members import list_keys
from jwks_operator.keys.public_pem import drop_keys, is_public_pem
from jwks_operator.keys.secret_files import Form, split_name
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, Client, Object, Resource
from jwks_operator.kube.errors import KubeError, NotLeading, Refused
from jwks_operator.kube.former_objects import resource_of
from jwks_operator.kube.gather import Gathered, ObservedObjects
from jwks_operator.kube.held_keys import find_held_kids
from jwks_operator.kube.object_writes import write_object
from jwks_operator.kube.revocation_writes import Refusal


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What came of it: the set as it is now, by kid what it was taken from, and what could not be written."""

    gathered: Gathered
    taken: Mapping[str, tuple[str, ...]]
    refusals: tuple[Refusal, ...]


async def withdraw_keys(client: Client, gathered: Gathered, kids: Collection[str]) -> Withdrawal:
    """Take these keys out of every object of the set; raises NotLeading."""
    observed, seen = gathered.observed, gathered.seen
    taken: dict[str, tuple[str, ...]] = {}
    refusals: list[Refusal] = []
    former = dict(gathered.former.seen)
    for about, resource, thing, drift in (
        (f"Secret {observed.secret_name}", SECRETS, seen.secret, observed.secret),
        (f"ConfigMap {observed.configmap_name}", CONFIGMAPS, seen.configmap, observed.configmap),
        *((what, resource_of(what)[0], each, DriftState.SAME) for what, each in gathered.former.seen.items()),
        *((what, CONFIGMAPS, each, DriftState.SAME) for what, each in gathered.copies.existing(observed.ref).items()),
        (f"Secret {keyring_name(observed.ref.name)}", SECRETS, seen.keyring, observed.keyring),
    ):
        if about in gathered.unread:
            refusals.append(Refusal(about, gathered.unread[about]))
            continue
        held = find_held_kids(gathered, about, kids)
        if thing is None or not held:
            continue
        if drift is DriftState.FOREIGN:
            refusals.append(Refusal(about, None))
            continue
        try:
            written = await _write_without(client, resource, thing, held)
        except NotLeading:
            raise
        except KubeError as error:
            refusals.append(Refusal(about, error))
            continue
        if about in former:
            former[about] = written
        else:
            seen = _with(seen, thing, written)
        taken |= {kid: (*taken.get(kid, ()), about) for kid in held}
    after = replace(gathered, seen=seen, former=replace(gathered.former, seen=former))
    return Withdrawal(after, taken, tuple(refusals))


async def _write_without(client: Client, resource: Resource, thing: Object, kids: Collection[str]) -> Object:
    data: Mapping[str, str] = thing.get("data") or {}
    if resource == CONFIGMAPS:
        left = {name: _document_without(text, kids) for name, text in data.items()}
    elif any(key_data_name(kid) in data for kid in kids):
        left = dict(_keyring_without(data, kids))
    else:
        left = dict(_secret_without(data, kids))
    if left == data:
        raise Refused("the key cannot be taken out of what this version cannot read")
    meta = thing["metadata"]
    wanted: Object = {
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "labels": meta.get("labels") or {},
            "annotations": meta.get("annotations") or {},
        },
        **({"type": thing["type"]} if "type" in thing else {}),
        "data": left,
    }
    written, _ = await write_object(client, resource, wanted, thing)
    return written


def _with(seen: ObservedObjects, before: Object, after: Object) -> ObservedObjects:
    parts = {"keyring": seen.keyring, "configmap": seen.configmap, "secret": seen.secret}
    return replace(seen, **{name: after for name, thing in parts.items() if thing is before})


def _document_without(text: str, kids: Collection[str]) -> str:
    """Return a JWK Set (RFC 7517 section 5) or a PEM document without these keys; another text as it is."""
    if is_public_pem(text):
        return drop_keys(text, kids)
    try:
        document = parse_json_strict(text.encode())
    except JwkError:
        return text
    keys = list_keys(document)
    left = [key for key in keys if not (isinstance(key, dict) and key.get("kid") in kids)]
    if not isinstance(document, dict) or len(left) == len(keys):
        return text
    return compact_json({**document, "keys": left}) + "\n"


def _secret_without(data: Mapping[str, str], kids: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the files of a consumer Secret: of an entry whose key in use goes, no file with one key or a text stays."""
    named = {name: split_name(name) for name in data}
    gone = {
        entry
        for name, (entry, file) in named.items()
        if file is not None and file.form is not Form.JWK_SET and _names(_text(data[name]), kids)
    }
    for name, encoded in data.items():
        entry, file = named[name]
        if file is not None and file.form is Form.JWK_SET:
            yield name, b64encode(_document_without(_text(encoded), kids).encode()).decode()
        elif file is None or entry not in gone:
            yield name, encoded


def _names(text: str, kids: Collection[str]) -> bool:
    """Tell whether a file is the kid of one of these keys, or its JWK."""
    if text in kids:
        return True
    try:
        document = parse_json_strict(text.encode())
    except JwkError:
        return False
    return isinstance(document, dict) and document.get("kid") in kids


def _keyring_without(data: Mapping[str, str], kids: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the documents of a keyring; those of these keys lose their private half."""
    names = {key_data_name(kid) for kid in kids}
    for name, encoded in data.items():
        yield name, _without_private_half(encoded) if name in names else encoded


def _without_private_half(encoded: str) -> str:
    try:
        document = json.loads(_text(encoded))
    except ValueError:
        return encoded
    if not isinstance(document, dict):
        return encoded
    document.pop("private", None)
    return b64encode(compact_json(document).encode()).decode()


def _text(encoded: str) -> str:
    try:
        return b64decode(encoded, validate=True).decode()
    except (Base64Error, UnicodeDecodeError):
        return ""
