"""The demo may only praise what is so: its verifier notices a key that comes too late or goes too early."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from jwcrypto.jwk import JWK

from demo import traffic
from demo.mount import swap
from demo.traffic import Traffic


class Endpoint:
    """A JWKS endpoint on loopback that serves `keys`."""

    def __init__(self) -> None:
        self.keys: list[JWK] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps({"keys": [json.loads(key.export_public()) for key in endpoint.keys]}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.uri = f"http://127.0.0.1:{self.server.server_port}/"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> "Endpoint":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as endpoint:
        yield endpoint


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "SIGN_EVERY", 0.05)
    monkeypatch.setattr(traffic, "VERIFY_EVERY", 0.02)
    monkeypatch.setattr(traffic, "TOKEN_SECONDS", 2)
    monkeypatch.setattr(traffic, "CACHE_SECONDS", 0.1)


def new_key(kid: str) -> JWK:
    return JWK.generate(kty="EC", crv="P-256", kid=kid, use="sig", alg="ES256")


def use(volume: Path, key: JWK) -> None:
    swap(volume, {"signing.jwk": key.export_private().encode()})


def test_tokens_of_published_keys_live_their_whole_lives(endpoint: Endpoint, tmp_path: Path) -> None:
    old, new = new_key("old"), new_key("new")
    endpoint.keys = [old, new]
    use(tmp_path, old)
    running = Traffic(tmp_path, endpoint.uri)
    running.start()
    time.sleep(0.5)
    use(tmp_path, new)
    time.sleep(0.5)
    running.drain()
    assert running.tally.failed == 0
    assert running.tally.verifications > running.tally.signed > 5
    assert running.tally.first_verified is not None


def test_a_key_used_before_it_is_published_fails(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.keys = [new_key("old")]
    use(tmp_path, new_key("too-early"))
    running = Traffic(tmp_path, endpoint.uri)
    running.start()
    time.sleep(0.3)
    running.drain()
    assert running.tally.failed == running.tally.signed > 0
    assert "token of key too-earl" in running.tally.failures[0]


def test_a_key_removed_before_its_tokens_expired_fails(endpoint: Endpoint, tmp_path: Path) -> None:
    key = new_key("short-lived")
    endpoint.keys = [key]
    use(tmp_path, key)
    running = Traffic(tmp_path, endpoint.uri)
    running.start()
    time.sleep(0.5)
    assert running.tally.failed == 0
    endpoint.keys = [new_key("next")]
    running.drain()
    assert running.tally.failed > 0


def test_a_token_that_nobody_checked_is_a_failure(endpoint: Endpoint, tmp_path: Path) -> None:
    key = new_key("idle")
    endpoint.keys = [key]
    use(tmp_path, key)
    running = Traffic(tmp_path, endpoint.uri)
    running._sign()
    time.sleep(2.1)
    running._verify_all()
    assert running.tally.failures == ["token of key idle: was never verified"]
