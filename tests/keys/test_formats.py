import json

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from jwks_operator.keys.errors import InconsistentKeyError
from jwks_operator.keys.formats import Format, render
from jwks_operator.keys.generate import generate
from jwks_operator.keys.jwk import parse_json_strict, parse_private
from jwks_operator.keys.material import load_private, load_public
from jwks_operator.keys.private import PrivateJwk
from keys.samples import ALGORITHM_NAMES, fresh


@pytest.mark.parametrize("algorithm", ALGORITHM_NAMES)
def test_the_jwk_file_is_the_whole_private_key(algorithm: str) -> None:
    key = fresh(algorithm)
    written = render(key.public, key.private, "JWK")
    assert parse_private(parse_json_strict(written)) == (key.public, key.private)
    members = json.loads(written)
    assert (members["use"], members["key_ops"], members["alg"], members["kid"]) == (
        "sig",
        ["sign"],
        algorithm,
        key.kid,
    )


@pytest.mark.parametrize("algorithm", ALGORITHM_NAMES)
def test_the_pem_file_is_the_same_key_in_pkcs8(algorithm: str) -> None:
    key = fresh(algorithm)
    written = render(key.public, key.private, "PEM")
    assert written.startswith(b"-----BEGIN PRIVATE KEY-----\n")
    assert written.endswith(b"-----END PRIVATE KEY-----\n")
    loaded = load_pem_private_key(written, password=None)
    assert loaded.public_key() == load_public(key.public) == load_private(key.private.reveal()).public_key()


@pytest.mark.parametrize("algorithm", ALGORITHM_NAMES)
@pytest.mark.parametrize("fmt", ["JWK", "PEM"])
def test_equal_keys_give_equal_bytes(algorithm: str, fmt: Format) -> None:
    key = fresh(algorithm)
    turned = PrivateJwk.from_members(dict(reversed(key.private.reveal().items())))
    assert render(key.public, turned, fmt) == render(key.public, key.private, fmt)


@pytest.mark.parametrize("fmt", ["JWK", "PEM"])
def test_a_private_key_is_not_written_beside_another_public_one(fmt: Format) -> None:
    with pytest.raises(InconsistentKeyError, match="not the other half"):
        render(generate("ES256").public, fresh("ES256").private, fmt)
