"""What may be signed: the claims of a token (RFC 7519), checked strictly, and the payload made from them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from jwks_operator.sign.problems import Problem, RequestRefused

DATES: Final = ("exp", "nbf", "iat")
_JSON: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """The longest life of a token in seconds, None for any; and the only `iss`, None for any or none."""

    token_lifetime: float | None = 3600.0
    issuer: str | None = None


def payload_of(claims: object, rules: ClaimRules, now: float) -> bytes:
    """Return the payload for claims that follow the rules at the Unix time `now`; raises RequestRefused."""
    check_claims(claims, rules, now)
    return _JSON(claims).encode("ascii")


def check_claims(claims: object, rules: ClaimRules, now: float) -> None:
    """Raise RequestRefused unless the claims follow the rules at the Unix time `now`."""
    if not isinstance(claims, Mapping):
        raise RequestRefused(Problem.CLAIM, "claims is not a JSON object")
    for name in DATES:
        value = claims.get(name, 0)
        if type(value) is not int and type(value) is not float:
            raise RequestRefused(Problem.CLAIM, f"{name} is not a number")
    if rules.issuer is not None and claims.get("iss") != rules.issuer:
        raise RequestRefused(Problem.ISSUER)
    if "exp" in claims:
        if claims["exp"] <= now:
            raise RequestRefused(Problem.PAST_EXP)
        if rules.token_lifetime is not None and claims["exp"] - now > rules.token_lifetime:
            raise RequestRefused(Problem.LATE_EXP, f"exp is more than {rules.token_lifetime:g} s away")
    elif rules.token_lifetime is not None:
        raise RequestRefused(Problem.NO_EXP)
