"""oauth2-proxy, built from its Go module, lets requests with tokens of a set pass through its whole life."""

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from clients.following import PATIENCE, Issuer, follow, serving
from clients.foreign_verifiers import build_oauth2_proxy
from controlplane.processes import free_ports

pytestmark = pytest.mark.timeout(1800)
AUDIENCE = "api"


@contextmanager
def proxy(issuer: str) -> Iterator[str]:
    """Run it before nothing but an answer of 200, for tokens of this issuer; its URL."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    command = [
        str(build_oauth2_proxy()),
        f"--http-address=127.0.0.1:{port}",
        "--client-id=x",
        "--client-secret=x",
        "--cookie-secret=0123456789abcdef",
        "--email-domain=*",
        "--upstream=static://200",
        "--skip-jwt-bearer-tokens=true",
        f"--extra-jwt-issuers={issuer}={AUDIENCE}",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, env={**os.environ}) as process:
        try:
            end = time.monotonic() + PATIENCE
            while ask(f"{url}/ping") != 200:
                assert process.poll() is None, f"it ended with code {process.returncode}"
                assert time.monotonic() < end, "it does not start"
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()


def ask(url: str, token: str = "") -> int:
    """The status of the answer; 0 if there is none."""
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=10) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code
    except OSError:
        return 0


async def test_it_follows_a_set_of_rs256_keys() -> None:
    """Without a discovery document, as here, it checks RS256 alone."""
    with serving() as server:
        uri = server.uri("oauth2-proxy")
        issuer = Issuer(server, iss=uri, aud=AUDIENCE, email="alice@example.com")
        server.body = b'{"keys":[]}'
        with proxy(uri) as url:

            def refusal(token: str) -> str | None:
                status = ask(f"{url}/", token)
                return None if status == 200 else str(status)

            revoked = await follow(issuer, "RS256", refusal, lambda: None)
            assert refusal(revoked) is not None, "it has fetched for the successor, and keeps only what it found"
            assert ask(f"{url}/") == 401
