"""A CA that is missing, silent or spent, and crashes at any moment: keys go on, and certificates are whole."""

from datetime import timedelta
from typing import Any

import pytest

from jwks_operator.kube.client import SECRETS
from reconcile import authority
from reconcile.certified import (
    BY_CA,
    LIFE,
    MANUAL,
    MINUTE,
    MONTH,
    begun,
    chain_of,
    events,
    jwks,
    spec,
)
from reconcile.life import REF, START

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
    await life.after(MONTH)
    await life.after(MINUTE)
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
    await life.live(timedelta(days=10, minutes=10))
    assert len([write for write in life.writes() if write == "PUT configmaps/auth"]) < 20
    assert await life.condition("Degraded") == ("True", "CertificateRefused")
