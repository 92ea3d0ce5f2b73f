"""A rotation behind real caches: Varnish and nginx in front of `jwks-operator serve`, in real time.

The reconciler is the real one, on the API server of the unit tests; its clock is the machine's. The edges of one name
are Varnish at 127.0.0.1 and nginx at 127.0.0.2.
"""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from demo.mount import swap
from jwks_operator.core.model.observed_state import UrlAnswer
from jwks_operator.core.planner.url_gate import UrlQuestion
from jwks_operator.edges.edge_asker import EdgeAsker
from jwks_operator.edges.edge_rules import EdgeRules, make_asker
from jwks_operator.kube.client import CONFIGMAPS
from nightly.edges.caches import ask, find_port, nginx, varnish
from reconcile.life import REF, Life, Time
from serve.running import Running, serving, until

NAME = "keys.example.com"
VARNISH, NGINX = "127.0.0.1", "127.0.0.2"
MAX_AGE = timedelta(seconds=6)
LEAD = timedelta(seconds=9)
TIMING = {
    "propagation": "2s",
    "cacheMaxAge": "6s",
    "verifierRefresh": "1s",
    "tokenLifetime": "5s",
    "clockSkew": "1s",
}
PATIENCE = 120.0


@dataclass
class RealTime(Time):
    """The clocks of this machine."""

    def wall(self) -> datetime:
        return datetime.now(UTC)

    def ticks(self) -> float:
        return time.monotonic()


class Behind(Life):
    """A life in real time whose published set reaches its readers through caches."""

    asker: EdgeAsker
    server_process: Running
    port: int
    volume: Path

    @property
    def url(self) -> str:
        return f"http://{NAME}:{self.port}/.well-known/jwks.json"

    async def resolve(self, host: str, port: int) -> list[str]:
        assert (host, port) == (NAME, self.port)
        return [VARNISH, NGINX]

    async def look(self, question: UrlQuestion) -> Mapping[str, UrlAnswer]:
        """Ask the URL, once the volume of the server has followed the ConfigMap."""
        await self.refresh()
        return await self.asker.look(question)

    async def refresh(self) -> None:
        """Let the volume follow, as a kubelet does."""
        data = (await self.read(CONFIGMAPS, REF.name))["data"]
        self.server_process.mount({name: text.encode() for name, text in data.items()})
        self.server_process.serves(data["jwks.json"].encode())

    async def until(self, check: Callable[[dict[str, Any]], object], what: str) -> dict[str, Any]:
        """Let the operator run until its status says so."""
        deadline = time.monotonic() + PATIENCE
        while True:
            wake = await self.pass_()
            status = await self.status()
            if check(status):
                return status
            assert time.monotonic() < deadline, f"{what}: {status}"
            pause = 0.5 if wake is None else (wake - self.time.wall()).total_seconds()
            await asyncio.sleep(min(max(pause, 0.05), 0.5))

    def key(self, status: dict[str, Any], kid: str) -> dict[str, Any]:
        return next(key for key in status["keys"] if key["kid"] == kid)


@asynccontextmanager
async def behind(home: Path, *parameters: str) -> AsyncIterator[Behind]:
    """A set whose active key is served, and in both caches; its next key is not published to the server yet."""
    life = Behind(time=RealTime())
    life.volume, life.port = home / "volume", find_port()
    swap(life.volume, {})
    with ExitStack() as stack:
        life.server_process = stack.enter_context(serving(life.volume))
        origin = life.server_process.port
        rules = EdgeRules.parse([f"http://{NAME}:{life.port}"], ["127.0.0.0/8"], None)
        life.asker = make_asker(rules, life.resolve, itertools.count(0, 10).__next__)
        life.means = replace(life.means, look=life.look)
        life.start_operator()
        spec = {
            "keys": [{"name": "signing", "algorithm": "ES256"}],
            "timing": TIMING,
            "rotation": {"policy": "Manual", "prepublish": "OnSchedule"},
            "publish": {"seenAt": [{"url": life.url}]},
        }
        await life.begin(spec)
        await life.until(lambda said: troubles(said) or said.get("keys"), "the first key")
        await life.refresh()
        stack.enter_context(varnish(home / "varnish", origin, VARNISH, life.port, *parameters))
        stack.enter_context(nginx(home / "nginx", origin, NGINX, life.port))
        yield life


def troubles(status: dict[str, Any]) -> dict[str, str]:
    return {trouble["reason"]: trouble["message"] for trouble in status.get("troubles") or ()}


