"""Certificates: made with the key, renewed without a new one, and never in the way of a rotation."""

import json
import ssl
from base64 import b64decode
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from corridor import authority
from corridor.life import REF, START, Life
from fakes.faults import Crash, CrashAfter, CrashBefore
from jwks_operator.kube.client import CONFIGMAPS, EVENTS, SECRETS

MONTH = timedelta(hours=720)
LIFE = timedelta(hours=2160)
MINUTE = timedelta(minutes=1)
TLS = {"formats": ["JWK", "PEM", "TLS"]}
SELF_SIGNED: dict[str, Any] = {"selfSigned": {}}
BY_CA: dict[str, Any] = {"caSecretRef": {"name": authority.NAME}}


def spec(certificate: dict[str, Any] | None = None, algorithm: str = "ES256", **more: Any) -> dict[str, Any]:
    entry = {"name": "signing", "algorithm": algorithm, "certificate": certificate or SELF_SIGNED}
    return {"keys": [entry], "secret": TLS, **more}


MANUAL = {"rotation": {"policy": "Manual"}}


async def begun(written: dict[str, Any], ca: dict[str, Any] | None = None) -> Life:
    life = Life()
    await life.begin(written)
    if ca is not None:
        await life.people.create(SECRETS, REF.namespace, ca)
    await life.pass_()
    return life


async def jwks(life: Life) -> dict[str, dict[str, Any]]:
    data = (await life.read(CONFIGMAPS, REF.name))["data"]
    return {key["kid"]: key for key in json.loads(data["jwks.json"])["keys"]}


async def chain_of(life: Life, kid: str) -> list[x509.Certificate]:
    return [x509.load_der_x509_certificate(b64decode(der)) for der in (await jwks(life))[kid].get("x5c", [])]


async def files(life: Life) -> dict[str, bytes]:
    return {name: b64decode(text) for name, text in (await life.read(SECRETS, REF.name))["data"].items()}


async def stamps(life: Life) -> dict[str, Any]:
    """Every witness of every key."""
    ring = (await life.keyring()).values()
    names = ("published", "inUseSince", "retired")
    return {doc["kid"]: {name: doc.get(name) for name in names} for doc in ring if "kid" in doc}


async def events(life: Life) -> list[str]:
    found, _ = await life.people.list(EVENTS, REF.namespace)
    return [event["reason"] for event in found]


def usable(content: dict[str, bytes], directory: Path) -> None:
    """Load the pair as every TLS server does: it fails if they do not belong together."""
    crt, key = directory / "tls.crt", directory / "tls.key"
    crt.write_bytes(content["signing.tls.crt"])
    key.write_bytes(content["signing.tls.key"])
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(crt, key)


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


REFUSALS: dict[str, tuple[dict[str, Any] | None, str]] = {
    "gone": (None, "Secret corp-ca does not exist"),
    "no consent": (authority.secret(labels={}), "add the label jwks-operator.dev/allow-set: auth"),
    "consent to another": (authority.secret(labels={"jwks-operator.dev/allow-set": "other"}), "does not consent"),
    "another type": (authority.secret(type="Opaque"), "is not of type kubernetes.io/tls"),
    "no CA": (authority.secret(authority.files(signs=False)), "not that of a CA"),
    "no certificate": (authority.secret({"tls.crt": b"?", "tls.key": b"?"}), "not a PEM file of certificates"),
    "halves of two": (
        authority.secret({"tls.crt": authority.files()["tls.crt"], "tls.key": authority.files()["tls.key"]}),
        "not the key of the CA certificate",
    ),
    "expired": (authority.secret(authority.files(START - MINUTE)), "has expired"),
}


@pytest.mark.parametrize("refusal", REFUSALS, ids=[name.replace(" ", "-") for name in REFUSALS])
async def test_without_its_ca_a_set_is_degraded_and_its_keys_go_on(refusal: str) -> None:
    ca, words = REFUSALS[refusal]
    life = await begun(spec(BY_CA), ca)
    assert await life.condition("Ready") == ("True", "KeysInUse")
    assert await life.condition("Degraded") == ("True", "CertificateRefused")
    told = [c["message"] for c in (await life.status())["conditions"] if c["type"] == "Degraded"]
    assert words in told[0]
    assert "for signing" in told[0]
    assert not [key for key in (await jwks(life)).values() if "x5c" in key]
    life.writes()
    wake = await life.pass_()
    assert life.writes() == []
    assert wake is not None
    assert wake - life.time.now == MINUTE
    first = await life.in_use()
    await life.live(MONTH + MINUTE)
    assert await life.in_use() != first
    assert (await events(life)).count("CertificateRefused") == 1


