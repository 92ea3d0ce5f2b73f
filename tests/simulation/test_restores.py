"""Restores: of everything or of one object, of yesterday or of last week; every clock restarts, nothing comes early."""

from datetime import timedelta
from typing import Any

import pytest

from jwks_operator.keys.algorithms import KeyClass
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, SETS, Object, Resource
from reconcile.life import REF
from simulation.directed import ask, h, spec
from simulation.enemies import restore_keyring, save_keyring
from simulation.world import RING, World, finish

WEEK = h(7 * 24)
EVERYTHING: tuple[tuple[Resource, str], ...] = (
    (SETS, REF.name),
    (SECRETS, RING),
    (SECRETS, REF.name),
    (CONFIGMAPS, REF.name),
)


def _settled(algorithm: str = "ES256") -> World:
    world = World()
    world.begin(spec(algorithm))
    world.live(h(24.1))
    return world


def _backup(world: World) -> list[tuple[Resource, Object]]:
    """What a backup tool keeps: no status, no uid, no books of the server."""
    kept = []
    for resource, name in EVERYTHING:
        seen = finish(world.life.read(resource, name))
        meta = {
            key: seen["metadata"][key]
            for key in ("name", "namespace", "labels", "annotations")
            if seen["metadata"].get(key)
        }
        kept.append(
            (resource, {key: seen[key] for key in ("spec", "data", "type") if key in seen} | {"metadata": meta})
        )
    return kept


def _delete(world: World, *what: tuple[Resource, str]) -> None:
    for resource, name in what:
        finish(world.life.delete(resource, name))


def _create(world: World, backup: list[tuple[Resource, Object]]) -> None:
    for resource, body in backup:
        finish(world.life.people.create(resource, REF.namespace, body))


def _states(world: World) -> dict[str, list[str]]:
    return finish(world.life.states("a"))


def _stamps(world: World) -> list[Any]:
    return [key["published"] for name, key in world.record().items() if name != "record.json"]


@pytest.mark.parametrize("algorithm", ["ES256", "ECDH-ES", "HS256"])
def test_a_set_that_is_replaced_by_force_keeps_its_keys(algorithm: str) -> None:
    """`kubectl replace --force` deletes the set and makes one with another uid and no status."""
    world = _settled(algorithm)
    ask(world)
    world.live(h(2))
    annotations = finish(world.life.read(SETS, REF.name))["metadata"]["annotations"]
    before, stamps = _states(world), _stamps(world)
    _delete(world, (SETS, REF.name))
    world.look()
    world.life.time.pass_by(timedelta(minutes=1))
    finish(world.life.create_set(spec(algorithm), annotations=annotations))
    world.look()
    assert _states(world) == before
    assert _stamps(world) == stamps, "nothing happened to any object that a wait leans on"
    world.live(h(2))
    assert _states(world)["Active"] == before["Active"], "a request is honoured once"
    world.live(h(50))
    world.judge()
    world.assert_quiet()
    world.end()


@pytest.mark.parametrize("algorithm", ["ES256", "ECDH-ES", "HS256"])
def test_everything_restored_but_the_status_goes_on_with_the_same_keys_and_new_waits(algorithm: str) -> None:
    world = _settled(algorithm)
    ask(world)
    world.live(h(2))
    before, backup = _states(world), _backup(world)
    with world.chronicle.tampering():
        _delete(world, *EVERYTHING)
        world.life.time.pass_by(timedelta(minutes=5))
        _create(world, backup)
    restored = world.life.time.now
    world.life.time.pass_by(timedelta(seconds=1))
    world.look()
    assert _states(world) == before
    assert min(_stamps(world)) > restored.isoformat(timespec="microseconds").replace("+00:00", "Z")
    world.live(h(2))
    assert _states(world)["Active"] == before["Active"], "a request is honoured once"
    world.live(h(50))
    world.judge()
    world.assert_quiet()
    world.end()


