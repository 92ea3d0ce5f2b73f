import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwcrypto.jwk
import jwcrypto.jws
import pytest

from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass
from jwks_operator.keys.historical_signature import (
    TYPE,
    HistoricalKey,
    Revoked,
    content_digest,
    historical_claims,
    sign_set,
)
from jwks_operator.keys.key_errors import InvalidMemberError, NoSuchFormError, UnsupportedKeyError
from jwks_operator.keys.signing import verify_compact
from keys.samples import fresh

NOW = datetime(2026, 11, 22, 18, 0, 0, 250_000, tzinfo=UTC)
DAY = timedelta(days=1)
SIGNING_NAMES = [name for name, row in ALGORITHMS.items() if row.key_class is KeyClass.SIGNATURE]
ISSUER = "https://auth.example.com"


def past(algorithm: str, age: int, **more: Any) -> HistoricalKey:
    return HistoricalKey(fresh(algorithm).public, NOW - age * DAY, **more)


def header_of(token: str) -> Any:
    signed = jwcrypto.jws.JWS()
    signed.deserialize(token)
    return signed.jose_header


@pytest.mark.parametrize("algorithm", SIGNING_NAMES)
def test_every_signature_algorithm_signs_the_set_and_other_libraries_verify_it(algorithm: str) -> None:
    signer = fresh(algorithm)
    said = historical_claims(ISSUER, [past("ES256", 3)])
    token = sign_set(said, signer.private, NOW)
    assert header_of(token) == {"alg": algorithm, "kid": signer.kid, "typ": "jwk-set+jwt"}
    read = jwcrypto.jws.JWS()
    read.allowed_algs = [algorithm]
    read.deserialize(token, jwcrypto.jwk.JWK(**signer.public))
    assert (
        json.loads(read.payload)
        == {**said, "iat": 1795370400}
        == json.loads(verify_compact(signer.public, token, TYPE))
    )


def test_a_key_is_told_with_its_times_and_its_revocation() -> None:
    revoked = Revoked(NOW - 2 * DAY, "compromised")
    said = historical_claims(ISSUER, [past("ES256", 1, issued=NOW - 9 * DAY, revoked=revoked)])
    assert said == {
        "iss": ISSUER,
        "keys": [
            {
                **fresh("ES256").public,
                "exp": 1795284000,
                "iat": 1794592800,
                "revoked": {"revoked_at": 1795197600, "reason": "compromised"},
            }
        ],
    }


def test_what_is_not_known_is_not_told() -> None:
    said: dict[str, Any] = historical_claims(ISSUER, [past("Ed25519", 1)])
    assert set(said["keys"][0]) - set(fresh("Ed25519").public) == {"exp"}


def test_the_order_of_the_keys_does_not_matter() -> None:
    keys = [past("ES256", 1), past("RS256", 5), past("Ed25519", 5)]
    assert historical_claims(ISSUER, keys) == historical_claims(ISSUER, reversed(keys))


def test_the_digest_changes_with_the_content_or_the_signer_and_with_nothing_else() -> None:
    signer, other = fresh("ES256").private, fresh("RS256").private
    said = historical_claims(ISSUER, [past("ES256", 1)])
    same = historical_claims(ISSUER, [past("ES256", 1)])
    assert content_digest(said, signer) == content_digest(same, signer)
    changed = {
        content_digest(said, signer),
        content_digest(said, other),
        content_digest(historical_claims("https://other.example", [past("ES256", 1)]), signer),
        content_digest(historical_claims(ISSUER, [past("ES256", 2)]), signer),
        content_digest(historical_claims(ISSUER, [past("ES256", 1, revoked=Revoked(NOW))]), signer),
        content_digest(historical_claims(ISSUER, [past("ES256", 1), past("RS256", 1)]), signer),
        content_digest(historical_claims(ISSUER, []), signer),
    }
    assert len(changed) == 7


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "Ed25519"])
def test_signing_the_same_at_the_same_time_gives_the_same_bytes(algorithm: str) -> None:
    said = historical_claims(ISSUER, [past("ES256", 1)])
    assert sign_set(said, fresh(algorithm).private, NOW) == sign_set(said, fresh(algorithm).private, NOW)


def test_old_clients_get_the_former_name_inside_and_in_the_header() -> None:
    signer = fresh("Ed25519")
    token = sign_set(historical_claims(ISSUER, [past("Ed448", 1)], "EdDSA"), signer.private, NOW, "EdDSA")
    assert header_of(token)["alg"] == "EdDSA"
    assert json.loads(verify_compact(signer.public, token, TYPE))["keys"][0]["alg"] == "EdDSA"


def test_symmetric_keys_are_neither_told_nor_sign() -> None:
    with pytest.raises(NoSuchFormError):
        historical_claims(ISSUER, [HistoricalKey(fresh("HS256").private.reveal(), NOW)])
    with pytest.raises(UnsupportedKeyError):
        sign_set(historical_claims(ISSUER, []), fresh("HS256").private, NOW)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: "",
        lambda token: token[:-1],
        lambda token: token.rsplit(".", 1)[0],
        lambda token: token + ".x",
        lambda token: "e30" + token[token.index(".") :],
        lambda token: token.replace(".", ".A", 1),
        lambda token: token[: token.rindex(".") + 1],
        lambda token: "ü" + token,
    ],
)
@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "Ed25519", "ML-DSA-44"])
def test_a_spoiled_token_does_not_verify(algorithm: str, spoil: Any) -> None:
    signer = fresh(algorithm)
    token = sign_set(historical_claims(ISSUER, []), signer.private, NOW)
    with pytest.raises(InvalidMemberError, match="not a jwk-set"):
        verify_compact(signer.public, spoil(token), TYPE)
    with pytest.raises(InvalidMemberError, match="not a JWT"):
        verify_compact(signer.public, token, "JWT")
    with pytest.raises(InvalidMemberError):
        verify_compact(fresh("ES384").public, token, TYPE)
