"""What counts as news and what as the echo of something known."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frame.virtual import ref
from jwks_operator.reconcile.observed_versions import Kind, ObjectMemory

A = ref("a")


@pytest.mark.parametrize(
    ("uid", "version", "news", "differs"),
    [
        ("u1", "7", False, False),
        ("u1", "8", True, True),
        ("u1", "6", False, True),  # an older event of the same object, or a restored etcd: the audit asks
        ("u1", "10", True, True),  # versions are numbers, not texts
        ("u2", "7", True, True),
        ("u2", "1", True, True),
    ],
)
def test_news_is_another_object_or_a_later_version(uid: str, version: str, news: bool, differs: bool) -> None:
    memory = ObjectMemory()
    memory.saw(A, Kind.KEYRING, "a-keyring", "u1", "7")
    assert memory.is_news(A, Kind.KEYRING, "a-keyring", uid, version) is news
    assert memory.differs(A, Kind.KEYRING, "a-keyring", uid, version) is differs


@pytest.mark.parametrize(
    ("kind", "name", "owner"),
    [(Kind.CONSUMER, "a", "a"), (Kind.CONFIG_MAP, "b", "a"), (Kind.CONFIG_MAP, "a", "b")],
)
def test_marks_are_kept_per_set_kind_and_name(kind: Kind, name: str, owner: str) -> None:
    memory = ObjectMemory()
    memory.saw(A, Kind.CONFIG_MAP, "a", "u1", "7")
    assert memory.is_news(ref(owner), kind, name, "u1", "7")


def test_versions_that_are_no_numbers_still_differ() -> None:
    memory = ObjectMemory()
    memory.saw(A, Kind.SET, "a", "u1", "x7")
    assert not memory.differs(A, Kind.SET, "a", "u1", "x7")
    assert memory.differs(A, Kind.SET, "a", "u1", "x8")


def test_a_lost_object_is_forgotten_unless_another_took_its_place() -> None:
    memory = ObjectMemory()
    memory.saw(A, Kind.SET, "a", "u2", "7")
    memory.lost(A, Kind.SET, "a", "u1")
    assert memory.names(A) == {(Kind.SET, "a")}
    memory.lost(A, Kind.SET, "a", "u2")
    assert memory.names(A) == frozenset()
    assert len(memory) == 0


def test_forgetting_a_set_makes_everything_of_it_news() -> None:
    memory = ObjectMemory()
    memory.saw(A, Kind.SET, "a", "u1", "7")
    memory.saw(A, Kind.CONFIG_MAP, "a", "u2", "8")
    memory.forget(A)
    memory.forget(A)
    assert memory.is_news(A, Kind.SET, "a", "u1", "7")
    assert list(memory) == []


def test_a_copy_keeps_what_was_known_when_it_was_made() -> None:
    memory = ObjectMemory()
    memory.saw(A, Kind.SET, "a", "u1", "7")
    copy = memory.copy()
    memory.saw(A, Kind.SET, "a", "u1", "8")
    memory.saw(ref("b"), Kind.SET, "b", "u3", "9")
    assert not copy.differs(A, Kind.SET, "a", "u1", "7")
    assert list(copy) == [A]


@given(st.text(min_size=1), st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_for_one_object_news_is_what_is_later(uid: str, seen: int, then: int) -> None:
    memory = ObjectMemory()
    memory.saw(A, Kind.SET, "a", uid, str(seen))
    assert memory.is_news(A, Kind.SET, "a", uid, str(then)) is (then > seen)


def test_ten_thousand_sets_take_less_than_fifteen_megabytes() -> None:
    tracemalloc.start()
    try:
        memory = ObjectMemory()
        for number in range(10_000):
            of = ref(f"set-{number:05d}", f"namespace-{number % 100}")
            objects = ((Kind.SET, of.name), (Kind.KEYRING, f"{of.name}-keyring"))
            for kind, name in (*objects, (Kind.CONFIG_MAP, of.name), (Kind.CONSUMER, of.name)):
                memory.saw(of, kind, name, f"{number:036d}{kind}", str(10_000_000 + number))
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size < 15_000_000
