"""The client's own rules, on the fake."""

from datetime import UTC, datetime, timedelta

import pytest

from fakes.apiserver import FakeApiServer
from fakes.faults import Answer, LoseRequest, LoseResponse, SkewDate, Stuck, to
from fakes.seam import FakeTransport
from jwks_operator.kube.client import NAMESPACES, SECRETS, SETS, Call, Client, Object, Reply, Resource
from jwks_operator.kube.errors import Conflict, Gone, NotServed, Refused, Throttled, Unavailable

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Bench:
    """A fake at noon with the namespace `shop`, a client on it, and what the client heard of dates."""

    def __init__(self) -> None:
        self.server = FakeApiServer(lambda: NOON)
        self.transport = FakeTransport(self.server)
        self.heard: list[datetime] = []
        self.client = Client(self.transport, self.heard.append)

    async def secret(self, name: str) -> Object:
        return await self.client.create(SECRETS, "shop", {"metadata": {"name": name}, "data": {"k": "dg=="}})


@pytest.fixture
async def bench() -> Bench:
    made = Bench()
    await made.client.create(NAMESPACES, None, {"metadata": {"name": "shop"}})
    made.transport.log.clear()
    made.heard.clear()
    return made


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a%2fb", "a?b", "a#b", "a b", "ä", "a\n"])
async def test_a_name_that_would_be_another_path_is_never_sent(bench: Bench, name: str) -> None:
    meta = {"name": name, "namespace": "shop", "uid": "u", "resourceVersion": "1"}
    with pytest.raises(ValueError, match=r"Kubernetes name|metadata\.name"):
        await bench.client.delete(SECRETS, {"metadata": meta})
    with pytest.raises(ValueError, match="Kubernetes name"):
        await bench.client.read(SECRETS, name, "a")
    assert bench.transport.log == []


def test_a_namespaced_object_is_not_asked_for_without_its_namespace() -> None:
    with pytest.raises(ValueError, match="without its namespace"):
        SECRETS.path(None, "a")


def test_paths_are_those_of_the_api() -> None:
    assert SECRETS.path(None) == "/api/v1/secrets"
    assert SECRETS.path("shop", "a") == "/api/v1/namespaces/shop/secrets/a"
    assert NAMESPACES.path(None, "shop") == "/api/v1/namespaces/shop"
    sets = "/apis/jwks-operator.dev/v1beta1/namespaces/shop/jsonwebkeysets/auth/status"
    assert SETS.path("shop", "auth", "status") == sets


@pytest.mark.parametrize("missing", ["name", "namespace", "uid", "resourceVersion"])
async def test_a_write_without_its_fence_is_a_programming_error(bench: Bench, missing: str) -> None:
    meta = {"name": "a", "namespace": "shop", "uid": "u", "resourceVersion": "1"}
    del meta[missing]
    for write in (
        bench.client.replace(SECRETS, {"metadata": meta}),
        bench.client.delete(SECRETS, {"metadata": meta}),
        bench.client.apply_status({"metadata": meta}),
    ):
        with pytest.raises(ValueError, match=rf"metadata\.{missing}$"):
            await write
    assert bench.transport.log == []


async def test_every_write_is_strict_and_names_its_manager(bench: Bench) -> None:
    obj = await bench.secret("a")
    await bench.client.replace(SECRETS, obj)
    for call in bench.transport.log:
        assert call.query == {"fieldManager": "jwks-operator", "fieldValidation": "Strict"}


async def test_gone_is_only_what_the_server_names(bench: Bench) -> None:
    assert await bench.client.read(SECRETS, "shop", "absent") is None
    with pytest.raises(NotServed):
        await bench.client.read(SETS, "shop", "absent")
    bench.transport.faults = [Answer(503)]
    with pytest.raises(Unavailable):
        await bench.client.read(SECRETS, "shop", "absent")


async def test_an_expired_page_restarts_the_list_once(bench: Bench) -> None:
    for name in "abcde":
        await bench.secret(name)
    second_page = Answer(410, lambda call: "continue" in call.query)
    bench.transport.faults = [second_page]
    items, _ = await bench.client.list(SECRETS, "shop", limit=2)
    assert [item["metadata"]["name"] for item in items] == list("abcde")
    second_page.left = 2
    with pytest.raises(Gone):
        await bench.client.list(SECRETS, "shop", limit=2)


