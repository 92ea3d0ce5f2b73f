"""Sets for the tests of the server: the public keys of RFC 7517 appendix A.1 and ways to spoil them."""

import base64
import json

EC: dict[str, object] = {
    "kty": "EC",
    "use": "sig",
    "alg": "ES256",
    "kid": "elliptic",
    "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
}
RSA: dict[str, object] = {
    "kty": "RSA",
    "use": "sig",
    "key_ops": ["verify"],
    "alg": "RS256",
    "kid": "2011-04-29",
    "n": (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJE"
        "CPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Q"
        "vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6"
        "WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    ),
    "e": "AQAB",
}


def jwks(*keys: object) -> bytes:
    return json.dumps({"keys": list(keys)}).encode()


def but(key: dict[str, object], **changes: object) -> dict[str, object]:
    """`key` with members changed, or left out where the change is None."""
    return {member: value for member, value in {**key, **changes}.items() if value is not None}


AKP: dict[str, object] = {
    "kty": "AKP",
    "use": "sig",
    "alg": "ML-DSA-65",
    "kid": "lattice",
    "pub": base64.urlsafe_b64encode(bytes(range(244)) * 8).rstrip(b"=").decode(),
}
"""A key of the right size; what is in it does not matter to the server."""

DISCOVERY: dict[str, object] = {
    "issuer": "https://auth.example.com",
    "jwks_uri": "https://auth.example.com/.well-known/jwks.json",
    "id_token_signing_alg_values_supported": ["ES256"],
}


def jws(payload: object, header: object = None) -> bytes:
    """A compact JWS with a signature that nobody here checks."""
    told = {"alg": "ES256", "kid": "elliptic", "typ": "jwk-set+jwt"} if header is None else header
    parts = (json.dumps(told).encode(), json.dumps(payload).encode(), b"signature")
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)


HISTORICAL: dict[str, object] = {
    "iss": "https://auth.example.com",
    "iat": 1,
    "keys": [{**EC, "iat": 1, "exp": 2, "revoked": {"revoked_at": 2, "reason": "compromised"}}],
}
