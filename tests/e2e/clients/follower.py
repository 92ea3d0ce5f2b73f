"""Prints a line with the time whenever a mounted file, or the served set, has other keys than before."""

import json
import os
import signal
import sys
import time
import urllib.request
from pathlib import Path

SECRET, CONFIGMAP = Path("/etc/signing/signing.kid"), Path("/etc/published/jwks.json")
SERVED = os.environ.get("SERVED", "")
EVERY = 0.1


def kids(document: bytes) -> list[str]:
    """The kids of a set, in the order of the document."""
    return [key["kid"] for key in json.loads(document)["keys"]]


def seen() -> dict[str, list[str]]:
    """The kids of each place."""
    found = {"Secret": [SECRET.read_text()], "ConfigMap": kids(CONFIGMAP.read_bytes())}
    if SERVED:
        with urllib.request.urlopen(SERVED, timeout=5) as reply:
            found["served"] = kids(reply.read())
    return found


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # PID 1 has to say so
before: dict[str, list[str]] = {}
while True:
    try:
        now = seen()
    except OSError:  # the sidecar is still starting
        now = before
    at = time.time()
    for place, found in now.items():
        if found != before.get(place):
            sys.stdout.write(json.dumps({"place": place, "kids": found, "at": at}) + "\n")
            sys.stdout.flush()
    before = now
    time.sleep(EVERY)
