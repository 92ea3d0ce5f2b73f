"""CrashSafe: killed after any API call of any transition of any class, the operator ends where it would have anyway.

"After call n" is also "before call n+1": an operator keeps nothing in memory that its successor could miss. Deaths
that leave the set and its objects as an earlier one did are judged once.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from fakes.faults import Crash, CrashBefore
from jwks_operator.keys.algorithms import ALGORITHMS
from jwks_operator.kube.client import CONFIGMAPS, EVENTS, SECRETS
from reconcile.life import REF, Life
from simulation.chronicle import Chronicle, in_use, openers, published
from simulation.pool import Pool
from simulation.promise import Promise
from simulation.transitions import LONGEST, TRANSITIONS, Transition

ALGORITHMS_OF_CLASSES = ("ES256", "ECDH-ES", "HS256")
ROWS = {
    f"{name}, {algorithm}": (transition, algorithm)
    for name, transition in TRANSITIONS.items()
    for algorithm in ALGORITHMS_OF_CLASSES
    if ALGORITHMS[algorithm].key_class in transition.classes
}


@dataclass
class Scene:
    """A world right before a transition, which is entered again and again."""

    life: Life
    chronicle: Chronicle
    known: frozenset[str]
    pool: Pool

    def again(self, *faults: CrashBefore) -> "Scene":
        """Another world that is just the same, with an operator that has these faults."""
        life = Life()
        life.keys = pool = Pool()
        pool.skip(self.pool)
        life.time.now, life.time.monotonic = self.life.time.now, self.life.time.monotonic
        life.server.store.take_over(self.life.server.store)
        chronicle = _chronicle(life)
        chronicle.begin_with(self.chronicle)
        life.start_operator(*faults)
        return Scene(life, chronicle, self.known, pool)

    async def outcome(self) -> Counter[tuple[Any, ...]]:
        """The keys by entry, algorithm, state and private half; those that came meanwhile have no names."""
        ring = await self.life.keyring()
        assert ring["record.json"].get("step") is None, "a step is left unfinished"
        return Counter(
            (
                key["entry"],
                key["algorithm"],
                key["state"],
                "private" in key,
                key["kid"] if key["kid"] in self.known else "new",
            )
            for name, key in ring.items()
            if name != "record.json"
        )


def _chronicle(life: Life) -> Chronicle:
    chronicle = Chronicle(REF, life.time.wall)
    chronicle.listen(life.server)
    return chronicle


async def _set_up(transition: Transition, algorithm: str) -> Scene:
    life = Life()
    life.keys = pool = Pool()
    chronicle = _chronicle(life)
    life.start_operator()
    await transition.prepare(life, algorithm)
    with chronicle.tampering():
        await transition.trigger(life, algorithm)
    return Scene(life, chronicle, frozenset(chronicle.known), pool)


@pytest.mark.parametrize(("transition", "algorithm"), ROWS.values(), ids=ROWS)
async def test_a_death_after_any_call_changes_nothing_but_the_time(transition: Transition, algorithm: str) -> None:
    scene = await _set_up(transition, algorithm)
    undisturbed = scene.again()
    await undisturbed.life.pass_()
    calls = len(undisturbed.life.seam.log)
    expected = await undisturbed.outcome()
    await _judge(undisturbed)
    later = await undisturbed.outcome()
    judged: set[int] = set()
    for survived in range(calls):
        world = scene.again(CrashBefore(survived + 1))
        with pytest.raises(Crash):
            await world.life.pass_()
        left = sum(change.resource != EVENTS for change in world.life.server.store.changes)
        if left in judged:
            continue
        judged.add(left)
        world.life.start_operator()
        await world.life.after(timedelta(seconds=2))
        assert await world.outcome() == expected, f"after {survived} calls"
        await _judge(world)
        assert await world.outcome() == later, f"a while after {survived} calls"
    assert judged


async def _judge(world: Scene) -> None:
    """Quiet now, every stamp younger than its effect, nothing too early then or when the waits are over."""
    life = world.life
    life.writes()
    await life.pass_()
    assert life.writes() == []
    await _stamps_are_no_older_than_their_effects(world)
    await life.after(LONGEST + timedelta(minutes=1))
    assert Promise(world.chronicle).gaps() == []
    configmap, secret = await life.read(CONFIGMAPS, REF.name), await life.read(SECRETS, REF.name)
    shown = {*published(configmap), *in_use(secret), *openers(secret)}
    assert shown == {key["kid"] for key in (await life.keyring()).values() if "kid" in key}


async def _stamps_are_no_older_than_their_effects(world: Scene) -> None:
    for key in [key for key in (await world.life.keyring()).values() if "kid" in key]:
        kind = ALGORITHMS[key["algorithm"]].key_class
        sides = world.chronicle.sides[kind]
        if key["published"]:
            first = min(shown.since for shown in sides.check if key["kid"] in shown.kids)
            assert datetime.fromisoformat(key["published"]) >= first, f"{key['kid']} is stamped as published before"
        if key.get("retired"):
            uses = [shown for shown in sides.use if key["kid"] in shown.kids]
            after = [shown.since for shown in sides.use if uses and shown.order > uses[-1].order]
            stamp = datetime.fromisoformat(key["retired"])
            assert not after or stamp >= after[0], f"{key['kid']} is stamped as retired before"
