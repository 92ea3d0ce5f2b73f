"""A set that is made again with other object names: the objects under the former ones stay right, and go in time."""

import json
from base64 import b64decode
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from fakes.faults import Answer, to
from jwks_operator.api.names import KEYRING_SUFFIX, keyring_name
from jwks_operator.kube.client import CONFIGMAPS, EVENTS, SECRETS, SETS, Call
from jwks_operator.kube.errors import KubeError
from jwks_operator.reconcile.observed_versions import Kind
from reconcile.life import DELETION_DELAY, ES256, REF, Life
from reconcile.test_revocation_wins import _break_spec

OURS = {"app.kubernetes.io/managed-by": "jwks-operator", "jwks-operator.dev/set": REF.name}
LONG = timedelta(hours=6)
"""Longer than anything that the default facts let begin."""


def _named(name: str, **fields: Any) -> dict[str, Any]:
    return {**ES256, "publish": {"configMap": {"name": name}}, "secret": {"name": name}, **fields}


async def _made_again(life: Life, spec: dict[str, Any]) -> None:
    """Delete the set and make it again before its objects go."""
    await life.delete(SETS, REF.name)
    await life.pass_()
    await life.create_set(spec)
    await _settle(life)


async def _settle(life: Life) -> None:
    for _ in range(3):
        with suppress(KubeError):
            await life.pass_()


async def _renamed(*names: str, **fields: Any) -> Life:
    """Return a set whose objects had these names, one after another."""
    life = Life()
    await life.begin(_named(names[0], **fields))
    await life.pass_()
    for name in names[1:]:
        await _made_again(life, _named(name, **fields))
    return life


async def _show_labelled(life: Life) -> None:
    """Tell the operator what its watches tell: which objects carry the label of the set."""
    for resource, kind in ((CONFIGMAPS, Kind.CONFIG_MAP), (SECRETS, Kind.CONSUMER)):
        for each in (await life.people.list(resource, REF.namespace, f"jwks-operator.dev/set={REF.name}"))[0]:
            meta = each["metadata"]
            if not meta["name"].endswith(KEYRING_SUFFIX):
                life.versions.observe(REF, kind, meta["name"], meta["uid"], meta["resourceVersion"])


async def _there(life: Life) -> set[str]:
    """Return the names of the objects of the set: of the ConfigMaps, and of the Secrets without the keyring."""
    found = set()
    for resource in (CONFIGMAPS, SECRETS):
        listed = (await life.people.list(resource, REF.namespace))[0]
        found |= {f"{resource.kind} {each['metadata']['name']}" for each in listed}
    return found - {f"Secret {keyring_name(REF.name)}"}


def _both(*names: str) -> set[str]:
    return {f"{kind} {name}" for name in names for kind in ("ConfigMap", "Secret")}


async def _published_as(life: Life, name: str) -> list[str]:
    data = (await life.read(CONFIGMAPS, name))["data"]
    return [key["kid"] for key in json.loads(data["jwks.json"])["keys"]]


async def _used_as(life: Life, name: str) -> str:
    return b64decode((await life.read(SECRETS, name))["data"]["signing.kid"]).decode()


async def _holding(life: Life, kid: str) -> set[str]:
    """Return the objects that hold a key, whoever they belong to."""
    held = set()
    for resource in (CONFIGMAPS, SECRETS):
        for each in (await life.people.list(resource, REF.namespace))[0]:
            texts = (each.get("data") or {}).values()
            read = texts if resource is CONFIGMAPS else (b64decode(text).decode() for text in texts)
            if not each["metadata"]["name"].endswith(KEYRING_SUFFIX) and any(kid in text for text in read):
                held.add(f"{resource.kind} {each['metadata']['name']}")
    return held


async def test_both_names_show_the_same_at_once() -> None:
    life = await _renamed("old", "new")
    assert await _there(life) == _both("old", "new")
    assert await _published_as(life, "new") == await _published_as(life, "old")
    assert await _used_as(life, "new") == await _used_as(life, "old")
    assert await life.condition("Ready") == ("True", "KeysInUse")
    told = [event["message"] for event in (await life.people.list(EVENTS, REF.namespace))[0]]
    assert any("ConfigMap old and Secret old is a former name" in message for message in told)


