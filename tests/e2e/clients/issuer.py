"""An issuer: GET /token signs a token with the key in the mounted consumer Secret, read anew each time."""

import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jwt

KEY = Path("/etc/signing/signing.jwk")
LIFETIME = int(os.environ["TOKEN_SECONDS"])


def token() -> str:
    """Sign with the key that the file holds now."""
    key = jwt.PyJWK.from_json(KEY.read_text())
    now = int(time.time())
    claims = {"sub": "somebody", "iat": now, "exp": now + LIFETIME}
    return jwt.encode(claims, key.key, algorithm=key.algorithm_name, headers={"kid": key.key_id})


class Issuer(BaseHTTPRequestHandler):
    """Answers every GET with a token."""

    def do_GET(self) -> None:
        body = json.dumps({"token": token()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's own name for it
        """Keep the log for errors."""


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # PID 1 has to say so
ThreadingHTTPServer(("", 8000), Issuer).serve_forever()
