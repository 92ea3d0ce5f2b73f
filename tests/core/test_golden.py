"""Every keyring that any version wrote is read, for ever: whole, with members from the future, with some missing."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from core.golden import PLACEHOLDER, RECORDS, collected, document_of, record_of
from jwks_operator.api.spec import JsonWebKeySetSpec
from jwks_operator.core.model import policy, record
from jwks_operator.core.model.codec import PolicyError, RecordError
from jwks_operator.core.model.mended_policy import load_mended
from jwks_operator.core.model.policy_from_spec import policy_from_spec
from jwks_operator.core.model.stored import Stored

FILES = pytest.mark.parametrize("path", collected(), ids=lambda path: path.stem)
FREE = {
    "public",
    "discovery",
    "honoured",
    "missing",
    "leadFloor",
    "formerLeads",
    "former",
    "importStates",
    "urls",
    "objects",
    "labels",
    "annotations",
}
"""Members whose own members are names or values of somebody else."""
NEWS = {"a": None, "b": [{"c": 1}]}
REQUIRED = {
    "format", "setName", "policy", "kid", "entry", "algorithm", "keyClass", "state", "thumbprint", "public", "created",
    "bounds", "lead", "retention", "name", "key", "schedule", "duration", "from", "to", "commonName", "event", "reason",
    "transition", "time", "recorded", "digest", "expired", "issued", "notAfter", "x5c", "terms", "jwt", "keys",
    "url", "urls", "since", "last", "lifetime",
}  # fmt: skip
"""Members without which something cannot be what it is; every other one may be missing."""


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def _objects(value: Any, name: str = "") -> Iterator[dict[str, Any]]:
    """Every object of a document that is one of ours."""
    if isinstance(value, dict):
        if name not in FREE:
            yield value
        if name not in FREE - {"importStates", "former", "urls"}:
            for inner, each in value.items():
                yield from _objects(each, inner)
    elif isinstance(value, list):
        for each in value:
            yield from _objects(each, name)


@FILES
def test_what_is_read_is_written_again_the_same(path: Path) -> None:
    document = _read(path)
    assert document_of(record_of(document)) == document


@FILES
def test_members_from_the_future_are_kept_at_every_level(path: Path) -> None:
    document = _read(path)
    ours = [each for each in _objects(document) if each is not document]
    for each in ours:
        each["fromTheFuture"] = NEWS
        each["unknown"] = 1
    assert len(ours) > 5
    assert document_of(record_of(document)) == document
    assert record_of(document) == record_of(_read(path)), "what is not understood is no difference"


def _complaint(document: dict[str, Any]) -> str:
    try:
        record_of(document)
    except RecordError as error:
        return str(error)
    return ""


@FILES
def test_every_member_but_a_few_may_be_missing(path: Path) -> None:
    document = _read(path)
    for position, whole in enumerate(_objects(document)):
        for name in whole if whole is not document else ():
            spoilt = deepcopy(document)
            del list(_objects(spoilt))[position][name]
            complaint = _complaint(spoilt)
            assert not complaint or name in REQUIRED, complaint
            assert not complaint or name in complaint or name in {"format", "keys"}


@FILES
def test_no_private_half_is_in_the_collection(path: Path) -> None:
    document = _read(path)
    assert all(one.get("private") in {None, PLACEHOLDER} for one in document["keys"])
    assert all(not {"d", "k", "p", "q", "priv"} & set(one["public"]) for one in document["keys"])


@pytest.mark.parametrize("name", RECORDS)
def test_what_this_version_writes_is_in_the_collection(name: str) -> None:
    """If it is not, `python -m core.golden` adds it under the version of the package: raise that first."""
    known = [_read(path) for path in collected() if path.stem.rpartition("-")[0] == name]
    assert document_of(RECORDS[name]) in known
    assert record_of(document_of(RECORDS[name])) == RECORDS[name]


def _stored() -> Iterator[type[Any]]:
    for module in (policy, record):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Stored) and value is not Stored:
                yield value


def test_what_may_be_none_is_none_where_it_is_missing() -> None:
    """None is not written, so any other default would come back in its place."""
    for kind in _stored():
        hints = get_type_hints(kind)
        for field in dataclasses.fields(kind):
            if type(None) in get_args(hints[field.name]):
                assert field.default is None, f"{kind.__name__}.{field.name}"


def _set(*path: Any) -> Callable[[dict[str, Any]], None]:
    *way, name, value = path

    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for part in way:
            place = place[part]
        place[name] = value

    return change


WRITTEN = policy_from_spec(
    JsonWebKeySetSpec.model_validate({"keys": [{"name": "x", "algorithm": "ES384"}], "recovery": "Regenerate"})
)
SPOILT: dict[str, tuple[Callable[[dict[str, Any]], None], str, Callable[[policy.Policy], object], object, object]] = {
    "an unknown value": (_set("recovery", "Ask"), "policy.recovery", lambda p: p.recovery, "Regenerate", "Regenerate"),
    "a fact of another form": (
        _set("facts", "propagation", 7), "policy.facts.propagation", lambda p: str(p.facts.propagation), "0:05:00",
        "0:05:00",
    ),
    "an item of a list": (
        _set("revoked", 0, "kid", 7), "policy.revoked[0].kid", lambda p: [r.kid for r in p.revoked], [None, None],
        [None, None],
    ),
    "an entry": (
        _set("keys", 0, "name", None), "policy.keys[0].name", lambda p: [e.name for e in p.keys],
        ["by-hand", "signing"], ["by-hand", "signing"],
    ),
    "what another set is called": (
        _set("publish", "configMap", "name", ["shown"]), "policy.publish.configMap.name",
        lambda p: (p.publish.config_map.name, p.publish.config_map.key), (None, "set.json"), (None, "set.json"),
    ),
    "all of it": (
        lambda document: document.clear(), "policy.keys", lambda p: [e.algorithm for e in p.keys],
        ["RS256", "ECDH-ES"], ["RS256", "ECDH-ES"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SPOILT)
@pytest.mark.parametrize("known", [True, False], ids=["spec readable", "spec unreadable too"])
def test_a_policy_that_cannot_be_read_is_mended_and_nothing_else_of_the_record_is_lost(case: str, known: bool) -> None:
    spoil, told, of, with_spec, without = SPOILT[case]
    document = document_of(RECORDS["every-field"])
    whole = record_of(document)
    spoil(document["record.json"]["policy"])
    with pytest.raises(PolicyError) as complaint:
        record_of(document)
    assert told in str(complaint.value)
    found = load_mended(document["record.json"], whole.keys, WRITTEN if known else None)
    assert document_of(found) == document, "what cannot be read stays stored"
    assert of(found.policy) == (with_spec if known else without)
    assert dataclasses.replace(found, policy=whole.policy, unread=None) == whole
