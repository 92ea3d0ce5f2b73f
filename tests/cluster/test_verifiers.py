"""No token is refused: an ES256 and an RS256 key rotate under PyJWT's and Node.js's eyes, by time and by request."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clients.node_verifier import NodeVerifier
from cluster.proxy import CachingProxy
from cluster.reading import condition, in_use, published
from cluster.stage import Stage, figures
from cluster.traffic import TOKEN_SECONDS, Mount, Traffic, pyjwt, sign_with_jwk, sign_with_pem
from serve.running import JWKS, serving, until

CACHE_SECONDS = 1
REFRESH_SECONDS = 1
ROTATIONS = 3
SPEC = {
    "keys": [
        {"name": "signing", "algorithm": "ES256"},
        {"name": "legacy", "algorithm": "RS256", "modulusLength": 2048},
    ],
    "rotation": {"every": "6s"},  # exactly the lead: no key waits longer than it must
    "timing": {
        "propagation": "4s",  # traffic.MOUNT_SECONDS, and the rest for the reload on a busy machine
        "cacheMaxAge": f"{CACHE_SECONDS}s",
        "verifierRefresh": f"{REFRESH_SECONDS}s",
        "tokenLifetime": f"{TOKEN_SECONDS}s",
        "clockSkew": "1s",
    },
}


@dataclass(frozen=True)
class Lived:
    """What is left to judge after the rotations."""

    stage: Stage
    traffic: Traffic
    proxy: CachingProxy

    def used(self, entry: str) -> list[str]:
        """The kids that were in use, in order."""
        seen = [in_use(s.object).get(entry) for s in self.stage.chronicle.of("Secret", "auth") if s.type != "DELETED"]
        return list(dict.fromkeys(kid for kid in seen if kid))


@pytest.fixture(scope="module")
def lived(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """Rotations by time, then one by request with the schedule switched off, under traffic."""
    volumes = tmp_path_factory.mktemp("volumes")
    with ExitStack() as stack:
        stage.create("auth", SPEC)
        stage.until_ready("auth")
        mounts = [Mount(stage.chronicle, kind, "auth", volumes / kind) for kind in ("ConfigMap", "Secret")]
        for mount in mounts:
            mount.start()
            stack.callback(mount.close)
        proxy = stack.enter_context(CachingProxy(_serve(stack, volumes / "ConfigMap")))
        settings = {"cache": True, "cacheMaxAge": 1000 * REFRESH_SECONDS, "rateLimit": False}
        node = stack.enter_context(NodeVerifier(settings))
        traffic = Traffic(
            volumes / "Secret",
            {"ES256": sign_with_jwk, "RS256": sign_with_pem},
            {"PyJWT": pyjwt(proxy.uri, REFRESH_SECONDS), "jwks-rsa": lambda token: node.verify(proxy.uri, token)},
        )
        lived = Lived(stage, traffic, proxy)
        traffic.start()
        stack.callback(traffic.drain)
        _rotate(lived)
        yield lived


def _rotate(lived: Lived) -> None:
    stage = lived.stage
    stage.until(
        lambda: min(len(lived.used(entry)) for entry in ("signing", "legacy")) > ROTATIONS, "rotations by time", 60
    )
    stage.patch("auth", {"spec": {"rotation": {"policy": "Manual", "every": None}}})
    stage.until(
        lambda: condition(stage.latest("JsonWebKeySet", "auth"), "Ready").get("observedGeneration") == 2,
        "policy Manual",
    )
    before = lived.used("signing"), lived.used("legacy")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    stage.patch("auth", {"metadata": {"annotations": {"jwks-operator.dev/rotate": f"signing@{now}"}}})
    stage.until(lambda: len(lived.used("signing")) > len(before[0]), "the rotation by request")
    used = lived.used("signing")[-1]
    stage.until(lambda: used in {token.kid for token in lived.traffic.tokens}, "a token by the new key")
    lived.traffic.drain()
    assert (len(lived.used("signing")), len(lived.used("legacy"))) == (len(before[0]) + 1, len(before[1]))


def _serve(stack: ExitStack, volume: Path) -> str:
    """Start the server over the mounted ConfigMap; return the address of the set."""
    server = stack.enter_context(serving(volume))
    until(lambda: server.ask("/readyz").status == 200, 20)
    return f"http://127.0.0.1:{server.port}{JWKS}"


def test_every_token_verifies_from_its_signing_until_it_expires(lived: Lived) -> None:
    traffic = lived.traffic
    figures.info(
        f"{len(traffic.tokens)} tokens, {traffic.verifications} verifications, {len(traffic.failures)} failures"
    )
    figures.info({entry: f"{len(lived.used(entry)) - 1} rotations" for entry in ("signing", "legacy")})
    assert traffic.failures == []
    assert traffic.never_verified() == []
    assert len(traffic.tokens) > 60


def test_every_key_that_was_in_use_signed_tokens(lived: Lived) -> None:
    assert {token.kid for token in lived.traffic.tokens} == {*lived.used("signing"), *lived.used("legacy")}


def test_the_caches_were_as_old_as_the_spec_lets_them_be(lived: Lived) -> None:
    assert lived.proxy.max_ages == {CACHE_SECONDS}


def test_old_keys_have_left_the_published_set(lived: Lived) -> None:
    first = lived.used("signing")[0], lived.used("legacy")[0]
    assert published(lived.stage.there("ConfigMap", "auth")).keys().isdisjoint(first)


def test_the_request_is_told_as_the_cause_of_its_rotation(lived: Lived) -> None:
    history = lived.stage.there("JsonWebKeySet", "auth")["status"]["history"]
    activations = [told for told in history if told["event"] == "KeyActivated" and told["name"] == "signing"]
    assert [told["reason"] for told in activations[-2:]] == ["Schedule", "Request"]
