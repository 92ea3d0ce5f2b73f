"""Deletion: nothing is destroyed that a re-created set could still want, and nothing on a guess."""

from contextlib import suppress
from datetime import timedelta

import pytest

from fakes.faults import Answer
from jwks_operator.api.names import SetRef, keyring_name
from jwks_operator.kube.client import CONFIGMAPS, CRDS, SECRETS, SETS
from jwks_operator.kube.errors import NotServed, Refused
from reconcile.life import CRD, DELETION_DELAY, ES256, REF, Life

OWNED = ((SECRETS, keyring_name(REF.name)), (SECRETS, REF.name), (CONFIGMAPS, REF.name))


async def _deleted(spec: dict[str, object] | None = None) -> Life:
    life = Life()
    await life.begin(spec or ES256)
    await life.pass_()
    await life.delete(SETS, REF.name)
    return life


async def _left(life: Life) -> int:
    return sum([await life.people.read(kind, REF.namespace, name) is not None for kind, name in OWNED])


async def test_the_objects_of_a_deleted_set_go_after_the_delay() -> None:
    life = await _deleted()
    wake = await life.pass_()
    assert wake == life.time.now + DELETION_DELAY
    await life.after(DELETION_DELAY - timedelta(seconds=1))
    assert await _left(life) == 3
    await life.after(timedelta(seconds=1))
    assert await _left(life) == 0
    assert await life.after(timedelta(hours=1)) is None


async def test_the_record_goes_last_so_that_an_interrupted_removal_goes_on() -> None:
    life = await _deleted()
    await life.pass_()
    life.writes()
    await life.after(DELETION_DELAY)
    assert life.writes() == ["DELETE secrets/auth", "DELETE configmaps/auth", "DELETE secrets/auth-keyring"]


@pytest.mark.parametrize("hurdle", ["the spec is refused", "a step is unfinished", "the clock is in doubt"])
async def test_retain_counts_also_in_a_spec_that_is_not_in_force(hurdle: str) -> None:
    life = Life()
    await life.begin(ES256)
    await life.pass_()
    if hurdle == "the spec is refused":
        await life.edit_spec(rotation={"every": "1h"})
    elif hurdle == "a step is unfinished":
        path = CONFIGMAPS.path(REF.namespace, REF.name)
        life.seam.faults.append(Answer(403, lambda call: call.method == "PUT" and call.path == path, times=1000))
        await life.edit(CONFIGMAPS, REF.name, lambda seen: seen["data"].clear())
    else:
        life.time.now += timedelta(minutes=30)
    await life.edit_spec(deletionPolicy="Retain")
    with suppress(Refused):
        await life.pass_()
    await life.delete(SETS, REF.name)
    await life.live(timedelta(days=1))
    assert await _left(life) == 3


async def test_retain_leaves_everything() -> None:
    life = await _deleted({**ES256, "deletionPolicy": "Retain"})
    await life.pass_()
    await life.after(timedelta(days=30))
    assert await _left(life) == 3


async def test_a_set_created_again_before_the_delay_has_the_same_keys() -> None:
    life = await _deleted()
    published, in_use = await life.published(), await life.in_use()
    await life.pass_()
    await life.after(DELETION_DELAY - timedelta(seconds=1))
    await life.create_set()
    await life.after(timedelta(hours=1))
    assert (await life.published(), await life.in_use()) == (published, in_use)
    assert await life.condition("Ready") == ("True", "KeysInUse")


async def test_a_record_that_is_restored_before_its_set_has_a_delay_of_its_own() -> None:
    life = await _deleted()
    await life.pass_()
    backup = await life.read(SECRETS, keyring_name(REF.name))
    await life.delete(SECRETS, keyring_name(REF.name))
    assert await life.pass_() is None
    await life.after(timedelta(hours=1))
    metadata = {name: backup["metadata"][name] for name in ("name", "labels")}
    await life.people.create(SECRETS, REF.namespace, backup | {"metadata": metadata})
    assert await life.pass_() == life.time.now + DELETION_DELAY
    assert await life.people.read(SECRETS, REF.namespace, keyring_name(REF.name)) is not None


async def test_a_delay_counts_anew_after_the_set_came_back_and_went_again() -> None:
    life = await _deleted()
    await life.pass_()
    await life.after(timedelta(minutes=9))
    await life.create_set()
    await life.pass_()
    await life.delete(SETS, REF.name)
    await life.after(timedelta(minutes=9))
    await life.after(timedelta(minutes=9))
    assert await _left(life) == 3


async def test_an_absent_crd_means_that_nothing_can_be_told() -> None:
    life = Life()
    await life.begin()
    await life.pass_()
    crd = await life.people.read(CRDS, None, CRD["metadata"]["name"])
    assert crd is not None
    await life.people.delete(CRDS, crd)
    life.time.pass_by(timedelta(days=1))
    with pytest.raises(NotServed):
        await life.pass_()
    assert await _left(life) == 3


