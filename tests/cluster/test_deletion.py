"""What a deleted set leaves behind, when it goes, and what brings it back."""

import time
from dataclasses import dataclass

import pytest

from cluster.reading import in_use, published
from cluster.stage import Stage, figures

DELAY = 2.0
OPTIONS = (f"--deletion-delay={DELAY:.0f}s",)
KEYS = [{"name": "signing", "algorithm": "ES256"}]
SETS = {"delete": {}, "comeback": {}, "retain": {"deletionPolicy": "Retain"}, "fence": {}}
"""Name of the set → what its spec says besides its keys."""

Keys = tuple[dict[str, str], set[str]]


@dataclass(frozen=True)
class Deleted:
    """The sets after three were deleted at once and one of them was created again, and their keys before.

    The fourth set, `fence`, was deleted after that: once its objects are gone, nothing else is still to go.
    """

    stage: Stage
    before: dict[str, Keys]

    def objects(self, name: str) -> dict[str, bool]:
        """Which of a set's objects are there now."""
        names = (("Secret", name), ("ConfigMap", name), ("Secret", f"{name}-keyring"))
        return {f"{kind} {each}": self.stage.latest(kind, each) is not None for kind, each in names}

    def gone_after(self, kind: str, object_name: str, set_name: str) -> float:
        """Seconds from the end of the set to that of the object, at most."""
        the_set, the_object = (
            next(s for s in self.stage.chronicle.of(what, name) if s.type == "DELETED")
            for what, name in (("JsonWebKeySet", set_name), (kind, object_name))
        )
        return the_object.at - the_set.earliest


@pytest.fixture(scope="module")
def deleted(stage: Stage) -> Deleted:
    for name, more in SETS.items():
        stage.create(name, {"keys": KEYS, **more})
    stage.until_ready(*SETS)
    before = {name: _keys(stage, name) for name in SETS}
    for name in ("delete", "comeback", "retain"):
        stage.delete("JsonWebKeySet", name)
    time.sleep(DELAY / 2)  # within the delay
    stage.create("comeback", {"keys": KEYS})
    stage.delete("JsonWebKeySet", "fence")
    found = Deleted(stage, before)
    for name in ("delete", "fence"):
        stage.until(lambda: not any(found.objects(name).values()), f"the objects of {name} to go")  # noqa: B023 - now
    return found


def test_policy_delete_removes_every_object_after_the_delay_and_not_before(deleted: Deleted) -> None:
    for kind, name in (("Secret", "delete"), ("ConfigMap", "delete"), ("Secret", "delete-keyring")):
        after = deleted.gone_after(kind, name, "delete")
        figures.info(f"{kind} {name} was removed {after:.2f} s after the set")
        assert after >= DELAY


def test_the_record_goes_last_so_that_an_interrupted_removal_goes_on(deleted: Deleted) -> None:
    ends = [s.name for s in deleted.stage.chronicle.sightings("Secret") if s.type == "DELETED"]
    assert ends == ["delete", "delete-keyring", "fence", "fence-keyring"]


def test_a_set_created_again_before_the_delay_adopts_its_keys(deleted: Deleted) -> None:
    deleted.stage.until_ready("comeback")
    assert all(deleted.objects("comeback").values())
    assert _keys(deleted.stage, "comeback") == deleted.before["comeback"]
    secrets = deleted.stage.chronicle.of("Secret", "comeback")
    assert {in_use(s.object)["signing"] for s in secrets} == {in_use(secrets[0].object)["signing"]}


def test_policy_retain_leaves_everything(deleted: Deleted) -> None:
    assert all(deleted.objects("retain").values())
    assert _keys(deleted.stage, "retain") == deleted.before["retain"]


def test_a_retained_set_created_again_much_later_adopts_its_keys(deleted: Deleted) -> None:
    deleted.stage.create("retain", {"keys": KEYS})
    deleted.stage.until_ready("retain")
    assert _keys(deleted.stage, "retain") == deleted.before["retain"]


def _keys(stage: Stage, name: str) -> Keys:
    return in_use(stage.there("Secret", name)), set(published(stage.there("ConfigMap", name)))
