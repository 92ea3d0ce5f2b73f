"""Where binaries come from, and when a build is a new one."""

import os
from pathlib import Path

import pytest

from controlplane.binaries import (
    MODULE,
    NAMES,
    build_flags,
    cache_key,
    cache_root,
    kubernetes_version,
    look_up,
    module_sources,
)
from controlplane.errors import ControlPlaneError
from controlplane.golang import go_version, read_required_go

ENVTEST = ("etcd", "kube-apiserver", "kubectl")
ASSETS_AND_PATH = "KUBEBUILDER_ASSETS and PATH"


def provide(directory: Path, names: tuple[str, ...]) -> str:
    directory.mkdir()
    for name in names:
        (directory / name).touch(mode=0o755)
    return str(directory)


@pytest.mark.parametrize(
    ("assets", "on_path", "expected"),
    [
        pytest.param(None, (), ("cache",) * 4, id="nothing at hand: all from the cache"),
        pytest.param(None, NAMES, ("path",) * 4, id="all on PATH"),
        pytest.param(None, ("kubectl",), ("cache",) * 4, id="a kubectl on PATH brings no servers"),
        pytest.param(None, NAMES[:3], ("cache",) * 4, id="one missing on PATH: all from the cache"),
        pytest.param(NAMES, NAMES, ("assets",) * 4, id="assets before PATH"),
        pytest.param(ENVTEST, (), ("assets", "assets", "cache", "assets"), id="envtest has no manager: cache"),
        pytest.param(ENVTEST, NAMES, ("assets", "assets", "path", "assets"), id="envtest, manager on PATH"),
        pytest.param(NAMES[:2], ("kubectl",), ("assets", "assets", "cache", "path"), id="servers alone"),
    ],
)
def test_each_binary_is_taken_from_the_first_place_that_brings_it(
    tmp_path: Path, assets: tuple[str, ...] | None, on_path: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    environ = {"PATH": provide(tmp_path / "path", on_path)}
    if assets is not None:
        environ["KUBEBUILDER_ASSETS"] = provide(tmp_path / "assets", assets)

    found = look_up(environ, tmp_path / "cache")

    assert found.paths() == tuple(tmp_path / place / name for place, name in zip(expected, NAMES, strict=True))
    assert found.within(tmp_path / "cache") == ("cache" in expected)


def test_an_empty_assets_variable_is_as_good_as_none(tmp_path: Path) -> None:
    assert look_up({"PATH": "", "KUBEBUILDER_ASSETS": ""}, tmp_path).within(tmp_path)


def test_assets_without_servers_are_an_error_and_not_silently_replaced(tmp_path: Path) -> None:
    environ = {"PATH": "", "KUBEBUILDER_ASSETS": provide(tmp_path / "assets", ("etcd",))}

    with pytest.raises(ControlPlaneError, match=r"no kube-apiserver.*unset it"):
        look_up(environ, tmp_path / "cache")


def test_a_file_that_cannot_be_executed_is_no_binary(tmp_path: Path) -> None:
    path = provide(tmp_path / "path", NAMES)
    (tmp_path / "path" / "etcd").chmod(0o644)

    assert look_up({"PATH": path}, tmp_path / "cache").within(tmp_path / "cache")


@pytest.mark.parametrize("changed", ["go.mod", "go.sum", "kube/main.go"])
def test_a_changed_source_makes_another_build(changed: str) -> None:
    sources = module_sources(MODULE)
    other = {**sources, changed: sources[changed] + b"\n"}

    assert cache_key(sources, ["-trimpath"], "linux") != cache_key(other, ["-trimpath"], "linux")


def test_other_flags_or_another_machine_make_another_build() -> None:
    sources = module_sources(MODULE)

    keys = {
        cache_key(sources, ["-trimpath"], "linux-x86_64"),
        cache_key(sources, [], "linux-x86_64"),
        cache_key(sources, ["-trimpath"], "linux-aarch64"),
    }

    assert len(keys) == 3


def test_the_key_begins_with_the_pinned_version_and_does_not_change_by_itself() -> None:
    sources = module_sources(MODULE)
    reversed_sources = dict(reversed(sources.items()))

    key = cache_key(sources, [], "linux")

    assert key == cache_key(reversed_sources, [], "linux")
    assert key.startswith(kubernetes_version(sources["go.mod"].decode()) + "-")


def test_the_build_is_stamped_with_the_version_that_clients_see() -> None:
    stamps = build_flags("v1.36.3")[-1].split()

    assert "k8s.io/component-base/version.gitVersion=v1.36.3" in stamps
    assert "k8s.io/component-base/version.gitMinor=36" in stamps


def test_the_cache_is_where_the_desktop_says_or_in_the_home_directory() -> None:
    assert cache_root({"XDG_CACHE_HOME": "/x", "HOME": "/h"}) == Path("/x/jwks-operator/control-plane")
    assert cache_root({"HOME": "/h"}) == Path("/h/.cache/jwks-operator/control-plane")


def test_the_module_says_which_go_it_needs() -> None:
    assert read_required_go((MODULE / "go.mod").read_text()) >= (1, 26)


@pytest.mark.parametrize(
    ("script", "version"),
    [
        pytest.param("echo go1.26.8", (1, 26, 8), id="a release"),
        pytest.param("echo go1.27", (1, 27, 0), id="no patch number"),
        pytest.param("echo go1.26.1-X:nodwarf5", (1, 26, 1), id="with an experiment"),
        pytest.param("echo devel +abc", None, id="a development version is not known to be new enough"),
        pytest.param("exit 1", None, id="does not run"),
    ],
)
def test_the_version_of_a_go_command_is_understood(
    tmp_path: Path, script: str, version: tuple[int, ...] | None
) -> None:
    go = tmp_path / "go"
    go.write_text(f"#!/bin/sh\n{script}\n")
    os.chmod(go, 0o755)

    assert go_version(str(go)) == version
