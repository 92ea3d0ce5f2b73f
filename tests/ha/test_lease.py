"""One Lease and its candidates: who may write when, by clocks that are moved by hand."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ha.world import HOME, NAME, Net, Replica, World
from jwks_operator.kube.client import LEASES, Call
from jwks_operator.kube.lease import Election, Terms


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


@pytest.fixture
def replica(world: World) -> Callable[[str], Replica]:
    return lambda identity: Replica(world, identity)


Make = Callable[[str], Replica]


def to_the_lease(method: str) -> Callable[[Call], bool]:
    return lambda call: call.method == method and "/leases" in call.path


def losing(choose: Callable[[Call], bool], net: Net) -> Callable[[Call], Net]:
    return lambda call: net if choose(call) else Net()


def test_the_first_replica_leads_at_once_and_the_lease_says_so(world: World, replica: Make) -> None:
    one = replica("one")
    world.advance(0.1)
    assert one.leads()
    lease = world.lease()
    assert lease is not None
    assert lease["spec"].pop("renewTime") == lease["spec"].pop("acquireTime")
    assert lease["spec"] == {"holderIdentity": "one", "leaseDurationSeconds": 15, "leaseTransitions": 0}


def test_a_second_one_stands_by_as_long_as_the_first_renews(world: World, replica: Make) -> None:
    one = replica("one")
    world.advance(0.1)
    two = replica("two")
    for _ in range(600):
        world.advance(0.1)
        assert (one.leads(), two.leads()) == (True, False)
    renewals = [each for each in world.landed if each.call.method == "PUT"]
    assert 27 <= len(renewals) <= 34


def test_a_released_lease_is_taken_within_the_quarter_of_a_retry(world: World, replica: Make) -> None:
    one = replica("one")
    world.advance(5)
    two = replica("two")
    world.advance(5)
    one.terminate()
    assert world.until(two.leads) <= 0.65
    assert not one.leads()
    lease = world.lease()
    assert lease is not None
    assert (lease["spec"]["holderIdentity"], lease["spec"]["leaseTransitions"]) == ("two", 1)


def test_a_renewal_that_lands_while_the_lease_is_released_does_not_keep_it(world: World, replica: Make) -> None:
    one = replica("one")
    world.advance(5)
    two = replica("two")
    one.wire.net = losing(to_the_lease("PUT"), Net(0.3, 0.001))
    sent = len(one.wire.sent)
    world.until(lambda: any(map(to_the_lease("PUT"), one.wire.sent[sent:])))
    one.terminate()
    assert world.until(two.leads) <= 1.5
    assert [each.reply.status for each in world.landed if to_the_lease("PUT")(each.call)][-4:] == [200, 409, 200, 200]


def test_a_lease_that_nobody_renews_is_taken_when_its_duration_is_over_and_not_before(
    world: World, replica: Make
) -> None:
    one = replica("one")
    world.advance(5)
    two = replica("two")
    world.advance(5)
    one.crash()
    last = max(each.at for each in world.landed if each.sender == "one" and each.call.method == "PUT")
    world.until(two.leads)
    assert 15.0 <= world.now - last <= 15.7


def test_a_newcomer_counts_from_when_it_saw_the_lease_and_by_the_duration_in_it(world: World) -> None:
    Replica(world, "one", Election(HOME, NAME, "one", Terms(30.0, 20.0, 5.0))).loop.settle()
    world.advance(1)
    world.stop(world.loops[0])
    world.advance(3600)
    two = Replica(world, "two")
    world.advance(29.9)
    assert not two.leads()
    world.advance(0.3)
    assert two.leads()


def test_of_two_that_reach_for_it_at_once_one_has_it(world: World, replica: Make) -> None:
    pair = [replica("one"), replica("two")]
    world.advance(0.1)
    assert [each.leads() for each in pair].count(True) == 1
    made = [each.reply.status for each in world.landed if to_the_lease("POST")(each.call)]
    assert sorted(made) == [201, 409]


def test_the_answer_to_a_renewal_gets_lost_and_the_next_one_is_in_time(world: World, replica: Make) -> None:
    one = replica("one")
    world.advance(4)
    one.wire.net = losing(to_the_lease("PUT"), Net(back=None))
    world.advance(4)
    one.wire.net = lambda _: Net()
    for _ in range(100):
        world.advance(0.1)
        assert one.leads()


@pytest.mark.parametrize("lost", [Net(there=None), Net(back=None)], ids=["request", "answer"])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_leader_that_cannot_renew_ceases_before_anybody_else_may_begin(
    world: World, replica: Make, method: str, lost: Net
) -> None:
    one = replica("one")
    world.advance(5)
    two = replica("two")
    world.advance(5)
    one.wire.net = losing(to_the_lease(method), lost)
    ceased = world.until(lambda: not one.leads())
    assert 7.5 <= ceased <= 10.0
    if lost.there is not None and method == "PUT":
        return  # these renewals land: the Lease is held by one who does not know, and nobody writes
    assert 4.7 <= world.until(two.leads) <= 5.8


def test_the_workers_of_a_leader_that_was_cut_off_are_told_at_the_deadline(world: World, replica: Make) -> None:
    one = replica("one")
    world.advance(5)
    assert not one.queue._paused
    one.wire.net = losing(to_the_lease("GET"), Net(there=None))
    world.advance(10.05)
    assert one.queue._paused
    one.wire.net = lambda _: Net()
    world.until(one.leads)
    assert not one.queue._paused


@pytest.mark.parametrize("seconds", [-7200, -10, 10, 7200])
def test_a_step_of_the_wall_clock_changes_nothing(world: World, replica: Make, seconds: float) -> None:
    one = replica("one")
    world.advance(3)
    two = replica("two")
    world.advance(3)
    world.wall_step = timedelta(seconds=seconds)
    for _ in range(200):
        world.advance(0.1)
        assert (one.leads(), two.leads()) == (True, False)


def test_a_process_that_was_stopped_for_longer_finds_itself_deposed_at_once(world: World, replica: Make) -> None:
    one = replica("one")
    world.advance(5)
    two = replica("two")
    world.advance(5)
    one.pause()
    world.advance(20)
    assert two.leads()
    assert not one.leads(), "asked before anything else in that process has run"
    one.resume()
    world.advance(30)
    assert (one.leads(), two.leads()) == (False, True)


def test_a_renewal_that_was_stopped_before_its_answer_is_as_old_as_its_request(world: World, replica: Make) -> None:
    one = replica("one")
    world.advance(5)
    world.until(lambda: one.wire.sent[-1].method == "PUT" and world.landed[-1].call is one.wire.sent[-1])
    one.pause()
    world.advance(12)
    one.loop.settle()
    assert not one.leads()


def test_a_lease_deleted_under_its_holder_is_made_again_by_nobody_else(world: World, replica: Make) -> None:
    one = replica("one")
    world.advance(5)
    two = replica("two")
    world.advance(5)
    assert world.server.handle(Call("DELETE", LEASES.path(HOME, NAME))).status == 200
    for _ in range(100):
        world.advance(0.1)
        assert (one.leads(), two.leads()) == (True, False)
    assert world.holder() == "one"
    one.crash()
    assert world.server.handle(Call("DELETE", LEASES.path(HOME, NAME))).status == 200
    assert 12.5 <= world.until(two.leads) <= 16.0


def test_a_leader_that_finds_another_holder_ceases_at_its_next_look(world: World, replica: Make) -> None:
    one = replica("one")
    world.advance(5)
    world.edit_lease(holderIdentity="somebody")
    assert world.until(lambda: not one.leads()) <= 2.3
    world.edit_lease(holderIdentity="")
    assert world.until(one.leads) <= 0.65


def test_a_lease_without_a_spec_is_free(world: World, replica: Make) -> None:
    body = {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": {"name": NAME}}
    assert world.server.handle(Call("POST", LEASES.path(HOME), {}, body)).status == 201
    one = replica("one")
    world.advance(0.1)
    assert one.leads()


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ((10.0, 10.0, 2.0), "the lease duration must be longer than the renew deadline"),
        ((15.0, 2.4, 2.0), "the renew deadline must be longer than 1.2 times the retry period"),
        ((15.0, 10.0, 0.0), "the retry period must be longer than nothing"),
    ],
)
def test_terms_that_leave_no_margin_are_refused(terms: tuple[float, float, float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Terms(*terms)


@settings(max_examples=20)
@given(
    st.builds(Terms, st.floats(4.0, 30.0), st.floats(2.5, 3.9), st.floats(0.5, 2.0)),
    st.floats(0, 4),
    st.floats(0, 0.5),
)
def test_whatever_the_terms_the_old_leader_has_ceased_when_the_new_one_begins(
    terms: Terms, moment: float, delay: float
) -> None:
    """Cut off at any moment; the margin is the difference between duration and deadline."""
    world = World()
    try:
        one = Replica(world, "one", Election(HOME, NAME, "one", terms))
        world.advance(1)
        two = Replica(world, "two", Election(HOME, NAME, "two", terms))
        one.wire.net = lambda _: Net(delay, delay)
        world.advance(moment)
        one.wire.cut = True
        world.until(lambda: not one.leads(), terms.deadline + 0.05)
        ceased = world.now
        assert not two.leads()
        world.until(two.leads, 2 * terms.duration)
        assert world.now - ceased >= terms.duration - terms.deadline - 0.06
    finally:
        world.close()
