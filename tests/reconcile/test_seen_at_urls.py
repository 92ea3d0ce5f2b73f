"""Seen by the public before used, through whole passes and real HTTP: what is asked, written and told."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from edges.edge_server import CachingEdge, Cdn, serving
from jwks_operator.edges.edge_rules import NO_URLS, EdgeRules, make_asker
from jwks_operator.kube.client import CONFIGMAPS, EVENTS, SETS
from reconcile.life import ES256, REF, Life

MINUTE = timedelta(minutes=1)
LEAD = timedelta(minutes=70)


class Public(Life):
    """A life whose set is read through a CDN of two edges."""

    cdn: Cdn

    async def origin(self) -> bytes:
        data: dict[str, str] = (await self.read(CONFIGMAPS, REF.name))["data"]
        return data["jwks.json"].encode()

    def ask_by(self, rules: EdgeRules) -> None:
        """Start the operator of an administrator who allows this."""
        self.means = replace(self.means, look=make_asker(rules, self.cdn.resolve, self.time.ticks).look)
        self.start_operator()

    @property
    def spec(self) -> dict[str, Any]:
        return {**ES256, "publish": {"seenAt": [{"url": self.cdn.url}]}}

    async def rotate(self) -> None:
        await self.annotate(rotate=f"signing@{self.time.now.isoformat()}")

    async def events(self, reason: str) -> list[str]:
        found, _ = await self.people.list(EVENTS, REF.namespace)
        return [event["message"] for event in found if event["reason"] == reason]

    async def key(self, kid: str) -> dict[str, Any]:
        return next(key for key in (await self.status())["keys"] if key["kid"] == kid)


@asynccontextmanager
async def public() -> AsyncIterator[Public]:
    life = Public()
    edges = (CachingEdge(life.origin, life.time.wall), CachingEdge(life.origin, life.time.wall))
    async with serving(*edges) as cdn:
        life.cdn = cdn
        life.ask_by(cdn.rules)
        await life.begin(life.spec)
        await life.pass_()
        yield life


async def test_a_rotation_waits_for_the_stale_edge_and_names_what_it_shows() -> None:
    async with public() as life:
        first, (second,) = await life.in_use(), (await life.states())["Pending"]
        stale = life.cdn.edges[1]
        keys = [key for key in json.loads(await life.origin())["keys"] if key["kid"] == first]
        stale.copy, stale.fetched = json.dumps({"keys": keys}).encode(), life.time.now
        stale.keeps = timedelta(minutes=20)
        await life.rotate()
        await life.live(timedelta(minutes=15))
        assert await life.in_use() == first
        assert await life.condition("Degraded") == ("True", "UrlLags")
        shown = f"{life.cdn.url} to show the key; 127.0.0.2 (gzip) shows {first}"
        assert shown in (await life.status())["next"]["message"]
        (told,) = await life.events("UrlLags")
        assert f"key {second} of signing waits for {life.cdn.url}" in told
        assert "seen" not in await life.key(second)
        stale.keeps = timedelta(minutes=5)
        await life.live(LEAD - MINUTE)
        assert await life.in_use() == first, "its lead counts from the moment at which the stale edge followed"
        assert "seen" in await life.key(second)
        await life.live(timedelta(minutes=8))
        assert await life.in_use() == second
        assert (await life.condition("Degraded"))[0] == "False"


async def test_a_set_at_rest_asks_nobody_and_writes_nothing() -> None:
    async with public() as life:
        await life.live(timedelta(hours=2))
        asked = life.cdn.requests
        life.writes()
        await life.live(timedelta(hours=24))
        assert life.cdn.requests == asked
        assert life.writes() == []


async def test_a_url_that_is_silent_is_asked_with_bounds_and_nothing_is_written() -> None:
    async with public() as life:
        life.cdn.edges[0].away = life.cdn.edges[1].away = True
        await life.live(timedelta(minutes=15))
        life.writes()
        before = life.cdn.requests
        await life.live(timedelta(minutes=10))
        assert life.cdn.requests - before <= 4 * 11
        assert life.writes() == []
        message = next(c["message"] for c in (await life.status())["conditions"] if c["type"] == "Degraded")
        assert "127.0.0.1 answers 503" in message


async def test_without_the_consent_of_the_administrator_nothing_is_fetched() -> None:
    async with public() as life:
        life.ask_by(NO_URLS)
        before = life.cdn.requests
        await life.live(timedelta(minutes=10))
        assert life.cdn.requests == before
        assert await life.condition("Degraded") == ("True", "UrlRefused")
        assert "Pending" in await life.states()
        (told,) = await life.events("UrlRefused")
        assert "--seen-host" in told


async def test_after_a_crash_the_wait_goes_on_from_the_record() -> None:
    async with public() as life:
        (second,) = (await life.states())["Pending"]
        await life.live(timedelta(minutes=20))
        seen = (await life.key(second))["seen"]
        await life.delete(SETS, REF.name)
        await life.create_set(life.spec)
        life.start_operator()
        await life.live(MINUTE)
        assert (await life.key(second))["seen"] == seen


async def test_a_revoked_key_that_an_edge_still_shows_is_told_until_it_does_not() -> None:
    async with public() as life:
        first = await life.in_use()
        stale = life.cdn.edges[0]
        stale.copy, stale.keeps, stale.fetched = await life.origin(), timedelta(hours=3), life.time.now
        await life.annotate(revoke=first)
        await life.live(MINUTE)
        assert await life.in_use() != first
        assert await life.condition("Degraded") == ("True", "RevokedKeyShown")
        (told,) = await life.events("RevokedKeyShown")
        assert f"key {first} is revoked" in told
        stale.keeps = timedelta(minutes=1)
        await life.live(6 * MINUTE)
        assert (await life.condition("Degraded"))[0] == "False"
