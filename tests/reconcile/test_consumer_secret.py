"""The consumer Secret is read as it was written: it names what is in use, and what waits is not."""

import json
from base64 import b64decode
from datetime import timedelta
from typing import Any

import pytest

from jwks_operator.api.names import keyring_name
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, SETS
from jwks_operator.kube.consumer_secret_data import keys_in_use
from reconcile.certified import SELF_SIGNED
from reconcile.life import REF, Life
from reconcile.sources import offer, old_key, pem

RING = keyring_name(REF.name)
MINUTE, LEAD = timedelta(minutes=1), timedelta(minutes=70)
SIGNING = {"name": "signing", "algorithm": "ES256"}
FORMATS = ("JWK", "JWKSet", "PEM", "TLS")
NEWCOMERS: dict[str, dict[str, Any]] = {
    "signature": {"algorithm": "ES256"},
    "encryption": {"algorithm": "ECDH-ES"},
    "symmetric": {"algorithm": "HS256"},
    "imported": {"algorithm": "ES256", "import": {"secretRef": {"name": "old", "key": "tls.key"}}},
}
LOSSES = {
    "keyring": [(SECRETS, RING)],
    "keyring and ConfigMap": [(SECRETS, RING), (CONFIGMAPS, REF.name)],
    "keyring and Secret": [(SECRETS, RING), (SECRETS, REF.name)],
}


async def living(*entries: dict[str, Any], formats: tuple[str, ...] = ("JWK", "PEM")) -> Life:
    life = Life()
    await life.begin({"keys": list(entries), "secret": {"formats": list(formats)}})
    await life.pass_()
    return life


async def forget_status(life: Life) -> None:
    seen = await life.read(SETS, REF.name)
    meta = {name: seen["metadata"][name] for name in ("name", "namespace", "uid", "resourceVersion")}
    await life.people.apply_status({"metadata": meta, "status": {}})


async def used(life: Life, entry: str) -> set[str]:
    """The kids of an entry that the Secret shows as in use, in whatever file."""
    seen = await life.read(SECRETS, REF.name)
    return {found.kid for found in keys_in_use(seen) if found.entry == entry}


async def listed(life: Life, entry: str) -> list[str]:
    data = (await life.read(SECRETS, REF.name))["data"]
    return [key["kid"] for key in json.loads(b64decode(data[f"{entry}.jwks"]))["keys"]]


@pytest.mark.parametrize("lost", LOSSES)
@pytest.mark.parametrize("kind", NEWCOMERS)
async def test_a_key_that_waits_when_the_keyring_is_lost_waits_its_whole_lead_again(kind: str, lost: str) -> None:
    life = await living(SIGNING)
    await offer(life, pem(old_key()))
    await life.edit_spec(keys=[SIGNING, {"name": "other", **NEWCOMERS[kind]}])
    await life.pass_()
    (waiting,) = (await life.states("other"))["Pending"]
    for resource, name in LOSSES[lost]:
        await life.delete(resource, name)
    wake = await life.after(MINUTE)
    assert "Active" not in await life.states("other")
    assert await used(life, "other") == set()
    (again,) = (await life.states("other"))["Pending"]
    if kind == "imported" or (kind in {"encryption", "symmetric"} and lost != "keyring and Secret"):
        assert again == waiting, "its private half was not lost"
    assert wake is not None
    await life.live(LEAD)
    assert await used(life, "other") == {again}


async def test_a_symmetric_key_that_waits_is_not_used_early_though_the_status_is_lost_too() -> None:
    life = await living(SIGNING)
    await life.edit_spec(keys=[SIGNING, {"name": "other", **NEWCOMERS["symmetric"]}])
    await life.pass_()
    await life.delete(SECRETS, RING)
    await forget_status(life)
    await life.after(MINUTE)
    assert await used(life, "other") == set()
    await life.live(LEAD)
    assert len(await used(life, "other")) == 1


CHANGES = [("ES256", "ECDH-ES"), ("ES256", "HS256"), ("ECDH-ES", "ES256"), ("HS256", "ES256"), ("ECDH-ES", "HS256")]


@pytest.mark.parametrize("formats", [("JWKSet",), ("JWK", "JWKSet"), ("JWK",)], ids="+".join)
@pytest.mark.parametrize(("before", "after"), CHANGES)
async def test_an_entry_that_changes_its_class_shows_its_key_in_use_at_every_moment(
    before: str, after: str, formats: tuple[str, ...]
) -> None:
    life = await living({"name": "box", "algorithm": before}, formats=formats)
    await life.edit_spec(keys=[{"name": "box", "algorithm": after}])
    seen = set()
    for _ in range(20):
        await life.after(timedelta(minutes=10))
        states = await life.states("box")
        kid = await life.in_use("box")
        assert states["Active"] == [kid]
        assert await used(life, "box") == {kid}
        if "JWKSet" in formats:
            assert (await listed(life, "box"))[0] == kid
        seen.add(kid)
    assert len(seen) == 2


@pytest.mark.parametrize(("before", "after"), CHANGES)
async def test_a_keyring_lost_while_an_entry_changes_its_class_loses_no_key_in_use(before: str, after: str) -> None:
    life = await living({"name": "box", "algorithm": before}, formats=("JWKSet",))
    await life.edit_spec(keys=[{"name": "box", "algorithm": after}])
    await life.after(MINUTE)
    kid = await life.in_use("box")
    await life.delete(SECRETS, RING)
    await life.after(MINUTE)
    assert await life.in_use("box") == kid
    assert await life.condition("Degraded") == ("False", "AsExpected")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("algorithm", ["ES256", "ECDH-ES", "HS256"])
async def test_one_file_of_any_format_is_enough_to_find_the_key_in_use(algorithm: str, form: str) -> None:
    certificate = {} if algorithm == "HS256" else {"certificate": SELF_SIGNED}
    life = await living({"name": "box", "algorithm": algorithm, **certificate}, formats=(form,))
    kid = await life.in_use("box")
    assert await used(life, "box") == {kid}
    await life.delete(SECRETS, RING)
    await life.after(MINUTE)
    assert (await life.states("box"))["Active"] == [kid]
