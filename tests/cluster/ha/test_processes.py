"""Two operators on a real API server: handed over, and killed."""

import time
from collections.abc import Iterator

import pytest

from cluster.ha.pair import SILENCE, TERMS, Pair, open_pair
from cluster.stage import figures
from controlplane import Access


@pytest.fixture(scope="module")
def pair(control_plane: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with open_pair(control_plane, tmp_path_factory.mktemp("replicas")) as pair:
        yield pair


def test_a_standby_writes_nothing(pair: Pair) -> None:
    pair.rotates()
    assert pair.wrote("two", 0) == []
    assert len({what for _, what in pair.wrote("one", 0)}) > 4


def test_a_leader_that_is_ended_hands_over_within_two_seconds(pair: Pair) -> None:
    taken: list[float] = []
    relative: list[float] = []
    for _ in range(5):
        pair.rotates()
        leader, asked = pair.leader, time.time()
        before = len(pair.replicas[leader].printed)
        assert pair.replicas[leader].stop() == 0
        ended, last_words = time.time() - asked, pair.replicas[leader].printed[before:]
        if "the Lease is released" in last_words:
            taken.append(pair.took_over(asked, TERMS.duration))
            took, released = asked + taken[-1], pair.released(leader, asked)
            assert len(pair.looks(pair.leader, released, took)) <= 1, "it is taken at the first look"
            relative.append(taken[-1] / pair.slowness(pair.leader, asked, took))
            working = pair.first(pair.leader, asked, "update secrets") - asked
            figures.info(f"ended after {ended:.2f} s, Lease taken after {taken[-1]:.2f} s, first write {working:.2f} s")
        else:  # the API server was silent for as long as the end may take, by its own log: the Lease must run out
            assert "the Lease is not released and runs out: the answer to a write is missing" in last_words
            pair.took_over(asked, 2 * TERMS.duration)
            assert pair.slowest(leader, asked) > SILENCE, last_words
        pair.rotates()
        pair.join(leader)
        if len(taken) == 3:
            break
    assert len(taken) == 3
    assert min(relative) < 2.0
    assert pair.objections() == []


def test_a_leader_that_is_killed_is_replaced_within_the_duration_of_the_lease(pair: Pair) -> None:
    pair.rotates()
    leader, killed = pair.leader, time.time()
    pair.replicas[leader].kill()
    renewed = max(at for at, what in pair.wrote(leader, 0) if what.startswith("update leases"))
    taken = pair.took_over(killed, 2 * TERMS.duration)
    figures.info(f"killed {killed - renewed:.2f} s after its last renewal, Lease taken {taken:.2f} s after the kill")
    assert killed + taken - renewed >= TERMS.duration
    looks = pair.looks(pair.leader, renewed + TERMS.duration, killed + taken)
    assert len(looks) <= 3, "as it last saw it renewed a pause later, one look may be too early; and one for rounding"
    pair.rotates()
    pair.join(leader)
    assert pair.objections() == []
