"""Who is asked what a Service serves, and who is not: nobody can have the operator look around for them."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from fakes.apiserver import FakeApiServer
from fakes.faults import Answer, to
from fakes.seam import FakeTransport
from jwks_operator.api.names import SetRef
from jwks_operator.core.model.observed_state import Endpoint, Endpoints
from jwks_operator.core.planner.endpoint_gate import Question
from jwks_operator.kube import endpoints
from jwks_operator.kube.client import NAMESPACES, PODS, Client, Object
from jwks_operator.kube.endpoint_fetch import Address, NoAnswer
from jwks_operator.kube.endpoints import AT_ONCE, MOST, EndpointAsker
from kube.services import SERVICE, Service, endpoint, members

REF = SetRef("shop", "auth")
QUESTION = Question(SERVICE, "/.well-known/jwks.json", frozenset({"k1", "k2"}))


def a_set(*kids: str) -> bytes:
    return json.dumps({"keys": [members(kid) for kid in kids]}).encode()


class Bench:
    """A namespace with a Service, and an operator that asks about it."""

    def __init__(self) -> None:
        self.server = FakeApiServer(lambda: datetime(2026, 11, 22, 12, tzinfo=UTC))
        self.transport = FakeTransport(self.server)
        self.service = Service(self.server, REF.namespace)
        self.asker = EndpointAsker(Client(self.transport), self.service.network)

    async def ask(self) -> Endpoints:
        return await self.asker.ask(REF, QUESTION)

    def asked(self) -> list[str]:
        return [str(address.url) for address in self.service.network.asked]


@pytest.fixture
async def bench() -> Bench:
    made = Bench()
    for namespace in ("shop", "other"):
        await made.service.people.create(NAMESPACES, None, {"metadata": {"name": namespace}})
    return made


async def test_every_ready_endpoint_is_asked_and_tells_the_keys_in_question(bench: Bench) -> None:
    await bench.service.running(a=a_set("k1", "k9"), b=a_set("k2", "k1"), c=a_set())
    said = await bench.ask()
    assert said == Endpoints(
        QUESTION.kids,
        (
            Endpoint("a", (members("k1"),)),
            Endpoint("b", (members("k2"), members("k1"))),
            Endpoint("c", ()),
        ),
    )
    assert sorted(bench.asked()) == [f"http://10.0.0.{n}:8080/.well-known/jwks.json" for n in (1, 2, 3)]


async def test_a_service_without_endpoints_is_a_fact(bench: Bench) -> None:
    assert await bench.ask() == Endpoints(QUESTION.kids)


@pytest.mark.parametrize("ready", [True, None])
async def test_ready_is_what_does_not_say_no(bench: Bench, ready: bool | None) -> None:
    await bench.service.pod("a", "10.0.0.1")
    await bench.service.pod("b", "10.0.0.2")
    await bench.service.slice("all", endpoint("a", "10.0.0.1", ready=ready), endpoint("b", "10.0.0.2", ready=False))
    assert [one.name for one in (await bench.ask()).ready] == ["a"]


async def test_slices_of_other_services_and_namespaces_are_not_looked_at(bench: Bench) -> None:
    other = Service(bench.server, "other", bench.service.network)
    await other.running(x=a_set("k1"))
    await bench.service.slice(
        "mine", endpoint("a", "10.0.0.1"), metadata={"name": "mine", "labels": {endpoints.SERVICE_NAME: "another"}}
    )
    assert (await bench.ask()).ready == ()
    assert bench.asked() == []


# --- who is no pod of the namespace ---


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (endpoint(None, "10.0.0.1"), "belongs to no pod"),
        (endpoint("a", "10.0.0.1", kind="Node"), "belongs to no pod"),
        (endpoint("a", "10.0.0.1", namespace="other"), "belongs to no pod"),
        (endpoint("../pods", "10.0.0.1"), "belongs to no pod"),
        (endpoint("nobody", "10.0.0.1"), "does not have the address 10.0.0.1"),
        (endpoint("a", "10.0.0.2"), "does not have the address 10.0.0.2"),
        (endpoint("a", "169.254.169.254"), "does not have the address of a pod"),
        (endpoint("a", "127.0.0.1"), "does not have the address of a pod"),
        (endpoint("a", "::1"), "does not have the address of a pod"),
        (endpoint("a", "::ffff:127.0.0.1"), "does not have the address of a pod"),
        (endpoint("a", "0.0.0.0"), "does not have the address of a pod"),
        (endpoint("a", "224.0.0.1"), "does not have the address of a pod"),
        (endpoint("a", "kubernetes.default.svc"), "does not have the address of a pod"),
    ],
)
async def test_an_address_that_is_not_a_pods_is_never_asked(bench: Bench, made: Object, told: str) -> None:
    await bench.service.pod("a", "10.0.0.1", a_set("k1"))
    await bench.service.slice("all", made)
    (said,) = (await bench.ask()).ready
    assert bench.asked() == []
    assert said.keys is None
    assert told in said.trouble
    assert said.trouble.endswith("so it is not asked")


@pytest.mark.parametrize("special", ["127.0.0.1", "169.254.169.254", "fe80::1"])
async def test_a_special_address_is_not_asked_even_if_a_pod_is_said_to_have_it(bench: Bench, special: str) -> None:
    await bench.service.pod("a", special, a_set("k1"))
    await bench.service.slice("all", endpoint("a", special))
    assert [one.keys for one in (await bench.ask()).ready] == [None]
    assert bench.asked() == []


@pytest.mark.parametrize("phase", ["Pending", "Succeeded", "Failed", "Unknown", None])
async def test_a_pod_that_does_not_run_is_not_asked(bench: Bench, phase: str | None) -> None:
    """Its status keeps an address that somebody else may have by now."""
    await bench.service.running(a=a_set("k1"))
    pod = await bench.service.people.read(PODS, "shop", "a")
    assert pod is not None
    bench.server.store.put(
        PODS, {**pod, "status": {"podIPs": [{"ip": "10.0.0.1"}]} | ({"phase": phase} if phase else {})}
    )
    (said,) = (await bench.ask()).ready
    assert (said.keys, said.trouble) == (None, "is no running pod, so it is not asked")
    assert bench.asked() == []


async def test_a_pod_that_the_service_does_not_select_is_not_asked(bench: Bench) -> None:
    await bench.service.running(a=a_set("k1"))
    await bench.service.selects(app="web", tier="other")
    (said,) = (await bench.ask()).ready
    assert (said.keys, said.trouble) == (None, "is no pod that the Service selects, so it is not asked")
    assert bench.asked() == []


async def test_without_a_selector_nobody_is_asked(bench: Bench) -> None:
    await bench.service.running(a=a_set("k1"))
    await bench.service.selects()
    assert "has no selector" in (await bench.ask()).trouble
    assert bench.asked() == []


async def test_a_pod_in_the_network_of_its_node_is_not_asked(bench: Bench) -> None:
    await bench.service.pod("a", "10.0.0.1", a_set("k1"), hostNetwork=True)
    await bench.service.slice("all", endpoint("a", "10.0.0.1"))
    (said,) = (await bench.ask()).ready
    assert (said.keys, said.trouble) == (None, "is in the network of its node, so it is not asked")
    assert bench.asked() == []


async def test_an_ipv6_address_may_be_written_in_other_ways(bench: Bench) -> None:
    await bench.service.pod("a", "fd00::7", a_set("k1"))
    bench.service.network.answers["fd00:0:0::7"] = a_set("k1")
    await bench.service.slice("all", endpoint("a", "fd00:0:0::7"), addressType="IPv6")
    assert [one.keys for one in (await bench.ask()).ready] == [(members("k1"),)]


# --- which port, and how it is spoken to ---


@pytest.mark.parametrize(
    ("ports", "url"),
    [
        ([{"port": 80}], "http://10.0.0.1"),
        ([{"name": "anything", "port": 9000}], "http://10.0.0.1:9000"),
        ([{"name": "https", "port": 8443}], "https://10.0.0.1:8443"),
        ([{"name": "https-jwks", "port": 443}], "https://10.0.0.1"),
        ([{"name": "web", "port": 8443, "appProtocol": "https"}], "https://10.0.0.1:8443"),
        ([{"name": "https", "port": 8080, "appProtocol": "http"}], "http://10.0.0.1:8080"),
        ([{"name": "metrics", "port": 9090}, {"name": "http", "port": 8080}], "http://10.0.0.1:8080"),
        ([{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "x", "port": 8080}], "http://10.0.0.1:8080"),
    ],
)
async def test_the_port_is_the_only_one_or_the_one_that_says_http(
    bench: Bench, ports: list[dict[str, Any]], url: str
) -> None:
    await bench.service.pod("a", "10.0.0.1", a_set("k1"))
    await bench.service.slice("all", endpoint("a", "10.0.0.1"), ports=ports)
    assert [one.keys for one in (await bench.ask()).ready] == [(members("k1"),)]
    assert bench.asked() == [f"{url}/.well-known/jwks.json"]


@pytest.mark.parametrize("ports", [[], [{"name": "a", "port": 1}, {"name": "b", "port": 2}], [{"name": "http"}]])
async def test_without_such_a_port_nobody_is_asked(bench: Bench, ports: list[dict[str, Any]]) -> None:
    await bench.service.pod("a", "10.0.0.1")
    await bench.service.slice("all", endpoint("a", "10.0.0.1"), ports=ports)
    (said,) = (await bench.ask()).ready
    assert "no port named http or https" in said.trouble
    assert bench.asked() == []


# --- answers that tell nothing ---


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b'{"keys":{}}', b'{"keys":["k1"]}', b"\xff", b'{"keys":[],"keys":[]}', b"[" * 100_000],
)
async def test_what_is_no_jwk_set_tells_nothing(bench: Bench, body: bytes) -> None:
    await bench.service.running(a=body)
    (said,) = (await bench.ask()).ready
    assert (said.keys, said.trouble) == (None, "answered something that is no JWK Set")


async def test_one_that_does_not_answer_does_not_hide_the_others(bench: Bench) -> None:
    await bench.service.running(a=NoAnswer("does not serve a set at /x"), b=a_set("k1"))
    said = await bench.ask()
    assert said.ready == (Endpoint("a", None, "does not serve a set at /x"), Endpoint("b", (members("k1"),)))


# --- bounds ---


async def test_more_endpoints_than_can_be_asked_are_a_fact_and_nobody_is_asked(bench: Bench) -> None:
    many = (endpoint(f"p{n}", f"10.0.{n // 256}.{n % 256}") for n in range(MOST + 1))
    await bench.service.slice("all", *many)
    said = await bench.ask()
    assert "101 ready endpoints, and at most 100 are asked" in said.trouble
    assert bench.asked() == []


async def test_few_are_asked_at_the_same_time_and_none_waits_for_ever(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "PATIENCE", 0.3)
    await bench.service.running(**{f"p{n:02}": 0.2 for n in range(3 * AT_ONCE)})
    said = await bench.ask()
    assert bench.service.network.most_at_once == AT_ONCE
    assert {one.trouble for one in said.ready} == {"", "was not asked in time"}
    assert sum(one.keys == () for one in said.ready) == AT_ONCE
    assert bench.service.network.at_once == 0


async def test_slow_services_keep_the_others_waiting_for_a_moment_only(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr(endpoints, "TURN", 0.05)
    await bench.service.running(a=1.0)
    looks = [asyncio.create_task(bench.ask()) for _ in range(endpoints.LOOKS)]
    await asyncio.sleep(0.02)
    said = await bench.ask()
    assert said.trouble == "too many Services are being asked at the moment"
    assert all(one.ready for one in await asyncio.gather(*looks))


# --- the API server ---


async def test_a_right_that_is_missing_is_told_and_does_not_raise(bench: Bench) -> None:
    await bench.service.selects(app="web")
    bench.transport.faults.append(Answer(403, where=to("endpointslices")))
    said = await bench.ask()
    assert said.trouble.startswith("its endpoints cannot be read: ")


async def test_a_pod_that_cannot_be_read_is_not_asked(bench: Bench) -> None:
    await bench.service.running(a=a_set("k1"))
    bench.transport.faults.append(Answer(403, where=to("pods")))
    (said,) = (await bench.ask()).ready
    assert said.keys is None
    assert said.trouble.startswith("cannot be looked up: ")
    assert bench.asked() == []


def test_an_address_is_a_url() -> None:
    assert str(Address("fd00::7", 8443, "/a", secure=True).url) == "https://[fd00::7]:8443/a"
