"""Certificates: made with the key, renewed without a new one, and never in the way of a rotation."""

import json
from base64 import b64decode
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from jwks_operator.kube.client import CONFIGMAPS, EVENTS, SECRETS
from reconcile import authority
from reconcile.certified import (
    BY_CA,
    LIFE,
    MANUAL,
    MINUTE,
    SELF_SIGNED,
    begun,
    chain_of,
    events,
    files,
    jwks,
    spec,
    stamps,
    usable,
)
from reconcile.life import REF, START


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "PS256", "Ed25519", "ML-DSA-44"])
async def test_a_key_is_born_with_its_certificate_in_no_more_writes(algorithm: str, tmp_path: Path) -> None:
    life = await begun(spec(algorithm=algorithm))
    assert len(life.writes()) == 5
    for kid, key in (await jwks(life)).items():
        (leaf,) = await chain_of(life, kid)
        assert leaf.subject.rfc4514_string() == "CN=signing"
        assert (leaf.not_valid_before_utc, leaf.not_valid_after_utc) == (
            START.replace(microsecond=0) - MINUTE,
            START.replace(microsecond=0) + LIFE,
        )
        assert "x5t#S256" in key
    content = await files(life)
    assert x509.load_pem_x509_certificate(content["signing.tls.crt"]) in await chain_of(life, await life.in_use())
    if not algorithm.startswith("ML"):
        usable(content, tmp_path)
    await life.pass_()
    assert life.writes() == []


async def test_the_ca_signs_and_its_chain_follows(tmp_path: Path) -> None:
    wanted = {**BY_CA, "commonName": "auth.example.com", "names": ["auth.example.com", "10.0.0.1"], "duration": "24h"}
    life = await begun(spec(wanted), authority.secret())
    for kid in await life.published():
        leaf, issuer = await chain_of(life, kid)
        leaf.verify_directly_issued_by(issuer)
        assert leaf.subject.rfc4514_string() == "CN=auth.example.com"
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == ["auth.example.com"]
        assert leaf.not_valid_after_utc == START.replace(microsecond=0) + timedelta(hours=24)
    usable(await files(life), tmp_path)
    life.seam.log.clear()
    await life.pass_()
    assert life.writes() == []


async def test_only_a_certificate_that_is_due_costs_a_look_at_the_ca() -> None:
    life = await begun(spec(BY_CA), authority.secret())
    life.seam.log.clear()
    await life.after(timedelta(days=1))
    assert not [call.path for call in life.seam.log if authority.NAME in call.path]


async def test_a_certificate_is_renewed_on_time_without_a_new_key_and_without_a_new_wait(tmp_path: Path) -> None:
    life = await begun(spec(**MANUAL))
    kids, before = await life.published(), await stamps(life)
    former = {kid: await chain_of(life, kid) for kid in kids}
    due = LIFE * 2 / 3
    await life.after(due - MINUTE)
    life.writes()
    assert {kid: await chain_of(life, kid) for kid in kids} == former
    wake = await life.pass_()
    assert wake is not None
    assert timedelta() < wake - life.time.now <= MINUTE
    await life.after(MINUTE)
    assert life.writes() == [
        "PUT secrets/auth-keyring",
        "PUT configmaps/auth",
        "PUT secrets/auth",
        "PUT secrets/auth-keyring",
        "PATCH jsonwebkeysets/auth/status",
    ]
    assert await life.published() == kids
    assert await stamps(life) == before
    for kid in kids:
        (leaf,) = await chain_of(life, kid)
        assert leaf.not_valid_after_utc > former[kid][0].not_valid_after_utc
    usable(await files(life), tmp_path)
    assert (await events(life)).count("CertificateRenewed") == 2
    await life.pass_()
    assert life.writes() == []


async def test_renew_before_says_when() -> None:
    life = await begun(spec({**SELF_SIGNED, "duration": "100h", "renewBefore": "90h"}, **MANUAL))
    former = await jwks(life)
    await life.after(timedelta(hours=9, minutes=59))
    assert await jwks(life) == former
    await life.after(MINUTE)
    assert await jwks(life) != former


