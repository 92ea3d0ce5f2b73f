"""A set moves to another shard while its owner is in the middle of anything: nothing early, nothing lost, one writer.

The former owner, of the default shard, stands before any of its calls; the set moves; the new owner comes to any of its
own; the former one goes on to its end, and then the new one. Nothing but the fences of the objects keeps them apart.
"""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.store import Change
from jwks_operator.api.names import LABEL_SHARD
from jwks_operator.api.shards import Shard, shard_of
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, SETS, Object
from reconcile.life import REF, Life
from simulation.directed import spec
from simulation.enemies import ENEMIES
from simulation.promise import Promise
from simulation.transitions import LONGEST, TRANSITIONS, Transition
from simulation.world import RING, Replica, World, finish

GREEN = "green"
OBJECTS = ((SECRETS, RING), (CONFIGMAPS, REF.name), (SECRETS, REF.name))
PERSON = "a person"
MOST = 40
"""More calls than any pass makes."""


class Move:
    """A world with an operator for each of two shards, and the log of who wrote what."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World()
        self.owners: dict[Shard, Replica] = {shard: Replica(self.world, shard=shard) for shard in (None, GREEN)}
        self.wrote: list[tuple[Shard, str]] = []
        """Whose operator wrote which object, in order."""
        self.turn: Shard = None
        self.moves = 0
        self.world.life.server.store.listeners.append(self._note)

    def again(self) -> "Move":
        """The same world once more, with operators that know nothing."""
        world = World(Life())
        before = self.world
        world.life.time.now, world.life.time.monotonic = before.life.time.now, before.life.time.monotonic
        world.life.server.store.take_over(before.life.server.store)
        world.life.keys.skip(before.life.keys)  # type: ignore[attr-defined]  # a world's keys are a Pool
        world.chronicle.begin_with(before.chronicle)
        return Move(world)

    def move(self, shard: Shard) -> None:
        """Somebody labels the set."""

        def label(the_set: Object) -> None:
            labels = dict(the_set["metadata"].get("labels") or {})
            labels.pop(LABEL_SHARD, None)
            the_set["metadata"]["labels"] = labels if shard is None else {**labels, LABEL_SHARD: shard}

        self.turn = PERSON
        finish(self.world.life.edit(SETS, REF.name, label))
        self.moves += 1
        self.pass_by(timedelta(seconds=2))

    def advance(self, shard: Shard, calls: int) -> bool:
        """Let an operator go on for so many calls; False once its pass is over."""
        self.turn = shard
        return self.owners[shard].advance(calls)

    def finish(self, shard: Shard) -> None:
        """Let an operator go on to the end of its pass."""
        while self.advance(shard, 1):
            pass

    def crash(self, shard: Shard) -> None:
        """An operator dies where it stands, and another one begins."""
        self.owners[shard].die()
        self.owners[shard] = Replica(self.world, shard=shard)

    def do(self, what: str, shard: Shard, number: int) -> None:
        """One thing of a history."""
        if what == "calls":
            self.advance(shard, number)
        elif what == "end":
            self.finish(shard)
        elif what == "move":
            self.move(shard)
        elif what == "crash":
            self.crash(shard)
        elif what == "time":
            self.pass_by(timedelta(minutes=number))
        else:
            self.turn = PERSON
            if what in ENEMIES:
                ENEMIES[what](self.world, number)
            elif what == "rotate":
                finish(self.world.life.annotate(rotate=f"a@{self.world.now.isoformat()}"))
            elif kids := self.world.kids():
                finish(self.world.life.annotate(revoke=kids[number % len(kids)]))

    def pass_by(self, span: timedelta) -> None:
        self.world.life.time.pass_by(span)

    def settle(self, shard: Shard) -> None:
        """The owner looks until nothing is left to do, and the other one once."""
        other = GREEN if shard is None else None
        for who in (other, shard, shard, shard):
            self.finish(who)
            self.pass_by(timedelta(seconds=2))
        before = self.world.life.server.store.version
        self.finish(other)
        self.finish(shard)
        assert self.world.life.server.store.version == before, "a world at rest was written to"

    def judge(self, shard: Shard) -> None:
        """Everything is the owner's and in order, now and when all waits are over."""
        for span in (timedelta(), LONGEST + timedelta(minutes=1)):
            self.pass_by(span)
            self.settle(shard)
            self.world.judge()
            ring = self.world.record()
            assert ring["record.json"].get("step") is None, "a step is left unfinished"
            for resource, name in OBJECTS:
                thing = self.world.there(resource, name)
                assert thing is not None, f"{name} is lost"
                assert shard_of(thing) == shard, f"{name} is still another shard's"
        assert Promise(self.world.chronicle).gaps() == []

    def _note(self, change: Change) -> None:
        thing = change.after or change.before or {}
        name = f"{change.resource.plural}/{thing['metadata']['name']}"
        if change.resource in {SECRETS, CONFIGMAPS} and self.turn != PERSON:
            self.wrote.append((self.turn, name))

    def changes_of_hands(self) -> int:
        """How often, at most, the one who wrote an object was another one than before."""
        most = 0
        for name in {name for _, name in self.wrote}:
            writers = [who for who, what in self.wrote if what == name]
            most = max(most, sum(one != other for one, other in pairwise(writers)))
        return most


