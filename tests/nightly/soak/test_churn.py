"""The short form of `make churn`: what is left behind shows after seconds; what only grows takes minutes."""

import secrets

import pytest

from cluster.stage import figures, install
from controlplane import Access
from soak.churn import Lived, Plan, live
from soak.verdicts import rest


@pytest.fixture(scope="module")
def lived(control_plane: Access, tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """A dozen sets after a quarter of a minute of churn, and what they left."""
    install(control_plane, "crds")
    seed = secrets.randbits(32)
    figures.info(f"seed {seed}")
    plan = Plan(seed, seconds=15, sets=12, every=(6, 9, 12), act=0.3, sample=2, trouble=2.4, resync=6, faults=0.03)
    return live(control_plane, tmp_path_factory.mktemp("churn"), plan)


@pytest.mark.timeout(240)
def test_nobody_objects_to_what_was_done_under_churn(lived: Lived) -> None:
    figures.info(f"{dict(lived.troubles)}, {lived.did}, {lived.activations} activations judged")
    assert lived.objections == []
    assert lived.activations > 0 < lived.private_texts
    assert {"tear", "expire", "410 to a watch", "401 to a watch"} <= set(lived.troubles), "the way was too good"


def test_nothing_is_left_in_the_process_when_the_sets_are_gone(lived: Lived) -> None:
    assert [verdict for verdict in rest(lived) if not verdict.holds] == []
