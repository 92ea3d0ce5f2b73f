"""docs/migration.md, step by step: an issuer moves in, and every token verifies at every verifier until it expires."""

import functools
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import yaml

from jwks_operator.api.status_model import format_time
from jwks_operator.keys.generate import GeneratedKey
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, SETS
from reconcile.life import REF, Life
from reconcile.sources import CONSENT, jwk, named, old_key, pem, public_set

ROOT = Path(__file__).parents[2]
TICK = timedelta(minutes=5)
LIFETIME = timedelta(hours=1)
REFRESH = 13
"""Ticks between two looks of a verifier: 65 minutes, the most that the default facts allow after propagation."""
LEAD = timedelta(minutes=70)
RETENTION = timedelta(minutes=70)
ALGORITHMS = ["RS256", "ES256"]

Signer = tuple[str, str, Any]
"""kid, algorithm and the private key as PyJWT takes it."""


@dataclass
class Token:
    text: str
    kid: str
    expires: datetime


@dataclass
class Issuer:
    """One issuer, five verifiers that look at different times, and one URL: what each sees is a tick old."""

    life: Life
    signer: Callable[[], Signer]
    url: Callable[[], str]
    new_set: str = ""
    new_signer: Signer = ("", "", None)
    ticks: int = 0
    caches: list[str] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    kids: list[str] = field(default_factory=list)
    checked: int = 0

    async def go_on(self, span: timedelta) -> None:
        for _ in range(span // TICK):
            mounted, served = self.signer(), self.url()
            await self.life.after(TICK)
            await self._look()
            self._sign(mounted)
            self.caches = [
                served if not self.caches or (self.ticks + offset) % REFRESH == 0 else self.caches[place]
                for place, offset in enumerate((0, 3, 6, 9, 12))
            ]
            self._verify()
            self.ticks += 1

    async def _look(self) -> None:
        """What the server and the mounted Secret show from the next tick on."""
        if await self.life.people.read(CONFIGMAPS, REF.namespace, REF.name) is not None:
            self.new_set = (await self.life.read(CONFIGMAPS, REF.name))["data"]["jwks.json"]
            secret = (await self.life.read(SECRETS, REF.name))["data"]
            self.new_signer = _mounted(secret)

    def _sign(self, mounted: Signer) -> None:
        kid, algorithm, key = mounted
        text = jwt.PyJWS().encode(b"{}", key, algorithm=algorithm, headers={"kid": kid})
        self.tokens.append(Token(text, kid, self.life.time.now + LIFETIME))
        self.kids += [] if kid in self.kids else [kid]

    def _verify(self) -> None:
        self.tokens = [token for token in self.tokens if token.expires > self.life.time.now]
        for cache in set(self.caches):
            keys = jwt.PyJWKSet.from_json(cache)
            for token in self.tokens:
                jwt.PyJWS().decode(token.text, keys[token.kid].key, algorithms=ALGORITHMS)
                self.checked += 1


@functools.cache
def _private_key(file: str) -> Any:
    """The key of a file: an RSA key takes long to check, and the file is read at every tick."""
    return jwt.PyJWK(json.loads(b64decode(file))).key


def _mounted(data: dict[str, str]) -> Signer:
    members = json.loads(b64decode(data["signing.jwk"]))
    return members["kid"], members["alg"], _private_key(data["signing.jwk"])


def _signer(key: GeneratedKey, kid: str) -> Signer:
    return kid, key.algorithm, _private_key(b64encode(jwk(key)).decode())


async def _bring(life: Life, text: str, key: bytes | None) -> None:
    metadata = {"name": "old-issuer", "labels": CONSENT}
    await life.people.create(CONFIGMAPS, REF.namespace, {"metadata": metadata, "data": {"jwks.json": text}})
    if key is not None:
        data = {"key.pem": b64encode(key).decode()}
        await life.people.create(SECRETS, REF.namespace, {"metadata": metadata, "type": "Opaque", "data": data})


async def _resume(life: Life, **more: Any) -> None:
    await life.edit(SETS, REF.name, lambda seen: seen["spec"].update(suspend=False, **more))


async def test_an_issuer_moves_in_with_its_private_key() -> None:
    life, key, former = Life(), old_key("RS256", 2048), old_key("RS256", 2048)
    old_set = public_set(named(former, "2020-11"), named(key, "2021-06"))
    issuer = Issuer(life, lambda: _signer(former, "2020-11"), lambda: old_set)
    spec = yaml.safe_load((ROOT / "examples" / "import.yaml").read_text())["spec"]

    # The old world, in which the issuer has just begun to use its newer key.
    await life.begin({**spec, "suspend": True})
    await life.delete(SETS, REF.name)
    await issuer.go_on(timedelta(hours=2))
    issuer.signer = lambda: _signer(key, "2021-06")
    await issuer.go_on(TICK)

    await _bring(life, old_set, pem(key))  # step 1
    await life.create_set(spec)  # step 2
    await issuer.go_on(timedelta(minutes=10))
    assert await life.condition("Ready") == ("True", "KeysInUse")
    assert await life.in_use() == "2021-06"
    assert set(await life.published()) == {"2020-11", "2021-06"}
    issuer.url = lambda: issuer.new_set  # step 3
    await issuer.go_on(timedelta(minutes=30))
    issuer.signer = lambda: issuer.new_signer  # step 4
    await issuer.go_on(LEAD)  # step 5
    await _resume(life)  # step 6
    await issuer.go_on(TICK)
    await life.annotate(rotate=f"signing@{format_time(life.time.now)}")
    await issuer.go_on(LEAD + TICK)
    assert await life.in_use() != "2021-06"
    for resource in (SECRETS, CONFIGMAPS):  # step 7
        await life.delete(resource, "old-issuer")
    await issuer.go_on(RETENTION + timedelta(hours=2))
    assert not {"2020-11", "2021-06"} & set(await life.published())
    assert await life.condition("Degraded") == ("False", "AsExpected")
    assert issuer.kids[:2] == ["2020-11", "2021-06"]
    assert len(issuer.kids) == 3
    assert issuer.checked > 1000


async def test_an_issuer_whose_private_key_cannot_be_had_moves_in_with_its_public_keys() -> None:
    life, key = Life(), old_key("RS256", 2048)
    old_set = public_set(named(key, "2021-06"))
    issuer = Issuer(life, lambda: _signer(key, "2021-06"), lambda: old_set)
    shown = re.findall(
        r"^ *```yaml\n(.*?)^ *```", (ROOT / "docs" / "migration.md").read_text(), re.MULTILINE | re.DOTALL
    )
    spec = yaml.safe_load(shown[0])["spec"]

    await life.begin(spec)
    await life.delete(SETS, REF.name)
    await issuer.go_on(timedelta(hours=2))
    await _bring(life, old_set, None)  # step 1
    await life.create_set(spec)
    await issuer.go_on(timedelta(minutes=10))
    assert await life.condition("Ready") == ("True", "KeysInUse")
    issuer.url = lambda: issuer.new_set  # step 2
    await issuer.go_on(LEAD)  # step 3
    issuer.signer = lambda: issuer.new_signer  # step 4
    await issuer.go_on(RETENTION + timedelta(hours=3))
    assert "2021-06" in await life.published(), "held"
    await _resume(life, held=[])  # step 5
    await issuer.go_on(timedelta(hours=2))
    assert "2021-06" not in await life.published()
    assert len(issuer.kids) == 2
