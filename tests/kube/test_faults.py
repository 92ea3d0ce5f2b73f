"""The accidents of the fake happen as they say, so that a test that survives them means something."""

import asyncio
from contextlib import aclosing

import pytest

from fakes.apiserver import FakeApiServer
from fakes.faults import (
    Answer,
    Crash,
    CrashAfter,
    CrashBefore,
    Delay,
    DropEvents,
    Fault,
    LoseRequest,
    RepeatEvents,
    SwapEvents,
    to,
)
from fakes.seam import FakeTransport
from jwks_operator.kube.client import CONFIGMAPS, NAMESPACES, SECRETS, Client
from jwks_operator.kube.errors import Conflict, Gone, NamespaceTerminating, Throttled, Unavailable


@pytest.fixture
async def server() -> FakeApiServer:
    made = FakeApiServer()
    await Client(FakeTransport(made)).create(NAMESPACES, None, {"metadata": {"name": "shop"}})
    return made


async def _fill(server: FakeApiServer, *faults: Fault) -> Client:
    client = Client(FakeTransport(server, faults))
    for name in "abcd":
        await client.create(SECRETS, "shop", {"metadata": {"name": name}})
    return client


def _stored(server: FakeApiServer) -> list[str]:
    return [obj["metadata"]["name"] for obj in server.store.all(SECRETS)]


@pytest.mark.parametrize(
    ("fault", "stored"),
    [(CrashBefore(1), []), (CrashAfter(1), ["a"]), (CrashBefore(3), ["a", "b"]), (CrashAfter(3), ["a", "b", "c"])],
    ids=["before 1", "after 1", "before 3", "after 3"],
)
async def test_a_client_dies_exactly_there_and_others_live_on(
    server: FakeApiServer, fault: Fault, stored: list[str]
) -> None:
    with pytest.raises(Crash):
        await _fill(server, fault)
    assert _stored(server) == stored
    await Client(FakeTransport(server)).read(SECRETS, "shop", "a")


async def test_a_client_may_live_longer_than_its_faults(server: FakeApiServer) -> None:
    await _fill(server, CrashAfter(5))
    assert _stored(server) == list("abcd")


@pytest.mark.parametrize(
    ("code", "error"), [(409, Conflict), (410, Gone), (429, Throttled), (500, Unavailable), (503, Unavailable)]
)
async def test_an_injected_answer_has_no_effect(server: FakeApiServer, code: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        await _fill(server, Answer(code))
    assert _stored(server) == []


async def test_a_fault_strikes_only_where_and_as_often_as_it_says(server: FakeApiServer) -> None:
    transport = FakeTransport(server, [LoseRequest(to("secrets", "POST"), times=2)])
    client = Client(transport)
    assert await client.read(SECRETS, "shop", "a") is None
    await client.create(CONFIGMAPS, "shop", {"metadata": {"name": "a"}})
    for _ in range(2):
        with pytest.raises(Unavailable):
            await client.create(SECRETS, "shop", {"metadata": {"name": "a"}})
    await client.create(SECRETS, "shop", {"metadata": {"name": "a"}})
    assert [call.method for call in transport.log] == ["GET", "POST", "POST", "POST", "POST"]
    assert len(transport.writes) == 4


@pytest.mark.parametrize(("late", "meanwhile"), [(False, []), (True, ["a"])], ids=["before", "after"])
async def test_a_delay_is_before_or_after_the_effect(server: FakeApiServer, late: bool, meanwhile: list[str]) -> None:
    waiting = asyncio.create_task(_fill(server, Delay(0.2, late=late)))
    await asyncio.sleep(0.1)
    assert _stored(server) == meanwhile
    await waiting


@pytest.mark.parametrize(
    ("fault", "names"),
    [(DropEvents(times=2), "cd"), (RepeatEvents(times=1), "aabcd"), (SwapEvents(), "bacd")],
    ids=["drop", "repeat", "swap"],
)
async def test_watch_events_get_lost_doubled_or_swapped(server: FakeApiServer, fault: Fault, names: str) -> None:
    await _fill(server)
    seen = ""
    client = Client(FakeTransport(server, [fault]))
    async with asyncio.timeout(5), aclosing(client.watch(SECRETS, "shop", None, "101")) as events:
        async for _, obj in events:
            seen += obj["metadata"]["name"]
            if len(seen) == len(names):
                break
    assert seen == names


async def test_a_terminating_namespace_stays_until_its_end_is_asked_for(server: FakeApiServer) -> None:
    client = await _fill(server)
    namespace = await client.read(NAMESPACES, None, "shop")
    assert namespace is not None
    await client.delete(NAMESPACES, namespace)
    with pytest.raises(NamespaceTerminating):
        await client.create(SECRETS, "shop", {"metadata": {"name": "e"}})
    assert _stored(server) == list("abcd")
    server.finish_namespace("shop")
    assert _stored(server) == []
    assert await client.read(NAMESPACES, None, "shop") is None


async def test_compaction_ends_old_pages_and_old_watches(server: FakeApiServer) -> None:
    client = await _fill(server)
    server.compact()
    with pytest.raises(Gone):
        async for _ in client.watch(SECRETS, "shop", None, "101"):
            pass


async def test_what_the_fake_hands_out_is_a_copy(server: FakeApiServer) -> None:
    client = await _fill(server)
    first = await client.read(SECRETS, "shop", "a")
    assert first is not None
    first["metadata"]["labels"] = {"x": "1"}
    assert "labels" not in ((await client.read(SECRETS, "shop", "a")) or {})["metadata"]
