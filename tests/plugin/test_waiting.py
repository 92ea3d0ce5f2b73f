"""--wait goes on until what was asked for is done, published and served, and says what it waits for."""

from dataclasses import replace
from typing import Any

import pytest

from jwks_operator.keys.generate import generate
from jwks_operator.plugin.cluster import ObservedSet
from jwks_operator.plugin.request_preview import RequestPreview
from jwks_operator.plugin.waiting import Until, stage_of
from plugin.pages import seen
from plugin.site import served

ACTIVE = "key-in-use-000000000000000000000000000000"
BAD = "old-key-000000000000000000000000000000000000"
URL = "http://127.0.0.1:1/jwks.json"


def until(*, done: bool = True, gone: tuple[str, ...] = (), url: str | None = None, waits: bool = False) -> Until:
    return Until(RequestPreview("what", {}, lambda later: done, gone=gone, waits=waits), url, None)


def publishing(*kids: str) -> ObservedSet:
    return replace(seen(), published={kid: {} for kid in kids})


@pytest.mark.parametrize(
    ("shown", "wish", "stage"),
    [
        (publishing(ACTIVE), until(), None),
        (publishing(), until(done=False), "waiting for the operator"),
        (publishing(), until(done=False, waits=True), "waiting for the schedule"),
        (publishing(BAD), until(), "waiting for the ConfigMap to serve the key in use"),
        (publishing(ACTIVE, BAD), until(gone=(BAD,)), "waiting for the ConfigMap to drop the revoked key"),
        (publishing(ACTIVE), until(gone=(BAD,)), None),
        (replace(publishing(), hidden=True), until(), None),
        (publishing(ACTIVE), until(url=URL), f"waiting for {URL}: no connection: "),
    ],
)
async def test_each_stage_is_named(shown: ObservedSet, wish: Until, stage: str | None) -> None:
    found = await stage_of(shown, wish)
    assert (
        found == stage
        if stage is None or not stage.startswith(f"waiting for {URL}")
        else (found or "").startswith(stage)
    )


async def test_a_server_has_to_serve_it_too() -> None:
    keys: list[dict[str, Any]] = [dict(generate("ES256").public)]
    with served(lambda: str({"keys": keys}).replace("'", '"').encode()) as site:
        wish = until(url=site.url, gone=(BAD,))
        assert await stage_of(publishing(ACTIVE), wish) == f"waiting for {site.url} to serve the key in use"
        keys += [{"kid": ACTIVE}, {"kid": BAD}]
        assert await stage_of(publishing(ACTIVE), wish) == f"waiting for {site.url} to drop the revoked key"
        keys.pop()
        assert await stage_of(publishing(ACTIVE), wish) is None
        site.status = 503
        assert await stage_of(publishing(ACTIVE), wish) == f"waiting for {site.url}: it answers 503"