def set_up(transition: Transition, algorithm: str) -> Move:
    """A world right before a transition of a set that the default shard looks after."""
    world = World()

    async def act() -> None:
        await transition.prepare(world.life, algorithm)
        with world.chronicle.tampering():
            await transition.trigger(world.life, algorithm)

    finish(act())
    return Move(world)


THIRDS = 3
"""Each transition is judged at every third pair of places, and each pair at every third transition."""


@pytest.mark.parametrize(
    ("third", "transition"), [(n % THIRDS, each) for n, each in enumerate(TRANSITIONS.values())], ids=TRANSITIONS
)
def test_a_set_may_move_at_any_call_of_its_owner_to_one_at_any_call(third: int, transition: Transition) -> None:
    scene = set_up(transition, "ES256")
    judged: set[tuple[tuple[Shard, str], ...]] = set()
    for before in range(MOST):
        for after in range((before + third) % THIRDS, MOST, THIRDS):
            world = scene.again()
            begun = before == 0 or world.advance(None, before)
            world.move(GREEN)
            begins = after == 0 or world.advance(GREEN, after)
            world.finish(None)
            world.finish(GREEN)
            if (left := tuple(world.wrote)) not in judged:
                judged.add(left)
                world.judge(GREEN)
                assert world.changes_of_hands() <= 1, world.wrote
            if not begins:
                break
        if not begun:
            break
    assert len(judged) > 1


@pytest.mark.parametrize("name", ["publish", "activate"])
def test_a_key_that_is_revoked_as_its_set_moves_is_not_published_by_the_former_owner(name: str) -> None:
    scene = set_up(TRANSITIONS[name], "ES256")
    begun, revoked = True, 0
    for before in range(1, MOST):
        for after in range(MOST):
            world = scene.again()
            begun = world.advance(None, before)
            kids = world.world.kids()
            world.turn = PERSON
            finish(world.world.life.annotate(revoke=kids[-1]))
            world.move(GREEN)
            begins = after == 0 or world.advance(GREEN, after)
            world.pass_by(timedelta(seconds=2))
            world.finish(None)
            world.finish(GREEN)
            world.settle(GREEN)
            assert Promise(world.world.chronicle).gaps() == []
            revoked += kids[-1] in world.world.chronicle.revoked
            if not begins:
                break
        if not begun:
            break
    assert revoked


def test_a_pass_that_slept_through_a_move_and_back_takes_up_nothing_of_what_it_has_read() -> None:
    """It read of a key that is about to be published; meanwhile that was published by the other owner, and revoked."""
    for calls in range(1, MOST):
        scene = set_up(TRANSITIONS["publish"], "ES256")
        scene.advance(None, 5)  # four reads and the intent
        scene.crash(None)
        slept = scene.advance(None, calls)
        kid = scene.world.kids()[-1]
        scene.move(GREEN)
        scene.finish(GREEN)
        scene.turn = PERSON
        finish(scene.world.life.annotate(revoke=kid))
        scene.finish(GREEN)
        scene.move(None)
        scene.finish(None)
        scene.judge(None)
        if not slept:
            return
    raise AssertionError("a pass does not end")


SHARDS: tuple[Shard, ...] = (None, GREEN)
calls = st.tuples(st.just("calls"), st.sampled_from(SHARDS), st.integers(1, 14))
ends = st.tuples(st.just("end"), st.sampled_from(SHARDS), st.just(0))
moves = st.tuples(st.just("move"), st.sampled_from(SHARDS), st.just(0))
times = st.tuples(st.just("time"), st.none(), st.sampled_from((1, 70, 131, 1500)))
people = st.tuples(st.sampled_from(sorted(ENEMIES)), st.none(), st.integers(0, 3))
asks = st.tuples(st.sampled_from(("rotate", "revoke")), st.none(), st.integers(0, 3))
crashes = st.tuples(st.just("crash"), st.sampled_from(SHARDS), st.just(0))


@settings(max_examples=60)
@given(
    algorithm=st.sampled_from(("ES256", "ECDH-ES", "HS256")),
    history=st.lists(st.one_of(calls, calls, calls, ends, moves, moves, times, people, asks, crashes), max_size=25),
)
def test_whatever_happens_between_moves_nothing_comes_too_early_and_nothing_is_lost(
    algorithm: str, history: list[tuple[str, Shard, int]]
) -> None:
    scene = Move()
    scene.world.begin(spec(algorithm))
    owner: Shard = None
    for what, shard, number in history:
        if what == "move":
            owner = shard
        scene.do(what, shard, number)
    scene.judge(owner)
