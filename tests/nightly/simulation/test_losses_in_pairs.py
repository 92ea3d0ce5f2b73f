"""Losses in pairs, and of everything: what is left anywhere is used, what is nowhere is said to be lost."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, SETS
from reconcile.life import REF
from simulation.directed import h, spec
from simulation.world import RING, World, finish

OWNED = {"keyring": (SECRETS, RING), "ConfigMap": (CONFIGMAPS, REF.name), "Secret": (SECRETS, REF.name)}
ALGORITHMS_OF_CLASSES = ("ES256", "ECDH-ES", "HS256")
Living = Callable[[World], dict[str, list[str]]]


def _settled(algorithm: str, **more: object) -> World:
    """A day old, just rotated: one key in use, a standby, and one that is retired."""
    world = World()
    world.begin({**spec(algorithm), **more})
    world.live(h(24.1))
    return world


def _lose(world: World, *lost: str) -> None:
    for name in lost:
        if name == "status":
            _forget_status(world)
        else:
            with world.chronicle.tampering():
                finish(world.life.delete(*OWNED[name]))
    world.life.time.pass_by(timedelta(minutes=1))
    world.look()


def _forget_status(world: World) -> None:
    seen = finish(world.life.read(SETS, REF.name))
    meta = {name: seen["metadata"][name] for name in ("name", "namespace", "uid", "resourceVersion")}
    finish(world.life.people.apply_status({"metadata": meta, "status": {}}))


def _states(world: World) -> dict[str, list[str]]:
    return finish(world.life.states("a"))


def _condition(world: World, kind: str) -> tuple[str, str]:
    return finish(world.life.condition(kind))


def _goes_on(world: World) -> None:
    """It rotates as before, nothing that was promised is refused, and at last it is quiet."""
    world.live(h(50))
    assert _condition(world, "Ready") == ("True", "KeysInUse")
    world.judge()
    world.assert_quiet()
    world.end()


@pytest.mark.parametrize("algorithm", ALGORITHMS_OF_CLASSES)
@pytest.mark.parametrize("lost", [(), ("ConfigMap",), ("Secret",), ("ConfigMap", "Secret")], ids=str)
@pytest.mark.parametrize("status", [(), ("status",)], ids=["status kept", "status lost"])
def test_what_the_record_knows_comes_back_as_it_was(
    algorithm: str, lost: tuple[str, ...], status: tuple[str, ...]
) -> None:
    world = _settled(algorithm)
    before = _states(world)
    _lose(world, *lost, *status)
    assert _states(world) == before
    _goes_on(world)


@pytest.mark.parametrize("algorithm", ALGORITHMS_OF_CLASSES)
@pytest.mark.parametrize("status", [(), ("status",)], ids=["status kept", "status lost"])
def test_without_the_keyring_all_that_can_check_goes_on_checking(algorithm: str, status: tuple[str, ...]) -> None:
    """The standby of a signature key was in the record alone: it stays published, is never used, and is replaced."""
    world = _settled(algorithm)
    before = _states(world)
    _lose(world, "keyring", *status)
    after = _states(world)
    assert after["Active"] == before["Active"]
    assert {*before["Pending"], *before["Retired"]} <= {*after["Retired"]}
    _goes_on(world)


@pytest.mark.parametrize("algorithm", ALGORITHMS_OF_CLASSES)
@pytest.mark.parametrize("status", [(), ("status",)], ids=["status kept", "status lost"])
def test_without_keyring_and_configmap_the_keys_of_the_secret_are_kept(algorithm: str, status: tuple[str, ...]) -> None:
    """Signature keys that only these two knew, the retired ones, are nowhere any more."""
    world = _settled(algorithm)
    before = _states(world)
    _lose(world, "keyring", "ConfigMap", *status)
    assert _states(world)["Active"] == before["Active"]
    if ALGORITHMS[algorithm].key_class is KeyClass.SIGNATURE:
        world.chronicle.exempt |= set(before["Retired"])
    else:
        assert set(before["Retired"]) <= set(_states(world)["Retired"])
    _goes_on(world)


@pytest.mark.parametrize("algorithm", ALGORITHMS_OF_CLASSES)
def test_without_keyring_and_secret_a_new_key_is_used_at_once_and_it_is_said(algorithm: str) -> None:
    world = _settled(algorithm)
    before = _states(world)
    _lose(world, "keyring", "Secret")
    after = _states(world)
    assert set(after["Active"]).isdisjoint(before["Active"])
    assert _condition(world, "Degraded") == ("True", "KeysLost")
    assert _condition(world, "Ready") == ("True", "KeysInUse")
    if ALGORITHMS[algorithm].key_class is KeyClass.SIGNATURE:
        assert {*before["Active"], *before["Retired"]} <= {*after["Retired"]}, "tokens of before stay verifiable"
    _goes_on(world)
    assert not world.chronicle.revoked


@pytest.mark.parametrize("algorithm", ALGORITHMS_OF_CLASSES)
def test_without_anything_but_the_status_all_is_made_anew_and_said(algorithm: str) -> None:
    world = _settled(algorithm)
    before = _states(world)
    _lose(world, "keyring", "ConfigMap", "Secret")
    world.chronicle.exempt |= {kid for kids in before.values() for kid in kids}
    assert set(_states(world)["Active"]).isdisjoint(before["Active"])
    assert _condition(world, "Degraded") == ("True", "KeysLost")
    _goes_on(world)


def test_without_anything_at_all_it_is_a_set_that_never_existed() -> None:
    world = _settled("ES256")
    before = _states(world)
    _lose(world, "keyring", "ConfigMap", "Secret", "status")
    assert set(_states(world)["Active"]).isdisjoint(before["Active"])
    assert _condition(world, "Degraded") == ("False", "AsExpected")
    world.end()


@pytest.mark.parametrize("algorithm", ALGORITHMS_OF_CLASSES)
def test_with_manual_recovery_nothing_is_made_before_a_person_says_so(algorithm: str) -> None:
    world = _settled(algorithm, recovery="Manual")
    _lose(world, "keyring", "Secret")
    world.live(h(5))
    assert "Active" not in _states(world)
    assert _condition(world, "Ready") == ("False", "KeysLost")
    finish(world.life.edit_spec(recovery="Regenerate"))
    world.look()
    _goes_on(world)
