"""What counts as news and what as the echo of something known."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwks_operator.reconcile.observed_versions import Kind, ObservedVersions
from process.virtual import ref

A = ref("a")


@pytest.mark.parametrize(
    ("uid", "version", "news", "differs"),
    [
        ("u1", "7", False, False),
        ("u1", "8", True, True),
        ("u1", "6", False, True),  # an older event of the same object, or a restored etcd: the resync asks
        ("u1", "10", True, True),  # versions are numbers, not texts
        ("u2", "7", True, True),
        ("u2", "1", True, True),
    ],
)
def test_news_is_another_object_or_a_later_version(uid: str, version: str, news: bool, differs: bool) -> None:
    versions = ObservedVersions()
    versions.observe(A, Kind.KEYRING, "a-keyring", "u1", "7")
    assert versions.is_news(A, Kind.KEYRING, "a-keyring", uid, version) is news
    assert versions.is_different(A, Kind.KEYRING, "a-keyring", uid, version) is differs


@pytest.mark.parametrize(
    ("kind", "name", "owner"),
    [(Kind.CONSUMER, "a", "a"), (Kind.CONFIG_MAP, "b", "a"), (Kind.CONFIG_MAP, "a", "b")],
)
def test_marks_are_kept_per_set_kind_and_name(kind: Kind, name: str, owner: str) -> None:
    versions = ObservedVersions()
    versions.observe(A, Kind.CONFIG_MAP, "a", "u1", "7")
    assert versions.is_news(ref(owner), kind, name, "u1", "7")


def test_versions_that_are_no_numbers_still_differ() -> None:
    versions = ObservedVersions()
    versions.observe(A, Kind.SET, "a", "u1", "x7")
    assert not versions.is_different(A, Kind.SET, "a", "u1", "x7")
    assert versions.is_different(A, Kind.SET, "a", "u1", "x8")


def test_a_lost_object_is_forgotten_unless_another_took_its_place() -> None:
    versions = ObservedVersions()
    versions.observe(A, Kind.SET, "a", "u2", "7")
    versions.forget_deleted(A, Kind.SET, "a", "u1")
    assert versions.objects_of(A) == {(Kind.SET, "a")}
    versions.forget_deleted(A, Kind.SET, "a", "u2")
    assert versions.objects_of(A) == frozenset()
    assert len(versions) == 0


def test_forgetting_a_set_makes_everything_of_it_news() -> None:
    versions = ObservedVersions()
    versions.observe(A, Kind.SET, "a", "u1", "7")
    versions.observe(A, Kind.CONFIG_MAP, "a", "u2", "8")
    versions.forget_set(A)
    versions.forget_set(A)
    assert versions.is_news(A, Kind.SET, "a", "u1", "7")
    assert list(versions) == []


def test_a_copy_keeps_what_was_known_when_it_was_made() -> None:
    versions = ObservedVersions()
    versions.observe(A, Kind.SET, "a", "u1", "7")
    copy = versions.copy()
    versions.observe(A, Kind.SET, "a", "u1", "8")
    versions.observe(ref("b"), Kind.SET, "b", "u3", "9")
    assert not copy.is_different(A, Kind.SET, "a", "u1", "7")
    assert list(copy) == [A]


@given(st.text(min_size=1), st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_for_one_object_news_is_what_is_later(uid: str, seen: int, then: int) -> None:
    versions = ObservedVersions()
    versions.observe(A, Kind.SET, "a", uid, str(seen))
    assert versions.is_news(A, Kind.SET, "a", uid, str(then)) is (then > seen)


def test_ten_thousand_sets_take_less_than_fifteen_megabytes() -> None:
    tracemalloc.start()
    try:
        versions = ObservedVersions()
        for number in range(10_000):
            of = ref(f"set-{number:05d}", f"namespace-{number % 100}")
            objects = ((Kind.SET, of.name), (Kind.KEYRING, f"{of.name}-keyring"))
            for kind, name in (*objects, (Kind.CONFIG_MAP, of.name), (Kind.CONSUMER, of.name)):
                versions.observe(of, kind, name, f"{number:036d}{kind}", str(10_000_000 + number))
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size < 15_000_000
