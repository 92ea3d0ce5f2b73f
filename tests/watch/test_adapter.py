"""The adapter to kopf as a whole: what it asks for, what reaches the event router, and how it ends."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jwks_operator.api.names import GROUP, PLURAL, VERSION
from jwks_operator.api.shards import EVERYTHING, Scope
from jwks_operator.watch.kopf_run import run_watches
from watch.scripted import SECONDS, Answer, Server, event, page, stream, thing

CORE, SETS = "/api/v1", f"/apis/{GROUP}/{VERSION}"


class Router:
    """Takes what the adapter hands on."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str | None, str]] = []
        self.lists = 0

    def route_event(self, plural: str, change: str | None, metadata: Mapping[str, Any]) -> None:
        self.events.append((plural, change, metadata["name"]))

    def route_namespace(self, change: str | None, metadata: Mapping[str, Any]) -> None:
        self.events.append(("namespaces", change, metadata["name"]))

    def count_request(self, verb: str, resource: str, code: str) -> None:
        pass

    def request_resync(self) -> None:
        self.lists += 1

    def handle_known(self, plural: str, metadata: Mapping[str, Any]) -> bool:
        return bool(metadata["name"] == "known")


class Adapter:
    """The adapter at work against a server, until the test has seen enough."""

    def __init__(self, server: Server, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = server
        self.router: Any = Router()
        self.stop, self.started = asyncio.Event(), asyncio.Event()
        cluster = {"name": "c", "cluster": {"server": server.url}}
        context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
        user = {"name": "u", "user": {"token": "secret"}}
        config = {"clusters": [cluster], "contexts": [context], "users": [user], "current-context": "x"}
        (place / "kubeconfig").write_text(json.dumps(config))
        # The library reads the variable KUBECONFIG only once.
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(place / "kubeconfig"))

    async def run(self, scope: Scope, until: Any) -> None:
        """Watch until that is true, then stop; raises what the adapter raises."""
        async with asyncio.timeout(SECONDS):
            watching = asyncio.create_task(run_watches(self.router, scope, self.stop, self.started.set))
            while not until():
                if watching.done():
                    break
                await asyncio.sleep(0.01)
            self.stop.set()
            await watching


@pytest.mark.parametrize(
    ("scope", "where"),
    [
        (EVERYTHING, {f"{SETS}/{PLURAL}", f"{CORE}/secrets", f"{CORE}/namespaces"}),
        (Scope(("shop",)), {f"{SETS}/namespaces/shop/{PLURAL}", f"{CORE}/namespaces/shop/secrets"}),
    ],
    ids=["everywhere", "in one namespace"],
)
async def test_it_lists_and_watches_its_kinds_and_writes_nothing(
    scope: Scope, where: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server()
    wanted = {f"{verb} {path}" for verb in ("list", "watch") for path in where}
    async with server.running():
        adapter = Adapter(server, tmp_path, monkeypatch)
        await adapter.run(scope, lambda: wanted <= set(server.others) and server.watched_from())
        assert adapter.started.is_set()
    assert set(server.others) == wanted
    assert server.asked == ["list", "watch 1"]
    assert set(server.tokens) == {"Bearer secret"}


async def test_an_event_reaches_the_router_unless_its_version_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server()
    server.lists.append(page(thing("known"), thing("listed")))
    server.watches.append(
        stream(event("ADDED", "known", "2"), event("ADDED", "new", "3"), event("DELETED", "known", "4"), ends=False)
    )
    async with server.running():
        adapter = Adapter(server, tmp_path, monkeypatch)
        await adapter.run(EVERYTHING, lambda: len(adapter.router.events) == 3)
    told = [("configmaps", None, "listed"), ("configmaps", "ADDED", "new"), ("configmaps", "DELETED", "known")]
    assert sorted(adapter.router.events, key=str) == sorted(told, key=str)
    assert adapter.router.lists == 3, "each kind with objects of sets was listed"


async def test_an_empty_list_without_items_is_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    server.lists.append(Answer(body={"metadata": {"resourceVersion": "5"}, "items": None}))
    async with server.running():
        await Adapter(server, tmp_path, monkeypatch).run(EVERYTHING, server.watched_from)
    assert server.watched_from() == ["5"]


async def test_what_kopf_cannot_cope_with_is_raised_and_no_task_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server()
    server.watches.append(Answer(410))
    async with server.running():
        adapter = Adapter(server, tmp_path, monkeypatch)
        before = asyncio.all_tasks()
        with pytest.raises(Exception, match="410"):
            await adapter.run(EVERYTHING, lambda: False)
        assert asyncio.all_tasks() <= before