async def test_a_crd_applied_again_with_its_sets_changes_no_key() -> None:
    life = Life()
    await life.begin()
    await life.pass_()
    published = await life.published()
    crd = await life.people.read(CRDS, None, CRD["metadata"]["name"])
    assert crd is not None
    await life.people.delete(CRDS, crd)
    await life.people.create(CRDS, None, CRD)
    await life.create_set()
    await life.after(timedelta(minutes=1))
    assert await life.published() == published


async def test_objects_whose_record_is_gone_are_left_alone_because_their_policy_is_unknown() -> None:
    life = await _deleted()
    await life.delete(SECRETS, keyring_name(REF.name))
    await life.pass_()
    await life.after(timedelta(days=1))
    assert await _left(life) == 2


async def test_a_clock_in_doubt_removes_nothing() -> None:
    life = await _deleted()
    await life.pass_()
    life.time.now += DELETION_DELAY  # the wall clock jumps; the monotonic one does not
    await life.pass_()
    assert await _left(life) == 3


async def test_owned_objects_carry_neither_owner_references_nor_finalizers() -> None:
    life = Life()
    await life.begin()
    await life.pass_()
    for kind, name in (*OWNED, (SETS, REF.name)):
        metadata = (await life.read(kind, name))["metadata"]
        assert "ownerReferences" not in metadata
        assert "finalizers" not in metadata


async def test_a_step_of_the_clock_is_no_delay() -> None:
    life = await _deleted()
    await life.pass_()
    life.time.now += timedelta(hours=3)  # wall clocks of operator and API server step, the monotonic one does not
    for _ in range(8):
        await life.after(timedelta(seconds=30))
    assert await _left(life) == 3
    await life.after(DELETION_DELAY)
    assert await _left(life) == 0


async def test_leaders_that_change_every_few_minutes_do_not_start_the_delay_again() -> None:
    life = await _deleted()
    await life.pass_()
    for _ in range(3):
        life.time.pass_by(timedelta(minutes=3))
        life.start_operator()
        await life.pass_()
    await life.after(timedelta(minutes=1, seconds=1))
    assert await _left(life) == 0


async def test_a_set_that_came_back_and_went_unseen_is_seen_gone_for_a_while() -> None:
    life = await _deleted()
    await life.pass_()
    life.time.pass_by(timedelta(hours=1))
    life.start_operator()
    wake = await life.pass_()
    assert await _left(life) == 3
    assert wake == life.time.now + timedelta(minutes=1)


async def test_sets_that_went_with_their_crd_keep_their_keys_for_a_day() -> None:
    life = Life()
    await life.begin()
    await life.pass_()
    crd = await life.people.read(CRDS, None, CRD["metadata"]["name"])
    assert crd is not None
    await life.people.delete(CRDS, crd)
    with pytest.raises(NotServed):
        await life.pass_()
    await life.people.create(CRDS, None, CRD)
    assert await life.pass_() == life.time.now + timedelta(days=1)
    await life.after(timedelta(hours=23))
    life.start_operator()
    await life.pass_()
    assert await _left(life) == 3
    await life.after(timedelta(hours=2))
    assert await _left(life) == 0


async def _wakes_after_deleting(number: int, of: int) -> list[timedelta]:
    """Create sets, delete some of them at once, and return how long the operator leaves the objects of each."""
    life = Life()
    await life.begin()
    refs = [SetRef(REF.namespace, f"set-{each}") for each in range(of)]
    for ref in refs:
        body = {"metadata": {"name": ref.name, "namespace": ref.namespace}, "spec": ES256}
        await life.people.create(SETS, ref.namespace, body)
        await life.operator.reconcile(ref)
    for ref in refs[:number]:
        await life.delete(SETS, ref.name)
    for ref in refs[:number]:
        await life.operator.reconcile(ref)
    wakes = [await life.operator.reconcile(ref) for ref in refs[:number]]
    return [wake - life.time.now for wake in wakes if wake is not None]


async def test_most_sets_gone_at_once_keep_their_keys_for_a_day() -> None:
    assert set(await _wakes_after_deleting(5, of=8)) == {timedelta(days=1)}


async def test_some_sets_gone_at_once_are_a_deletion_like_any_other() -> None:
    assert set(await _wakes_after_deleting(4, of=20)) == {DELETION_DELAY}
    assert set(await _wakes_after_deleting(2, of=3)) == {DELETION_DELAY}


async def test_sets_that_are_kept_because_of_doubt_are_counted_until_they_come_back_or_go() -> None:
    life = await _deleted()
    await life.delete(CRDS, "jsonwebkeysets.jwks-operator.dev")
    with pytest.raises(NotServed):
        await life.pass_()
    await life.people.create(CRDS, None, CRD)
    await life.pass_()
    assert life.operator.count_kept() == 1
    life.start_operator()
    await life.pass_()
    assert life.operator.count_kept() == 1, "the next leader reads it from the keyring"
    await life.create_set()
    await life.pass_()
    assert life.operator.count_kept() == 0


async def test_a_deletion_like_any_other_is_not_counted() -> None:
    life = await _deleted()
    await life.pass_()
    assert life.operator.count_kept() == 0
