"""Documents beside the whole set: subsets by entry, as JWK Set and PEM, through the life of their keys."""

import json
from datetime import timedelta
from typing import Any

import pytest

from jwks_operator.keys.material import load_public
from jwks_operator.keys.public_pem import kids_in_pem
from jwks_operator.kube.client import CONFIGMAPS
from jwks_operator.serve.check import check_discovery, check_pem, check_set
from jwks_operator.serve.shelf import content_of
from reconcile.life import REF, Life

SIGNING = {"name": "signing", "algorithm": "ES256"}
HYBRID = {"name": "hybrid", "algorithm": "ML-DSA-44"}
INBOX = {"name": "inbox", "algorithm": "ECDH-ES", "crv": "X25519"}
ENTRIES = [SIGNING, HYBRID, INBOX]
KUBE = {"name": "kube", "entries": ["signing"]}
FILE = {"name": "pems", "entries": ["signing", "hybrid"], "format": "PEM"}
ISSUER = "https://auth.example.com"


def spec(*documents: dict[str, Any], entries: list[dict[str, Any]] | None = None, **publish: Any) -> dict[str, Any]:
    return {"keys": entries or ENTRIES, "publish": {"documents": [*documents], **publish}}


async def begun(*documents: dict[str, Any], **publish: Any) -> Life:
    life = Life()
    await life.begin(spec(*documents, **publish))
    await life.pass_()
    return life


async def data(life: Life) -> dict[str, str]:
    found: dict[str, str] = (await life.read(CONFIGMAPS, REF.name))["data"]
    return found


