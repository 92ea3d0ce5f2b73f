"""Directed histories of the world: each leads straight to where one piece of safety is needed."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from jwks_operator.keys.algorithms import KeyClass
from jwks_operator.kube.client import CRDS
from reconcile.life import CRD
from simulation.enemies import ENEMIES, lose_keyring, restore_keyring, save_keyring
from simulation.imports import offer_buried, offer_foreign, source
from simulation.world import World, finish

History = Callable[[World], None]


def h(hours: float) -> timedelta:
    return timedelta(hours=hours)


def spec(*algorithms: str, timing: Mapping[str, str] | None = None, **rotation: Any) -> dict[str, Any]:
    """Return a spec with an entry a, b, … for each algorithm, rotated daily unless something else is said."""
    keys = [{"name": name, "algorithm": algorithm} for name, algorithm in zip("abc", algorithms, strict=False)]
    every = {} if {"policy", "every"} & rotation.keys() else {"every": "24h"}
    return {"keys": keys, "timing": dict(timing or {}), "rotation": {**every, **rotation}}


def ask(world: World, verb: str = "rotate", entry: str = "a") -> None:
    """Request something from now on."""
    finish(world.life.annotate(**{verb: f"{entry}@{world.now.isoformat()}"}))
    world.look()


def _rotate_soon_after_publication(world: World, algorithm: str, **timing: str) -> None:
    """A rotation is asked for ten minutes after the standby was published; that of a new set everybody has."""
    world.begin(spec(algorithm, timing=timing))
    world.live(h(24) + timedelta(minutes=10))
    ask(world)
    world.live(h(60))


def rotate_soon_after_publication(world: World) -> None:
    _rotate_soon_after_publication(world, "ES256")


def rotate_under_encryption(world: World) -> None:
    _rotate_soon_after_publication(world, "ECDH-ES", propagation="1h")


def rotate_under_symmetry(world: World) -> None:
    _rotate_soon_after_publication(world, "HS256", propagation="1h")


def lower_the_lead(world: World) -> None:
    """Caches go on under the former facts when a rotation is asked for under the new ones."""
    world.begin(spec("ES256", timing={"verifierRefresh": "3h"}, prepublish="OnSchedule"))
    world.live(h(10))
    finish(world.life.set_spec(spec("ES256", timing={"verifierRefresh": "1m"}, prepublish="OnSchedule")))
    world.look()
    ask(world)
    world.live(h(30))


def lower_the_lifetime(world: World) -> None:
    """Tokens go on under the former facts when their key retires under the new ones."""
    world.begin(spec("ES256", timing={"tokenLifetime": "9h"}))
    world.live(h(24.1))
    finish(world.life.edit_spec(timing={}))
    world.look()
    world.live(h(20))


def lose_the_configmap_before_a_rotation(world: World) -> None:
    world.begin(spec("ES256"))
    world.live(h(23.5))
    ENEMIES["delete the ConfigMap"](world, 0)
    world.look()
    world.live(h(3))


def put_an_old_secret_back(world: World) -> None:
    """A retired key is in use once more, and what it signs then lives as long as anything else."""
    world.begin(spec("ES256"))
    world.live(h(24) + timedelta(minutes=65))
    ENEMIES["put an old Secret back"](world, 0)
    world.life.time.pass_by(timedelta(minutes=1))
    world.look()
    world.live(h(5))


def stand_still_in_front_of_the_record(world: World) -> None:
    """A replica is about to write a record that is two rotations old by the time it wakes up."""
    world.begin(spec("ES256"))
    world.life.time.pass_by(h(24))
    world.leader.advance(4)
    world.fail_over(paused=True)
    world.live(h(50))
    world.asleep.pop().wake_up()
    world.look()
    world.live(h(3))


def stand_still_in_front_of_the_configmap(world: World) -> None:
    """A replica is about to write a document that is out of date by the time it wakes up."""
    world.begin(spec("ES256", prepublish="OnSchedule"))
    world.life.time.pass_by(h(24) - timedelta(minutes=70))
    world.leader.advance(5)  # four reads and the intent: the new key is about to be published
    world.fail_over(paused=True)
    world.live(h(30))
    world.asleep.pop().wake_up()
    world.live(h(3))


def stand_still_in_front_of_the_secret(world: World) -> None:
    """A replica is about to hand out a key that was used up meanwhile."""
    world.begin(spec("ES256"))
    world.life.time.pass_by(h(24))
    world.leader.advance(5)
    world.fail_over(paused=True)
    world.live(h(50))
    world.asleep.pop().wake_up()
    world.live(h(3))


def stand_still_before_a_stamp(world: World) -> None:
    """The process sleeps for an hour between the intent and the publication, and nobody takes over."""
    world.begin(spec("ES256", prepublish="OnSchedule"))
    world.life.time.pass_by(h(24) - timedelta(minutes=70))
    world.leader.advance(5)
    world.life.time.pass_by(h(1))
    world.leader.wake_up()
    world.live(h(3))


def apply_the_crd_again(world: World) -> None:
    """The kind is not served for a day: whether the set is gone cannot be told."""
    world.begin(spec("ES256"))
    seen = finish(world.life.people.read(CRDS, None, CRD["metadata"]["name"]))
    assert seen is not None
    finish(world.life.people.delete(CRDS, seen))
    for _ in range(4):
        world.life.time.pass_by(timedelta(minutes=6))
        world.look()
    finish(world.life.people.create(CRDS, None, CRD))
    finish(world.life.create_set(spec("ES256")))
    world.look()
    world.live(h(1))


def restore_a_backup(world: World) -> None:
    """A backup from before a repair: what it stamped as published long ago was not, lately."""
    world.begin(spec("ES256"))
    save_keyring(world)
    world.live(h(23.5))
    ENEMIES["delete the ConfigMap"](world, 0)
    world.look()
    restore_keyring(world, 0)
    world.look()
    world.live(h(3))


def revoke_what_is_held(world: World) -> None:
    """Nothing holds up a revocation: neither hold, nor suspend, nor a clock in doubt."""
    world.begin(spec("ES256"))
    kid = next(iter(world.chronicle.sides[KeyClass.SIGNATURE].use[-1].kids))
    world.leader.ahead = h(5)
    finish(world.life.edit_spec(suspend=True, held=[kid], revoked=[{"kid": kid}]))
    world.look()
    world.live(h(1))
    assert kid in world.chronicle.revoked, "a revoked key lives on"


def rotate_outside_of_the_windows(world: World) -> None:
    world.begin(spec("ES256", windows=[{"schedule": "0 2 * * *", "duration": "1h"}]))
    world.live(h(30))
    for shown in world.chronicle.sides[KeyClass.SIGNATURE].use[1:]:
        assert shown.since.hour == 2, "a key was activated outside of its window"
    world.live(h(24))
    assert len(world.chronicle.sides[KeyClass.SIGNATURE].use) > 1, "no key was activated at all"


def remove_an_entry(world: World) -> None:
    """Its key is still checked with for a while."""
    world.begin(spec("ES256", "ES256"))
    world.live(h(2))
    finish(world.life.set_spec(spec("ES256")))
    world.live(h(6))


def add_an_entry(world: World) -> None:
    """Nobody can have its key yet."""
    world.begin(spec("ES256"))
    world.live(h(2))
    finish(world.life.set_spec(spec("ES256", "Ed25519")))
    world.live(h(6))


def lower_one_fact_and_raise_another(world: World) -> None:
    """The kubelet was slow, now caches are: a document that it still shows is cached for longer."""
    world.begin(spec("ES256", timing={"propagation": "1h", "verifierRefresh": "1m"}, prepublish="OnSchedule"))
    world.live(h(10))
    finish(world.life.edit_spec(timing={"propagation": "1m", "verifierRefresh": "1m", "cacheMaxAge": "30m"}))
    world.look()
    ask(world)
    world.live(h(2))  # the operator wakes to the minute
    world.live(h(28))


def lose_the_keyring_after_a_lowered_lifetime(world: World) -> None:
    """What the keyring alone knew of tokens that still live, the status tells."""
    world.begin(spec("ES256", timing={"tokenLifetime": "9h"}))
    world.live(h(24.1))
    finish(world.life.edit_spec(timing={}))
    world.look()
    lose_keyring(world)
    world.look()
    world.live(h(20))


def begin_with_mixed_classes(world: World) -> None:
    world.begin(spec("ES256", "ECDH-ES"))
    world.live(h(50))


def revoke_after_a_lowered_lead(world: World) -> None:
    """Caches trust the key for as long as they were told before."""
    world.begin(spec("ES256", timing={"verifierRefresh": "3h"}))
    world.live(h(2))
    finish(world.life.edit_spec(timing={"verifierRefresh": "1m"}))
    world.look()
    kid = next(iter(world.chronicle.sides[KeyClass.SIGNATURE].use[-1].kids))
    finish(world.life.annotate(revoke=kid))
    world.look()
    world.live(h(9))


def offer_a_revoked_key_again(world: World) -> None:
    """Under its own kid, by the source that it came from."""
    imported = spec("ES256")
    imported["keys"][0]["import"] = source("a")
    world.begin(imported)
    offer_foreign(world, "a", "ES256", 0)
    world.look()
    kid = next(iter(world.chronicle.sides[KeyClass.SIGNATURE].use[-1].kids))
    finish(world.life.annotate(revoke=kid))
    world.look()
    finish(world.life.annotate())
    world.live(h(2))
    finish(world.life.set_spec({**imported, "keys": [{**imported["keys"][0], "name": "b", "import": source("b")}]}))
    world.look()
    offer_buried(world, "b", 0)
    world.live(h(3))
    assert kid in world.chronicle.revoked, "the imported key was never used"
