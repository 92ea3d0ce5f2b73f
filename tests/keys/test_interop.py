"""Keys that other libraries make are read, and they compute our kid; how they use our keys is in tests/clients."""

import json
from typing import Any

import pytest
from joserfc import jwk as joserfc_jwk
from jwcrypto import jwk as jwcrypto_jwk

from jwks_operator.keys.algorithms import ALGORITHMS
from jwks_operator.keys.jwk import canonical_json, parse_json_strict, parse_private, parse_public, thumbprint
from keys.samples import PAIR_NAMES, SHAPES, fresh


@pytest.mark.parametrize("algorithm", PAIR_NAMES)
def test_other_libraries_compute_our_kid(algorithm: str) -> None:
    key = fresh(algorithm)
    assert jwcrypto_jwk.JWK(**key.public).thumbprint() == key.kid
    if key.public["kty"] != "AKP":  # which joserfc does not know
        assert joserfc_jwk.import_key(json.loads(canonical_json(key.public))).thumbprint() == key.kid


def jwcrypto_parameters(algorithm: str, crv: str | None) -> dict[str, Any]:
    row = ALGORITHMS[algorithm]
    if crv is not None:
        return {"kty": row.on(crv).kty, "crv": crv}
    size = 2048 if row.modulus_lengths else (row.octets or 0) * 8
    return {"kty": row.kty} if row.kty == "AKP" else {"kty": row.kty, "size": size}


@pytest.mark.parametrize(("algorithm", "crv"), SHAPES)
def test_keys_that_jwcrypto_makes_are_read(algorithm: str, crv: str | None) -> None:
    parameters = jwcrypto_parameters(algorithm, crv)
    foreign = jwcrypto_jwk.JWK.generate(alg=algorithm, use=ALGORITHMS[algorithm].use, kid="theirs", **parameters)
    symmetric = parameters["kty"] == "oct"
    text = foreign.export() if symmetric else foreign.export_private()
    public, private = parse_private(parse_json_strict(text.encode()))
    assert public == ({} if symmetric else parse_public(parse_json_strict(foreign.export_public().encode())))
    assert thumbprint(private.reveal()) == foreign.thumbprint()
    assert private.kid == "theirs"


@pytest.mark.parametrize(("algorithm", "crv"), [shape for shape in SHAPES if not shape[0].startswith("ML-DSA")])
def test_keys_that_joserfc_makes_are_read(algorithm: str, crv: str | None) -> None:
    row = ALGORITHMS[algorithm]
    parameters: joserfc_jwk.KeyParameters = {"alg": algorithm, "use": row.use, "kid": "theirs"}
    kty: Any = row.on(crv).kty if crv else row.kty
    size: Any = crv or (2048 if kty == "RSA" else (row.octets or 0) * 8)
    foreign = joserfc_jwk.generate_key(kty, size, parameters, private=True)
    public, private = parse_private(foreign.as_dict(private=True))
    assert public == ({} if kty == "oct" else parse_public(foreign.as_dict(private=False)))
    assert thumbprint(private.reveal()) == foreign.thumbprint()
