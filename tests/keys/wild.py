"""JWK Sets in the shapes that large issuers publish. Every key is made here; nothing is copied but the shape.

`SIGNS` are keys that check tokens, `OTHERS` what stands beside them; a strategy draws sets of both.
"""

import base64
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from jwks_operator.keys.certificates import self_signed
from jwks_operator.keys.members import encode_octets
from keys.samples import fresh, octets_of
from keys.test_chain_order import TERMS, blocks

Jwk = dict[str, Any]


def bare(jwk: Jwk, *names: str) -> Jwk:
    return {name: value for name, value in jwk.items() if name not in {"key_ops", *names}}


def certified(algorithm: str, number: int) -> Jwk:
    key = fresh(algorithm, None, number)
    (pem,) = blocks(self_signed(key.public, key.private, TERMS))
    return {"x5c": [b"".join(pem.splitlines()[1:-1]).decode()], "x5t": encode_octets(bytes(20))}


def apple(number: int) -> Jwk:
    return bare({**fresh("RS256", None, number).public, "kid": f"Apple{number}"})


def google(number: int) -> Jwk:
    return bare(dict(fresh("RS256" if number else "ES256", None, number).public))


def entra(number: int) -> Jwk:
    """No alg; the issuer beside the key."""
    key = fresh("RS256", None, number).public
    more = {"issuer": "https://login.example/{tenantid}/v2.0", "cloud_instance_name": "login.example"}
    return {**bare(key, "alg"), **certified("RS256", number), **more}


def azure_ad(number: int) -> Jwk:
    return {**entra(number), "alg": "RS256", "ver": 1.0}


def gitlab(number: int) -> Jwk:
    return bare({**fresh("RS256", None, number).public, "use": "sig"})


def paypal(number: int) -> Jwk:
    """Padded standard base64 with a zero in front."""
    key = bare(dict(fresh("RS256", None, number).public))
    return {**key, "n": base64.b64encode(b"\0" + octets_of(str(key["n"]))).decode()}


def yahoo(number: int) -> Jwk:
    return {**bare(dict(fresh("ES256", None, number).public)), "use": None, "x5u": None}


def battle_net(number: int) -> Jwk:
    return {**bare(dict(fresh("RS256", None, number).public)), "kid": number + 1}


def slack(number: int) -> Jwk:
    key = fresh("RS256", None, number).public
    return {name: key[name] for name in ("e", "n", "kty", "kid", "alg", "use")} | {"ext": True}


def okta(number: int) -> Jwk:
    return {**bare(dict(fresh("RS256", None, number).public)), "status": "ACTIVE", "created": "2026-01-01T00:00:00Z"}


def auth0(number: int) -> Jwk:
    return {**bare(dict(fresh("RS256", None, number).public)), **certified("RS256", number)}


def cloudflare(number: int) -> Jwk:
    return {**bare(dict(fresh("ES256", None, number).public), "use"), "key_ops": ["verify", "sign"]}


def ed_issuer(number: int) -> Jwk:
    return bare({**fresh("Ed25519", None, number).public, "alg": "EdDSA"}, "use")


def no_kid(number: int) -> Jwk:
    return bare(dict(fresh("ES384", None, number).public), "kid", "use", "alg")


SIGNS: tuple[Callable[[int], Jwk], ...] = (
    apple, google, entra, azure_ad, gitlab, paypal, yahoo, battle_net, slack, okta, auth0, cloudflare, ed_issuer,
    no_kid,
)  # fmt: skip


def keycloak_enc(number: int) -> Jwk:
    return bare({**fresh("RSA-OAEP-256", None, number).public, "alg": "RSA-OAEP"})


def agreement(number: int) -> Jwk:
    return bare(dict(fresh("ECDH-ES", "X25519", number).public), "alg", "use")


def future(number: int) -> Jwk:
    return {"kty": "LMS", "alg": "HSS-LMS", "kid": f"pq-{number}", "pub": "AAAA", "use": "sig"}


def weak(number: int) -> Jwk:
    return {"kty": "RSA", "kid": f"weak-{number}", "alg": "RS256", "use": "sig", "e": "AQAB", "n": "x" * 171}


def odd(number: int) -> Any:
    """What is no key at all."""
    return ({}, "key", None, 7, [], {"kid": "lost"}, {"kty": "EC", "kid": "half", "crv": "P-256"})[number % 7]


OTHERS: tuple[Callable[[int], Any], ...] = (keycloak_enc, agreement, future, weak, odd)


MORE: tuple[dict[str, Any], ...] = ({}, {"issuer": "https://a.example"}, {"exp": 1, "keys_count": 3})
"""Members of a set beside its keys."""


@st.composite
def wild_sets(draw: st.DrawFn) -> dict[str, Any]:
    """A set of keys that sign and of others, in any order, with members of the set's own."""
    signing = draw(st.lists(st.tuples(st.sampled_from(SIGNS), st.integers(0, 2)), min_size=1, max_size=6))
    others = draw(st.lists(st.tuples(st.sampled_from(OTHERS), st.integers(0, 6)), max_size=4))
    keys = draw(st.permutations([shape(number) for shape, number in (*signing, *others)]))
    more: dict[str, Any] = draw(st.sampled_from(MORE))
    return {**more, "keys": list(keys)}
