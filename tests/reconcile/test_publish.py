"""What stands beside the set: names of algorithms, the discovery document, hints for the server."""

import json
from base64 import b64decode
from datetime import timedelta
from typing import Any

import pytest

from jwks_operator.keys.jwk import parse_public, thumbprint
from jwks_operator.kube.client import CONFIGMAPS, SECRETS
from jwks_operator.serve.check import check_discovery, check_set
from jwks_operator.serve.hints import parse_hints
from reconcile.life import ES256, REF, Life

ISSUER = "https://auth.example.com"
MINUTE = timedelta(minutes=1)
ED25519 = {"name": "signing", "algorithm": "Ed25519"}


async def begun(publish: dict[str, Any], *entries: dict[str, Any]) -> Life:
    life = Life()
    await life.begin({"keys": [*entries] or ES256["keys"], "publish": publish})
    await life.pass_()
    return life


async def document(life: Life, name: str) -> Any:
    return json.loads((await life.read(CONFIGMAPS, REF.name))["data"][name])


async def files(life: Life) -> dict[str, bytes]:
    return {name: b64decode(text) for name, text in (await life.read(SECRETS, REF.name))["data"].items()}


# --- the discovery document ---


async def test_an_issuer_has_a_discovery_document_that_the_server_accepts() -> None:
    life = await begun({"issuer": ISSUER}, ED25519, {"name": "box", "algorithm": "ECDH-ES"})
    said = await document(life, "openid-configuration")
    assert said == {
        "issuer": ISSUER,
        "jwks_uri": f"{ISSUER}/.well-known/jwks.json",
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
    }
    check_discovery(json.dumps(said).encode())
    assert len(life.writes()) == 6  # keys of two classes: one more than of one
    await life.pass_()
    assert life.writes() == []


async def test_without_an_issuer_there_is_none() -> None:
    life = await begun({})
    assert sorted((await life.read(CONFIGMAPS, REF.name))["data"]) == ["jwks.json", "zz-serve.json"]


@pytest.mark.parametrize(
    ("publish", "uri"),
    [
        ({"issuer": f"{ISSUER}/"}, f"{ISSUER}/.well-known/jwks.json"),
        ({"issuer": f"{ISSUER}/tenant"}, f"{ISSUER}/tenant/.well-known/jwks.json"),
        ({"issuer": ISSUER, "paths": {"jwks": ["/oauth2/keys", "/certs"]}}, f"{ISSUER}/oauth2/keys"),
    ],
)
async def test_the_set_is_found_below_the_issuer(publish: dict[str, Any], uri: str) -> None:
    said = await document(await begun(publish), "openid-configuration")
    assert (said["issuer"], said["jwks_uri"]) == (publish["issuer"], uri)


async def test_members_of_the_spec_join_but_what_is_derived_stays() -> None:
    extra = {
        "authorization_endpoint": f"{ISSUER}/authorize",
        "scopes_supported": ["openid"],
        "response_types_supported": ["code"],
        "claims_parameter_supported": False,
        "jwks_uri": "https://evil.example.com/",
        "id_token_signing_alg_values_supported": ["none"],
    }
    said = await document(await begun({"issuer": ISSUER, "discovery": extra}), "openid-configuration")
    assert said["scopes_supported"] == ["openid"]
    assert said["response_types_supported"] == ["code"]
    assert said["claims_parameter_supported"] is False
    assert said["jwks_uri"] == f"{ISSUER}/.well-known/jwks.json"
    assert said["id_token_signing_alg_values_supported"] == ["ES256"]


async def test_algorithms_follow_the_set_through_a_change() -> None:
    life = await begun({"issuer": ISSUER})
    await life.set_spec({"keys": [{"name": "signing", "algorithm": "ES384"}], "publish": {"issuer": ISSUER}})
    await life.pass_()
    said = await document(life, "openid-configuration")
    assert said["id_token_signing_alg_values_supported"] == ["ES256", "ES384"]
    await life.live(timedelta(hours=4))
    said = await document(life, "openid-configuration")
    assert said["id_token_signing_alg_values_supported"] == ["ES384"]


async def test_a_set_without_signatures_lists_none() -> None:
    life = await begun({"issuer": ISSUER}, {"name": "box", "algorithm": "ECDH-ES"})
    assert "id_token_signing_alg_values_supported" not in await document(life, "openid-configuration")


async def test_an_edited_document_is_repaired() -> None:
    life = await begun({"issuer": ISSUER})
    former = (await life.read(CONFIGMAPS, REF.name))["data"]
    await life.edit(CONFIGMAPS, REF.name, lambda seen: seen["data"].update({"openid-configuration": "{}"}))
    await life.pass_()
    assert (await life.read(CONFIGMAPS, REF.name))["data"] == former


# --- hints for the server ---


@pytest.mark.parametrize(
    ("publish", "more"),
    [
        ({}, {}),
        ({"configMap": {"key": "keys.json"}}, {"key": "keys.json"}),
        ({"mediaType": "application/json"}, {"media_type": "application/json"}),
        ({"paths": {"jwks": ["/certs", "/oauth2/v3/certs"]}}, {"jwks_paths": ("/certs", "/oauth2/v3/certs")}),
        ({"cors": {"allowOrigins": ["https://app.example.com"]}}, {"allow_origins": ("https://app.example.com",)}),
        ({"cors": {"allowOrigins": []}}, {"allow_origins": ()}),
        ({"cors": {}}, {}),
    ],
)
async def test_the_server_reads_what_the_spec_says(publish: dict[str, Any], more: dict[str, Any]) -> None:
    life = await begun(publish)
    raw = (await life.read(CONFIGMAPS, REF.name))["data"]["zz-serve.json"].encode()
    plain = parse_hints(b'{"cacheMaxAge": 300, "staleWindow": 0}')
    told = parse_hints(raw)
    assert {name: getattr(told, name) for name in more} == more
    assert all(getattr(told, name) == getattr(plain, name) for name in plain.__slots__ if name not in more)


