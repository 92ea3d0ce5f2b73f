"""From watch events to the queue: whose object it is, and whether it is news."""

from typing import Any

import pytest

from jwks_operator.api.names import (
    ANNOTATION_REVOKE,
    ANNOTATION_SOURCE,
    LABEL_SET,
    LABEL_SOURCE_NAMESPACE,
    PLURAL,
    SetRef,
    consent_label,
)
from jwks_operator.reconcile.observed_versions import Kind, ObservedVersions
from jwks_operator.reconcile.work_queue import Priority
from jwks_operator.watch.event_router import CONFIG_MAPS, SECRETS, EventRouter, ObjectVersion, identify_object
from process.recorder import Recorder
from process.virtual import ref


class Desk:
    def __init__(self) -> None:
        self.versions = ObservedVersions()
        self.queue = Recorder()
        self.relists = 0
        self.router = EventRouter(self.versions, self.queue, self._relisted)

    def _relisted(self) -> None:
        self.relists += 1

    def event(self, plural: str, change: str | None, **kind: str | None) -> list[tuple[SetRef, Priority]]:
        self.queue.added.clear()
        self.router.route_event(plural, change, meta(**kind))
        return list(self.queue.added)


def meta(name: str | None = "a", of: str | None = "a", uid: str | None = "u1", rv: str | None = "5") -> Any:
    labels = {"labels": {LABEL_SET: of}} if of is not None else {}
    return {"namespace": "shop", "name": name, "uid": uid, "resourceVersion": rv} | labels


def priority(plural: str) -> Priority:
    return Priority.URGENT if plural == PLURAL else Priority.REPAIR


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
    assert identify_object(plural, meta(name=name, of=of)) == ObjectVersion(ref("a"), kind, name, "u1", "5")


@pytest.mark.parametrize("label", [None, "", "x" * 53])
def test_an_object_without_a_sets_name_is_nobodys(label: str | None) -> None:
    assert identify_object(SECRETS, meta(of=label)) is None
    assert Desk().event(SECRETS, "ADDED", of=label) == []


@pytest.mark.parametrize("change", ["ADDED", "MODIFIED", None])
def test_news_is_urgent_also_out_of_a_list_because_a_resync_came_before_it(change: str | None) -> None:
    desk = Desk()
    assert desk.event(PLURAL, change) == [(ref("a"), Priority.URGENT)]
    assert desk.event(PLURAL, change) == []


def test_a_list_asks_for_a_resync() -> None:
    desk = Desk()
    desk.router.request_resync()
    assert desk.relists == 1


def settled(desk: Desk, **kind: str | None) -> bool:
    return desk.router.handle_known(SECRETS, meta(**kind))


def test_what_was_heard_of_is_settled_until_it_changes_and_what_is_nobodys_always() -> None:
    desk = Desk()
    assert not settled(desk)
    desk.event(SECRETS, "ADDED", rv="5")
    assert settled(desk, rv="5")
    assert settled(desk, rv="4")
    assert not settled(desk, rv="6")
    assert not settled(desk, uid="u2", rv="4")
    assert settled(desk, of=None)
    assert desk.queue.added == [(ref("a"), Priority.REPAIR)], "to settle is not to put, but for what runs"


def test_what_is_heard_of_a_set_at_work_is_settled_and_weighed_by_the_queue() -> None:
    desk = Desk()
    desk.queue.running.add(ref("a"))
    assert settled(desk, rv="5")
    assert desk.queue.added == [(ref("a"), Priority.REPAIR)]
    assert settled(desk, rv="5")
    assert desk.queue.added == [(ref("a"), Priority.REPAIR)]


def test_the_echo_of_our_own_write_is_no_news() -> None:
    desk = Desk()
    desk.versions.observe(ref("a"), Kind.CONSUMER, "a", "u1", "5")
    assert desk.event(SECRETS, "MODIFIED", rv="4") == []
    assert desk.event(SECRETS, "MODIFIED", rv="5") == []
    assert desk.event(SECRETS, "MODIFIED", rv="6") == [(ref("a"), Priority.REPAIR)]


def test_an_object_that_leaves_the_shard_is_a_reason_to_look_and_so_is_one_that_comes() -> None:
    """The API server tells of a label that does not match any more as of a deletion, and of one that does as new."""
    left, came = Desk(), Desk()
    left.versions.observe(ref("a"), Kind.SET, "a", "u1", "5")
    assert left.event(PLURAL, "DELETED", rv="6") == [(ref("a"), Priority.URGENT)]
    assert came.event(PLURAL, "ADDED", rv="6") == [(ref("a"), Priority.URGENT)]


@pytest.mark.parametrize("plural", [PLURAL, SECRETS, CONFIG_MAPS])
def test_a_deletion_puts_the_owner_once_and_a_new_object_puts_it_again(plural: str) -> None:
    desk = Desk()
    desk.event(plural, "ADDED", rv="5")
    assert desk.event(plural, "DELETED", rv="6") == [(ref("a"), priority(plural))]
    assert desk.versions.objects_of(ref("a")) == frozenset()
    assert desk.event(plural, "ADDED", uid="u2", rv="7") == [(ref("a"), priority(plural))]


