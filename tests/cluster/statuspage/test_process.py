"""An operator as it runs in production shows its sets to people who ask for the page, and to nobody else."""

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from cluster.stage import Stage, open_stage
from controlplane import Access
from jwks_operator.statuspage.pages import ROOT

ES256 = {"keys": [{"name": "signing", "algorithm": "ES256"}]}


@pytest.fixture(params=[("--status-page",), ()], ids=["asked-for", "not-asked-for"])
def stage(control_plane: Access, crds: None, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A namespace and its operator, with and without the page."""
    with open_stage(control_plane, tmp_path, "statuspage", *request.param) as stage:
        yield stage


def read(stage: Stage, path: str) -> tuple[int, str]:
    port = stage.until(lambda: re.search(r"probes and metrics on port (\d+)", stage.operator.printed), "a port")[1]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def test_a_set_is_on_the_page_as_soon_as_it_is_ready(stage: Stage, request: pytest.FixtureRequest) -> None:
    stage.create("auth", ES256)
    stage.until_ready("auth")
    listed, page = read(stage, ROOT)
    _, details = read(stage, f"{ROOT}/{stage.namespace}/auth")
    if "not-asked-for" in request.node.name:
        assert listed == HTTPStatus.NOT_FOUND
    else:
        assert listed == HTTPStatus.OK
        assert f"{stage.namespace}/auth" in page
        assert "<svg" in details
        assert "KeyActivated" in details
