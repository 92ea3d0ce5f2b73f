"""Whatever is not a read asks first; and writes without an answer are counted."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from fakes.apiserver import FakeApiServer
from fakes.faults import Answer, Delay, Fault, LoseRequest, LoseResponse, Stuck
from fakes.seam import FakeTransport
from jwks_operator.kube.client import NAMESPACES, SECRETS, Client, Object
from jwks_operator.kube.errors import NotLeading, Unavailable

THING: Object = {"metadata": {"name": "a", "namespace": "shop", "uid": "u", "resourceVersion": "1"}}
WRITES: dict[str, Callable[[Client], Awaitable[object]]] = {
    "create": lambda client: client.create(SECRETS, "shop", {"metadata": {"name": "a"}}),
    "replace": lambda client: client.replace(SECRETS, THING),
    "status": lambda client: client.apply_status(THING),
    "delete": lambda client: client.delete(SECRETS, THING),
}


@pytest.fixture
async def transport() -> FakeTransport:
    transport = FakeTransport(FakeApiServer())
    await Client(transport).create(NAMESPACES, None, {"metadata": {"name": "shop"}})
    transport.log.clear()
    return transport


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_without_the_lead_no_write_is_sent(
    transport: FakeTransport, write: Callable[[Client], Awaitable[object]]
) -> None:
    with pytest.raises(NotLeading, match="was not sent"):
        await write(Client(transport, may_write=lambda: False))
    assert transport.log == []


async def test_without_the_lead_everything_can_be_read(transport: FakeTransport) -> None:
    client = Client(transport, may_write=lambda: False)
    assert await client.read(SECRETS, "shop", "a") is None
    assert (await client.list(SECRETS, "shop"))[0] == []


async def test_the_lead_is_asked_for_before_each_write(transport: FakeTransport) -> None:
    answers = [True, False]
    client = Client(transport, may_write=lambda: answers.pop(0))
    await WRITES["create"](client)
    with pytest.raises(NotLeading):
        await client.create(SECRETS, "shop", {"metadata": {"name": "b"}})
    assert len(transport.writes) == 1


@pytest.mark.parametrize("fault", [LoseRequest(), LoseResponse(), Stuck()], ids=lambda fault: type(fault).__name__)
async def test_a_write_without_an_answer_is_counted(transport: FakeTransport, fault: Fault) -> None:
    client = Client(transport)
    transport.faults.append(fault)
    with pytest.raises(Unavailable):
        await WRITES["create"](client)
    assert client.unanswered == 1


async def test_a_write_that_is_cancelled_is_counted_and_a_refused_one_is_not(transport: FakeTransport) -> None:
    client = Client(transport)
    transport.faults.append(Answer(503))
    with pytest.raises(Unavailable):
        await WRITES["create"](client)
    assert client.unanswered == 0
    transport.faults.append(Delay(60))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await WRITES["create"](client)
    assert client.unanswered == 1
