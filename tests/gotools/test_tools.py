"""Where a tool comes from, and when a build is a new one."""

import os
from pathlib import Path

import pytest

from controlplane.binaries import module_sources
from controlplane.errors import ControlPlaneError
from gotools import TOOLS
from gotools.tools import Tool, build_directory, find_tool, read_version

HELM = TOOLS["helm"]


def provide(directory: Path, says: str, status: int = 0) -> dict[str, str]:
    """An environment whose PATH has a helm that says this of its version."""
    directory.mkdir()
    command = directory / "helm"
    command.write_text(f"#!/bin/sh\necho '{says}'\nexit {status}\n")
    command.chmod(0o755)
    return {"PATH": str(directory), "XDG_CACHE_HOME": str(directory / "cache")}


def in_the_cache(environ: dict[str, str]) -> Path:
    built = build_directory(HELM, environ)
    built.mkdir(parents=True)
    return built / "helm"


def test_a_tool_of_the_pinned_major_version_on_the_path_is_taken(tmp_path: Path) -> None:
    environ = provide(tmp_path / "bin", "v4.0.1+g12345")
    assert find_tool("helm", environ) == tmp_path / "bin" / "helm"


@pytest.mark.parametrize(
    ("says", "status"),
    [("v3.19.2+g12345", 0), ("v4.0.1", 1), ("a helm", 0)],
    ids=["another major version", "one that does not run", "one that says no version"],
)
def test_any_other_is_left_where_it_is(tmp_path: Path, says: str, status: int) -> None:
    environ = provide(tmp_path / "bin", says, status)
    built = in_the_cache(environ)
    assert find_tool("helm", environ) == built


def test_without_one_on_the_path_it_is_the_one_in_the_cache(tmp_path: Path) -> None:
    environ = {"PATH": "", "XDG_CACHE_HOME": str(tmp_path)}
    built = in_the_cache(environ)
    assert find_tool("helm", environ) == built


def test_every_tool_has_a_pinned_version_that_its_build_carries() -> None:
    for tool in TOOLS.values():
        assert f"={tool.pinned}" in " ".join(tool.flags) or f"={tool.pinned.removeprefix('v')}" in " ".join(tool.flags)


def test_a_changed_source_makes_another_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    before = build_directory(HELM, environ)
    monkeypatch.setattr("gotools.tools.module_sources", lambda path: {**module_sources(path), "go.sum": b"other"})
    assert build_directory(HELM, environ) != before


def test_a_module_that_is_not_required_is_named() -> None:
    other = Tool(name="helm", module="example.com/other", package="", stamp="", version=())
    with pytest.raises(ControlPlaneError, match=r"requires no example\.com/other"):
        _ = other.pinned


def test_what_is_built_says_its_version() -> None:
    assert read_version(HELM, str(find_tool("helm", {"PATH": ""} | _home()))) == HELM.pinned


def _home() -> dict[str, str]:
    return {name: os.environ[name] for name in ("HOME", "XDG_CACHE_HOME") if name in os.environ}