async def test_pages_are_given_one_by_one_and_end_with_an_expired_token(bench: Bench) -> None:
    for name in "abcde":
        await bench.secret(name)
    pages = [page async for page in bench.client.pages(SECRETS, "shop", None, limit=2)]
    assert [[item["metadata"]["name"] for item in page] for page in pages] == [["a", "b"], ["c", "d"], ["e"]]
    assert all("data" not in item for page in pages for item in page)
    bench.transport.faults = [Answer(410, lambda call: "continue" in call.query)]
    with pytest.raises(Gone):
        _ = [page async for page in bench.client.pages(SECRETS, "shop", None, limit=2)]


async def test_a_list_asks_page_by_page(bench: Bench) -> None:
    for name in "abc":
        await bench.secret(name)
    bench.transport.log.clear()
    await bench.client.list(SECRETS, "shop", "app=x", metadata_only=True, limit=2)
    await bench.client.list(SECRETS, "shop", limit=2)
    assert [dict(call.query).get("labelSelector") for call in bench.transport.log] == ["app=x", None, None]
    assert "PartialObjectMetadataList" in bench.transport.log[0].accept


async def test_the_date_of_every_answer_is_heard(bench: Bench) -> None:
    await bench.secret("a")
    await bench.client.read(SECRETS, "shop", "absent")
    bench.transport.faults = [SkewDate(timedelta(minutes=-7))]
    await bench.client.list(SECRETS)
    assert bench.heard == [NOON, NOON, NOON - timedelta(minutes=7)]


@pytest.mark.parametrize(
    "headers", [{}, {"date": ""}, {"date": "yesterday"}, {"date": "Sun, 99 Nov 2026 18:00:00 GMT"}]
)
async def test_an_answer_without_a_date_is_an_answer(bench: Bench, headers: dict[str, str]) -> None:
    class Undated(FakeTransport):
        async def request(self, call: Call) -> Reply:
            reply = await super().request(call)
            return Reply(reply.status, headers, reply.body)

    client = Client(Undated(bench.server), bench.heard.append)
    assert await client.read(SECRETS, "shop", "absent") is None
    assert bench.heard == []


async def test_a_success_that_is_no_object_is_refused(bench: Bench) -> None:
    class Portal(FakeTransport):
        async def request(self, call: Call) -> Reply:
            return Reply(200)

    with pytest.raises(Refused, match="without a JSON object"):
        await Client(Portal(bench.server)).read(SECRETS, "shop", "a")


async def test_a_lost_request_changed_nothing_and_a_lost_response_did(bench: Bench) -> None:
    for fault, names in ((LoseRequest(), []), (LoseResponse(), ["a"])):
        bench.transport.faults = [fault]
        with pytest.raises(Unavailable):
            await bench.secret("a")
        items, _ = await bench.client.list(SECRETS, "shop")
        assert [item["metadata"]["name"] for item in items] == names


async def test_a_stuck_write_lands_late_or_meets_its_fence(bench: Bench) -> None:
    obj = await bench.secret("a")
    stuck = Stuck(to("secrets", "PUT"), times=2)
    bench.transport.faults = [stuck]
    for value in ("dw==", "eA=="):
        with pytest.raises(Unavailable):
            await bench.client.replace(SECRETS, obj | {"data": {"k": value}})
    assert (await bench.client.read(SECRETS, "shop", "a") or {})["data"] == {"k": "dg=="}
    assert [reply.status for reply in stuck.release()] == [200, 409]
    assert (await bench.client.read(SECRETS, "shop", "a") or {})["data"] == {"k": "dw=="}
    with pytest.raises(Conflict):
        await bench.client.replace(SECRETS, obj)


async def test_patience_is_passed_on(bench: Bench) -> None:
    bench.transport.faults = [Answer(429, retry_after=9)]
    with pytest.raises(Throttled) as caught:
        await bench.secret("a")
    assert caught.value.retry_after == 9


async def test_no_repr_on_the_way_shows_a_body(bench: Bench) -> None:
    obj = await bench.secret("a")
    call = Call("PUT", SECRETS.path("shop", "a"), body=obj)
    assert "dg==" not in repr(call)
    assert "dg==" not in repr(bench.server.handle(call))


@pytest.mark.parametrize("resource", [SECRETS, SETS], ids=lambda resource: resource.kind)
def test_resources_tell_their_api_version(resource: Resource) -> None:
    assert resource.api_version in {"v1", "jwks-operator.dev/v1beta1"}
