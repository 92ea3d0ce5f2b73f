"""A year in minutes: mixed sets rotate on a real API server under the eyes of everybody who lives by them.

A week is as short as the facts of the household allow. `make soak` lives 52 of them; the cluster tests live a few
(SOAK_ROTATIONS).
"""

import os
import time
from collections.abc import Iterator

import pytest

from cluster.reading import condition
from cluster.stage import figures, install, open_stage
from controlplane import Access
from soak.household import TIMING, Household, inhabited

ROTATIONS = int(os.environ.get("SOAK_ROTATIONS", "3"))
EVERY_SECONDS = 5
PATIENCE = 60.0
MIXED = {"signing": "ES256", "inbox": "ECDH-ES+A256KW", "sessions": "HS256"}
SETS = {"auth": MIXED, "shop": MIXED, "edge": {"signing": "ES384"}}


@pytest.fixture(scope="module")
def lived(control_plane: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Household]]:
    """Every set after its rotations, and after everything made in it has expired."""
    install(control_plane, "crds")
    with open_stage(control_plane, tmp_path_factory.mktemp("soak"), "soak") as stage:
        for name, entries in SETS.items():
            keys = [{"name": entry, "algorithm": algorithm} for entry, algorithm in entries.items()]
            rotation = {"every": f"{EVERY_SECONDS}s", "rollbackWindow": "1s"}
            stage.create(name, {"keys": keys, "rotation": rotation, "timing": TIMING, "publish": {"maxKeys": 20}})
        stage.until_ready(*SETS)
        with inhabited(control_plane, stage.namespace, SETS) as households:
            end = time.monotonic() + PATIENCE + ROTATIONS * EVERY_SECONDS * 3
            while not all(one.has_seen(ROTATIONS) for one in households.values()):
                assert time.monotonic() < end, {name: one.used for name, one in households.items()}
                time.sleep(0.2)
        for name in SETS:
            assert condition(stage.latest("JsonWebKeySet", name), "Ready")["status"] == "True"
            assert condition(stage.latest("JsonWebKeySet", name), "Degraded")["status"] == "False"
        yield households


@pytest.mark.timeout(120 + ROTATIONS * EVERY_SECONDS * 4)
def test_nothing_that_was_made_is_ever_refused(lived: dict[str, Household]) -> None:
    for name, one in lived.items():
        rotations = {entry: len(kids) - 1 for entry, kids in one.used.items()}
        figures.info(f"{name}: {one.made} made, {one.checked} checked, {len(one.failures)} refused, {rotations}")
    assert [failure for one in lived.values() for failure in one.failures] == []
    assert all(one.checked > 3 * one.made > 0 for one in lived.values())


def test_no_key_was_ever_used_again_after_another(lived: dict[str, Household]) -> None:
    for one in lived.values():
        for kids in one.used.values():
            assert len(kids) == len(set(kids))
