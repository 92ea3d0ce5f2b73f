"""The certificate of a key that somebody else keeps in a kubernetes.io/tls Secret: published and mounted as it is."""

import json
from base64 import b64decode, b64encode
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from fakes.faults import Crash, CrashAfter, CrashBefore
from jwks_operator.kube.client import CONFIGMAPS, SECRETS
from reconcile.certified import SELF_SIGNED, chain_of, events, files, jwks, stamps, usable
from reconcile.life import ES256, REF, Life
from reconcile.sources import (
    TLS,
    begin,
    importing,
    issued,
    message,
    named,
    offer,
    old_key,
    pem,
    public_set,
    publish,
    renew,
)

LEAD = timedelta(minutes=70)
MINUTE = timedelta(minutes=1)
WITH_TLS = {"secret": {"formats": ["JWK", "PEM", "TLS"]}}
PAPERS = {"x5c", "x5t#S256"}


async def followed(content: bytes | None = None, algorithm: str = "ES256") -> Life:
    spec = {**importing(algorithm), **WITH_TLS}
    return await begin(spec, pem(old_key(algorithm)) if content is None else content, TLS)


async def source_chain(life: Life) -> list[x509.Certificate]:
    data = (await life.read(SECRETS, "old"))["data"]
    return x509.load_pem_x509_certificates(b64decode(data["tls.crt"]))