async def test_a_ca_that_comes_later_is_found() -> None:
    life = await begun(spec(BY_CA))
    await life.people.create(SECRETS, REF.namespace, authority.secret())
    await life.after(MINUTE)
    for kid in await life.published():
        assert len(await chain_of(life, kid)) == 2
    assert await life.condition("Degraded") == ("False", "AsExpected")


@pytest.mark.parametrize("loss", ["gone", "no consent"])
async def test_a_ca_that_is_lost_leaves_the_old_certificate(loss: str) -> None:
    life = await begun(spec(BY_CA, **MANUAL), authority.secret())
    former = await jwks(life)
    if loss == "gone":
        await life.delete(SECRETS, authority.NAME)
    else:
        await life.edit(SECRETS, authority.NAME, lambda seen: seen["metadata"].update(labels={}))
    await life.after(LIFE * 2 / 3)
    assert await jwks(life) == former
    assert await life.condition("Degraded") == ("True", "CertificateRefused")
    life.writes()
    await life.after(MINUTE)
    assert life.writes() == []
    await life.edit(SECRETS, authority.NAME, _consenting) if loss == "no consent" else await life.people.create(
        SECRETS, REF.namespace, authority.secret()
    )
    await life.after(MINUTE)
    assert await jwks(life) != former
    assert await life.condition("Degraded") == ("False", "AsExpected")


def _consenting(seen: dict[str, Any]) -> None:
    seen["metadata"]["labels"] = authority.CONSENT


async def test_a_ca_near_its_end_gives_what_it_can_and_costs_no_storm_of_writes() -> None:
    end = START + timedelta(days=10)
    life = await begun(spec(BY_CA, **MANUAL), authority.secret(authority.files(end)))
    for kid in await life.published():
        assert (await chain_of(life, kid))[0].not_valid_after_utc <= end
    life.writes()
    await life.live(timedelta(days=12))
    assert len([write for write in life.writes() if write == "PUT configmaps/auth"]) < 20
    assert await life.condition("Degraded") == ("True", "CertificateRefused")


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


# --- crashes ---

WHOLE_LIFE = (timedelta(0), MINUTE, LIFE * 2 / 3, MINUTE, MONTH, timedelta(minutes=80), timedelta(hours=3))


async def whole_life(life: Life) -> None:
    """Creation, renewal and a rotation, whatever happens in between."""
    for span in WHOLE_LIFE:
        life.time.pass_by(span)
        for _ in range(3):
            try:
                await life.pass_()
            except Crash:
                life.start_operator()
                life.time.pass_by(timedelta(seconds=2))


async def born(written: dict[str, Any]) -> Life:
    life = Life()
    await life.begin(written)
    await life.people.create(SECRETS, REF.namespace, authority.secret())
    return life


@pytest.mark.parametrize("fault", [CrashBefore, CrashAfter])
async def test_a_crash_at_any_call_leaves_whole_certificates(fault: type[CrashBefore], tmp_path: Path) -> None:
    written = {**spec(BY_CA), "rotation": {"every": "1500h"}}
    life = await born(written)
    await whole_life(life)
    for nth in range(1, len(life.seam.log) + 1):
        life = await born(written)
        life.start_operator(fault(nth))
        await whole_life(life)
        assert {state: len(kids) for state, kids in (await life.states()).items()} == {"Active": 1, "Pending": 1}
        await _all_valid(life, life.time.now)
        usable(await files(life), tmp_path)
        life.writes()
        await life.pass_()
        assert life.writes() == [], f"call {nth}"


async def _all_valid(life: Life, now: datetime) -> None:
    for kid in await life.published():
        leaf, issuer = await chain_of(life, kid)
        leaf.verify_directly_issued_by(issuer)
        assert leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc
