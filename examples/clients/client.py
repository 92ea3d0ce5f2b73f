"""Asks an authorization server for a token with a key that rotates (RFC 7523). PyJWT; the Secret is at /etc/client."""

import json
import urllib.parse
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt

CLIENT_ID, ISSUER = "worker", "https://auth.example.com"


def make_assertion(audience: str = ISSUER, mounted: Path = Path("/etc/client")) -> str:
    """Sign with the key in use. Read it each time: it is one small file, and a rotation needs no restart."""
    key = jwt.PyJWK.from_json((mounted / "signing.jwk").read_text())
    now = datetime.now(UTC)
    claims = {"iss": CLIENT_ID, "sub": CLIENT_ID, "aud": audience, "jti": str(uuid.uuid4())}
    claims |= {"iat": now, "exp": now + timedelta(minutes=1)}
    return jwt.encode(claims, key, headers={"kid": key.key_id})


def fetch_token(endpoint: str, assertion: str) -> str:
    """Send the assertion instead of a secret; urllib.error.HTTPError says why it is refused."""
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
    }
    with urllib.request.urlopen(endpoint, urllib.parse.urlencode(form).encode(), timeout=10) as reply:
        return str(json.load(reply)["access_token"])
