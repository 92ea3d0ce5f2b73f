"""Shards: which sets an operator looks after, what a move costs, and that the former owner does nothing any more."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fakes.faults import Answer, Fault, to
from jwks_operator.api.names import LABEL_SHARD, keyring_name
from jwks_operator.api.shards import Shard, selector_of_objects, shard_of
from jwks_operator.kube.client import CONFIGMAPS, CRDS, EVENTS, NAMESPACES, SECRETS, SETS, Call, Object, Reply
from jwks_operator.kube.errors import Conflict, KubeError, Refused
from jwks_operator.metrics.page import Metrics
from jwks_operator.reconcile.config import ReconcilerConfig
from jwks_operator.reconcile.observed_versions import Kind
from reconcile.life import CRD, DELETION_DELAY, ES256, REF, Life
from reconcile.test_copies import SPEC, Country, Quota, begun

BLUE, GREEN = "blue", "green"
OBJECTS = ((SECRETS, keyring_name(REF.name)), (CONFIGMAPS, REF.name), (SECRETS, REF.name))
MONTH = timedelta(hours=720)


class Touched(Fault):
    """Somebody writes the keyring after so many calls."""

    def __init__(self, life: Life, after: int) -> None:
        super().__init__(times=10**9)
        self._life = life
        self._after = after

    async def after(self, number: int, _call: Call, reply: Reply) -> Reply:
        if number == self._after:
            await self._life.edit(
                SECRETS, keyring_name(REF.name), lambda ring: ring["metadata"].update(annotations={"touched": "yes"})
            )
        return reply


def operated_by(life: Life, shard: Shard, *faults: object) -> None:
    """Another operator looks from now on: that of a shard."""
    life.means = replace(life.means, shard=shard)
    life.start_operator(*faults)


async def label(life: Life, shard: Shard) -> None:
    """Somebody labels the set."""

    def change(the_set: Object) -> None:
        labels = dict(the_set["metadata"].get("labels") or {})
        labels.pop(LABEL_SHARD, None)
        the_set["metadata"]["labels"] = labels if shard is None else {**labels, LABEL_SHARD: shard}

    await life.edit(SETS, REF.name, change)


async def shards(life: Life) -> set[Shard]:
    """Whose the objects of the set are, by their labels."""
    return {shard_of(await life.read(*which)) for which in OBJECTS}


async def blue_set() -> Life:
    life = Life()
    await life.begin(ES256, labels={LABEL_SHARD: BLUE})
    operated_by(life, BLUE)
    await life.pass_()
    return life


async def test_the_objects_of_a_set_carry_its_shard_and_those_of_the_default_shard_none() -> None:
    life = await blue_set()
    assert await shards(life) == {BLUE}
    listed, _ = await life.people.list(SECRETS, REF.namespace, selector_of_objects(BLUE))
    assert len(listed) == 2
    assert (await life.people.list(SECRETS, REF.namespace, selector_of_objects(None)))[0] == []
    other = Life()
    await other.begin()
    await other.pass_()
    assert await shards(other) == {None}


@pytest.mark.parametrize(
    ("labelled", "shard"), [(None, GREEN), (BLUE, None), (BLUE, GREEN), ("", None), ("", GREEN), ("Green", GREEN)]
)
async def test_a_set_of_another_shard_is_left_alone(labelled: Shard, shard: Shard) -> None:
    life = Life()
    await life.begin(ES256, labels={} if labelled is None else {LABEL_SHARD: labelled})
    operated_by(life, shard)
    assert await life.pass_() is None
    assert life.seam.writes == []


async def test_a_move_costs_one_write_for_each_object_and_changes_no_key_and_no_wait() -> None:
    life = await blue_set()
    before = await life.keyring(), await life.published(), await life.in_use(), await life.status()
    await label(life, GREEN)
    operated_by(life, GREEN)
    wake = await life.pass_()
    assert life.writes() == ["PUT secrets/auth-keyring", "PUT configmaps/auth", "PUT secrets/auth"]
    assert wake is not None
    assert await shards(life) == {GREEN}
    assert (await life.keyring(), await life.published(), await life.in_use(), await life.status()) == before
    events, _ = await life.people.list(EVENTS, REF.namespace)
    assert not [event for event in events if event["reason"] == "ObjectRepaired"]
    await life.pass_()
    assert life.writes() == []


async def test_the_former_owner_drops_everything_it_knew_and_wakes_for_it_no_more() -> None:
    life = await blue_set()
    metrics = Metrics(life.time.wall)
    life.operator.observers.append(metrics)
    await life.after(timedelta(minutes=1))
    assert b"jwks_operator_sets 1" in metrics.render_page()
    assert REF in life.operator._versions
    await label(life, GREEN)
    life.writes()
    assert await life.pass_() is None
    assert life.writes() == []
    assert b"jwks_operator_sets 0" in metrics.render_page()
    assert REF not in life.operator._versions


async def test_a_step_that_the_former_owner_left_unfinished_is_finished_by_the_new_one() -> None:
    life = await blue_set()
    life.time.pass_by(MONTH)
    operated_by(life, BLUE, Answer(503, to("configmaps/auth", "PUT")))
    with pytest.raises(KubeError):
        await life.pass_()
    step = (await life.keyring())["record.json"].get("step")
    assert step is not None
    await label(life, GREEN)
    operated_by(life, GREEN)
    await life.pass_()
    assert (await life.keyring())["record.json"].get("step") is None
    assert await life.in_use() in await life.published()
    assert await shards(life) == {GREEN}


async def test_a_set_moves_back_to_the_default_shard_also_with_objects_out_of_a_backup() -> None:
    """Their books do not say that the label is ours."""
    life = await blue_set()
    for resource, name in OBJECTS:
        thing = await life.read(resource, name)
        await life.delete(resource, name)
        kept = {field: thing["metadata"][field] for field in ("name", "namespace", "labels")}
        body = {**thing, "metadata": kept}
        await life.people.create(resource, REF.namespace, body)
        await life.edit(resource, name, lambda seen: seen["metadata"].pop("managedFields", None))
    await label(life, None)
    operated_by(life, None)
    await life.pass_()
    assert await shards(life) == {None}


async def test_a_label_that_somebody_changed_by_hand_is_put_right() -> None:
    life = await blue_set()
    for resource, name in OBJECTS:
        await life.edit(resource, name, lambda seen: seen["metadata"]["labels"].update({LABEL_SHARD: GREEN}))
        await life.pass_()
        assert await shards(life) == {BLUE}


async def test_another_shards_label_is_all_that_is_left_and_it_goes() -> None:
    life = Life()
    await life.begin()
    await life.pass_()
    for resource, name in OBJECTS:
        await life.edit(resource, name, lambda seen: seen["metadata"].update(labels={LABEL_SHARD: GREEN}))
        await life.pass_()
        assert await shards(life) == {None}


async def test_a_set_with_an_unreadable_spec_or_record_moves_like_any_other() -> None:
    life = await blue_set()
    await life.edit_spec(rotation={"every": "1m"})
    await life.edit(SECRETS, keyring_name(REF.name), lambda ring: ring["data"].update({"record.json": "e30="}))
    await label(life, GREEN)
    operated_by(life, GREEN)
    await life.pass_()
    assert await shards(life) == {GREEN}


async def test_a_takeover_that_is_refused_is_told_in_the_status_and_tried_again() -> None:
    life = await blue_set()
    await label(life, GREEN)
    operated_by(life, GREEN, Answer(403, to("configmaps/auth", "PUT")))
    with pytest.raises(Refused):
        await life.pass_()
    assert await life.condition("Degraded") == ("True", "WriteRefused")
    await life.pass_()
    assert await shards(life) == {GREEN}


# --- what is left of a set that is gone ---


async def _gone(moved: Shard, taken_over: bool) -> Life:
    """A set of shard blue that moved and was deleted, before or after its new owner looked."""
    life = await blue_set()
    await label(life, moved)
    if taken_over:
        operated_by(life, moved)
        await life.pass_()
    await life.delete(SETS, REF.name)
    return life


async def _removed_by(life: Life, shard: Shard) -> bool:
    operated_by(life, shard)
    wake = await life.pass_()
    if wake is not None:
        await life.after(DELETION_DELAY)
    return (await life.people.read(SECRETS, REF.namespace, keyring_name(REF.name))) is None


@pytest.mark.parametrize(("taken_over", "owner", "other"), [(True, GREEN, BLUE), (False, BLUE, GREEN)])
async def test_what_a_deleted_set_leaves_belongs_to_the_shard_that_its_record_is_labelled_with(
    taken_over: bool, owner: Shard, other: Shard
) -> None:
    life = await _gone(GREEN, taken_over)
    assert not await _removed_by(life, other)
    assert await shards(life) == {owner}
    assert await _removed_by(life, owner)
    assert not [which for which in OBJECTS if await life.people.read(which[0], REF.namespace, which[1])]


async def test_the_objects_of_a_set_that_moved_are_never_removed_by_its_former_owner() -> None:
    life = await blue_set()
    await label(life, GREEN)
    for _ in range(3):
        await life.after(DELETION_DELAY)
    assert await shards(life) == {BLUE}
    operated_by(life, GREEN)
    await life.pass_()
    assert await shards(life) == {GREEN}


async def test_a_delay_that_had_begun_begins_anew_when_the_set_was_in_another_shard_meanwhile() -> None:
    life = await blue_set()
    await life.delete(SETS, REF.name)
    await life.pass_()
    await life.create_set(ES256, labels={LABEL_SHARD: GREEN})
    await life.after(DELETION_DELAY - timedelta(seconds=1))
    await life.delete(SETS, REF.name)
    assert await life.after(timedelta(seconds=2)) == life.time.now + DELETION_DELAY


# --- copies ---


async def test_copies_move_with_their_set_and_nobody_is_told_that_they_were_repaired() -> None:
    life = await begun("web", "app")
    await label(life, GREEN)
    operated_by(life, GREEN)
    await life.pass_()
    for where in ("web", "app"):
        copy = await life.copy(where)
        assert copy is not None
        assert shard_of(copy) == GREEN
    assert await life.events("ObjectRepaired") == []


@pytest.mark.parametrize("fault", [Quota("web"), Answer(409, to("web/configmaps", "PUT"))], ids=["refused", "busy"])
async def test_a_copy_that_cannot_be_written_keeps_no_set_from_moving(fault: Fault) -> None:
    life = await begun("web")
    await label(life, GREEN)
    life.means = replace(life.means, shard=GREEN)
    life.start_operator(fault)
    await life.pass_()
    assert await shards(life) == {GREEN}
    operated_by(life, GREEN)
    await life.pass_()
    copy = await life.copy("web")
    assert copy is not None
    assert shard_of(copy) == GREEN


async def test_copies_without_a_record_are_removed_by_the_shard_that_they_are_labelled_with() -> None:
    life = Country(means=ReconcilerConfig(DELETION_DELAY, shard=BLUE))
    await life.open("web")
    await life.people.create(NAMESPACES, None, {"metadata": {"name": REF.namespace}})
    await life.people.create(CRDS, None, CRD)
    await life.create_set(SPEC, labels={LABEL_SHARD: BLUE})
    await life.pass_()
    await life.delete(SETS, REF.name)
    for resource, name in OBJECTS:
        await life.delete(resource, name)
    for shard, left in ((GREEN, True), (BLUE, False)):
        operated_by(life, shard)
        copy = await life.copy("web")
        assert copy is not None
        meta = copy["metadata"]
        life.operator._versions.observe(REF, Kind.COPY, f"web/{meta['name']}", meta["uid"], meta["resourceVersion"])
        await life.pass_()
        await life.after(DELETION_DELAY)
        assert (await life.copy("web") is not None) is left


async def test_what_is_taken_up_again_is_taken_up_from_the_record_as_it_is() -> None:
    """Somebody else writes the record between our reading of an unfinished step and its first effect."""
    life = Life()
    await life.begin()
    operated_by(life, None, Answer(503, to("configmaps", "POST")))
    with pytest.raises(KubeError):
        await life.pass_()
    operated_by(life, None, Touched(life, after=4))
    with pytest.raises(Conflict):
        await life.pass_()
    assert await life.people.read(CONFIGMAPS, REF.namespace, REF.name) is None
    operated_by(life, None)
    await life.pass_()
    assert await life.condition("Ready") == ("True", "KeysInUse")
