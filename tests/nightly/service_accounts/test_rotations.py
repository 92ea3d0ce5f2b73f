"""Twenty rotations of the keys of a real kube-apiserver, and signers that end in every way meanwhile."""

import time
from pathlib import Path
from typing import Any

import pytest

from cluster.hosted import HINT, SPEC, Accounts, endpoint, hosting, kid_of, public_numbers
from cluster.stage import Stage, figures
from controlplane.errors import ApiError
from jwks_operator.keys.naming import algorithm_name
from serve.running import until

ROTATIONS = 20
ALGORITHMS = ("ES256", "RS256", "ES384", "ES512")
LATE = 6.0
VERY_LATE = 30.0


@pytest.mark.timeout(1200)
def test_no_token_is_refused_through_twenty_rotations_and_every_end_of_a_signer(stage: Stage, tmp_path: Path) -> None:
    with hosting(stage, tmp_path) as hosted:
        hosted.create()
        signer = hosted.signer(hosted.mount("a"))
        plane = hosted.plane(signer)
        accounts = Accounts(plane)
        traffic = hosted.traffic(plane)
        used = [hosted.active()]
        for number in range(ROTATIONS):
            used.append(hosted.rotate())
            match number % 4:
                case 0:
                    signer.hand_over()
                case 1:
                    signer.terminate()
                    signer.start()
                case 2:
                    with traffic.killing():
                        signer.kill()
                    signer.start()
            until(lambda kid=used[-1]: kid_of(traffic.tokens[-1]) == kid or traffic.problems, 120)  # type: ignore[misc]
            until(
                lambda: public_numbers(accounts.jwks()) == public_numbers(hosted.published()) or traffic.problems, 120
            )
        traffic.go_on()
        traffic.end()
        figures.info(
            f"{len(traffic.tokens)} tokens by {len(used)} keys, {traffic.checked} checks, "
            f"{traffic.excused} in flight at a kill, problems: {traffic.problems[:5]}"
        )
        assert traffic.problems == []
        assert traffic.kids() == used


@pytest.mark.timeout(600)
def test_each_algorithm_that_kube_apiserver_takes_can_follow_each_other(stage: Stage, tmp_path: Path) -> None:
    with hosting(stage, tmp_path) as hosted:
        hosted.create()
        signer = hosted.signer(hosted.mount("a"))
        plane = hosted.plane(signer)
        traffic = hosted.traffic(plane)
        for algorithm in (*ALGORITHMS[1:], ALGORITHMS[0]):
            before = hosted.active()
            hosted.stage.patch("accounts", {"spec": {"keys": [{"name": "signing", "algorithm": algorithm}]}})
            hosted.stage.until(lambda before=before: hosted.active() != before, algorithm, 120)  # type: ignore[misc]
            until(lambda: kid_of(traffic.tokens[-1]) == hosted.active() or traffic.problems, 120)
            assert hosted.published()[hosted.active()]["alg"] == algorithm_name(algorithm)
        traffic.go_on()
        traffic.end()
        assert traffic.problems == []
        assert len(traffic.kids()) == len(ALGORITHMS) + 1


def late_spec(propagation: float) -> dict[str, Any]:
    return {**SPEC, "timing": {**SPEC["timing"], "propagation": f"{propagation:.0f}s"}}


@pytest.mark.timeout(600)
def test_two_api_servers_whose_signers_see_the_set_at_different_times_refuse_nothing(
    stage: Stage, tmp_path: Path
) -> None:
    """`propagation` is the later mount with the second of its signer; then every API server has a key before use."""
    with hosting(stage, tmp_path) as hosted:
        hosted.create(late_spec(2 * LATE))
        early, late = hosted.signer(hosted.mount("early", 0)), hosted.signer(hosted.mount("late", LATE))
        plane = hosted.plane(early)
        peer = plane.start_peer(*endpoint(late))
        traffic = hosted.traffic(plane, plane, peer)
        used = [hosted.active(), *(hosted.rotate() for _ in range(5))]
        until(lambda: kid_of(traffic.tokens[-1]) == used[-1] or traffic.problems, 120)
        traffic.go_on()
        traffic.end()
        figures.info(f"{len(traffic.tokens)} tokens, {traffic.checked} checks, problems: {traffic.problems[:5]}")
        assert traffic.problems == []
        assert traffic.kids() == used


@pytest.mark.timeout(600)
def test_a_propagation_shorter_than_the_later_mount_refuses_tokens(stage: Stage, tmp_path: Path) -> None:
    """What the wait is for: the same two API servers, and a `propagation` that is not true."""
    with hosting(stage, tmp_path) as hosted:
        hosted.create(late_spec(1))
        early, late = hosted.signer(hosted.mount("early", 0)), hosted.signer(hosted.mount("late", VERY_LATE))
        plane = hosted.plane(early)
        peer = plane.start_peer(*endpoint(late))
        traffic = hosted.traffic(plane, plane, peer)
        hosted.rotate()  # to the key that was published from the beginning
        later = hosted.rotate()
        until(lambda: any(isinstance(each, tuple) and each[1:] == (later, peer.url) for each in traffic.problems), 120)
        traffic.end()


@pytest.mark.timeout(600)
def test_a_new_key_is_published_by_kube_apiserver_within_the_refresh_hint(stage: Stage, tmp_path: Path) -> None:
    with hosting(stage, tmp_path) as hosted:
        hosted.create()
        signer = hosted.signer(hosted.mount("a"))
        plane = hosted.plane(signer)
        accounts = Accounts(plane)
        before = accounts.jwks().keys()
        hosted.rotate()
        until(lambda: hosted.published().keys() > before, 60)
        began = time.monotonic()
        until(lambda: accounts.jwks().keys() == hosted.published().keys(), 60)
        figures.info(
            f"published in the JWK Set of kube-apiserver after {time.monotonic() - began:.1f} s, hint {HINT} s"
        )


@pytest.mark.timeout(600)
def test_a_revoked_key_verifies_no_more_and_its_successor_signs(stage: Stage, tmp_path: Path) -> None:
    with hosting(stage, tmp_path) as hosted:
        hosted.create()
        signer = hosted.signer(hosted.mount("a"))
        plane = hosted.plane(signer)
        accounts = Accounts(plane)
        token = accounts.token()
        assert accounts.accepts(token)
        hosted.annotate("revoke", f"{hosted.active()}=KeyCompromise")
        until(lambda: not accounts.accepts(token), 60)
        until(lambda: kid_of(_token(accounts)) == hosted.active() != kid_of(token), 60)
        assert accounts.accepts(accounts.token())


def _token(accounts: Accounts) -> str:
    """Ask for a token; between the swaps of Secret and ConfigMap the signer refuses."""
    try:
        return accounts.token()
    except ApiError:
        return "e30."
