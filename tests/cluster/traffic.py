"""A signer and verifiers that are nobody's special friends: they live with stated delays and know no operator.

The delays are the facts in the spec of the set: what is written here as a number is promised there.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import jwt

from cluster.chronicle import Chronicle
from cluster.reading import files
from demo.mount import swap

MOUNT_SECONDS = 1.0
"""How late a mounted object shows a change: half of `propagation`, the rest is for reloading on a busy machine."""
TOKEN_SECONDS = 3
SIGN_EVERY = 0.4
VERIFY_EVERY = 0.25

Verify = Callable[[str], str | None]
"""Takes a token and returns what is wrong with it."""


class Mount(threading.Thread):
    """Shows each version of an object in a directory, so many seconds after it was written."""

    def __init__(
        self, chronicle: Chronicle, kind: str, name: str, volume: Path, seconds: float = MOUNT_SECONDS
    ) -> None:
        super().__init__()
        self.volume = volume
        self._seconds = seconds
        self._chronicle, self._kind, self._name = chronicle, kind, name
        self._closed = threading.Event()

    def run(self) -> None:
        shown = 0
        while not self._closed.wait(0.02):
            for seen in self._chronicle.of(self._kind, self._name)[shown:]:
                time.sleep(max(0.0, seen.at + self._seconds - time.time()))
                data = seen.object.get("data") or {}
                swap(
                    self.volume,
                    files(seen.object) if self._kind == "Secret" else {k: v.encode() for k, v in data.items()},
                )
                shown += 1

    def close(self) -> None:
        self._closed.set()
        self.join()


@dataclass
class Token:
    """A signed token and what each verifier said of it."""

    text: str
    kid: str
    expires: int
    verified: dict[str, int] = field(default_factory=dict)


class Traffic:
    """Signs with what is mounted and lets every verifier try every token again and again until it expires."""

    def __init__(self, volume: Path, signers: dict[str, Callable[[Path], str | None]], verifiers: dict[str, Verify]):
        self.tokens: list[Token] = []
        self.failures: list[str] = []
        self._volume, self._signers, self._verifiers = volume, signers, verifiers
        self._no_more = threading.Event()
        self._threads = [threading.Thread(target=self._sign)]
        self._threads += [threading.Thread(target=self._verify, args=item) for item in verifiers.items()]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def drain(self) -> None:
        """Sign no more, and wait until every token has lived its whole life."""
        self._no_more.set()
        for thread in self._threads:
            thread.join()

    def never_verified(self) -> list[str]:
        """Tokens that some verifier never accepted."""
        return [token.kid for token in self.tokens if token.verified.keys() != self._verifiers.keys()]

    @property
    def verifications(self) -> int:
        return sum(sum(token.verified.values()) for token in self.tokens)

    def _sign(self) -> None:
        while not self._no_more.wait(SIGN_EVERY):
            for signer in self._signers.values():
                if text := signer(self._volume):
                    claims = jwt.decode(text, options={"verify_signature": False})
                    self.tokens.append(Token(text, jwt.get_unverified_header(text)["kid"], claims["exp"]))

    def _verify(self, name: str, verify: Verify) -> None:
        while not self._no_more.is_set() or any(time.time() < token.expires for token in self.tokens):
            for token in [token for token in self.tokens if time.time() < token.expires]:
                error = verify(token.text)
                if error is None:
                    token.verified[name] = token.verified.get(name, 0) + 1
                elif time.time() < token.expires:  # expiry is the one good reason to refuse it
                    self.failures.append(f"{name}, key {token.kid[:8]}: {error}")
            time.sleep(VERIFY_EVERY)


def claims() -> dict[str, object]:
    """A token for somebody, for a moment."""
    now = int(time.time())
    return {"sub": "somebody", "iat": now, "exp": now + TOKEN_SECONDS}


def sign_with_jwk(volume: Path) -> str | None:
    """Sign as an issuer does that reads the JWK of the entry `signing`."""
    if not (volume / "signing.jwk").exists():
        return None
    members = json.loads((volume / "signing.jwk").read_text())
    return jwt.encode(claims(), jwt.PyJWK(members), algorithm=members["alg"], headers={"kid": members["kid"]})


def sign_with_pem(volume: Path) -> str | None:
    """Sign as an issuer does that reads PEM, kid and alg of the entry `legacy`, all from one version of the mount."""
    version = (volume / "..data").resolve()
    try:
        pem, kid, alg = ((version / f"legacy.{part}").read_text() for part in ("pem", "kid", "alg"))
    except FileNotFoundError:
        return None
    return jwt.encode(claims(), pem, algorithm=alg, headers={"kid": kid})


def pyjwt(uri: str, refresh: float) -> Verify:
    """PyJWT as its documentation shows it, refreshing its keys as often as stated."""
    client = jwt.PyJWKClient(uri, lifespan=refresh, timeout=5)

    def verify(token: str) -> str | None:
        try:
            key = client.get_signing_key_from_jwt(token)
            jwt.decode(token, key, algorithms=["ES256", "RS256"])
        except jwt.PyJWTError as error:
            return f"{type(error).__name__}: {error}"
        return None

    return verify
