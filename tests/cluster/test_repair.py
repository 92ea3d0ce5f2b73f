"""Whatever is deleted or edited comes back as it was, and no loss costs a key that another object still holds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from cluster.chronicle import Object, Sighting
from cluster.reading import condition, in_use, published
from cluster.stage import Stage, figures

KEYS = [{"name": "signing", "algorithm": "ES256"}, {"name": "legacy", "algorithm": "RS256", "modulusLength": 2048}]
BOUND = 5.0
"""Seconds: a second is the promise, the rest is for a busy machine."""


@dataclass(frozen=True)
class Damage:
    """What is done to which object; `edit` None deletes it."""

    title: str
    kind: str
    name: str
    edit: Callable[[Object], Any] | None = None

    def __str__(self) -> str:
        return self.title.replace(" ", "-")


def _without_our_labels(thing: Object) -> None:
    thing["metadata"]["labels"] = {"team": "shop"}


DAMAGES = (
    Damage("the ConfigMap is deleted", "ConfigMap", "auth"),
    Damage(
        "the published set is emptied", "ConfigMap", "auth", lambda c: c["data"].update({"jwks.json": '{"keys":[]}'})
    ),
    Damage("a file is added to the ConfigMap", "ConfigMap", "auth", lambda c: c["data"].update({"other.json": "{}"})),
    Damage("the ConfigMap loses its labels", "ConfigMap", "auth", _without_our_labels),
    Damage("the consumer Secret is deleted", "Secret", "auth"),
    Damage("a private key is overwritten", "Secret", "auth", lambda s: s["data"].update({"signing.jwk": "bm9uZQ=="})),
    Damage("a private key is removed", "Secret", "auth", lambda s: s["data"].pop("legacy.pem")),
    Damage("the consumer Secret loses its labels", "Secret", "auth", _without_our_labels),
    Damage("the keyring loses its labels", "Secret", "auth-keyring", _without_our_labels),
)


@pytest.fixture(scope="module")
def auth(stage: Stage) -> Stage:
    """A set in use that nothing moves by time."""
    stage.create("auth", {"keys": KEYS})
    stage.until_ready("auth")
    return stage


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_it_comes_back_as_it_was(auth: Stage, damage: Damage) -> None:
    whole = auth.there(damage.kind, damage.name)
    seen = len(auth.chronicle.of(damage.kind, damage.name))
    if damage.edit is None:
        auth.delete(damage.kind, damage.name)
    else:
        auth.edit(damage.kind, damage.name, damage.edit)

    def back() -> tuple[Sighting, Sighting] | None:
        since = auth.chronicle.of(damage.kind, damage.name)[seen:]
        harm = next((s for s in since if not _as(whole, s)), None)
        repair = next((s for s in since if harm and s.version > harm.version and _as(whole, s)), None)
        return (harm, repair) if harm and repair else None

    harm, repair = auth.until(back, "the repair")
    figures.info(f"{damage.title}: repaired {1000 * (repair.at - harm.at):.0f} ms after the event")
    assert repair.at - harm.at < BOUND
    auth.until_ready("auth")


def test_both_objects_deleted_at_once_come_back_with_the_same_keys_and_an_event_tells(auth: Stage) -> None:
    kept = _keys(auth, "auth")
    auth.delete("ConfigMap", "auth")
    auth.delete("Secret", "auth")
    auth.until(lambda: _keys(auth, "auth") == kept, "both objects")
    auth.until(lambda: "ObjectRepaired" in _events(auth, "auth"), "the Event")  # a dispute before has had its own


def test_a_lost_keyring_is_rebuilt_from_the_consumer_secret_without_losing_an_active_key(auth: Stage) -> None:
    used, shown = _keys(auth, "auth")
    record = auth.there("Secret", "auth-keyring")["metadata"]["uid"]
    auth.delete("Secret", "auth-keyring")
    auth.until(
        lambda: (auth.latest("Secret", "auth-keyring") or {"metadata": {"uid": record}})["metadata"]["uid"] != record,
        "a new keyring",
    )
    auth.until_ready("auth")
    auth.until(lambda: len(published(auth.there("ConfigMap", "auth"))) == 6, "new standbys to be published")
    assert in_use(auth.there("Secret", "auth")) == used
    assert shown < set(published(auth.there("ConfigMap", "auth"))), "what was published stays published"
    auth.until(lambda: "KeyringRebuilt" in _events(auth, "auth"), "the Event")
    # at no moment was another key in use
    assert {tuple(in_use(s.object).items()) for s in auth.chronicle.of("Secret", "auth")[-3:]} == {tuple(used.items())}


def test_keys_lost_with_both_secrets_are_told_and_replaced_as_the_spec_says(auth: Stage) -> None:
    recoveries = ("regenerate", "manual")
    for name in recoveries:
        auth.create(name, {"keys": KEYS[:1], "recovery": name.capitalize()})
    auth.until_ready(*recoveries)
    before = {name: _keys(auth, name) for name in recoveries}
    auth.operator.stop()
    for name in recoveries:
        auth.delete("Secret", name)
        auth.delete("Secret", f"{name}-keyring")
    auth.operator.start()

    def degraded(name: str) -> str:
        found = condition(auth.latest("JsonWebKeySet", name), "Degraded")
        return str(found["reason"]) if found["status"] == "True" else ""

    auth.until(lambda: all(map(degraded, recoveries)), "both sets to be Degraded")
    for name in recoveries:
        assert degraded(name) == "KeysLost"
        assert before[name][1] <= set(published(auth.there("ConfigMap", name))), "tokens signed before stay verifiable"
    auth.until(lambda: all("KeysLost" in _events(auth, name) for name in recoveries), "the Events")
    auth.until_ready("regenerate")
    assert in_use(auth.there("Secret", "regenerate"))["signing"] not in before["regenerate"][1]
    ready = condition(auth.there("JsonWebKeySet", "manual"), "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "KeysLost")
    assert "set spec.recovery to Regenerate" in ready["message"]
    assert in_use(auth.there("Secret", "manual")) == {}


def _as(whole: Object, seen: Sighting) -> bool:
    """Whether the object is there with the content and at least the labels that it had.

    A keyring keeps its keys; the record beside them tells of the repair.
    """
    labels = whole["metadata"]["labels"].items()
    was, now = whole["data"], seen.object.get("data") or {}
    same = now.keys() == was.keys() if "record.json" in was else now == was
    return seen.type != "DELETED" and same and labels <= (seen.object["metadata"].get("labels") or {}).items()


def _keys(stage: Stage, name: str) -> tuple[dict[str, str], set[str]]:
    """Which keys are in use, and which are published."""
    return in_use(stage.latest("Secret", name)), set(published(stage.latest("ConfigMap", name)))


def _events(stage: Stage, name: str) -> list[str]:
    """The reasons of the Events about a set."""
    events = [s.object for s in stage.chronicle.sightings("Event")]
    return [event["reason"] for event in events if event["involvedObject"]["name"] == name]