async def keys_in(life: Life, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((await data(life))[name])["keys"]
    return found


async def states_in(life: Life, name: str) -> list[tuple[str, str]]:
    """Entry and state of each key of a document, in its order."""
    told = {key["kid"]: (key["name"], key["state"]) for key in (await life.status())["keys"]}
    return [told[key["kid"]] for key in await keys_in(life, name)]


# --- what is in them ---


async def test_a_document_holds_the_keys_of_its_entries_and_the_whole_set_all_of_them() -> None:
    life = await begun(KUBE)
    assert {key["kty"] for key in await keys_in(life, "kube.json")} == {"EC"}
    assert {key["kty"] for key in await keys_in(life, "jwks.json")} == {"EC", "AKP", "OKP"}
    assert check_set((await data(life))["kube.json"].encode()) == 2, "the active key and the pending one"


async def test_a_document_has_its_aliases_and_no_write_of_its_own() -> None:
    life = await begun({**KUBE, "aliases": ["certs", "apiserver.json"]}, FILE)
    found = await data(life)
    assert found["certs"] == found["apiserver.json"] == found["kube.json"]
    life.writes()
    await life.pass_()
    assert life.writes() == []


async def test_a_pem_document_has_a_public_key_for_each_key_the_active_ones_first() -> None:
    life = await begun(FILE)
    text = (await data(life))["pems.pem"]
    assert check_pem(text.encode()) == 4
    told = {key["kid"]: (key["name"], key["state"]) for key in (await life.status())["keys"]}
    assert [told[kid] for kid in kids_in_pem(text)] == [
        ("signing", "Active"),
        ("hybrid", "Active"),
        ("signing", "Pending"),
        ("hybrid", "Pending"),
    ]
    assert "PRIVATE" not in text


async def test_keys_are_ordered_active_pending_retired() -> None:
    life = await begun(KUBE)
    await life.live(timedelta(hours=721))
    await life.pass_()
    assert await states_in(life, "kube.json") == [
        ("signing", "Active"),
        ("signing", "Pending"),
        ("signing", "Retired"),
    ]
    order = [state for _, state in await states_in(life, "jwks.json")]
    assert order == sorted(order, key=["Active", "Pending", "Retired"].index)


# --- discovery ---


async def test_with_an_issuer_each_jwk_set_has_a_discovery_document_of_its_own() -> None:
    life = await begun(KUBE, FILE, issuer=ISSUER)
    found = await data(life)
    said = json.loads(found["kube.openid-configuration"])
    check_discovery(found["kube.openid-configuration"].encode())
    assert said["issuer"] == ISSUER
    assert said["jwks_uri"] == f"{ISSUER}/kube/.well-known/jwks.json"
    assert said["id_token_signing_alg_values_supported"] == ["ES256"]
    assert "pems.openid-configuration" not in found


async def test_a_set_on_another_host_has_its_url_in_the_discovery_document() -> None:
    life = await begun(KUBE, issuer=ISSUER, jwksUri="https://cdn.example.net/auth/jwks.json")
    found = await data(life)
    assert json.loads(found["openid-configuration"])["jwks_uri"] == "https://cdn.example.net/auth/jwks.json"
    assert json.loads(found["kube.openid-configuration"])["jwks_uri"] == f"{ISSUER}/kube/.well-known/jwks.json"


async def test_the_first_of_its_paths_is_the_jwks_uri() -> None:
    life = await begun({**KUBE, "paths": ["/certs", "/v1/certs"]}, issuer=ISSUER)
    assert json.loads((await data(life))["kube.openid-configuration"])["jwks_uri"] == f"{ISSUER}/certs"


async def test_the_server_serves_what_the_operator_writes() -> None:
    life = await begun({**KUBE, "paths": ["/certs"]}, FILE, issuer=ISSUER)
    content = content_of({name: text.encode() for name, text in (await data(life)).items()}, None, 0.0)
    assert {hint.key: hint.paths for hint, _ in content.documents} == {
        "kube.json": ("/certs", "/kube/.well-known/jwks.json"),
        "kube.openid-configuration": ("/kube/.well-known/openid-configuration",),
        "pems.pem": ("/pems/keys.pem",),
    }


# --- through the life of a set ---


async def test_a_document_is_added_to_a_living_set_and_removed() -> None:
    life = await begun()
    await life.set_spec(spec(KUBE, FILE))
    await life.pass_()
    assert {"kube.json", "pems.pem"} <= {*(await data(life))}
    await life.set_spec(spec())
    await life.pass_()
    assert sorted(await data(life)) == ["jwks.json", "zz-serve.json"]


async def test_the_retired_keys_of_a_removed_entry_stay_in_their_document() -> None:
    both = {"name": "both", "entries": ["signing", "hybrid"]}
    life = await begun(both)
    await life.set_spec(spec(both, entries=[SIGNING]))
    await life.pass_()
    assert ("hybrid", "Retired") in await states_in(life, "both.json")
    await life.live(timedelta(hours=6))
    assert {entry for entry, _ in await states_in(life, "both.json")} == {"signing"}


@pytest.mark.parametrize("name", ["kube.json", "pems.pem"])
async def test_a_revoked_key_leaves_every_document_at_once(name: str) -> None:
    life = await begun(KUBE, FILE)
    active = await life.in_use()
    assert active in (await data(life))[name]
    await life.set_spec({**spec(KUBE, FILE), "revoked": [{"kid": active, "reason": "KeyCompromise"}]})
    await life.pass_()
    assert active not in (await data(life))[name]


@pytest.mark.parametrize("name", ["kube.json", "pems.pem", "kube.openid-configuration", "zz-serve.json"])
async def test_an_edited_or_missing_document_is_repaired(name: str) -> None:
    life = await begun(KUBE, FILE, issuer=ISSUER)
    former = await data(life)
    await life.edit(CONFIGMAPS, REF.name, lambda seen: seen["data"].pop(name))
    await life.pass_()
    assert await data(life) == former
    await life.edit(CONFIGMAPS, REF.name, lambda seen: seen["data"].update({name: "{}"}))
    await life.pass_()
    assert await data(life) == former


async def test_the_pem_document_is_the_keys_of_the_set() -> None:
    life = await begun(FILE)
    text = (await data(life))["pems.pem"]
    published = {key["kid"]: key for key in await keys_in(life, "jwks.json")}
    assert all(load_public(published[kid]) for kid in kids_in_pem(text))
