"""Other libraries sign with our Secret and verify with our published set; we read what they write."""

import json
from collections.abc import Callable
from typing import Any

import jwt as pyjwt
import pytest
from joserfc import jwk as joserfc_jwk
from joserfc import jwt as joserfc_jwt
from jwcrypto import jwk as jwcrypto_jwk
from jwcrypto import jwt as jwcrypto_jwt

from jwks_operator.keys.formats import Format, render
from jwks_operator.keys.jwk import canonical_json, parse_json_strict, parse_private, parse_public, thumbprint
from keys.samples import ALGORITHM_NAMES, EC_VECTOR, RSA_VECTOR, VECTORS, fresh

CLAIMS = {"sub": "alice"}
Header = dict[str, str]


def pyjwt_signs(secret: bytes, fmt: Format, header: Header) -> str:
    key: Any = pyjwt.PyJWK.from_json(secret.decode()).key if fmt == "JWK" else secret
    return pyjwt.encode(CLAIMS, key, algorithm=header["alg"], headers={"kid": header["kid"]})


def jwcrypto_signs(secret: bytes, fmt: Format, header: Header) -> str:
    key = jwcrypto_jwk.JWK.from_json(secret.decode()) if fmt == "JWK" else jwcrypto_jwk.JWK.from_pem(secret)
    token = jwcrypto_jwt.JWT(header=header, claims=CLAIMS)
    token.make_signed_token(key)
    return str(token.serialize())


def joserfc_signs(secret: bytes, fmt: Format, header: Header) -> str:
    kind: Any = joserfc_jwk.ECKey if header["alg"].startswith("ES") else joserfc_jwk.RSAKey
    key = kind.import_key(json.loads(secret) if fmt == "JWK" else secret)
    return joserfc_jwt.encode(dict(header), CLAIMS, key, algorithms=[header["alg"]])


def pyjwt_verifies(published: bytes, token: str, alg: str) -> Any:
    key = pyjwt.PyJWKSet.from_json(published.decode())[pyjwt.get_unverified_header(token)["kid"]]
    return pyjwt.decode(token, key, algorithms=[alg])


def jwcrypto_verifies(published: bytes, token: str, alg: str) -> Any:
    keys = jwcrypto_jwk.JWKSet.from_json(published.decode())
    return json.loads(jwcrypto_jwt.JWT(jwt=token, key=keys, algs=[alg]).claims)


def joserfc_verifies(published: bytes, token: str, alg: str) -> Any:
    keys = joserfc_jwk.KeySet.import_key_set(json.loads(published))
    return joserfc_jwt.decode(token, keys, algorithms=[alg]).claims


def published_set() -> bytes:
    """The set as a ConfigMap would hold it, with both keys and so with a choice to be made by kid."""
    return canonical_json({"keys": [fresh(algorithm).public for algorithm in ALGORITHM_NAMES]})


@pytest.mark.parametrize("algorithm", ALGORITHM_NAMES)
@pytest.mark.parametrize("fmt", ["JWK", "PEM"])
@pytest.mark.parametrize("sign", [pyjwt_signs, jwcrypto_signs, joserfc_signs])
@pytest.mark.parametrize("verify", [pyjwt_verifies, jwcrypto_verifies, joserfc_verifies])
def test_a_token_signed_with_our_secret_verifies_with_our_set(
    algorithm: str,
    fmt: Format,
    sign: Callable[[bytes, Format, Header], str],
    verify: Callable[[bytes, str, str], Any],
) -> None:
    key = fresh(algorithm)
    token = sign(render(key.public, key.private, fmt), fmt, {"alg": algorithm, "kid": key.kid})
    assert verify(published_set(), token, algorithm) == CLAIMS


@pytest.mark.parametrize("algorithm", ALGORITHM_NAMES)
def test_other_libraries_compute_our_kid(algorithm: str) -> None:
    key = fresh(algorithm)
    assert jwcrypto_jwk.JWK(**key.public).thumbprint() == key.kid
    assert joserfc_jwk.import_key(json.loads(canonical_json(key.public))).thumbprint() == key.kid


JWCRYPTO_PARAMETERS: dict[str, dict[str, Any]] = {
    "ES256": {"kty": "EC", "crv": "P-256"},
    "RS256": {"kty": "RSA", "size": 2048},
}


@pytest.mark.parametrize("algorithm", ALGORITHM_NAMES)
def test_keys_that_jwcrypto_makes_are_read(algorithm: str) -> None:
    foreign = jwcrypto_jwk.JWK.generate(alg=algorithm, use="sig", kid="theirs", **JWCRYPTO_PARAMETERS[algorithm])
    public, private = parse_private(parse_json_strict(foreign.export_private().encode()))
    assert parse_public(parse_json_strict(foreign.export_public().encode())) == public
    assert thumbprint(private.reveal()) == foreign.thumbprint()
    assert private.kid == "theirs"


@pytest.mark.parametrize("algorithm", ALGORITHM_NAMES)
def test_keys_that_joserfc_makes_are_read(algorithm: str) -> None:
    parameters: joserfc_jwk.KeyParameters = {"alg": algorithm, "use": "sig"}
    foreign = (
        joserfc_jwk.ECKey.generate_key("P-256", parameters)
        if algorithm == "ES256"
        else joserfc_jwk.RSAKey.generate_key(2048, parameters)
    )
    public, private = parse_private(foreign.as_dict(private=True))
    assert parse_public(foreign.as_dict(private=False)) == public
    assert private.kid == foreign.thumbprint()


@pytest.mark.parametrize(("name", "jwk"), [("RFC 7515 A.2", RSA_VECTOR), ("RFC 7515 A.3", EC_VECTOR)])
def test_the_signatures_of_rfc_7515_verify_with_the_public_form_of_its_keys(name: str, jwk: dict[str, Any]) -> None:
    public, _ = parse_private(jwk)
    payload = pyjwt.PyJWS().decode(VECTORS[name]["jws"], pyjwt.PyJWK(public), algorithms=[jwk["alg"]])
    assert json.loads(payload)["iss"] == "joe"
