"""Seen before used, through whole passes: what is asked, written and told while the endpoints follow."""

import json
from datetime import timedelta
from typing import Any

import pytest

from fakes.faults import Answer, to
from jwks_operator.kube.client import CONFIGMAPS, EVENTS, SETS
from jwks_operator.kube.endpoint_fetch import NoAnswer
from jwks_operator.kube.endpoints import ENDPOINT_SLICES
from kube.services import SERVICE, Network, Service
from reconcile.life import ES256, REF, START, Life

MINUTE = timedelta(minutes=1)
LEAD = timedelta(minutes=70)
SPEC = {**ES256, "publish": {"serviceName": SERVICE}}


class Serving(Life):
    """A life whose pods `a` and `b` serve what they were last given."""

    def __init__(self) -> None:
        self.network = Network()
        super().__init__(fetch=self.network)
        self.service = Service(self.server, REF.namespace, self.network)

    async def refresh(self, *addresses: str) -> None:
        """The kubelet of these pods has seen the set as it is now."""
        served = (await self.read(CONFIGMAPS, REF.name))["data"]["jwks.json"].encode()
        for address in addresses:
            self.network.answers[address] = served

    async def rotate(self) -> None:
        await self.annotate(rotate=f"signing@{self.time.now.isoformat()}")

    async def key(self, kid: str) -> dict[str, Any]:
        return next(key for key in (await self.status())["keys"] if key["kid"] == kid)

    async def events(self, reason: str) -> list[str]:
        found, _ = await self.people.list(EVENTS, REF.namespace)
        return [event["message"] for event in found if event["reason"] == reason]


A, B = "10.0.0.1", "10.0.0.2"


async def begun(spec: dict[str, Any] = SPEC) -> Serving:
    life = Serving()
    await life.begin(spec)
    await life.service.running(a=b'{"keys":[]}', b=b'{"keys":[]}')
    await life.pass_()
    return life


async def test_a_standby_is_served_before_its_lead_begins() -> None:
    life = await begun()
    first, (second,) = await life.in_use(), (await life.states())["Pending"]
    await life.rotate()
    await life.live(timedelta(minutes=3))
    assert "served" not in await life.key(second)
    await life.refresh(A, B)
    await life.live(2 * MINUTE)
    served = life.time.now - START
    assert "served" in await life.key(second)
    await life.live(LEAD - 2 * MINUTE - MINUTE)
    assert await life.in_use() == first
    await life.live(2 * MINUTE)
    assert await life.in_use() == second
    assert life.time.now - START < LEAD + served


async def test_a_witness_is_one_write_and_nothing_more_is_asked_after_it() -> None:
    life = await begun()
    await life.refresh(A, B)
    life.writes()
    await life.after(timedelta(seconds=2))
    assert life.writes() == ["PUT secrets/auth-keyring", "PATCH jsonwebkeysets/auth/status"]
    asked = len(life.network.asked)
    assert await life.after(timedelta(hours=1)) is not None
    assert len(life.network.asked) == asked
    assert life.writes() == []
    assert not [call for call in life.seam.log if ENDPOINT_SLICES.plural in call.path]


async def test_an_endpoint_that_lags_holds_the_rotation_and_is_told_once() -> None:
    life = await begun()
    first = await life.in_use()
    await life.refresh(A)
    await life.rotate()
    await life.live(timedelta(hours=3))
    assert await life.in_use() == first
    assert await life.condition("Degraded") == ("True", "EndpointsLag")
    assert await life.condition("Rotating") == ("True", "WaitingForEndpoints")
    assert await life.condition("Ready") == ("True", "KeysInUse")
    status = await life.status()
    assert status["next"]["action"] == "Activate"
    assert status["next"]["waitingFor"] == "Endpoints"
    assert status["next"]["message"] == f"every ready endpoint of Service {SERVICE} to serve the key; b lacks it"
    life.network.answers[A] = NoAnswer("does not serve a set at /.well-known/jwks.json")
    await life.live(MINUTE)
    assert "a does not serve a set" in (await life.status())["next"]["message"]
    assert len(await life.events("EndpointsLag")) == 1, "the same trouble with other details is no news"
    await life.refresh(A, B)
    await life.live(LEAD + 2 * MINUTE)
    assert await life.in_use() != first
    await life.live(MINUTE)
    assert (await life.condition("Degraded"))[0] == "False"


async def test_after_a_crash_the_wait_goes_on_from_the_record() -> None:
    life = await begun()
    (second,) = (await life.states())["Pending"]
    await life.refresh(A, B)
    await life.live(MINUTE)
    stamped = (await life.key(second))["served"]
    await life.delete(SETS, REF.name)
    await life.create_set(SPEC)
    life.start_operator()
    await life.live(MINUTE)
    assert (await life.key(second))["served"] == stamped


async def test_an_operator_without_the_right_to_look_says_so_and_repairs_all_the_same() -> None:
    life = await begun()
    life.start_operator(Answer(403, where=to(ENDPOINT_SLICES.plural), times=10_000))
    await life.live(timedelta(hours=1))
    message = next(c["message"] for c in (await life.status())["conditions"] if c["type"] == "Degraded")
    assert "its endpoints cannot be read: " in message
    await life.delete(CONFIGMAPS, REF.name)
    await life.pass_()
    assert len(await life.published()) == 2


async def test_the_looks_of_a_set_that_is_never_served_are_bounded() -> None:
    life = await begun()
    await life.live(timedelta(hours=1))
    assert len(life.network.asked) <= 2 * 90
    life.seam.log.clear()
    await life.live(timedelta(hours=1))
    assert life.writes() == [], "nothing new is found, and nothing is written"


@pytest.mark.parametrize("answer", [b"not json", NoAnswer("could not be reached"), 0.0])
async def test_whatever_an_endpoint_answers_the_pass_goes_on(answer: bytes | NoAnswer | float) -> None:
    life = await begun()
    life.network.answers[B] = answer
    await life.live(timedelta(hours=2))
    assert (await life.condition("Ready"))[0] == "True"
    assert "Pending" in await life.states()


async def test_the_set_and_not_its_digest_is_compared() -> None:
    """Two entries rotate at their own pace: a pod that lacks the key of one serves that of the other."""
    keys = [{"name": "signing", "algorithm": "ES256"}, {"name": "more", "algorithm": "ES256"}]
    life = await begun({"keys": keys, "publish": {"serviceName": SERVICE}})
    (mine,), (others,) = (await life.states())["Pending"], (await life.states("more"))["Pending"]
    published = json.loads((await life.read(CONFIGMAPS, REF.name))["data"]["jwks.json"])["keys"]
    partial = json.dumps({"keys": [key for key in published if key["kid"] != others]}).encode()
    life.network.answers |= {A: partial, B: partial}
    await life.live(MINUTE)
    assert "served" in await life.key(mine)
    assert "served" not in await life.key(others)
