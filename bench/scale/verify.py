"""Whether what is there is right: each check tells what is wrong in words, and finds it in the objects themselves.

The published set is read with the project's strict reader; everything else is read without the operator's code.
"""

import json
from base64 import b64decode
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jwks_operator.api.names import JWKS_KEY, PLURAL, RECORD_KEY, keyring_name
from jwks_operator.keys.jwk import JwkError, parse_public
from scale.api import Object

PUBLISHED = frozenset({"Pending", "Active", "Retired"})
_PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "k", "oth", "priv")

Versions = Mapping[tuple[str, str, str], str]
"""resourceVersion by kind, namespace and name."""


@dataclass(frozen=True)
class Objects:
    """The four objects of a set as the API server has them; None is not there."""

    the_set: Object
    keyring: Object | None
    configmap: Object | None
    secret: Object | None


def group_objects(sets: list[Object], secrets: list[Object], configmaps: list[Object]) -> list[Objects]:
    """Put together what belongs together, in one namespace."""
    secret, configmap = ({thing["metadata"]["name"]: thing for thing in things} for things in (secrets, configmaps))
    return [
        Objects(each, secret.get(keyring_name(name)), configmap.get(name), secret.get(name))
        for each in sets
        for name in [each["metadata"]["name"]]
    ]


def find_faults(objects: Objects, revoked: Collection[str] = ()) -> list[str]:
    """Return everything that is wrong with a set of signature keys that has nothing unfinished."""
    meta = objects.the_set["metadata"]
    try:
        found = list(_wrong(objects, revoked))
    except (KeyError, TypeError, ValueError) as error:
        found = [f"cannot be read: {type(error).__name__} {error}"]
    return [f"{meta['namespace']}/{meta['name']}: {each}" for each in found]


def _wrong(objects: Objects, revoked: Collection[str]) -> Iterator[str]:
    if not is_ready(objects.the_set):
        yield "is not Ready as it is written now"
    if objects.keyring is None or objects.configmap is None or objects.secret is None:
        yield "lacks one of its objects"
        return
    files = _files(objects.keyring)
    record = files.pop(RECORD_KEY)
    keys = {key["kid"]: key for key in files.values()}
    if record.get("step") is not None:
        yield f"has an unfinished step {record['step']['transition']}"
    published = _published(objects.configmap)
    yield from _of_public(published)
    wanted = {kid: key["public"] for kid, key in keys.items() if key["state"] in PUBLISHED}
    if {jwk.get("kid"): jwk for jwk in published} != wanted:
        yield "publishes other keys than its keyring says"
    yield from _of_entries(objects, keys)
    shown = {key["kid"]: key["state"] for key in objects.the_set["status"].get("keys", ())}
    if shown != {kid: key["state"] for kid, key in keys.items()}:
        yield "its status shows other keys than its keyring"
    for kid in revoked:
        if kid in keys or kid in {jwk.get("kid") for jwk in published}:
            yield f"still has revoked key {kid}"
    yield from _of_leaks(objects, keys)


def _of_public(published: list[dict[str, Any]]) -> Iterator[str]:
    kids = [jwk.get("kid") for jwk in published]
    if len(set(kids)) != len(kids):
        yield "publishes a kid twice"
    for jwk in published:
        if held := [name for name in _PRIVATE if name in jwk]:
            yield f"publishes private members {', '.join(held)} of {jwk.get('kid')}"
            continue
        try:
            if parse_public(jwk) != jwk:
                yield f"publishes {jwk.get('kid')} with members that do not belong there"
        except JwkError as error:
            yield f"publishes an invalid key {jwk.get('kid')}: {error}"


def _of_entries(objects: Objects, keys: Mapping[str, Any]) -> Iterator[str]:
    secret = {name: b64decode(text).decode() for name, text in (objects.secret or {})["data"].items()}
    for entry in (each["name"] for each in objects.the_set["spec"]["keys"]):
        active = [key for key in keys.values() if key["entry"] == entry and key["state"] == "Active"]
        if len(active) != 1:
            yield f"{entry} has {len(active)} active keys"
        elif secret.get(f"{entry}.kid") != active[0]["kid"]:
            yield f"{entry} uses another key than its keyring says"
        elif json.loads(secret[f"{entry}.jwk"]) != active[0]["private"]:
            yield f"{entry} holds another private half than its keyring"


def _of_leaks(objects: Objects, keys: Mapping[str, Any]) -> Iterator[str]:
    public = json.dumps([objects.the_set, objects.configmap])
    for kid, key in keys.items():
        halves = key.get("private", {})
        if any(halves[name] in public for name in _PRIVATE if name in halves):
            yield f"shows a private member of {kid}"


def is_ready(the_set: Object) -> bool:
    """Whether a set is Ready as it is written now."""
    status = the_set.get("status", {})
    return any(
        each["type"] == "Ready"
        and each["status"] == "True"
        and each["observedGeneration"] == the_set["metadata"]["generation"]
        for each in status.get("conditions", ())
    )


def kids_in_configmap(configmap: Object) -> set[str]:
    """Return the kids that a ConfigMap publishes."""
    return {str(jwk.get("kid")) for jwk in _published(configmap)}


def find_changed(before: Versions, after: Versions, expected: Collection[tuple[str, str]] = ()) -> list[str]:
    """Return which objects were written, came or went, except for those of the expected sets (namespace, set)."""
    found = []
    for kind, namespace, name in sorted(before.keys() | after.keys()):
        the_set = name if kind == PLURAL else name.removesuffix(keyring_name(""))
        was, now = before.get((kind, namespace, name)), after.get((kind, namespace, name))
        if was != now and (namespace, the_set) not in expected:
            what = "came" if was is None else "went" if now is None else "was written"
            found.append(f"{kind} {namespace}/{name} {what}")
    return found


def _published(configmap: Object) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = json.loads(configmap["data"][JWKS_KEY])["keys"]
    return keys


def _files(secret: Object) -> dict[str, Any]:
    return {name: json.loads(b64decode(text)) for name, text in secret["data"].items()}
