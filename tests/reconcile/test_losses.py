"""Losses: what can be found again is found; only a key that is nowhere is lost, and then it is said."""

from base64 import b64encode
from datetime import timedelta

import pytest

from fakes.faults import Answer, to
from jwks_operator.api.names import keyring_name
from jwks_operator.keys.generate import generate
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, SETS, Resource
from jwks_operator.kube.errors import KubeError
from reconcile.life import ES256, REF, Life

RING = keyring_name(REF.name)


async def _settled(spec: dict[str, object] | None = None) -> Life:
    life = Life()
    await life.begin(spec or ES256)
    await life.pass_()
    return life


async def _wipe_status(life: Life) -> None:
    seen = await life.read(SETS, REF.name)
    meta = {name: seen["metadata"][name] for name in ("name", "namespace", "uid", "resourceVersion")}
    await life.people.apply_status({"metadata": meta, "status": {}})


@pytest.mark.parametrize("formats", [["JWK", "PEM"], ["JWK"], ["PEM"]], ids=str)
@pytest.mark.parametrize("status_too", [False, True], ids=["status kept", "status lost too"])
async def test_a_lost_keyring_loses_no_key_in_use(formats: list[str], status_too: bool) -> None:
    life = await _settled({**ES256, "secret": {"formats": formats}})
    states, published = await life.states(), await life.published()
    secret = (await life.read(SECRETS, REF.name))["data"]
    await life.delete(SECRETS, RING)
    if status_too:
        await _wipe_status(life)
    await life.after(timedelta(minutes=1))
    assert (await life.states())["Active"] == states["Active"]
    assert (await life.read(SECRETS, REF.name))["data"] == secret
    assert set(published) <= set(await life.published()), "what was published stays published"
    assert (await life.states())["Retired"] == states["Pending"], "its private half is gone, so it is never used"
    assert len((await life.states())["Pending"]) == 1, "a new standby takes its place"
    assert await life.condition("Ready") == ("True", "KeysInUse")
    told = [entry["event"] for entry in (await life.status())["history"]]
    assert "KeyringRebuilt" in told


async def test_a_lost_keyring_and_configmap_are_rebuilt_from_the_secret() -> None:
    life = await _settled()
    active = (await life.states())["Active"]
    await life.delete(SECRETS, RING)
    await life.delete(CONFIGMAPS, REF.name)
    await life.after(timedelta(minutes=1))
    assert (await life.states())["Active"] == active
    assert active[0] in await life.published()


async def test_a_lost_keyring_and_secret_lose_the_key_and_a_new_one_is_used_at_once() -> None:
    life = await _settled()
    old = await life.published()
    await life.delete(SECRETS, RING)
    await life.delete(SECRETS, REF.name)
    await life.after(timedelta(minutes=1))
    assert set(old) < set(await life.published()), "tokens signed before stay verifiable"
    assert await life.in_use() not in old
    assert await life.condition("Degraded") == ("True", "KeysLost")
    assert await life.condition("Ready") == ("True", "KeysInUse")


async def test_with_manual_recovery_a_lost_key_waits_for_a_person() -> None:
    life = await _settled({**ES256, "recovery": "Manual"})
    old = await life.published()
    await life.delete(SECRETS, RING)
    await life.delete(SECRETS, REF.name)
    await life.after(timedelta(minutes=1))
    assert sorted(await life.published()) == sorted(old)
    assert await life.condition("Ready") == ("False", "KeysLost")
    await life.set_spec({**ES256, "recovery": "Regenerate"})
    await life.pass_()
    assert await life.condition("Ready") == ("True", "KeysInUse")


async def test_a_private_key_that_is_not_published_is_not_believed() -> None:
    """Whoever can edit the consumer Secret must not become the issuer by deleting the keyring."""
    life = await _settled()
    planted = generate("ES256")
    await life.delete(SECRETS, RING)
    await life.edit(
        SECRETS,
        REF.name,
        lambda seen: seen["data"].update({"signing.jwk": b64encode(planted.private.reveal_json()).decode()}),
    )
    await life.after(timedelta(minutes=1))
    assert planted.kid not in await life.published()
    assert await life.in_use() != planted.kid


