"""The image is what its label says, and both commands run in it as nobody, on a root that cannot be written to."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from e2e.stage import OPERATOR_IMAGE, Stage
from jwks_operator import __version__
from node.images import save_image

pytestmark = [pytest.mark.own_node, pytest.mark.timeout(300)]

MEGABYTE = 10**6
LIMIT = 150 * MEGABYTE


@pytest.fixture(scope="module")
def archive(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "operator.tar"
    save_image(OPERATOR_IMAGE, path)
    return path


def blob(archive: Path, digest: str) -> Any:
    with tarfile.open(archive) as tar:
        content = tar.extractfile(f"blobs/sha256/{digest.removeprefix('sha256:')}")
        assert content
        return json.load(content)


def manifest(archive: Path) -> dict[str, Any]:
    with tarfile.open(archive) as tar:
        index = tar.extractfile("index.json")
        assert index
        found: dict[str, Any] = blob(archive, json.load(index)["manifests"][0]["digest"])
        return found


def test_it_is_small(archive: Path) -> None:
    assert sum(layer["size"] for layer in manifest(archive)["layers"]) < LIMIT


def test_it_says_what_it_is_and_runs_as_a_number(archive: Path) -> None:
    config = blob(archive, manifest(archive)["config"]["digest"])["config"]
    assert config["Labels"]["org.opencontainers.image.version"] == __version__
    assert config["Labels"]["org.opencontainers.image.title"] == "jwks-operator"
    assert config["User"] == "65532:65532"
    assert (config["Entrypoint"], config["Cmd"]) == (["jwks-operator"], ["run"])


def test_it_adds_the_application_to_its_base_and_nothing_else(archive: Path) -> None:
    layers = [layer["digest"] for layer in manifest(archive)["layers"]]
    with tarfile.open(archive) as tar:
        last = tar.extractfile(f"blobs/sha256/{layers[-1].removeprefix('sha256:')}")
        with tarfile.open(fileobj=last) as layer:
            names = layer.getnames()
    assert any(name.endswith("jwks_operator/__main__.py") for name in names)
    assert {name.partition("/")[0] for name in names} == {"app"}
    assert not [name for name in names if name.startswith(("app/bin/pip", "app/bin/uv"))]
