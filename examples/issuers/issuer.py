"""Signs a token with the key in use. PyJWT; the Secret `auth` is mounted at /etc/signing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt


def sign(subject: str, mounted: Path = Path("/etc/signing")) -> str:
    """Read the key each time: it is one small file, and a rotation needs no restart."""
    key = jwt.PyJWK.from_json((mounted / "signing.jwk").read_text())
    now = datetime.now(UTC)
    claims = {"iss": "https://auth.example.com", "sub": subject, "iat": now, "exp": now + timedelta(minutes=15)}
    return jwt.encode(claims, key, headers={"kid": key.key_id})
