"""Repair: whatever is deleted or edited by hand comes back from the record, and the waits it proves begin anew."""

import json
from base64 import b64encode
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from fakes.faults import Crash, CrashAfter
from jwks_operator.api.names import keyring_name
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, SETS, Object
from reconcile.life import ES256, REF, Life

LEAD = timedelta(minutes=70)


async def _settled() -> Life:
    life = Life()
    await life.begin()
    await life.pass_()
    life.writes()
    return life


def _plant_private_member(configmap: Object) -> None:
    document = json.loads(configmap["data"]["jwks.json"])
    document["keys"][0]["d"] = "c2VjcmV0"
    configmap["data"]["jwks.json"] = json.dumps(document)


def _rename_kid(configmap: Object) -> None:
    configmap["data"]["jwks.json"] = configmap["data"]["jwks.json"].replace('"kid":"', '"kid":"x')


def _swap_key(secret: Object) -> None:
    secret["data"]["signing.kid"] = b64encode(b"another").decode()


Edit = Callable[[Life], Awaitable[None]]

ACCIDENTS: dict[str, Edit] = {
    "the ConfigMap is deleted": lambda life: life.delete(CONFIGMAPS, REF.name),
    "the ConfigMap is emptied": lambda life: life.edit(CONFIGMAPS, REF.name, lambda o: o.update(data={})),
    "a private member is planted in the ConfigMap": lambda life: life.edit(CONFIGMAPS, REF.name, _plant_private_member),
    "a kid is changed in the ConfigMap": lambda life: life.edit(CONFIGMAPS, REF.name, _rename_kid),
    "binary data is added to the ConfigMap": lambda life: life.edit(
        CONFIGMAPS, REF.name, lambda o: o.update(binaryData={"a": "YQ=="})
    ),
    "the consumer Secret is deleted": lambda life: life.delete(SECRETS, REF.name),
    "the consumer Secret names another key": lambda life: life.edit(SECRETS, REF.name, _swap_key),
    "a file is added to the consumer Secret": lambda life: life.edit(
        SECRETS, REF.name, lambda o: o["data"].update(extra="YQ==")
    ),
}


@pytest.mark.parametrize("accident", ACCIDENTS.values(), ids=ACCIDENTS)
async def test_an_accident_is_repaired_in_one_pass_with_the_same_keys(accident: Edit) -> None:
    life = await _settled()
    before = (
        (await life.read(CONFIGMAPS, REF.name))["data"],
        (await life.read(SECRETS, REF.name))["data"],
        await life.states(),
    )
    await accident(life)
    await life.after(timedelta(minutes=1))
    after = (
        (await life.read(CONFIGMAPS, REF.name))["data"],
        (await life.read(SECRETS, REF.name))["data"],
        await life.states(),
    )
    assert after == before
    assert "binaryData" not in await life.read(CONFIGMAPS, REF.name)
    life.writes()
    await life.pass_()
    assert life.writes() == []


@pytest.mark.parametrize("resource", [CONFIGMAPS, SECRETS], ids=["ConfigMap", "Secret"])
async def test_stripped_labels_come_back_without_restarting_any_wait(resource: Any) -> None:
    life = await _settled()
    ring = await life.keyring()
    await life.edit(resource, REF.name, lambda seen: seen["metadata"].pop("labels"))
    await life.after(timedelta(minutes=1))
    labels = (await life.read(resource, REF.name))["metadata"]["labels"]
    assert labels == {"app.kubernetes.io/managed-by": "jwks-operator", "jwks-operator.dev/set": "auth"}
    kept = {name: document.get("published") for name, document in (await life.keyring()).items()}
    assert kept == {name: document.get("published") for name, document in ring.items()}


async def test_a_keyring_whose_labels_were_stripped_is_still_the_record() -> None:
    life = await _settled()
    states = await life.states()
    await life.edit(SECRETS, keyring_name(REF.name), lambda seen: seen["metadata"].pop("labels"))
    await life.after(timedelta(minutes=1))
    assert await life.states() == states
    assert (await life.read(SECRETS, keyring_name(REF.name)))["metadata"]["labels"]


async def test_labels_and_annotations_of_others_are_left_alone() -> None:
    life = await _settled()
    await life.edit(CONFIGMAPS, REF.name, lambda seen: seen["metadata"].update(annotations={"team": "auth"}))
    await life.pass_()
    assert life.writes() == []
    await life.after(timedelta(hours=720))
    assert (await life.read(CONFIGMAPS, REF.name))["metadata"]["annotations"]["team"] == "auth"


async def test_a_label_that_the_spec_no_longer_asks_for_is_taken_off_again() -> None:
    life = await _settled()
    await life.set_spec({**ES256, "publish": {"configMap": {"labels": {"tier": "edge"}}}})
    await life.pass_()
    assert (await life.read(CONFIGMAPS, REF.name))["metadata"]["labels"]["tier"] == "edge"
    await life.set_spec(ES256)
    await life.pass_()
    assert "tier" not in (await life.read(CONFIGMAPS, REF.name))["metadata"]["labels"]


async def test_a_deleted_configmap_restarts_the_lead_of_the_pending_key() -> None:
    life = await _settled()
    pending = (await life.states())["Pending"]
    life.time.pass_by(timedelta(hours=719, minutes=50))
    await life.delete(CONFIGMAPS, REF.name)
    await life.pass_()
    await life.after(timedelta(minutes=10))  # due now, but verifiers may have seen no set at all
    assert (await life.states())["Pending"] == pending
    assert await life.condition("Rotating") == ("True", "NextKeyPublished")
    await life.after(LEAD)
    assert (await life.states())["Active"] == pending


async def test_an_edited_secret_restarts_the_retention_of_the_retired_key() -> None:
    life = await _settled()
    first = (await life.states())["Active"]
    await life.after(timedelta(hours=720))
    await life.after(timedelta(minutes=69))
    await life.edit(SECRETS, REF.name, _swap_key)  # as if the retired key had been put back
    await life.pass_()
    await life.after(timedelta(minutes=1))
    assert (await life.states())["Retired"] == first
    await life.after(timedelta(minutes=69))
    assert "Retired" not in await life.states()


async def test_a_crash_between_repair_and_witness_does_not_save_the_old_stamp() -> None:
    life = await _settled()
    before = next(d["published"] for d in (await life.keyring()).values() if d.get("state") == "Pending")
    await life.delete(CONFIGMAPS, REF.name)
    life.time.pass_by(timedelta(minutes=5))
    life.start_operator(CrashAfter(6))  # four reads, the intent, the ConfigMap
    with pytest.raises(Crash):
        await life.pass_()
    assert await life.published()
    life.start_operator()
    await life.pass_()
    after = next(d["published"] for d in (await life.keyring()).values() if d.get("state") == "Pending")
    assert after > before


async def test_a_lost_or_edited_status_is_written_again_from_the_record() -> None:
    life = await _settled()
    before = await life.status()
    seen = await life.read(SETS, REF.name)
    await life.people.apply_status(
        {"metadata": {k: seen["metadata"][k] for k in ("name", "namespace", "uid", "resourceVersion")}, "status": {}}
    )
    await life.pass_()
    after = await life.status()
    assert after["keys"] == before["keys"]
    assert after["history"] == before["history"]


async def test_a_repair_is_told_in_one_event_and_in_the_history() -> None:
    life = await _settled()
    await life.delete(CONFIGMAPS, REF.name)
    await life.pass_()
    await life.pass_()
    told = [entry for entry in (await life.status())["history"] if entry["event"] == "ObjectRepaired"]
    assert [entry["reason"] for entry in told] == ["ConfigMap was deleted"]
