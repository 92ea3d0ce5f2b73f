"""A leader that is stopped in the middle of a step for longer than its Lease lasts, and then goes on."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.ha.pair import TERMS, Pair, open_pair
from cluster.reading import condition
from cluster.stage import figures
from cluster.witness import BRISK_RETENTION
from controlplane import Access


@pytest.fixture(scope="module")
def pair(control_plane: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with open_pair(control_plane, tmp_path_factory.mktemp("stopped")) as pair:
        yield pair


def test_a_leader_stopped_within_a_step_for_longer_than_its_lease_changes_nothing_afterwards(pair: Pair) -> None:
    leader, stage = pair.leader, pair.stage
    frozen, begun = _freeze_within_a_step(pair)
    figures.info(f"stopped within {begun['transition']}")
    written = pair.wrote(leader, 0)
    renewed = max(at for at, what in written if " leases" in what)  # it may have been created just now
    taken = pair.took_over(frozen, 2 * TERMS.duration)
    figures.info(f"stopped {frozen - renewed:.2f} s after its last renewal, Lease taken {taken:.2f} s after the stop")
    stage.until(lambda: pair.unfinished() != begun, "the new leader to finish the step")
    pair.rotates()
    stage.patch("auth", {"spec": {"suspend": True}})
    stage.until_ready("auth")
    stage.until(lambda: pair.unfinished() is None, "the last step to end")
    time.sleep(BRISK_RETENTION + 2)  # what was retired goes, and then nothing is due any more
    before = pair.versions()
    pair.replicas[leader].thaw()
    time.sleep(2 * TERMS.retry + 2)
    assert pair.versions() == before
    assert pair.wrote(leader, 0) == written
    assert "not leading any more" in pair.replicas[leader].printed.rpartition("resync done")[2]
    stage.patch("auth", {"spec": {"suspend": False}})
    pair.rotates()
    assert pair.wrote(leader, 0) == written
    assert pair.objections() == []
    assert condition(stage.there("JsonWebKeySet", "auth"), "Degraded")["status"] == "False"


def _freeze_within_a_step(pair: Pair) -> tuple[float, Any]:
    """Stop the leader right after a write to the record, until that was an intent; give when, and the step."""
    leader, stage = pair.replicas[pair.leader], pair.stage
    for _ in range(20):
        writes = len(stage.chronicle.of("Secret", "auth-keyring"))
        stage.until(lambda: len(stage.chronicle.of("Secret", "auth-keyring")) > writes, "a step")  # noqa: B023
        leader.freeze()
        frozen = time.time()
        time.sleep(0.3)  # what it had sent arrives
        if step := pair.unfinished():
            return frozen, step
        leader.thaw()
    raise AssertionError("it was never stopped within a step")
