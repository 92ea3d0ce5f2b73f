"""Killed at any moment and started again at once, the operator never moves a key too early and loses none."""

import random
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from cluster.reading import condition, in_use
from cluster.stage import Stage, figures
from cluster.witness import BRISK, BRISK_LEAD, BRISK_RETENTION, Witness

SPEC = {
    "keys": [
        {"name": "signing", "algorithm": "ES256"},
        {"name": "asked", "algorithm": "ES256", "rotation": {"policy": "Manual"}},
    ],
    "rotation": {"every": "2s"},
    "timing": BRISK,
}
KILLS = 8


@dataclass(frozen=True)
class Survivor:
    """The set after all the kills."""

    stage: Stage
    witness: Witness


@pytest.fixture(scope="module")
def survivor(stage: Stage) -> Survivor:
    """Half of the kills come at any time, half of them right after a write, in the middle of a step."""
    seed = secrets.randbits(32)
    figures.info(f"seed {seed}")
    chance = random.Random(seed)
    stage.create("auth", SPEC)
    stage.until_ready("auth")
    for turn in range(KILLS):
        _ask_for_a_rotation(stage)
        if turn % 2:
            time.sleep(chance.uniform(0, 2))
        else:
            _await_a_write(stage)
            time.sleep(chance.uniform(0, 0.02))
        stage.operator.kill()
        stage.operator.start()
    _ask_for_a_rotation(stage)
    in_use_then = in_use(stage.latest("Secret", "auth"))
    stage.until(
        lambda: not in_use(stage.latest("Secret", "auth")).items() & in_use_then.items(), "rotations after all that"
    )
    # How many lives it takes until the first retention is over is chance; suspended, no key is removed any more.
    stage.until(lambda: "KeyDestroyed" in _told(stage), "a key's whole life to be told")
    stage.patch("auth", {"spec": {"suspend": True}})
    stage.until_ready("auth")
    witness = Witness(BRISK_LEAD, BRISK_RETENTION)
    witness.watch(s for s in stage.chronicle.sightings("Secret", "ConfigMap") if s.name == "auth")
    return Survivor(stage, witness)


def _told(stage: Stage) -> set[str]:
    return {each["event"] for each in stage.there("JsonWebKeySet", "auth")["status"]["history"]}


def _ask_for_a_rotation(stage: Stage) -> None:
    """At once: what it has to wait for is its lead alone."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    stage.patch("auth", {"metadata": {"annotations": {"jwks-operator.dev/rotate": f"asked@{now}"}}})


def _await_a_write(stage: Stage) -> None:
    def writes() -> int:
        return len(stage.chronicle.sightings("Secret", "ConfigMap"))

    before = writes()
    stage.until(lambda: writes() > before, "the next write")


def test_no_key_was_used_before_its_lead_or_removed_before_its_retention(survivor: Survivor) -> None:
    figures.info(f"{survivor.witness.activations} activations, {len(survivor.witness.published)} keys, {KILLS} kills")
    assert survivor.witness.objections == []
    assert survivor.witness.activations >= len(SPEC["keys"])


def test_it_ends_ready_with_nothing_to_complain_about(survivor: Survivor) -> None:
    the_set = survivor.stage.there("JsonWebKeySet", "auth")
    assert condition(the_set, "Ready")["status"] == "True"
    assert condition(the_set, "Degraded")["status"] == "False"


def test_it_is_told_what_happened_to_every_key(survivor: Survivor) -> None:
    told = _told(survivor.stage)
    assert {"KeyPublished", "KeyActivated", "KeyRetired", "KeyDestroyed"} <= told
    assert "ObjectRepaired" not in told, "no step was taken for drift"
