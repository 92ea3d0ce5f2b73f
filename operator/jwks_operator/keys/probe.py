"""Tests an active key against the published set: one signature, or one message, from end to end."""

import json
from collections.abc import Mapping
from datetime import datetime

from jwks_operator.keys.algorithms import KeyClass
from jwks_operator.keys.jwk import parse_public
from jwks_operator.keys.members import algorithm_of
from jwks_operator.keys.pairwise_check import check_pair
from jwks_operator.keys.private import PrivateJwk
from jwks_operator.keys.signing import sign_compact, verify_compact

TYP = "jwks-probe+jwt"
"""The type of a probe, so that no service accepts it as a token."""


def probe(private: PrivateJwk, published: Mapping[str, object], now: datetime) -> None:
    """Sign (or seal) a probe with a private key and check it with a public JWK as it was published.

    The probe is a JWS without issuer, subject and audience that expires at once. It is not shown to anybody. Raises
    JwkError if the two are not one working key.
    """
    public = parse_public(published)
    if algorithm_of(public).key_class is not KeyClass.SIGNATURE:
        check_pair(public, private)
        return
    payload = json.dumps({"iat": int(now.timestamp()), "exp": int(now.timestamp())}).encode()
    verify_compact(public, sign_compact(private, payload, TYP), TYP)