def test_a_late_deletion_does_not_make_a_new_object_forgotten() -> None:
    desk = Desk()
    desk.versions.observe(ref("a"), Kind.CONSUMER, "a", "u2", "9")
    assert desk.event(SECRETS, "DELETED", uid="u1", rv="8") == [(ref("a"), Priority.REPAIR)]
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
    desk.versions.observe(ref("a"), kind, name, "u1", "5")
    found = desk.event(plural, "MODIFIED", name=name, of="b", rv="6")
    assert found == [(ref("a"), Priority.REPAIR), (ref("b"), priority(plural))]


# --- copies in other namespaces ---


def copied(**changes: Any) -> Any:
    """The metadata of the copy of shop/auth in the namespace web."""
    made = {
        "namespace": "web",
        "name": "shop.auth",
        "uid": "u1",
        "resourceVersion": "5",
        "labels": {LABEL_SET: "auth", LABEL_SOURCE_NAMESPACE: "shop"},
        "annotations": {ANNOTATION_SOURCE: "shop/auth"},
    }
    return made | changes


AUTH = SetRef("shop", "auth")
CONSENT = {consent_label("shop"): "true"}


@pytest.mark.parametrize("changes", [{}, {"labels": {}}, {"annotations": {}}, {"labels": {LABEL_SET: "auth"}}])
def test_a_copy_belongs_to_its_source_by_annotation_or_else_by_label(changes: dict[str, Any]) -> None:
    assert identify_object(CONFIG_MAPS, copied(**changes)) == ObjectVersion(AUTH, Kind.COPY, "web/shop.auth", "u1", "5")


@pytest.mark.parametrize(
    "source", ["web/auth", "Shop/auth", "../auth", "shop/a/b", "shop/", "shop/" + "a" * 53, "/auth"]
)
def test_an_annotation_that_names_no_set_elsewhere_is_not_followed(source: str) -> None:
    made = copied(annotations={ANNOTATION_SOURCE: source}, labels={LABEL_SET: "mine"})
    seen = identify_object(CONFIG_MAPS, made)
    assert seen is None or seen.ref == SetRef("web", "mine")


def test_a_copy_that_lost_all_its_signs_is_missed_by_its_set() -> None:
    desk = Desk()
    desk.router.route_event(CONFIG_MAPS, "ADDED", copied())
    desk.queue.added.clear()
    desk.router.route_event(
        CONFIG_MAPS, "MODIFIED", copied(labels={LABEL_SET: "auth"}, annotations={}, resourceVersion="6")
    )
    assert (AUTH, Priority.REPAIR) in desk.queue.added


def test_copies_are_none_of_the_business_of_an_operator_of_single_namespaces() -> None:
    queue = Recorder()
    router = EventRouter(ObservedVersions(), queue, lambda: None, everywhere=False)
    router.route_event(CONFIG_MAPS, "ADDED", copied())
    assert queue.added == []


class Country(Desk):
    """A desk that knows one set that copies."""

    def __init__(self) -> None:
        super().__init__()
        self.versions.set_copying(AUTH, copying=True)

    def namespace(
        self, change: str | None, labels: dict[str, str] | None, **more: str
    ) -> list[tuple[SetRef, Priority]]:
        self.queue.added.clear()
        named = {} if labels is None else {"labels": labels}
        self.router.route_namespace(change, {"name": "web", **named, **more})
        return list(self.queue.added)


def test_a_namespace_that_consents_concerns_the_sets_that_copy_from_there() -> None:
    desk = Country()
    desk.versions.set_copying(SetRef("other", "auth"), copying=True)
    assert desk.namespace("ADDED", None) == []
    assert desk.namespace("MODIFIED", {"tier": "web"}) == []
    assert desk.namespace("MODIFIED", {"tier": "web", **CONSENT}) == [(AUTH, Priority.URGENT)]


def test_a_namespace_with_a_copy_concerns_its_set_whatever_it_says_now() -> None:
    desk = Country()
    desk.router.route_event(CONFIG_MAPS, "ADDED", copied())
    desk.namespace("ADDED", CONSENT)
    assert desk.namespace("MODIFIED", {}) == [(AUTH, Priority.URGENT)], "consent is withdrawn"
    assert desk.namespace("MODIFIED", {}, deletionTimestamp="2026-11-22T12:00:00Z") == [(AUTH, Priority.URGENT)]
    assert desk.namespace("DELETED", {}) == [(AUTH, Priority.URGENT)]


def test_what_changes_of_a_namespace_besides_its_labels_is_no_news_nor_is_a_relist() -> None:
    desk = Country()
    assert desk.namespace(None, CONSENT) == [(AUTH, Priority.ROUTINE)]
    assert desk.namespace(None, CONSENT) == []
    assert desk.namespace("MODIFIED", CONSENT, resourceVersion="77") == []


def test_sets_that_copy_no_more_are_concerned_by_nothing() -> None:
    desk = Country()
    desk.versions.set_copying(AUTH, copying=False)
    assert desk.namespace("ADDED", CONSENT) == []
    desk.versions.set_copying(AUTH, copying=True)
    desk.versions.forget_set(AUTH)
    assert desk.namespace("MODIFIED", {**CONSENT, "a": "b"}) == []


def test_a_set_with_a_revocation_is_as_urgent_as_a_repair() -> None:
    desk = Desk()
    revoked = {**meta(), "annotations": {ANNOTATION_REVOKE: "a-kid"}}
    desk.router.route_event(PLURAL, "MODIFIED", revoked)
    assert desk.queue.added == [(ref("a"), Priority.REPAIR)]