async def test_a_rotation_reaches_the_former_names() -> None:
    life = await _renamed("old", "new")
    await life.annotate(rotate="signing@2026-03-02T12:00:01Z!")
    await life.after(timedelta(seconds=5))
    assert await _used_as(life, "old") == await _used_as(life, "new") == (await life.states())["Active"][0]
    assert await _published_as(life, "old") == await _published_as(life, "new")


async def test_objects_under_former_names_go_when_nothing_depends_on_them() -> None:
    life = await _renamed("old", "new")
    await life.live(DELETION_DELAY)
    assert await _there(life) == _both("old", "new")
    await life.live(LONG)
    assert await _there(life) == _both("new")
    assert (await life.keyring())["record.json"]["former"] == {}


async def test_retain_keeps_them_and_keeps_them_right() -> None:
    life = await _renamed("old", "new", deletionPolicy="Retain")
    await life.live(timedelta(days=40))
    assert await _there(life) == _both("old", "new")
    assert await _used_as(life, "old") == await _used_as(life, "new")


@pytest.mark.parametrize("names", [("old", "new"), ("old", "newer", "new"), ("old", "new", "old")], ids=" → ".join)
async def test_a_revoked_key_leaves_every_name_that_there_ever_was(names: tuple[str, ...]) -> None:
    life = await _renamed(*names)
    assert await _there(life) == _both(*names)
    bad = (await life.states())["Active"][0]
    assert await _holding(life, bad) == _both(*names)
    await life.annotate(revoke=bad)
    await life.pass_()
    assert await _holding(life, bad) == set()
    await life.live(LONG)
    assert await _there(life) == _both(names[-1])


async def test_objects_under_former_names_go_with_their_set() -> None:
    life = await _renamed("old", "newer", "new")
    await life.delete(SETS, REF.name)
    await life.pass_()
    await life.after(DELETION_DELAY)
    assert await _there(life) == set()
    assert await life.people.read(SECRETS, REF.namespace, keyring_name(REF.name)) is None


async def test_names_changed_while_the_set_is_suspended() -> None:
    life = await _renamed("old", "new", suspend=True)
    assert await _there(life) == _both("old", "new")
    await life.live(LONG)
    assert await _there(life) == _both("new")


async def test_the_former_objects_stay_until_the_new_ones_could_be_written() -> None:
    life = await _renamed("old")
    life.start_operator(Answer(403, lambda call: to("secrets")(call) and call.method == "POST", times=1000))
    await _made_again(life, _named("new"))
    life.time.pass_by(LONG)
    await _settle(life)
    assert _both("old") <= await _there(life)
    assert await life.condition("Ready") == ("False", "WriteRefused")
    life.start_operator()
    await life.pass_()
    assert await _there(life) == _both("old", "new")
    await life.live(LONG)
    assert await _there(life) == _both("new")


async def test_a_former_object_that_cannot_be_written_stops_nothing_and_is_named() -> None:
    life = await _renamed("old", "new")
    bad = (await life.states())["Active"][0]
    life.start_operator(
        Answer(403, lambda call: call.method == "PUT" and call.path.endswith("/secrets/old"), times=1000)
    )
    await life.annotate(rotate="signing@2026-03-02T12:00:01Z!")
    await life.after(timedelta(seconds=5))
    assert await _used_as(life, "new") == (await life.states())["Active"][0] != bad
    troubles = {each["about"]: each["reason"] for each in (await life.status())["troubles"]}
    assert troubles == {"Secret old": "WriteRefused"}
    await life.annotate(revoke=bad)
    await _settle(life)
    assert await _holding(life, bad) == {"Secret old"}
    troubles = {each["about"]: each["reason"] for each in (await life.status())["troubles"]}
    assert troubles == {"Secret old": "RevokedKeyRemains"}
    assert await life.condition("Ready") == ("False", "RevokedKeyRemains")
    life.start_operator()
    await life.pass_()
    assert await _holding(life, bad) == set()
    assert await life.condition("Degraded") == ("False", "AsExpected")