async def test_rotations_go_on_with_certificates() -> None:
    life = await begun(spec())
    await life.live(timedelta(days=400))
    now = life.time.now
    for kid in await life.published():
        (leaf,) = await chain_of(life, kid)
        assert leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc
    assert (await life.condition("Degraded")) == ("False", "AsExpected")


@pytest.mark.parametrize(
    ("change", "renewed"),
    [
        ({"commonName": "other"}, True),
        ({"duration": "48h"}, True),
        (BY_CA, True),
        ({"renewBefore": "24h"}, False),
    ],
    ids=["name", "duration", "issuer", "renewBefore"],
)
async def test_other_terms_bring_other_certificates_and_the_same_keys(change: dict[str, Any], renewed: bool) -> None:
    life = await begun(spec(), authority.secret())
    kids, before = await life.published(), await jwks(life)
    await life.set_spec(spec(change if change is BY_CA else {**SELF_SIGNED, **change}))
    await life.pass_()
    assert await life.published() == kids
    assert (await jwks(life) != before) is renewed
    life.writes()
    await life.pass_()
    assert life.writes() == []


async def test_without_a_certificate_in_the_spec_there_is_none_any_more() -> None:
    life = await begun(spec())
    await life.set_spec({"keys": [{"name": "signing", "algorithm": "ES256"}]})
    await life.pass_()
    assert not [key for key in (await jwks(life)).values() if "x5c" in key]
    assert "signing.tls.crt" not in await files(life)


async def test_a_clock_in_doubt_dates_no_certificate() -> None:
    life = await begun(spec(**MANUAL))
    former = await jwks(life)
    life.time.now += LIFE  # and the monotonic clock knows nothing of it
    await life.pass_()
    assert await jwks(life) == former
    assert await life.condition("Degraded") == ("True", "ClockUncertain")


async def test_a_lost_keyring_costs_the_certificates_but_no_key() -> None:
    life = await begun({**spec(), "secret": {"formats": ["TLS"]}})
    in_use = await life.in_use()
    await life.delete(SECRETS, "auth-keyring")
    await life.after(MINUTE)
    assert await life.in_use() == in_use
    assert len(await chain_of(life, in_use)) == 1


async def test_mounted_files_are_repaired_with_the_same_certificate() -> None:
    life = await begun(spec())
    former = await files(life)
    await life.delete(SECRETS, REF.name)
    await life.pass_()
    assert await files(life) == former


@pytest.mark.parametrize("algorithm", ["RSA-OAEP-256", "ECDH-ES+A256KW"])
async def test_senders_find_certificates_of_encryption_keys(algorithm: str) -> None:
    entry = {"name": "box", "algorithm": algorithm, "certificate": BY_CA}
    if algorithm.startswith("ECDH"):
        entry["crv"] = "X25519"
    life = await begun({"keys": [entry]}, authority.secret())
    (kid,) = await life.published()
    assert len(await chain_of(life, kid)) == 2


async def test_nothing_private_of_set_or_ca_is_seen_outside_of_their_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    ca = authority.secret()
    publish = {"issuer": "https://auth.example.com", "historical": True}
    life = await begun({**spec({**BY_CA, "duration": "10h"}), "rotation": {"every": "24h"}, "publish": publish}, ca)
    await life.live(timedelta(days=3))
    ring = json.dumps(await life.keyring())
    private = {doc["private"]["d"] for doc in json.loads(ring).values() if "private" in doc}
    private |= set(b64decode(ca["data"]["tls.key"]).decode().splitlines()[1:-1])
    found, _ = await life.people.list(EVENTS, REF.namespace)
    configmap = (await life.read(CONFIGMAPS, REF.name))["data"]
    payload = b64decode(configmap["historical.jwt"].split(".")[1] + "==", altchars=b"-_").decode()
    seen = [*configmap.values(), payload, json.dumps(await life.status()), json.dumps(found), caplog.text]
    assert len(private) > 3
    assert not [text for text in seen for member in private if member in text]
    assert '"d"' not in payload
    assert not [line for line in b64decode(ca["data"]["tls.key"]).decode().splitlines()[1:-1] if line in ring]
