"""A verifier that gets tokens from the issuer and verifies each again and again until it expires.

Each is verified in two ways. `stock` is PyJWT's own PyJWKClient, as its documentation shows it. `strict` never fetches
because of a kid that it does not know, only when its copy is as old as the set's verifierRefresh allows: what the
operator has to be right for even with the most stubborn of verifiers. GET / tells what happened so far.
"""

import json
import os
import signal
import sys
import threading
import time
import urllib.request
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt

TOKENS, SET = os.environ["TOKENS"], os.environ["SET"]
REFRESH = float(os.environ["REFRESH_SECONDS"])
ALGORITHMS = ["ES256"]
NEW_EVERY, AGAIN_EVERY = 0.2, 1.0
REMEMBERED = 20


@dataclass(slots=True)
class Report:
    """What happened since the start."""

    issued: int = 0
    verifications: int = 0
    failed: int = 0
    failures: list[str] = field(default_factory=list)
    kids: dict[str, int] = field(default_factory=dict)  # how many tokens of each key
    unissued: int = 0  # requests for a token without an answer
    unfetched: int = 0  # requests for the set without an answer
    worst_gap: float = 0.0  # seconds without a new token


report = Report()
stock = jwt.PyJWKClient(SET, lifespan=REFRESH, timeout=5)


class Strict:
    """A copy of the set that is renewed by its age alone."""

    def __init__(self) -> None:
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched = float("-inf")

    def key(self, kid: str | None) -> jwt.PyJWK:
        """Find a key; raise KeyError if there is none, or OSError if there is no copy that is young enough."""
        if time.monotonic() - self._fetched >= REFRESH:
            asked = time.monotonic()
            self._keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(get(SET)).keys}
            self._fetched = asked
        return self._keys[kid]


strict = Strict()


def get(url: str) -> dict[str, Any]:
    """Fetch a JSON document."""
    with urllib.request.urlopen(url, timeout=5) as reply:
        document: dict[str, Any] = json.load(reply)
        return document


def verify(token: str, kid: str, way: str) -> None:
    """Verify a token in one of the two ways and take down what came of it."""
    report.verifications += 1
    try:
        key = strict.key(kid) if way == "strict" else stock.get_signing_key(kid)
        jwt.decode(token, key.key, algorithms=ALGORITHMS)
    except jwt.ExpiredSignatureError:
        return  # in this very moment; its signature was found good before its age was looked at
    except (OSError, jwt.PyJWKClientConnectionError):
        report.unfetched += 1
    except (jwt.PyJWTError, KeyError) as error:
        report.failed += 1
        report.failures = [*report.failures, f"{time.time():.1f} {way} {kid} {error!r}"][-REMEMBERED:]


def work() -> None:
    """Get and verify tokens for ever."""
    living: dict[str, tuple[str, float]] = {}  # token: its kid and its end
    last_token, verified = time.monotonic(), 0.0
    while True:
        try:
            token = get(TOKENS)["token"]
        except OSError:
            report.unissued += 1
        else:
            kid = jwt.get_unverified_header(token)["kid"]
            report.issued += 1
            report.kids[kid] = report.kids.get(kid, 0) + 1
            report.worst_gap = max(report.worst_gap, time.monotonic() - last_token)
            last_token = time.monotonic()
            living[token] = (kid, jwt.decode(token, options={"verify_signature": False})["exp"])
            for way in ("strict", "stock"):
                verify(token, kid, way)
        if time.monotonic() - verified >= AGAIN_EVERY:
            verified = time.monotonic()
            again(living)
        time.sleep(NEW_EVERY)


def again(living: dict[str, tuple[str, float]]) -> None:
    """Verify what has not expired; forget the rest."""
    for token, (kid, end) in list(living.items()):
        if time.time() >= end:
            del living[token]
            continue
        for way in ("strict", "stock"):
            verify(token, kid, way)


class Reporter(BaseHTTPRequestHandler):
    """Tells what happened so far."""

    def do_GET(self) -> None:
        body = json.dumps(asdict(report)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's own name for it
        """Keep the log for errors."""


def die_with(thread: threading.Thread) -> None:
    """End the process when the thread has ended, so that a broken verifier is not one without failures."""
    thread.join()
    os._exit(1)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # PID 1 has to say so
worker = threading.Thread(target=work, daemon=True)
worker.start()
threading.Thread(target=die_with, args=(worker,), daemon=True).start()
ThreadingHTTPServer(("", 8000), Reporter).serve_forever()
