"""Replicas that are stopped, killed, ended and cut off at any moment never write at the same time."""

import json
from base64 import b64decode
from collections.abc import Iterator

import pytest

from cluster.chronicle import Sighting
from cluster.witness import Witness
from fakes.faults import to
from ha.world import SHOP, Landed, Net, Replica, World, writes
from jwks_operator.kube.client import SECRETS, SETS, Call
from jwks_operator.kube.lease import Lease

LEAD, RETENTION = 2.0, 12.0
SPEC = {
    "keys": [{"name": "signing", "algorithm": "ES256"}],
    "rotation": {"every": "8s", "rollbackWindow": "1s"},
    "timing": {
        "propagation": "1s",
        "cacheMaxAge": "1s",
        "verifierRefresh": "0s",
        "tokenLifetime": "1s",
        "clockSkew": "10s",
    },
}


def create_set(world: World, name: str = "auth") -> None:
    body = {"apiVersion": SETS.api_version, "kind": SETS.kind, "metadata": {"name": name}, "spec": SPEC}
    assert world.server.handle(Call("POST", SETS.path(SHOP), {}, body)).status == 201


def trespasses(world: World) -> list[Landed]:
    """Writes that came through while the Lease named somebody else or nobody."""
    return [each for each in writes(world) if each.holder != each.sender]


def objections(world: World) -> list[str]:
    """What was moved too early, or did not fit together."""
    witness = Witness(LEAD, RETENTION)
    for each in writes(world):
        body = each.reply.body or {}
        if each.reply.status in {200, 201} and body.get("metadata", {}).get("name") == "auth":
            kind = {"configmaps": "ConfigMap", "secrets": "Secret"}.get(each.call.path.split("/")[5], "")
            if kind:
                witness.watch([Sighting(each.at, "MODIFIED", {**body, "kind": kind})])
    return witness.objections


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    create_set(world)
    yield world
    world.close()


def stop_within_a_step(world: World, nth: int, seconds: float) -> tuple[Replica, Replica]:
    """Stop a leader for so long when the n-th write of a rotation has arrived and its answer has not."""
    one = Replica(world, "one")
    world.advance(0.5)
    two = Replica(world, "two")
    world.until(lambda: step_of(world) is None and bool(one.writes()) and world.now % 1 < 0.1)
    begun = len(one.writes())
    while len(one.writes()) < begun + nth:
        world.advance(0.001)
    one.pause()
    world.advance(seconds)
    return one, two


@pytest.mark.parametrize("nth", range(1, 5))
@pytest.mark.parametrize("stopped_for", [20.0, 120.0])
def test_a_leader_stopped_within_a_step_finds_it_finished_and_changes_nothing(
    world: World, nth: int, stopped_for: float
) -> None:
    one, two = stop_within_a_step(world, nth, stopped_for)
    assert two.leads()
    assert two.writes(), "it went on"
    written = len(one.writes())
    one.resume()
    world.advance(30)
    assert len(one.writes()) == written
    assert (trespasses(world), objections(world)) == ([], [])


def test_without_the_fence_it_would_write_and_only_meet_conflicts(world: World) -> None:
    """The teeth of the tests above, and the second line of defence."""
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(Lease, "leads", lambda _: True)
        one, _ = stop_within_a_step(world, 1, 20.0)
        one.resume()
        world.advance(5)
    first, *_ = trespasses(world)
    assert (first.sender, first.reply.status) == ("one", 409)


def step_of(world: World) -> object:
    """The unfinished step in the record, None if there is no record either."""
    keyring = world.server.handle(Call("GET", SECRETS.path(SHOP, "auth-keyring"))).body or {}
    record = keyring.get("data", {}).get("record.json")
    return json.loads(b64decode(record)).get("step") if record else None


def test_a_standby_writes_nothing_and_its_work_queue_fills(world: World) -> None:
    one = Replica(world, "one")
    world.advance(1)
    two = Replica(world, "two")
    for number in range(5):
        create_set(world, f"set-{number}")
    world.advance(12)
    assert (one.leads(), two.leads(), two.writes()) == (True, False, [])
    waiting = {ref.name for ref in (ref for line in two.queue._lines.values() for ref in line)}
    assert waiting >= {f"set-{number}" for number in range(5)}


def test_work_cut_off_in_a_write_leaves_the_lease_to_run_out(world: World) -> None:
    one = Replica(world, "one")
    world.advance(1)
    two = Replica(world, "two")
    world.advance(1)
    one.wire.net = lambda call: Net(3.0, 0.001) if to("secrets", "PUT")(call) else Net()
    world.until(lambda: one.wire.sent[-1].method == "PUT" and "/secrets" in one.wire.sent[-1].path)
    one.terminate()
    world.advance(5)
    assert one.ended is not None
    assert one.ended.done()
    assert not two.leads()
    assert world.until(two.leads, 15) > 5
    assert trespasses(world) == []


def test_work_in_hand_ends_before_the_lease_is_released(world: World) -> None:
    one = Replica(world, "one")
    world.advance(1)
    two = Replica(world, "two")
    world.advance(1)
    one.wire.net = lambda call: Net(0.1, 0.1) if call.method != "GET" else Net()
    world.until(lambda: one.wire.sent[-1].method == "PUT" and "/secrets" in one.wire.sent[-1].path)
    before = len(one.writes())
    one.terminate()
    assert world.until(two.leads) < 2.0
    assert len(one.writes()) > before
    world.advance(30)
    assert (trespasses(world), objections(world)) == ([], [])
