"""A real kube-apiserver without a key of its own, and a set that rotates in its management cluster."""

from pathlib import Path

import pytest

from cluster.hosted import Accounts, hosting, kid_of, public_numbers
from cluster.stage import Stage
from controlplane import Access
from serve.running import until

OLDEST = 34
"""The minor version from which kube-apiserver asks an external signer without a feature gate."""


@pytest.fixture(autouse=True)
def served(control_plane: Access) -> None:
    """An API server that knows no external signer is none for this."""
    if int(control_plane.api("GET", "/version")["minor"]) < OLDEST:
        pytest.skip("not served: --service-account-signing-endpoint")


def test_no_token_is_refused_through_a_rotation_and_a_hand_over(stage: Stage, tmp_path: Path) -> None:
    with hosting(stage, tmp_path) as hosted:
        hosted.create()
        signer = hosted.signer(hosted.mount("a"))
        plane = hosted.plane(signer)
        traffic = hosted.traffic(plane)
        first = hosted.active()
        second = hosted.rotate()
        signer.hand_over()
        until(lambda: kid_of(traffic.tokens[-1]) == second or traffic.problems)
        traffic.end()
        assert traffic.problems == []
        assert traffic.kids() == [first, second]
        until(lambda: public_numbers(Accounts(plane).jwks()) == public_numbers(hosted.published()))
