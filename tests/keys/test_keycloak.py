"""Which key of a Keycloak realm signs? Rows of realms as `kc.sh export` writes them."""

import json
from typing import Any

import pytest

from jwks_operator.keys.issuer_import import Asked, read_issuer_key
from jwks_operator.keys.key_errors import JwkError
from keys.test_exchange import P256, RSA, der, provider, realm


def export(*providers: dict[str, Any], name: str = "shop", signs: str = "") -> dict[str, Any]:
    """A realm as `kc.sh export` writes it; `signs` is its default algorithm."""
    more = {"defaultSignatureAlgorithm": signs} if signs else {}
    return {"realm": name, **more, "components": {"org.keycloak.keys.KeyProvider": list(providers)}}


def of_kind(kind: str, name: str = "", **config: str) -> dict[str, Any]:
    return {**provider(name or kind, **config), "providerId": kind, "id": name or kind}


RSA_100 = of_kind("rsa-generated", privateKey=der(RSA), priority="100")
SIGNING = {
    "the default algorithm before the priority": (
        export(
            of_kind("ecdsa-generated", ecdsaPrivateKey=der(P256), ecdsaEllipticCurveKey="P-256", priority="500"),
            RSA_100,
            signs="RS256",
        ),
        "rsa-generated",
    ),
    "of one algorithm the highest priority": (
        export(RSA_100, of_kind("rsa", privateKey=der(RSA), priority="200"), signs="RS256"),
        "rsa",
    ),
    "of one priority the lower id": (
        export(of_kind("rsa", "b", privateKey=der(RSA)), of_kind("rsa", "a", privateKey=der(RSA)), signs="RS256"),
        "a",
    ),
    "an active one before a passive one": (
        export(of_kind("rsa", privateKey=der(RSA), priority="900", active="false"), RSA_100, signs="RS256"),
        "rsa-generated",
    ),
    "not one whose algorithm is for encryption": (
        export(
            of_kind("rsa-enc-generated", privateKey=der(RSA), priority="900", algorithm="RSA-OAEP"),
            of_kind("ecdh-generated", ecdhPrivateKey=der(P256), priority="900"),
            RSA_100,
        ),
        "rsa-generated",
    ),
    "a keystore of another algorithm does not stand in the way": (
        export(of_kind("java-keystore", keystore="x.jks", priority="900", algorithm="ES256"), RSA_100, signs="RS256"),
        "rsa-generated",
    ),
    "nor one of lower priority": (
        export(of_kind("java-keystore", keystore="x.jks", priority="1", algorithm="RS256"), RSA_100, signs="RS256"),
        "rsa-generated",
    ),
    "nor one that is disabled": (
        export(of_kind("java-keystore", keystore="x.jks", priority="900", enabled="false"), RSA_100, signs="RS256"),
        "rsa-generated",
    ),
}


@pytest.mark.parametrize(("document", "name"), SIGNING.values(), ids=SIGNING)
def test_the_key_in_use_is_that_of_the_provider_that_signs(document: dict[str, Any], name: str) -> None:
    found = read_issuer_key(json.dumps(document).encode(), None)
    assert [each.name for each in found.keys if each.in_use] == [name]
    providers = document["components"]["org.keycloak.keys.KeyProvider"]
    told = {each.name for each in found.keys} | {text.split()[1] for text in found.left_out}
    assert told == {each["name"] for each in providers}, "nothing is left out in silence"


@pytest.mark.parametrize("signs", ["RS256", ""])
@pytest.mark.parametrize(
    ("kind", "config", "says"),
    [
        ("java-keystore", {"keystore": "realm.jks", "algorithm": "RS256"}, "keytool -importkeystore"),
        ("pkcs11-hsm", {"slot": "1"}, "its key is not in the export"),
        ("", {}, "its key is not in the export"),
    ],
)
def test_where_the_key_that_signs_is_not_in_the_export_no_other_one_is_taken_for_it(
    kind: str, config: dict[str, str], says: str, signs: str
) -> None:
    document = export(of_kind(kind, "vault", **config, priority="500"), RSA_100, signs=signs)
    with pytest.raises(JwkError, match=rf"^provider vault .* signs in realm shop, and .*{says}"):
        read_issuer_key(json.dumps(document).encode(), None)


def test_of_several_realms_the_one_that_was_meant_is_named() -> None:
    ec_key = of_kind("ecdsa-generated", ecdsaPrivateKey=der(P256))
    data = json.dumps([export(RSA_100, name="master"), export(ec_key)]).encode()
    with pytest.raises(JwkError, match=r"several realms .* \(master, shop\); name the one meant with --realm"):
        read_issuer_key(data, None)
    with pytest.raises(JwkError, match=r"no realm cellar is in there; it has master, shop"):
        read_issuer_key(data, None, Asked(realm="cellar"))
    assert [each.name for each in read_issuer_key(data, None, Asked(realm="shop")).keys] == ["ecdsa-generated"]
    assert [each.name for each in read_issuer_key(realm(RSA_100), None, Asked(realm="shop")).keys] == ["rsa-generated"]
    with pytest.raises(JwkError, match="no realm master is in there"):
        read_issuer_key(realm(RSA_100), None, Asked(realm="master"))