def without_papers(keys: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {kid: {name: key[name] for name in key.keys() - PAPERS} for kid, key in keys.items()}


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519", "ML-DSA-44", "RSA-OAEP-256", "ECDH-ES"])
async def test_the_chain_of_the_source_is_published_with_its_key_and_mounted_beside_it(
    algorithm: str, tmp_path: Path
) -> None:
    key = old_key(algorithm, 2048 if algorithm == "RSA-OAEP-256" else None)
    size: dict[str, Any] = {"modulusLength": 2048} if algorithm == "RSA-OAEP-256" else {}
    spec = {**importing(algorithm, **size), **WITH_TLS}
    life = await begin(spec, pem(key), TLS)
    assert len(life.writes()) == 5, "the chain costs no write of its own"
    assert await life.condition("Degraded") == ("False", "AsExpected")
    chain = await source_chain(life)
    assert len(chain) == 2
    assert await chain_of(life, key.kid) == chain
    content = await files(life)
    assert x509.load_pem_x509_certificates(content["signing.tls.crt"]) == chain
    assert content["signing.tls.key"] == content["signing.pem"] == pem(key)
    if algorithm != "ML-DSA-44":  # which the TLS of Python does not know yet
        usable(content, tmp_path)
    await life.pass_()
    assert life.writes() == []


async def test_a_certificate_issued_anew_on_the_same_key_changes_nothing_but_x5c() -> None:
    first, second = old_key(), old_key()
    life = await followed(pem(first))
    await renew(life, pem(second))
    await life.after(MINUTE)
    states, before = await life.states(), await stamps(life)
    assert states == {"Active": [first.kid], "Pending": [second.kid]}
    public, private = await jwks(life), await files(life)
    beside = {
        name: text for name, text in (await life.read(CONFIGMAPS, REF.name))["data"].items() if "jwks" not in name
    }
    ring = await life.keyring()
    life.writes()
    await renew(life, pem(second))
    await life.after(MINUTE)
    assert life.writes() == [
        "PUT secrets/auth-keyring",
        "PUT configmaps/auth",
        "PUT secrets/auth-keyring",
        "PATCH jsonwebkeysets/auth/status",
    ], "the pending key is not mounted, so the Secret is as it was"
    now = await jwks(life)
    assert await chain_of(life, second.kid) == await source_chain(life)
    assert without_papers(now) == without_papers(public)
    assert {kid for kid in now if now[kid] != public[kid]} == {second.kid}
    assert {name for name in PAPERS if now[second.kid][name] != public[second.kid][name]} == PAPERS
    assert await files(life) == private
    assert await stamps(life) == before, "no wait begins anew"
    assert await life.states() == states
    assert {
        name: text for name, text in (await life.read(CONFIGMAPS, REF.name))["data"].items() if "jwks" not in name
    } == beside
    assert all(
        {part: document[part] for part in document if part != "certificate"}
        == {part: ring[name][part] for part in ring[name] if part != "certificate"}
        for name, document in (await life.keyring()).items()
        if name != "record.json"
    )
    assert (await events(life)).count("CertificateRenewed") == 1
    await life.live(LEAD - MINUTE)
    assert await life.in_use() == second.kid, "used when its lead is over, as if nothing had happened"


async def test_of_the_key_in_use_the_mounted_certificate_changes_too_and_no_other_file(tmp_path: Path) -> None:
    life = await followed()
    before = await files(life)
    await renew(life, before["signing.pem"])
    await life.after(MINUTE)
    after = await files(life)
    assert {name for name in after if after[name] != before.get(name)} == {"signing.tls.crt"}
    assert x509.load_pem_x509_certificates(after["signing.tls.crt"]) == await source_chain(life)
    usable(after, tmp_path)
    life.writes()
    await life.after(timedelta(minutes=10))
    assert life.writes() == []


async def test_a_renewed_key_is_published_with_its_certificate_from_its_first_moment_on() -> None:
    first, second = old_key(), old_key()
    life = await followed(pem(first))
    former = await chain_of(life, first.kid)
    await renew(life, pem(second))
    life.writes()
    await life.pass_()
    assert life.writes().count("PUT configmaps/auth") == 1
    assert await chain_of(life, second.kid) == await source_chain(life)
    await life.live(LEAD)
    assert await life.in_use() == second.kid
    assert await chain_of(life, first.kid) == former, "the retired key keeps the one that it had"


async def test_former_keys_of_the_issuer_do_not_get_the_certificate_of_its_present_one() -> None:
    life, key, former = Life(), old_key(), old_key()
    await life.begin(importing(public=True))
    await offer(life, pem(key), TLS)
    await publish(life, public_set(named(key, "now"), named(former, "former")))
    await life.pass_()
    assert len(await chain_of(life, "now")) == 2
    assert await chain_of(life, "former") == []


@pytest.mark.parametrize(
    ("certificate", "says"),
    [
        (b"", "not a PEM file of certificates"),
        (b"?", "not a PEM file of certificates"),
        (issued(pem(old_key())), "the certificate is of another key"),
    ],
)
async def test_a_certificate_that_cannot_be_used_leaves_the_key_and_the_former_one_as_they_are(
    certificate: bytes, says: str
) -> None:
    key = old_key()
    life = await followed(pem(key))
    public, private = await jwks(life), await files(life)
    await renew(life, pem(key), certificate)
    wake = await life.after(MINUTE)
    assert wake is None, "the resync looks again"
    assert await life.condition("Ready") == ("True", "KeysInUse")
    assert await life.condition("Degraded") == ("True", "ImportRefused")
    assert f"spec.keys[signing].import: Secret old, data key tls.crt: {says}" in await message(life)
    assert (await jwks(life), await files(life)) == (public, private)
    await renew(life, pem(key))
    await life.after(MINUTE)
    assert await life.condition("Degraded") == ("False", "AsExpected")
    assert await chain_of(life, key.kid) == await source_chain(life)


async def test_a_chain_with_the_root_first_is_published_with_the_certificate_of_the_key_first() -> None:
    key = old_key()
    life = await followed(pem(key))
    blocks = issued(pem(key)).split(b"-----END CERTIFICATE-----\n")[:-1]
    await renew(life, pem(key), b"".join(block + b"-----END CERTIFICATE-----\n" for block in reversed(blocks)))
    await life.after(MINUTE)
    assert await life.condition("Degraded") == ("False", "AsExpected")
    assert await chain_of(life, key.kid) == list(reversed(await source_chain(life)))


async def test_a_chain_that_is_too_long_is_not_published() -> None:
    key = old_key()
    life = await followed(pem(key))
    before = await jwks(life)
    await renew(life, pem(key), b"".join(issued(pem(key)) for _ in range(80)))
    await life.after(MINUTE)
    assert "more than 36 KiB of certificates; leave out what clients have" in await message(life)
    assert await jwks(life) == before


async def test_a_set_begins_without_a_certificate_that_cannot_be_used() -> None:
    life, key = Life(), old_key()
    await life.begin({**importing(), **WITH_TLS})
    await offer(life, pem(key), TLS)
    await renew(life, pem(key), b"?")
    await life.pass_()
    assert await life.in_use() == key.kid
    assert "signing.tls.crt" not in await files(life)
    assert await life.condition("Degraded") == ("True", "ImportRefused")


async def test_a_source_that_is_not_followed_brings_no_certificate_and_the_cure_is_named() -> None:
    life = await begin({**importing(), **WITH_TLS}, pem(old_key()))
    assert await life.condition("Ready") == ("True", "KeysInUse")
    assert "no kubernetes.io/tls Secret brings the certificate that format TLS needs" in await message(life)
    assert "add keys[].certificate, or remove TLS from secret.formats" in await message(life)
    await life.set_spec({"keys": [{**importing()["keys"][0], "certificate": SELF_SIGNED}], **WITH_TLS})
    await life.pass_()
    assert await life.condition("Degraded") == ("False", "AsExpected")
    assert "signing.tls.crt" in await files(life)


async def test_the_certificate_of_the_spec_wins_over_that_of_the_source() -> None:
    life = await begin({"keys": [{**importing()["keys"][0], "certificate": SELF_SIGNED}]}, pem(old_key()), TLS)
    (leaf,) = await chain_of(life, await life.in_use())
    assert leaf.issuer == leaf.subject
    await life.set_spec(importing())
    await life.pass_()
    assert await chain_of(life, await life.in_use()) == await source_chain(life)
    await life.set_spec({"keys": [{**importing()["keys"][0], "certificate": SELF_SIGNED}]})
    await life.pass_()
    assert len(await chain_of(life, await life.in_use())) == 1


async def test_without_the_import_the_certificate_is_told_no_more() -> None:
    life = await begin(importing(), pem(old_key()), TLS)
    assert await chain_of(life, await life.in_use())
    await life.set_spec(ES256)
    await life.pass_()
    assert not [key for key in (await jwks(life)).values() if PAPERS & key.keys()]


async def test_a_source_that_is_gone_leaves_its_certificate() -> None:
    life = await followed()
    before = await jwks(life)
    await life.delete(SECRETS, "old")
    await life.after(MINUTE)
    assert await jwks(life) == before


async def test_a_lost_keyring_takes_no_certificate_away_even_for_a_moment() -> None:
    life = await followed()
    before, private = await jwks(life), await files(life)
    await life.delete(SECRETS, f"{REF.name}-keyring")
    life.writes()
    await life.pass_()
    assert (await jwks(life), await files(life)) == (before, private)
    assert "PUT configmaps/auth" not in life.writes()


@pytest.mark.parametrize("fault", [CrashBefore, CrashAfter])
@pytest.mark.parametrize("number", range(1, 13))
async def test_a_crash_at_any_call_of_a_new_issue_ends_with_the_new_certificate(
    fault: type[CrashBefore], number: int, tmp_path: Path
) -> None:
    key = old_key()
    life = await followed(pem(key))
    await renew(life, pem(key))
    life.start_operator(fault(number))
    try:
        await life.after(MINUTE)
    except Crash:
        life.start_operator()
        await life.after(MINUTE)
    assert await life.states() == {"Active": [key.kid]}
    assert await chain_of(life, key.kid) == await source_chain(life)
    usable(await files(life), tmp_path)
    life.writes()
    await life.pass_()
    assert life.writes() == []


async def test_a_crash_in_a_renewal_makes_a_wait_longer_at_most() -> None:
    """What stands half written could also be an edit by hand: the wait of a key that is not used yet begins anew."""
    first, second = old_key(), old_key()
    life = await followed(pem(first))
    await renew(life, pem(second))
    await life.after(MINUTE)
    before = await stamps(life)
    await renew(life, pem(second))
    life.time.pass_by(timedelta(minutes=30))
    life.start_operator(CrashAfter(6))  # five reads, and the intent
    with pytest.raises(Crash):
        await life.pass_()
    assert (await life.keyring())["record.json"]["step"]["transition"] == "Certify"
    life.start_operator()
    await life.after(MINUTE)
    after = await stamps(life)
    assert after[first.kid] == before[first.kid]
    assert after[second.kid]["published"] > before[second.kid]["published"]
    await life.live(LEAD - MINUTE)
    assert await life.in_use() == first.kid, "not before a whole lead"
    await life.live(MINUTE)
    assert await life.in_use() == second.kid


async def test_nothing_of_the_source_but_its_certificates_is_published() -> None:
    life, key = Life(), old_key()
    await life.begin({**importing(), **WITH_TLS})
    bundle = issued(pem(key)) + pem(key)
    data = {"tls.key": b64encode(pem(key)).decode(), "tls.crt": b64encode(bundle).decode()}
    source = {"metadata": {"name": "old", "labels": {"jwks-operator.dev/allow-set": REF.name}}, "type": TLS}
    await life.people.create(SECRETS, REF.namespace, {**source, "data": data})
    await life.pass_()
    assert len(await chain_of(life, key.kid)) == 2
    seen = json.dumps((await life.read(CONFIGMAPS, REF.name))["data"]) + json.dumps(await life.status())
    assert "PRIVATE" not in seen
    assert str(key.private.reveal()["d"]) not in seen
    assert b"PRIVATE" not in (await files(life))["signing.tls.crt"]
