"""An issuer that signs and a service that verifies, both as their libraries' documentation shows.

The verifier is PyJWT's own PyJWKClient with its cache. Its cooldown (30 s by default) keeps it from
fetching when it meets an unknown kid, so a key that is used before everybody has it does fail here. Every
token is verified again and again until it expires; one that is refused once, or was never tried, is a
failure.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import jwt

SIGN_EVERY = 0.2
VERIFY_EVERY = 0.1
TOKEN_SECONDS = 3
CACHE_SECONDS = 1
REMEMBERED_FAILURES = 20


@dataclass(slots=True)
class Token:
    """A signed token, the key that signed it, when it expires, and how often it was verified."""

    text: str
    kid: str
    expires: int
    verified: int = 0
    failed: bool = False


@dataclass(slots=True)
class Tally:
    """What happened so far; times are `time.monotonic()`."""

    signed: int = 0
    verifications: int = 0
    failed: int = 0
    first_verified: float | None = None
    failures: list[str] = field(default_factory=list)


class Traffic:
    """Signs with the newest key in `volume`, verifies with the set at `uri`; each in a thread of its own."""

    def __init__(self, volume: Path, uri: str) -> None:
        self.tally = Tally()
        self._volume = volume
        self._client = jwt.PyJWKClient(uri, lifespan=CACHE_SECONDS, timeout=2)
        self._living: list[Token] = []
        self._lock = threading.Lock()
        self._no_more_tokens, self._closed = threading.Event(), threading.Event()
        self._threads = [
            threading.Thread(target=_every, args=(SIGN_EVERY, self._sign, self._no_more_tokens), daemon=True),
            threading.Thread(target=_every, args=(VERIFY_EVERY, self._verify_all, self._closed), daemon=True),
        ]

    def start(self) -> None:
        """Begin to sign and to verify."""
        for thread in self._threads:
            thread.start()

    def drain(self) -> None:
        """Sign no more and wait until every token has lived its whole life."""
        self._no_more_tokens.set()
        while self._living:
            time.sleep(VERIFY_EVERY)
        self.close()

    def close(self) -> None:
        """Stop both threads; tokens that still live count neither way."""
        self._no_more_tokens.set()
        self._closed.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _sign(self) -> None:
        found = next(self._volume.glob("*.jwk"), None)
        if found is None:
            return
        members = json.loads(found.read_text())
        now = int(time.time())
        claims = {"sub": "alice", "iat": now, "exp": now + TOKEN_SECONDS}
        kid = members["kid"]
        text = jwt.encode(claims, jwt.PyJWK(members), algorithm=members["alg"], headers={"kid": kid})
        with self._lock:
            self._living.append(Token(text, kid, now + TOKEN_SECONDS))
            self.tally.signed += 1

    def _verify_all(self) -> None:
        with self._lock:
            living = list(self._living)
        for token in living:
            self._verify(token)
        dead = [token for token in living if token.expires <= time.time()]
        for token in dead:
            if not token.verified:
                self._fail(token, "was never verified")
        with self._lock:
            self._living = [token for token in self._living if token not in dead]

    def _verify(self, token: Token) -> None:
        try:
            key = self._client.get_signing_key_from_jwt(token.text)
            jwt.decode(token.text, key, algorithms=[key.algorithm_name])
        except jwt.PyJWTError as error:
            # Expiry is the one good reason to refuse a token; whatever else is said at that moment is moot.
            if time.time() < token.expires:
                self._fail(token, f"{type(error).__name__}: {error}")
            return
        token.verified += 1
        self.tally.verifications += 1
        if self.tally.first_verified is None:
            self.tally.first_verified = time.monotonic()

    def _fail(self, token: Token, why: str) -> None:
        if token.failed:
            return
        token.failed = True
        self.tally.failed += 1
        if len(self.tally.failures) < REMEMBERED_FAILURES:
            self.tally.failures.append(f"token of key {token.kid[:8]}: {why}")


def _every(seconds: float, work: Callable[[], None], closed: threading.Event) -> None:
    while not closed.wait(seconds):
        work()