async def test_a_restored_record_that_never_knew_the_later_name_finds_its_objects() -> None:
    life = await _renamed("old")
    ring = await life.read(SECRETS, keyring_name(REF.name))
    await _made_again(life, _named("later"))
    await _made_again(life, _named("new"))
    await life.delete(SECRETS, keyring_name(REF.name))
    metadata = {name: ring["metadata"][name] for name in ("name", "namespace", "labels")}
    await life.people.create(SECRETS, REF.namespace, {**ring, "metadata": metadata})
    life.start_operator()
    await _show_labelled(life)
    await _settle(life)
    bad = (await life.states())["Active"][0]
    await life.annotate(revoke=bad)
    await life.pass_()
    assert await _holding(life, bad) == set()
    await life.live(LONG)
    assert await _there(life) == _both("new")


async def test_keys_are_found_under_former_names_when_the_keyring_is_lost_as_well() -> None:
    life = await _renamed("old")
    used = await _used_as(life, "old")
    await life.delete(SETS, REF.name)
    await life.delete(SECRETS, keyring_name(REF.name))
    life.start_operator()
    await _show_labelled(life)
    await life.create_set(_named("new"))
    await _settle(life)
    assert await _used_as(life, "new") == used
    await life.live(LONG)
    assert await _there(life) == _both("new")


async def test_a_spec_that_cannot_be_read_hides_no_object_when_the_keyring_is_lost_as_well() -> None:
    life = await _renamed("named")
    bad = (await life.states())["Active"][0]
    await life.delete(SECRETS, keyring_name(REF.name))
    await _break_spec(life)
    life.start_operator()
    await _show_labelled(life)
    await life.annotate(revoke=bad)
    await _settle(life)
    assert await _holding(life, bad) == set()


@pytest.mark.parametrize("labels", [{}, OURS])
async def test_what_another_client_made_under_a_former_name_is_not_touched(labels: dict[str, str]) -> None:
    life = await _renamed("old", "new")
    await life.delete(SECRETS, "old")
    await life.pass_()
    metadata = {"name": "old", "namespace": REF.namespace, "labels": labels}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"a": "Yg=="}}
    made = life.server.handle(Call("POST", SECRETS.path(REF.namespace), {"fieldManager": "kubectl-create"}, body))
    assert made.status == 201
    await _show_labelled(life)
    before = await life.read(SECRETS, "old")
    await life.live(LONG)
    assert "Secret old" in await _there(life)
    assert await life.read(SECRETS, "old") == before


async def test_an_object_that_lost_its_labels_is_known_by_its_uid() -> None:
    life = await _renamed("old", "new")
    await life.edit(SECRETS, "old", lambda seen: seen["metadata"].update(labels={}))
    bad = (await life.states())["Active"][0]
    await life.annotate(revoke=bad)
    await life.pass_()
    assert await _holding(life, bad) == set()
    await life.live(LONG)
    assert await _there(life) == _both("new")


async def test_an_object_that_belongs_to_another_set_now_is_left_to_it() -> None:
    life = await _renamed("old", "new")
    theirs = {"app.kubernetes.io/managed-by": "jwks-operator", "jwks-operator.dev/set": "old"}
    await life.edit(SECRETS, "old", lambda seen: seen["metadata"].update(labels=theirs))
    await life.live(LONG)
    assert "Secret old" in await _there(life)


async def test_names_in_conflict_are_left_behind_by_other_names() -> None:
    life = await _renamed("old")
    await life.people.create(SECRETS, REF.namespace, {"metadata": {"name": "taken"}, "data": {}})
    await _made_again(life, _named("taken"))
    assert await life.condition("Ready") == ("False", "NameConflict")
    await _made_again(life, _named("new"))
    assert await life.condition("Ready") == ("True", "KeysInUse")
    assert await _used_as(life, "new") == await _used_as(life, "old")


async def test_nothing_due_writes_nothing_while_former_names_are_remembered() -> None:
    life = await _renamed("old", "new")
    life.writes()
    await life.after(timedelta(minutes=1))
    assert life.writes() == []