async def test_a_record_restored_from_a_backup_restarts_every_wait_and_publishes_nothing_less() -> None:
    life = await _settled()
    backup = await life.read(SECRETS, RING)
    await life.after(timedelta(hours=720))
    await life.after(timedelta(minutes=70))
    published, in_use = await life.published(), await life.in_use()
    await life.delete(SECRETS, RING)
    body = {"metadata": {"name": RING, "namespace": REF.namespace, "labels": backup["metadata"]["labels"]}}
    await life.people.create(SECRETS, REF.namespace, {**body, "type": backup["type"], "data": backup["data"]})
    await life.after(timedelta(minutes=1))
    assert set(published) <= set(await life.published())
    assert in_use in await life.published()
    ring = await life.keyring()
    stamps = {d["published"] for d in ring.values() if "kid" in d}
    assert min(stamps) >= life.time.now.isoformat(timespec="microseconds").replace("+00:00", "Z")
    told = [entry["event"] for entry in (await life.status())["history"]]
    assert "RecordRestored" in told


async def test_a_request_is_not_honoured_again_after_a_restore() -> None:
    life = await _settled()
    backup = await life.read(SECRETS, RING)
    await life.annotate(rotate=f"signing@{life.time.now.isoformat()}")
    await life.after(timedelta(minutes=70))
    await life.delete(SECRETS, RING)
    body = {"metadata": {"name": RING, "namespace": REF.namespace, "labels": backup["metadata"]["labels"]}}
    await life.people.create(SECRETS, REF.namespace, {**body, "type": backup["type"], "data": backup["data"]})
    await life.after(timedelta(minutes=1))
    restored = await life.in_use()
    await life.live(timedelta(hours=12))
    assert await life.in_use() == restored


@pytest.mark.parametrize("code", [403, 429, 500, 503, 504])
@pytest.mark.parametrize("which", ["secrets/auth-keyring", "secrets/auth", "configmaps", "jsonwebkeysets"])
async def test_what_cannot_be_read_is_not_gone(code: int, which: str) -> None:
    """Cannot tell never rotates, never deletes, never publishes less."""
    life = await _settled()
    await life.after(timedelta(hours=720) - timedelta(minutes=1))
    before = await life.keyring(), await life.published(), await life.in_use()
    life.time.pass_by(timedelta(minutes=1))  # due now
    life.start_operator(Answer(code, to(which, "GET")))
    with pytest.raises(KubeError):
        await life.pass_()
    assert life.writes() == []
    assert before == (await life.keyring(), await life.published(), await life.in_use())


async def test_a_record_of_an_unknown_format_is_never_touched() -> None:
    life = await _settled()

    newer = b64encode(b'{"format": 2, "set": "auth"}').decode()
    await life.edit(SECRETS, RING, lambda seen: seen["data"].update({"record.json": newer}))
    published = await life.published()
    life.writes()
    await life.after(timedelta(hours=800))
    assert await life.condition("Degraded") == ("True", "UnknownRecordFormat")
    assert await life.published() == published
    assert life.writes() == ["PATCH jsonwebkeysets/auth/status"]


@pytest.mark.parametrize("resource", [SECRETS, CONFIGMAPS], ids=lambda resource: resource.kind)
async def test_a_keyring_lost_beside_an_object_without_any_data_is_rebuilt(resource: Resource) -> None:
    """A set whose last entry was removed, or restored in parts, has an empty Secret of its own."""
    life = await _settled()
    await life.edit(resource, REF.name, lambda seen: seen.update(data={}))
    await life.delete(SECRETS, RING)
    await life.after(timedelta(minutes=1))
    assert await life.condition("Ready") == ("True", "KeysInUse")
    assert await life.in_use() in await life.published()