async def test_a_changed_hint_moves_no_key() -> None:
    life = await begun({})
    before = await life.keyring()
    await life.set_spec({**ES256, "publish": {"mediaType": "application/json"}})
    await life.pass_()
    after = await life.keyring()
    assert {name: document for name, document in after.items() if name != "record.json"} == {
        name: document for name, document in before.items() if name != "record.json"
    }
    assert life.writes()[-3:] == [
        "PUT secrets/auth-keyring",
        "PUT configmaps/auth",
        "PATCH jsonwebkeysets/auth/status",
    ]


# --- names of algorithms ---


@pytest.mark.parametrize(("name", "alg"), [(None, "EdDSA"), ("Ed25519", "Ed448"), ("EdDSA", "EdDSA")])
async def test_one_name_everywhere(name: str | None, alg: str) -> None:
    publish = {"issuer": ISSUER} | ({"eddsaName": name} if name else {})
    life = await begun(publish, {"name": "signing", "algorithm": "Ed448"})
    published = (await document(life, "jwks.json"))["keys"]
    assert {key["alg"] for key in published} == {alg}
    content = await files(life)
    assert content["signing.alg"].decode() == alg
    assert json.loads(content["signing.jwk"])["alg"] == alg
    assert (await document(life, "openid-configuration"))["id_token_signing_alg_values_supported"] == [alg]
    assert check_set(json.dumps({"keys": published}).encode()) == 2
    assert all(thumbprint(parse_public(key)) == key["kid"] for key in published)


async def test_another_name_comes_with_another_key_after_its_lead() -> None:
    life = await begun({"eddsaName": "Ed25519"}, ED25519)
    first = await life.in_use()
    await life.set_spec({"keys": [ED25519], "publish": {"eddsaName": "EdDSA"}})
    await life.pass_()
    assert (await life.in_use(), (await files(life))["signing.alg"]) == (first, b"Ed25519")
    names = {key["kid"]: key["alg"] for key in (await document(life, "jwks.json"))["keys"]}
    assert names[first] == "Ed25519"
    assert "EdDSA" in names.values()
    await life.after(timedelta(minutes=70))
    assert (await files(life))["signing.alg"] == b"EdDSA"
    names = {key["kid"]: key["alg"] for key in (await document(life, "jwks.json"))["keys"]}
    assert names[first] == "Ed25519"
    await life.live(timedelta(hours=3))
    assert {key["alg"] for key in (await document(life, "jwks.json"))["keys"]} == {"EdDSA"}
    life.writes()
    await life.pass_()
    assert life.writes() == []


@pytest.mark.parametrize(
    ("readers", "alg"), [([], "EdDSA"), (["Jose", "Jwx"], "Ed25519"), (["Jose", "GoOidc"], "EdDSA")]
)
async def test_the_newer_name_is_the_default_if_all_named_readers_know_it(readers: list[str], alg: str) -> None:
    life = Life()
    await life.begin({"keys": [ED25519], "readers": readers})
    await life.pass_()
    assert (await files(life))["signing.alg"].decode() == alg
    assert {key["alg"] for key in (await document(life, "jwks.json"))["keys"]} == {alg}


async def test_a_reader_that_joins_changes_the_name_of_the_next_key_alone() -> None:
    life = Life()
    await life.begin({"keys": [ED25519], "readers": ["Jose"]})
    await life.pass_()
    first = await life.in_use()
    await life.set_spec({"keys": [ED25519], "readers": ["Jose", "KubeApiserver"]})
    await life.live(timedelta(minutes=80))
    names = {key["kid"]: key["alg"] for key in (await document(life, "jwks.json"))["keys"]}
    assert names[first] == "Ed25519"
    assert names[await life.in_use()] == "EdDSA"


@pytest.mark.parametrize("formats", [["JWK"], ["PEM"], ["JWKSet"]])
async def test_a_lost_keyring_costs_no_name(formats: list[str]) -> None:
    life = Life()
    spec = {"keys": [ED25519], "publish": {"eddsaName": "EdDSA"}, "secret": {"formats": formats}}
    await life.begin(spec)
    await life.pass_()
    in_use, published = await life.in_use(), await life.published()
    await life.delete(SECRETS, "auth-keyring")
    await life.after(MINUTE)
    assert await life.in_use() == in_use
    assert set(published) <= set(await life.published())
    assert {key["alg"] for key in (await document(life, "jwks.json"))["keys"]} == {"EdDSA"}


@pytest.mark.parametrize("extra", [{"jwks": {"keys": [{"kty": "EC", "d": "secret-of-a-careless-hand"}]}}, {"k": "x"}])
async def test_a_key_in_the_discovery_members_is_refused_and_never_published(extra: dict[str, Any]) -> None:
    life = await begun({"issuer": ISSUER})
    before = (await life.read(CONFIGMAPS, REF.name))["data"]
    await life.set_spec({**ES256, "publish": {"issuer": ISSUER, "discovery": extra}})
    await life.pass_()
    assert await life.condition("Degraded") == ("True", "InvalidSpec")
    assert (await life.read(CONFIGMAPS, REF.name))["data"] == before
    assert "careless" not in json.dumps(await life.status())
