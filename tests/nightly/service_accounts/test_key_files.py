"""kube-apiserver with key files that a set writes: files are read at its start and then never again."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from cluster.hosted import SPEC, Accounts, Hosting, hosting, key_files, kid_of
from cluster.stage import Stage
from controlplane import ControlPlane
from jwks_operator.keys.members import encode_octets
from jwks_operator.keys.public_pem import public_der
from serve.running import until

FILES: dict[str, Any] = {
    **SPEC,
    "secret": {"formats": ["PEM"]},
    "publish": {"maxKeys": 40, "documents": [{"name": "accounts", "entries": ["signing"], "format": "PEM"}]},
}


def file_kids(hosted: Hosting) -> dict[str, str]:
    """Return what kube-apiserver calls the published keys, by their kid in the set."""
    published = hosted.published()
    return {kid: encode_octets(sha256(public_der(key)).digest()) for kid, key in published.items()}


def rotate_files(hosted: Hosting, place: Path) -> str:
    """Rotate, and wait until the mounted files show it."""
    kid = hosted.rotate()
    until(lambda: (place / "private" / "signing.kid").read_text() == kid)
    until(lambda: f"# kid: {kid}" in (place / "public" / "accounts.pem").read_text())
    return kid


@pytest.mark.timeout(900)
def test_no_token_is_refused_if_every_api_server_restarts_behind_each_change_of_the_files(
    stage: Stage, tmp_path: Path
) -> None:
    with hosting(stage, tmp_path) as hosted:
        hosted.create(FILES)
        place = hosted.mount("files")
        plane = hosted.start_plane(*key_files(place))
        accounts = Accounts(plane)
        tokens = [accounts.token()]
        for _ in range(3):
            kid = rotate_files(hosted, place)
            tokens.append(accounts.token())
            assert kid_of(tokens[-1]) != file_kids(hosted)[kid], "it has read its key file again"
            plane.restart_apiserver()
            tokens.append(accounts.token())
            assert kid_of(tokens[-1]) == file_kids(hosted)[kid]
            assert all(map(accounts.accepts, tokens))
            assert accounts.jwks().keys() == set(file_kids(hosted).values())


@pytest.mark.timeout(900)
def test_an_api_server_that_was_not_restarted_refuses_the_tokens_of_a_key_that_came_later(
    stage: Stage, tmp_path: Path
) -> None:
    """Why the restart of every API server counts in the lead."""
    with hosting(stage, tmp_path) as hosted:
        hosted.create(FILES)
        place = hosted.mount("files")
        plane = hosted.start_plane(*key_files(place))
        peer = Accounts(plane.start_peer(*key_files(place)))
        known = rotate_files(hosted, place)
        plane.restart_apiserver()
        assert peer.accepts(_token_by(plane, file_kids(hosted)[known]))
        later = rotate_files(hosted, place)
        plane.restart_apiserver()
        assert not peer.accepts(_token_by(plane, file_kids(hosted)[later]))


def _token_by(plane: ControlPlane, kid: str) -> str:
    token = Accounts(plane).token()
    assert kid_of(token) == kid
    return token