def test_everything_restored_from_a_week_ago_uses_the_key_of_the_backup() -> None:
    """Keys younger than the backup are nowhere any more; the key of the backup is used because there is no other."""
    world = _settled()
    old, backup = _states(world), _backup(world)
    world.live(WEEK)
    younger = {kid for kids in _states(world).values() for kid in kids} - {kid for kids in old.values() for kid in kids}
    with world.chronicle.tampering():
        _delete(world, *EVERYTHING)
        _create(world, backup)
    world.life.time.pass_by(timedelta(minutes=1))
    world.look()
    assert _states(world) == old
    world.chronicle.exempt |= younger | set(old["Active"])
    world.live(timedelta(minutes=69))
    assert _states(world)["Active"] == old["Active"], "the standby waits its lead, however old it is"
    world.live(h(50))
    world.judge()
    world.assert_quiet()
    world.end()


@pytest.mark.parametrize("algorithm", ["ES256", "ECDH-ES", "HS256"])
def test_a_week_old_keyring_does_not_take_the_key_in_use_away(algorithm: str) -> None:
    """ConfigMap and Secret are of today: what stands in both goes on being used, whatever the backup says."""
    world = _settled(algorithm)
    save_keyring(world)
    world.live(WEEK)
    active = _states(world)["Active"]
    restore_keyring(world, 0)
    world.life.time.pass_by(timedelta(minutes=1))
    world.look()
    assert _states(world)["Active"] == active
    world.live(h(50))
    world.judge()
    world.assert_quiet()
    world.end()


def test_a_keyring_from_before_a_revocation_revokes_again_while_the_spec_says_so() -> None:
    world = _settled()
    save_keyring(world)
    bad = next(iter(world.chronicle.sides[KeyClass.SIGNATURE].use[-1].kids))
    finish(world.life.edit_spec(revoked=[{"kid": bad}]))
    world.look()
    restore_keyring(world, 0)
    world.life.time.pass_by(timedelta(minutes=1))
    world.look()
    assert bad not in finish(world.life.published())
    assert finish(world.life.in_use("a")) != bad
    world.end()


def test_a_key_with_a_tombstone_that_somebody_puts_back_into_both_objects_is_not_believed() -> None:
    world = _settled()
    bad = next(iter(world.chronicle.sides[KeyClass.SIGNATURE].use[-1].kids))
    former = [(CONFIGMAPS, world.versions["ConfigMap"][-1]), (SECRETS, world.versions["Secret"][-1])]
    finish(world.life.annotate(revoke=bad))
    world.look()
    finish(world.life.annotate())
    for resource, thing in former:
        with world.chronicle.tampering():
            finish(world.life.edit(resource, REF.name, lambda seen, data=thing["data"]: seen.update(data=data)))
    world.look()
    assert bad not in finish(world.life.published())
    assert finish(world.life.in_use("a")) != bad
    world.judge()
    world.end()


@pytest.mark.parametrize("algorithm", ["ES256", "ECDH-ES", "HS256"])
def test_a_keyring_from_before_an_entry_was_added_keeps_its_key_in_use(algorithm: str) -> None:
    """The backup does not know the entry, but everybody uses its key."""
    world = _settled()
    save_keyring(world)
    finish(world.life.set_spec(spec("ES256", algorithm)))
    world.live(h(30))
    active = finish(world.life.states("b"))["Active"]
    restore_keyring(world, 0)
    world.life.time.pass_by(timedelta(minutes=1))
    world.look()
    assert finish(world.life.states("b"))["Active"] == active
    world.live(h(50))
    world.judge()
    world.assert_quiet()
    world.end()


@pytest.mark.parametrize("algorithm", ["ECDH-ES", "HS256"])
def test_a_keyring_from_before_an_entry_came_and_went_still_opens_what_was_sealed_with_its_key(algorithm: str) -> None:
    world = _settled()
    save_keyring(world)
    finish(world.life.set_spec(spec("ES256", algorithm)))
    world.live(h(30))
    finish(world.life.set_spec(spec("ES256")))
    restore_keyring(world, 0)
    world.life.time.pass_by(timedelta(minutes=1))
    world.look()
    world.live(h(50))
    world.judge()
    world.assert_quiet()
    world.end()
