"""--wait goes on until what was asked for is done, published and served, and says what it waits for."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from jwks_operator.api.status_model import Trouble
from jwks_operator.keys.generate import generate
from jwks_operator.plugin import waiting
from jwks_operator.plugin.cluster import Cluster, ObservedSet
from jwks_operator.plugin.exit_codes import Exit, Failure
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


def _with(reason: str, about: str = "Ready", *, holds: str = "False") -> ObservedSet:
    shown = publishing(ACTIVE)
    conditions = tuple(
        one.model_copy(update={"status": holds, "reason": reason, "message": f"because {reason}"})
        if one.type == about
        else one
        for one in shown.status.conditions
    )
    return replace(shown, status=shown.status.model_copy(update={"conditions": conditions}))


async def test_an_intention_is_not_enough() -> None:
    assert await stage_of(_with("Progressing"), until()) == "waiting for the set to be Ready: because Progressing"
    unfinished = _with("StepInProgress", "Rotating", holds="True")
    assert await stage_of(unfinished, until()) == "waiting for the set to be Ready: because StepInProgress"
    shown = publishing(ACTIVE)
    behind = replace(shown, status=shown.status.model_copy(update={"observed_generation": 0}))
    assert "not looked" in (await stage_of(behind, until()) or "")


class Refusing:
    """A cluster whose operator is refused a write."""

    def __init__(self) -> None:
        shown = _with("WriteRefused")
        told = Trouble(
            reason="WriteRefused", about="ConfigMap auth", message="ConfigMap auth could not be written: 403"
        )
        self.shown = replace(shown, status=shown.status.model_copy(update={"troubles": (told,)}))

    def now(self) -> datetime:
        return datetime(2026, 3, 2, tzinfo=UTC)

    async def the_set(self, _name: str) -> ObservedSet:
        return self.shown


async def test_a_refused_write_ends_the_wait_with_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PERIOD", 0.0)
    cluster = Refusing()
    with pytest.raises(Failure, match="ConfigMap auth could not be written: 403") as ended:
        await waiting.wait_for(cast("Cluster", cluster), cluster.shown, until())
    assert ended.value.code is Exit.REFUSED


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
