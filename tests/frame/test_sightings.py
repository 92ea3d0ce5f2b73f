"""From watch events to the agenda: whose object it is, and whether it is news."""

from typing import Any

import pytest

from frame.recorder import Recorder
from frame.virtual import ref
from jwks_operator.api.names import LABEL_SET, PLURAL, SetRef
from jwks_operator.memory import Kind, ObjectMemory
from jwks_operator.sightings import CONFIG_MAPS, SECRETS, Sighting, Sightings, sighting


class Desk:
    def __init__(self) -> None:
        self.memory = ObjectMemory()
        self.agenda = Recorder()
        self.relists = 0
        self.sightings = Sightings(self.memory, self.agenda, self._relisted)

    def _relisted(self) -> None:
        self.relists += 1

    def event(self, plural: str, change: str | None, **kind: str | None) -> list[tuple[SetRef, bool]]:
        self.agenda.put_refs.clear()
        self.sightings.event(plural, change, meta(**kind))
        return list(self.agenda.put_refs)


def meta(name: str | None = "a", of: str | None = "a", uid: str | None = "u1", rv: str | None = "5") -> Any:
    labels = {"labels": {LABEL_SET: of}} if of is not None else {}
    return {"namespace": "shop", "name": name, "uid": uid, "resourceVersion": rv} | labels


@pytest.mark.parametrize(
    ("plural", "name", "of", "kind"),
    [
        (PLURAL, "a", None, Kind.SET),
        (SECRETS, "a-keyring", "a", Kind.KEYRING),
        (SECRETS, "a", "a", Kind.CONSUMER),
        (SECRETS, "b-keyring", "a", Kind.CONSUMER),
        (CONFIG_MAPS, "anything", "a", Kind.CONFIG_MAP),
    ],
)
def test_an_object_is_told_from_its_metadata(plural: str, name: str, of: str | None, kind: Kind) -> None:
    assert sighting(plural, meta(name=name, of=of)) == Sighting(ref("a"), kind, name, "u1", "5")


@pytest.mark.parametrize("label", [None, "", "x" * 53])
def test_an_object_without_a_sets_name_is_nobodys(label: str | None) -> None:
    assert sighting(SECRETS, meta(of=label)) is None
    assert Desk().event(SECRETS, "ADDED", of=label) == []


@pytest.mark.parametrize(("change", "urgent"), [("ADDED", True), ("MODIFIED", True), (None, False)])
def test_news_from_a_stream_is_urgent_and_from_a_list_is_routine(change: str | None, urgent: bool) -> None:
    desk = Desk()
    assert desk.event(PLURAL, change) == [(ref("a"), urgent)]
    assert desk.event(PLURAL, change) == []
    assert desk.relists == (0 if urgent else 2)


def test_the_echo_of_our_own_write_is_no_news() -> None:
    desk = Desk()
    desk.memory.saw(ref("a"), Kind.CONSUMER, "a", "u1", "5")
    assert desk.event(SECRETS, "MODIFIED", rv="4") == []
    assert desk.event(SECRETS, "MODIFIED", rv="5") == []
    assert desk.event(SECRETS, "MODIFIED", rv="6") == [(ref("a"), True)]


@pytest.mark.parametrize("plural", [PLURAL, SECRETS, CONFIG_MAPS])
def test_a_deletion_puts_the_owner_once_and_a_new_object_puts_it_again(plural: str) -> None:
    desk = Desk()
    desk.event(plural, "ADDED", rv="5")
    assert desk.event(plural, "DELETED", rv="6") == [(ref("a"), True)]
    assert desk.memory.names(ref("a")) == frozenset()
    assert desk.event(plural, "ADDED", uid="u2", rv="7") == [(ref("a"), True)]


def test_a_late_deletion_does_not_make_a_new_object_forgotten() -> None:
    desk = Desk()
    desk.memory.saw(ref("a"), Kind.CONSUMER, "a", "u2", "9")
    assert desk.event(SECRETS, "DELETED", uid="u1", rv="8") == [(ref("a"), True)]
    assert desk.event(SECRETS, "ADDED", uid="u2", rv="9") == []


@pytest.mark.parametrize(
    ("plural", "name", "kind"),
    [
        (CONFIG_MAPS, "a", Kind.CONFIG_MAP),
        (SECRETS, "a", Kind.CONSUMER),
        (SECRETS, "a-keyring", Kind.KEYRING),
    ],
)
def test_an_object_relabelled_to_another_set_puts_both(plural: str, name: str, kind: Kind) -> None:
    desk = Desk()
    desk.memory.saw(ref("a"), kind, name, "u1", "5")
    assert desk.event(plural, "MODIFIED", name=name, of="b", rv="6") == [(ref("a"), True), (ref("b"), True)]
