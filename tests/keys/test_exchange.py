"""Exports of other products, made here from fresh keys in the forms that their documentation shows."""

import base64
import hashlib
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from jwks_operator.keys.generate import generate
from jwks_operator.keys.issuer_import import Asked, Source, read_issuer_file, read_issuer_key, recognise
from jwks_operator.keys.key_errors import JwkError

RSA = rsa.generate_private_key(65537, 2048)
P256 = ec.generate_private_key(ec.SECP256R1())
P256_OLD = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def pem(key: Private, form: PrivateFormat = PrivateFormat.TraditionalOpenSSL) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def der(key: Private) -> str:
    """As Keycloak writes it: base64 of PKCS#8."""
    return base64.b64encode(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).decode()


def vault(kind: str, **versions: str) -> bytes:
    keys = {name.removeprefix("v"): text for name, text in versions.items()}
    return json.dumps({"request_id": "1", "data": {"name": "auth", "type": kind, "keys": keys}}).encode()


def provider(name: str, **config: str) -> dict[str, Any]:
    return {"name": name, "providerId": "x", "config": {member: [value] for member, value in config.items()}}


def realm(*providers: Mapping[str, Any]) -> bytes:
    return json.dumps({"realm": "shop", "components": {"org.keycloak.keys.KeyProvider": list(providers)}}).encode()


def told(data: bytes, source: Source | None = None, algorithm: str | None = None) -> list[tuple[str, bool, str]]:
    found = read_issuer_key(data, source, Asked(algorithm)).keys
    return [(each.name, each.in_use, str(each.key.public["alg"])) for each in found]


@pytest.mark.parametrize(
    ("data", "source", "expected"),
    [
        (pem(P256).encode(), Source.FILE, [("key", True, "ES256")]),
        (pem(RSA, PrivateFormat.PKCS8).encode(), Source.FILE, [("key", True, "RS256")]),
        (pem(ED, PrivateFormat.PKCS8).encode(), Source.FILE, [("key", True, "Ed25519")]),
        (
            vault("ecdsa-p256", v1=pem(P256_OLD), v2=pem(P256)),
            Source.VAULT,
            [("version 2", True, "ES256"), ("version 1", False, "ES256")],
        ),
        (vault("rsa-2048", v10=pem(RSA)), Source.VAULT, [("version 10", True, "RS256")]),
        (
            vault("ed25519", v1=base64.b64encode(ED.private_bytes_raw() + ED.public_key().public_bytes_raw()).decode()),
            Source.VAULT,
            [("version 1", True, "Ed25519")],
        ),
        (
            realm(
                provider("old", privateKey=der(RSA), priority="200", active="false", algorithm="RS512"),
                provider("rsa", privateKey=der(RSA), priority="100", algorithm="PS256"),
                provider("ec", ecdsaPrivateKey=der(P256), priority="50"),
                provider("off", ecdsaPrivateKey=der(P256), priority="900", enabled="false"),
                provider("enc", privateKey=der(RSA), priority="900", keyUse="ENC", algorithm="RSA-OAEP"),
                provider("hmac", secret="AAAA", priority="900"),
            ),
            Source.KEYCLOAK,
            [("rsa", True, "PS256"), ("ec", False, "ES256"), ("old", False, "RS512")],
        ),
    ],
    ids=["pem ec", "pem rsa", "pem ed25519", "vault ec", "vault rsa", "vault ed25519", "keycloak"],
)
def test_an_export_is_recognised_and_its_key_in_use_comes_first(
    data: bytes, source: Source, expected: list[tuple[str, bool, str]]
) -> None:
    assert recognise(data) is source
    assert told(data) == told(data, source) == expected


def test_a_key_of_keycloak_keeps_the_kid_that_keycloak_gave_it() -> None:
    spki = P256.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    kid = base64.urlsafe_b64encode(hashlib.sha256(spki).digest()).rstrip(b"=").decode()
    unnamed, named = (
        realm(provider("a", ecdsaPrivateKey=der(P256))),
        realm(provider("a", ecdsaPrivateKey=der(P256), kid="mine")),
    )
    assert [read_issuer_key(data, None).keys[0].key.public["kid"] for data in (unnamed, named)] == [kid, "mine"]


def test_the_sets_of_hydra_are_private_jwk_sets_with_the_newest_key_first() -> None:
    new, old = generate("ES256"), generate("ES256")
    data = b'{"keys":[' + new.private.reveal_json() + b"," + old.private.reveal_json() + b"]}"
    assert [(each.key.public["kid"], each.in_use) for each in read_issuer_key(data, Source.HYDRA).keys] == [
        (new.kid, True),
        (old.kid, False),
    ]


def test_an_algorithm_that_the_source_leaves_open_can_be_named() -> None:
    assert told(pem(RSA).encode(), algorithm="PS384") == [("key", True, "PS384")]
    assert told(pem(P256).encode(), algorithm="PS384") == [("key", True, "ES256")]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"{}", "no private signature key is in there"),
        (json.dumps({"keys": [generate("ES256").public]}).encode(), "no private signature key is in there"),
        (realm(provider("a", privateKey="**********")), "masked in there; export with kc.sh export"),
        (realm(provider("a", privateKey="AAAA")), "a private key of the realm cannot be read"),
        (vault("rsa-2048"), "no private signature key is in there"),
        (vault("aes256-gcm96", v1="AAAA"), "neither PEM nor"),
        (pem(rsa.generate_private_key(65537, 1024)).encode(), "n does not have one of 2048"),
    ],
)
def test_what_cannot_be_used_is_refused_without_a_value_of_a_key(data: bytes, says: str) -> None:
    with pytest.raises(JwkError, match=says) as caught:
        read_issuer_key(data, None)
    assert "AAAA" not in str(caught.value)


def test_a_file_is_read_where_private_bytes_belong(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(pem(P256))
    assert [each.name for each in read_issuer_file(str(tmp_path / "key.pem"), None).keys] == ["key"]


def test_of_a_private_set_every_value_that_is_not_brought_is_named() -> None:
    key, public = generate("ES256").private.reveal(), generate("ES256").public
    enc = generate("RSA-OAEP-256", 2048).private.reveal()
    found = read_issuer_key(json.dumps({"keys": [public, enc, {"kty": "oct", "k": "AAAA"}, "x", key]}).encode(), None)
    assert [each.name for each in found.keys] == ["keys[4]"]
    assert [text.split(":")[0] for text in found.left_out] == ["keys[0]", "keys[1]", "keys[2]", "keys[3]"]


def test_a_pss_key_is_brought_as_one() -> None:
    make = "openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha384"
    made = subprocess.run(make, shell=True, capture_output=True, check=True).stdout
    assert told(made) == [("key", True, "PS384")]
    with pytest.raises(JwkError, match="RSASSA-PSS alone"):
        read_issuer_key(made, None, Asked("RS256"))
