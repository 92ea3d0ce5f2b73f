"""Revocation wins, object by object: what one object refuses keeps a revoked key in no other one."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from fakes.faults import Answer
from jwks_operator.api.names import SetRef, keyring_name
from jwks_operator.core.planner.key_requests import Need
from jwks_operator.keys.generate import GeneratedKey
from jwks_operator.kube.client import CONFIGMAPS, EVENTS, SECRETS, SETS, Call, Resource
from jwks_operator.kube.errors import KubeError
from jwks_operator.reconcile.key_pool import KeySource
from reconcile.life import REF, Life

OBJECTS: dict[str, tuple[Resource, str]] = {
    "ConfigMap": (CONFIGMAPS, REF.name),
    "Secret": (SECRETS, REF.name),
    "keyring": (SECRETS, keyring_name(REF.name)),
}
CODES = (403, 409, 422, 429, 500)


def _refusing(what: str, code: int) -> Answer:
    resource, name = OBJECTS[what]
    paths = {resource.path(REF.namespace), resource.path(REF.namespace, name)}

    def hits(call: Call) -> bool:
        named = (call.body or {}).get("metadata", {}).get("name")
        return call.method in {"PUT", "POST", "DELETE"} and call.path in paths and named == name

    return Answer(code, hits, times=1000)


async def _settled() -> tuple[Life, str]:
    life = Life()
    await life.begin()
    await life.pass_()
    return life, (await life.states())["Active"][0]


async def _holders(life: Life, kid: str) -> set[str]:
    held = {"ConfigMap"} if kid in await life.published() else set()
    secret = await life.people.read(SECRETS, REF.namespace, REF.name)
    if secret is not None and "signing.kid" in secret["data"] and await life.in_use() == kid:
        held.add("Secret")
    if any(doc.get("kid") == kid and "private" in doc for doc in (await life.keyring()).values()):
        held.add("keyring")
    return held


async def _messages(life: Life, reason: str) -> list[dict[str, Any]]:
    return [t for t in (await life.status()).get("troubles", ()) if t["reason"] == reason]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("what", OBJECTS)
async def test_an_object_that_refuses_is_the_only_one_that_keeps_the_key(what: str, code: int) -> None:
    life, bad = await _settled()
    life.start_operator(_refusing(what, code))
    await life.annotate(revoke=bad)
    with pytest.raises(KubeError):
        await life.pass_()
    assert await _holders(life, bad) == {what}
    (told,) = await _messages(life, "RevokedKeyRemains")
    kind, name = OBJECTS[what]
    assert told["about"] == f"{kind.kind} {name}"
    assert bad in told["message"]
    assert str(code) in told["message"]
    assert await life.condition("Ready") == ("False", "RevokedKeyRemains")
    life.start_operator()
    await life.pass_()
    assert await _holders(life, bad) == set()
    assert await life.condition("Ready") == ("True", "KeysInUse")
    assert await _messages(life, "RevokedKeyRemains") == []


async def test_without_a_writable_record_no_other_key_comes_into_use() -> None:
    life, bad = await _settled()
    pending = (await life.states())["Pending"]
    life.start_operator(_refusing("keyring", 403))
    await life.annotate(revoke=bad)
    with pytest.raises(KubeError):
        await life.pass_()
    assert "signing.kid" not in (await life.read(SECRETS, REF.name))["data"]
    assert await life.published() == pending
    assert (await life.states()).get("Active") is None
    life.start_operator()
    await life.pass_()
    assert await life.in_use() == pending[0]


async def test_a_new_key_that_cannot_be_published_is_not_used() -> None:
    life, bad = await _settled()
    both = [bad, *(await life.states())["Pending"]]
    life.start_operator(_refusing("ConfigMap", 500))
    await life.annotate(revoke=",".join(both))
    with pytest.raises(KubeError):
        await life.pass_()
    assert "signing.kid" not in (await life.read(SECRETS, REF.name))["data"]
    life.start_operator()
    await life.pass_()
    assert await life.published() == [await life.in_use(), *(await life.states())["Pending"]]
    assert await life.in_use() not in both


@pytest.mark.parametrize("what", ["ConfigMap", "Secret"])
async def test_a_foreign_object_is_not_touched_and_the_others_give_the_key_up(what: str) -> None:
    life, bad = await _settled()
    resource, name = OBJECTS[what]
    seen = await life.read(resource, name)
    await life.delete(resource, name)
    await life.people.create(resource, REF.namespace, {"metadata": {"name": name}, "data": seen["data"]})
    foreign = await life.read(resource, name)
    await life.annotate(revoke=bad)
    wake = await life.pass_()
    assert wake is not None
    assert await life.read(resource, name) == foreign
    assert await _holders(life, bad) == {what}
    assert [t["about"] for t in await _messages(life, "RevokedKeyRemains")] == [f"{resource.kind} {name}"]
    assert (await life.condition("Ready"))[0] == "False"
    await life.after(timedelta(minutes=1))
    assert await life.read(resource, name) == foreign
    await life.delete(resource, name)
    await life.after(timedelta(minutes=1))
    assert await _holders(life, bad) == set()
    assert await life.condition("Ready") == ("True", "KeysInUse")


async def test_everything_refused_but_one_object_is_still_one_object_that_gave_the_key_up() -> None:
    life, bad = await _settled()
    life.start_operator(_refusing("keyring", 500), _refusing("ConfigMap", 429))
    await life.annotate(revoke=bad)
    with suppress(KubeError):
        await life.pass_()
    assert await _holders(life, bad) == {"keyring", "ConfigMap"}
    assert len(await _messages(life, "RevokedKeyRemains")) == 2


@pytest.mark.parametrize("what", OBJECTS)
async def test_an_immutable_object_is_made_anew(what: str) -> None:
    life, bad = await _settled()
    resource, name = OBJECTS[what]
    await life.edit(resource, name, lambda seen: seen.update(immutable=True))
    before = await life.read(resource, name)
    await life.annotate(revoke=bad)
    await life.pass_()
    after = await life.read(resource, name)
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert "immutable" not in after
    assert await _holders(life, bad) == set()
    assert await life.condition("Ready") == ("True", "KeysInUse")


# --- what takes time ---


class SlowKeys:
    """A key source that has no key before `ready`."""

    def __init__(self, keys: KeySource) -> None:
        self._keys = keys
        self.ready = False

    async def take(self, ref: SetRef, needs: Iterable[Need]) -> Mapping[Need, GeneratedKey] | None:
        return await self._keys.take(ref, needs) if self.ready else None

    def drop(self, ref: SetRef) -> None:
        self._keys.drop(ref)


def _generate_slowly(life: Life) -> SlowKeys:
    life.operator._keys = slow = SlowKeys(life.operator._keys)
    return slow


@pytest.mark.parametrize("algorithm", ["ES256", "ECDH-ES", "HS256"])
@pytest.mark.parametrize("suspend", [False, True])
async def test_a_revoked_key_does_not_stay_until_the_next_one_is_generated(algorithm: str, suspend: bool) -> None:
    keys = [{"name": "signing", "algorithm": algorithm}]
    life = Life()
    await life.begin({"keys": keys, "suspend": suspend, "rotation": {"every": "720h", "prepublish": "OnSchedule"}})
    await life.pass_()
    bad = await life.in_use()
    slow = _generate_slowly(life)
    await life.annotate(revoke=bad)
    await life.pass_()
    assert await _holders(life, bad) == set()
    assert await life.condition("Ready") == ("False", "Progressing")
    life.writes()
    await life.pass_()
    assert life.writes() == []
    slow.ready = True
    await life.pass_()
    assert await life.in_use() != bad
    assert await life.condition("Ready") == ("True", "KeysInUse")


@pytest.mark.parametrize("hurdle", ["clock", "ConfigMap", "policy"])
async def test_the_key_that_was_generated_late_is_used_whatever_is_in_doubt(hurdle: str) -> None:
    life, bad = await _settled()
    slow = _generate_slowly(life)
    await life.annotate(revoke=",".join([bad, *(await life.states())["Pending"]]))
    if hurdle == "clock":
        life.time.now += timedelta(minutes=30)
    elif hurdle == "ConfigMap":
        life.seam.faults.append(_refusing("ConfigMap", 403))
    else:
        await _spoil_policy(life)
        await life.set_spec(REFUSED)
    with suppress(KubeError):
        await life.pass_()
    assert await _holders(life, bad) <= {hurdle}
    slow.ready = True
    with suppress(KubeError):
        await life.pass_()
    assert (await life.states())["Active"] != [bad]


async def test_a_record_that_is_rebuilt_while_the_clock_is_in_doubt_never_holds_the_revoked_key() -> None:
    life, bad = await _settled()
    await life.delete(SECRETS, keyring_name(REF.name))
    await life.annotate(revoke=bad)
    life.time.now += timedelta(minutes=30)
    await life.pass_()
    assert await _holders(life, bad) == set()
    assert await life.condition("Degraded") == ("True", "ClockUncertain")


async def _spoil_policy(life: Life) -> None:
    def spoil(seen: dict[str, Any]) -> None:
        document = json.loads(b64decode(seen["data"]["record.json"]))
        document["policy"]["facts"] = "nonsense"
        seen["data"]["record.json"] = b64encode(json.dumps(document).encode()).decode()

    await life.edit(SECRETS, keyring_name(REF.name), spoil)


# --- without a record ---

BROKEN_SPEC = {"keys": [{"name": "signing", "algorithm": "ES256"}], "fromTheFuture": True}


async def _break_spec(life: Life, **fields: Any) -> None:
    """A spec that this version cannot parse, as a newer CRD would admit it."""
    seen = life.server.store.get(SETS, REF.namespace, REF.name)
    assert seen is not None
    seen["spec"] = BROKEN_SPEC | fields
    seen["metadata"]["generation"] += 1  # what the schema fills in counts as another change: two passes
    life.server.store.put(SETS, seen)


async def _spoil_record(life: Life) -> None:
    def newer(seen: dict[str, Any]) -> None:
        document = json.loads(b64decode(seen["data"]["record.json"])) | {"format": 99}
        seen["data"]["record.json"] = b64encode(json.dumps(document).encode()).decode()

    await life.edit(SECRETS, keyring_name(REF.name), newer)


REFUSED = {"keys": [{"name": "signing", "algorithm": "ES256"}], "rotation": {"every": "1h"}}


@pytest.mark.parametrize("by", ["annotation", "spec", "age"])
@pytest.mark.parametrize("spec", ["refused", "unreadable"])
@pytest.mark.parametrize("record", ["lost", "unreadable"])
async def test_a_key_is_withdrawn_also_without_a_record(record: str, spec: str, by: str) -> None:
    life, bad = await _settled()
    revoked: dict[str, Any] = {
        "annotation": {},
        "spec": {"revoked": [{"kid": bad}]},
        "age": {"revoked": [{"createdBefore": "2026-03-02T12:00:01Z"}]},
    }[by]
    life.time.pass_by(timedelta(minutes=1))
    if record == "lost":
        await life.delete(SECRETS, keyring_name(REF.name))
    else:
        await _spoil_record(life)
    if by == "annotation":
        await life.annotate(revoke=bad)
    await (_break_spec(life, **revoked) if spec == "unreadable" else life.set_spec(REFUSED | revoked))
    await life.pass_()
    assert bad not in await life.published()
    assert "signing.kid" not in (await life.read(SECRETS, REF.name))["data"]
    if record == "unreadable":
        assert not any(doc.get("kid") == bad and "private" in doc for doc in (await life.keyring()).values())
    assert bad in (await life.states())["Compromised"]
    assert (await life.condition("Ready"))[0] == "False"
    events = (await life.people.list(EVENTS, REF.namespace))[0]
    assert any(event["reason"] == "KeyWithdrawn" and bad in event["message"] for event in events)
    await life.pass_()
    life.writes()
    await life.pass_()
    assert life.writes() == [], "it is done once"


async def test_a_record_that_cannot_be_made_again_keeps_no_revoked_key_in_the_other_objects() -> None:
    life, bad = await _settled()
    await life.delete(SECRETS, keyring_name(REF.name))
    await life.annotate(revoke=bad)
    life.start_operator(_refusing("keyring", 403))
    with pytest.raises(KubeError):
        await life.pass_()
    assert bad not in await life.published()
    assert "signing.kid" not in (await life.read(SECRETS, REF.name))["data"]


async def test_an_object_that_refuses_the_withdrawal_is_named() -> None:
    life, bad = await _settled()
    await _spoil_record(life)
    await life.annotate(revoke=bad)
    life.start_operator(_refusing("ConfigMap", 500))
    with pytest.raises(KubeError):
        await life.pass_()
    assert await life.published() != []
    assert [t["about"] for t in await _messages(life, "RevokedKeyRemains")] == ["ConfigMap auth"]
    assert "Compromised" not in await life.states()


@pytest.mark.parametrize("spec", [{}, {"recovery": "Manual"}], ids=str)
async def test_what_was_withdrawn_stays_revoked_in_the_record_that_is_rebuilt(spec: dict[str, Any]) -> None:
    life, bad = await _settled()
    everything = await life.read(CONFIGMAPS, REF.name)
    await life.delete(SECRETS, keyring_name(REF.name))
    await life.annotate(revoke=bad)
    await life.set_spec(REFUSED)
    await life.pass_()
    await life.annotate()
    await life.edit(CONFIGMAPS, REF.name, lambda seen: seen.update(data=everything["data"]))
    await life.set_spec({"keys": REFUSED["keys"], **spec})
    await life.pass_()
    assert bad not in await life.published(), "its tombstone refuses it"
    assert await life.in_use() in await life.published(), "the next key is used at once"
    assert await life.condition("Ready") == ("True", "KeysInUse")
    assert await life.condition("Degraded") == ("False", "AsExpected"), "it was revoked, not lost"


async def test_a_revocation_by_age_comes_at_its_moment_without_a_record_too() -> None:
    life, bad = await _settled()
    await _spoil_record(life)
    await life.edit_spec(revoked=[{"createdBefore": "2026-03-02T13:00:00Z"}])
    wake = await life.pass_()
    assert wake is not None
    life.time.pass_by(wake - life.time.now)
    await life.pass_()
    assert bad not in await life.published()