def fill(life: Behind, *edges: str) -> datetime:
    """Let verifiers with and without gzip ask these edges; return when the last of them had its answer."""
    for edge in edges:
        for encoding in ("identity", "gzip"):
            assert ask(edge, life.port, NAME, encoding).status == 200
    return life.time.wall()


async def test_a_rotation_waits_for_the_edge_that_is_stale_while_the_other_one_is_not(tmp_path: Path) -> None:
    async with behind(tmp_path, "default_grace=0") as life:
        first = await life.in_use()
        await life.until(lambda said: "seen" in life.key(said, first), "the first key to be seen")
        await asyncio.sleep(MAX_AGE.seconds + 1)  # Varnish has no copy any more
        filled = fill(life, NGINX)
        await life.annotate(rotate=f"signing@{life.time.wall().isoformat()}")
        await life.pass_()
        (second,) = (await life.states())["Pending"]
        status = await life.status()
        assert f"{NGINX} shows {first}" in status["next"]["message"]
        assert f"{VARNISH} " not in status["next"]["message"], "it has the key"
        assert await life.in_use() == first
        status = await life.until(lambda said: life.key(said, first)["state"] == "Retired", "the rotation")
        key = life.key(status, second)
        seen, used = (datetime.fromisoformat(key[name]) for name in ("seen", "inUseSince"))
        assert seen >= filled + MAX_AGE * 0.9 - timedelta(seconds=1), "the server spreads its max-age over a tenth"
        assert used >= seen + LEAD
        assert ask(NGINX, life.port, NAME).age is None, "nginx tells no age, and is waited for all the same"
        assert ask(VARNISH, life.port, NAME).age is not None


async def test_a_revocation_does_not_wait_and_tells_what_both_edges_still_show(tmp_path: Path) -> None:
    async with behind(tmp_path, "default_grace=0") as life:
        first = await life.in_use()
        fill(life, VARNISH, NGINX)
        await life.annotate(revoke=first)
        await life.pass_()
        assert await life.in_use() != first
        message = troubles(await life.status())["RevokedKeyShown"]
        assert f"key {first} is revoked, and readers still wait for {life.url} to show it no more" in message
        assert f"{VARNISH} shows {first}" in message
        assert "and 1 more do not agree" in message, "nginx, asked with and without gzip"
        await life.until(lambda said: "RevokedKeyShown" not in troubles(said), "the edges to follow")


async def test_a_roll_back_does_not_wait_and_tells_which_edge_lacks_the_key(tmp_path: Path) -> None:
    async with behind(tmp_path, "default_grace=0") as life:
        first = await life.in_use()
        await life.annotate(rotate=f"signing@{life.time.wall().isoformat()}")
        await life.until(lambda said: life.key(said, first)["state"] == "Retired", "the rotation")
        second = await life.in_use()
        data = {name: text.encode() for name, text in (await life.read(CONFIGMAPS, REF.name))["data"].items()}
        keys = [key for key in json.loads(data["jwks.json"])["keys"] if key["kid"] == second]
        life.server_process.mount({**data, "jwks.json": json.dumps({"keys": keys}).encode()})
        until(lambda: first.encode() not in ask(NGINX, life.port, NAME).body, PATIENCE)
        await life.annotate(rollback=f"signing@{life.time.wall().isoformat()}")
        await life.pass_()
        assert await life.in_use() == first
        lacking = f"key {first} of signing is in use, and readers still wait for {life.url} to show the key; {NGINX} "
        assert lacking in troubles(await life.status())["UrlLags"]
        await life.until(lambda said: "UrlLags" not in troubles(said), "the edge to follow")


async def test_the_grace_of_varnish_is_found_by_the_age_of_its_copy(tmp_path: Path) -> None:
    """Without stale-while-revalidate in the header Varnish serves a stale copy for ten seconds, unstated."""
    async with behind(tmp_path) as life:
        await life.annotate(rotate=f"signing@{life.time.wall().isoformat()}")
        agreed = "to show the key for the lifetime of a cached document"
        await life.until(lambda said: agreed in said["next"]["message"], "both edges to have the key")
        await asyncio.sleep(MAX_AGE.seconds + 2)
        await life.pass_()
        message = troubles(await life.status())["UrlKeepsLonger"]
        assert f"{life.url} lets a document live for " in message
        assert "set timing.edgeCache to at least " in message
