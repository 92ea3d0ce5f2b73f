"""Verifies tokens with the published set. PyJWT asks again for an unknown kid, and every five minutes."""

import sys

import jwt

ISSUER, AUDIENCE = "https://auth.example.com", None  # name your audience, if your tokens have one


class Verifier:
    """Keeps the set between tokens: make one and use it for all of them."""

    def __init__(self, jwks_uri: str) -> None:
        self._keys = jwt.PyJWKClient(jwks_uri)

    def claims(self, token: str) -> dict[str, object]:
        """Return what a good token says; raises jwt.PyJWTError for any other."""
        key = self._keys.get_signing_key_from_jwt(token)
        # The algorithm is the key's, never the token's word (RFC 8725, section 3.1).
        return jwt.decode(token, key, algorithms=[key.algorithm_name], issuer=ISSUER, audience=AUDIENCE)


if __name__ == "__main__":
    verifier = Verifier(sys.argv[1])
    for line in sys.stdin:
        try:
            print(f"good: {verifier.claims(line.strip())['sub']}", flush=True)
        except jwt.PyJWTError as error:
            print(f"refused: {error}", flush=True)
