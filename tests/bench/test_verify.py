"""The verifier of the benchmarks finds nothing in what the operator makes, and everything that is wrong."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from jwks_operator.api.names import keyring_name
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, SETS
from reconcile.life import REF, Life
from scale.verify import Objects, find_changed, find_faults, group_objects, is_ready

Object = dict[str, Any]


@pytest.fixture
async def good() -> Objects:
    """A set with a key in use, the next one and a retired one."""
    life = Life()
    await life.begin({"keys": [{"name": "signing", "algorithm": "ES256"}], "rotation": {"every": "2h"}})
    await life.live(timedelta(hours=2, minutes=1))
    objects = Objects(
        await life.read(SETS, REF.name),
        await life.read(SECRETS, keyring_name(REF.name)),
        await life.read(CONFIGMAPS, REF.name),
        await life.read(SECRETS, REF.name),
    )
    assert sorted(key["state"] for key in objects.the_set["status"]["keys"]) == ["Active", "Pending", "Retired"]
    return objects


def test_nothing_is_wrong_with_what_the_operator_makes(good: Objects) -> None:
    assert find_faults(good) == []


def test_revoked_keys_that_are_gone_are_fine(good: Objects) -> None:
    assert find_faults(good, {"another"}) == []


def published(objects: Objects, change: Callable[[list[Object]], object]) -> None:
    assert objects.configmap is not None
    data = objects.configmap["data"]
    document = json.loads(data["jwks.json"])
    change(document["keys"])
    data["jwks.json"] = json.dumps(document)


def keyring(objects: Objects, change: Callable[[dict[str, Object]], object]) -> None:
    assert objects.keyring is not None
    files = {name: json.loads(b64decode(text)) for name, text in objects.keyring["data"].items()}
    change(files)
    objects.keyring["data"] = {name: b64encode(json.dumps(file).encode()).decode() for name, file in files.items()}


def secret(objects: Objects, name: str, text: str) -> None:
    assert objects.secret is not None
    objects.secret["data"][name] = b64encode(text.encode()).decode()


def private_halves(objects: Objects) -> list[Object]:
    assert objects.keyring is not None
    files = [json.loads(b64decode(text)) for text in objects.keyring["data"].values()]
    return [file["private"] for file in files if "private" in file]


def two_active(files: dict[str, Object]) -> None:
    for file in files.values():
        if "state" in file:
            file["state"] = "Active"


def leak(objects: Objects) -> None:
    objects.the_set["metadata"]["annotations"] = {"note": private_halves(objects)[0]["d"]}


def another_half(objects: Objects) -> None:
    assert objects.secret is not None
    jwk = json.loads(b64decode(objects.secret["data"]["signing.jwk"]))
    secret(objects, "signing.jwk", json.dumps({**jwk, "d": "AAAA"}))


DAMAGE: dict[str, tuple[Callable[[Objects], object], str]] = {
    "a missing key": (lambda o: published(o, lambda keys: keys.pop()), "publishes other keys"),
    "one key too many": (
        lambda o: published(o, lambda keys: keys.append({**keys[0], "kid": "more"})),
        "publishes other keys",
    ),
    "a key twice": (lambda o: published(o, lambda keys: keys.append(keys[0])), "publishes a kid twice"),
    "a private member": (lambda o: published(o, lambda keys: keys[0].update(d="AAAA")), "publishes private members d"),
    "a foreign member": (lambda o: published(o, lambda keys: keys[0].update(note="x")), "do not belong there"),
    "a point off the curve": (lambda o: published(o, lambda k: k[0].update(x=k[0]["y"])), "publishes an invalid key"),
    "no document": (lambda o: (o.configmap or {})["data"].update({"jwks.json": "{"}), "cannot be read"),
    "an unfinished step": (
        lambda o: keyring(o, lambda files: files["record.json"].update(step={"transition": "Activate"})),
        "has an unfinished step Activate",
    ),
    "two keys in use": (lambda o: keyring(o, two_active), "signing has 3 active keys"),
    "another kid in use": (lambda o: secret(o, "signing.kid", "another"), "uses another key than its keyring"),
    "another private half": (another_half, "holds another private half"),
    "a key that the status hides": (lambda o: o.the_set["status"]["keys"].pop(), "its status shows other keys"),
    "not Ready": (lambda o: o.the_set["metadata"].update(generation=99), "is not Ready as it is written now"),
    "a private member in the set": (leak, "shows a private member"),
}


@pytest.mark.parametrize(("damage", "told"), DAMAGE.values(), ids=DAMAGE)
def test_what_is_wrong_is_found(good: Objects, damage: Callable[[Objects], object], told: str) -> None:
    damaged = deepcopy(good)
    damage(damaged)
    assert any(told in each for each in find_faults(damaged)), find_faults(damaged)


def test_a_revoked_key_that_is_still_published_is_found(good: Objects) -> None:
    kid = good.the_set["status"]["keys"][0]["kid"]
    assert find_faults(good, {kid}) == [f"{REF}: still has revoked key {kid}"]


@pytest.mark.parametrize("part", ["keyring", "configmap", "secret"])
def test_an_object_that_is_not_there_is_found(good: Objects, part: str) -> None:
    there = {name: getattr(good, name) for name in ("keyring", "configmap", "secret")}
    assert find_faults(Objects(good.the_set, **{**there, part: None})) == [f"{REF}: lacks one of its objects"]


def test_objects_are_put_together_by_name(good: Objects) -> None:
    assert good.keyring is not None
    assert good.secret is not None
    assert good.configmap is not None
    assert group_objects([good.the_set], [good.secret, good.keyring], [good.configmap]) == [good]
    assert group_objects([good.the_set], [good.keyring], []) == [Objects(good.the_set, good.keyring, None, None)]


def test_a_set_without_a_status_is_not_ready() -> None:
    assert not is_ready({"metadata": {"generation": 1}})


BEFORE = {
    ("configmaps", "a", "one"): "1",
    ("secrets", "a", "one-keyring"): "2",
    ("jsonwebkeysets", "a", "one"): "3",
}


def test_nothing_changed_in_idle() -> None:
    assert find_changed(BEFORE, dict(BEFORE)) == []


def test_a_write_in_idle_is_found() -> None:
    assert find_changed(BEFORE, {**BEFORE, ("configmaps", "a", "one"): "4"}) == ["configmaps a/one was written"]


def test_an_object_that_came_or_went_in_idle_is_found() -> None:
    after = {key: version for key, version in BEFORE.items() if key[0] != "secrets"} | {("secrets", "a", "new"): "5"}
    assert find_changed(BEFORE, after) == ["secrets a/new came", "secrets a/one-keyring went"]
