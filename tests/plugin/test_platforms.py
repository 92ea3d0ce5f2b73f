"""`pip install 'jwks-operator[plugin]'`: on which machines, with which packages, and what runs without the others."""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tree_sitter_powershell
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename
from tree_sitter import Language, Parser

from jwks_operator.plugin.completion import POWERSHELL

ROOT = Path(__file__).parents[2]
LOCK: dict[str, Any] = {each["name"]: each for each in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
PLATFORMS = {
    "Linux x86_64": ["manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"],
    "Linux arm64": [
        "manylinux_2_28_aarch64",
        "manylinux_2_24_aarch64",
        "manylinux_2_17_aarch64",
        "manylinux2014_aarch64",
    ],
    "macOS arm64": [f"macosx_{major}_0_{arch}" for major in (11, 12, 13, 14) for arch in ("arm64", "universal2")],
    "Windows x86_64": ["win_amd64"],
}
OPERATORS_OWN = ["kopf", "watchfiles", "httptools", "uvloop", "prometheus_client"]


def needed(extra: str) -> set[str]:
    """Every package that is installed with an extra, by the lock."""
    own = LOCK["jwks-operator"]
    left = [each["name"] for each in own["dependencies"] + own["optional-dependencies"][extra]]
    found: set[str] = set()
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += [each["name"] for each in LOCK[name].get("dependencies", ())]
    return found


def tags(platforms: list[str], version: tuple[int, int]) -> Iterator[Tag]:
    yield from cpython_tags(version, platforms=platforms)
    yield from compatible_tags(version, platforms=platforms)


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)], ids=lambda it: f"{it[0]}.{it[1]}")
@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_package_of_the_plugin_has_a_wheel(platform: str, version: tuple[int, int]) -> None:
    assert not without_wheel("plugin", platform, version)


@pytest.mark.parametrize("platform", ["Linux x86_64", "Linux arm64"])
def test_every_package_of_the_image_has_a_wheel(platform: str) -> None:
    """Dockerfile compiles nothing, so this is what the image of another platform asks for; its base has Python 3.13."""
    text = (ROOT / "Dockerfile").read_text()
    assert "ARG BASE=python:3.13-" in text
    assert "--extra publish " in text
    assert "--only-binary :all:" in text
    assert not without_wheel("publish", platform, (3, 13))


def without_wheel(extra: str, platform: str, version: tuple[int, int]) -> list[str]:
    """The packages that are needed for an extra and have no wheel for a platform and a version of Python."""
    wanted = set(tags(PLATFORMS[platform], version))
    return [
        name
        for name in needed(extra)
        if not any(wanted & parse_wheel_filename(_file(wheel))[3] for wheel in LOCK[name].get("wheels", ()))
    ]


def _file(wheel: dict[str, str]) -> str:
    return wheel["url"].rpartition("/")[2]


def test_the_plugin_needs_none_of_the_operators_own_packages() -> None:
    names = {name.replace("-", "_") for name in needed("plugin")}
    assert not names & set(OPERATORS_OWN)
    assert {name.replace("-", "_") for name in needed("operator")} >= set(OPERATORS_OWN)


def test_the_plugin_runs_where_those_packages_are_not_installed() -> None:
    program = f"""
import importlib, pkgutil, sys
sys.modules.update(dict.fromkeys({OPERATORS_OWN!r}))  # an import of them raises ImportError
import jwks_operator.plugin
for module in pkgutil.walk_packages(jwks_operator.plugin.__path__, "jwks_operator.plugin."):
    importlib.import_module(module.name)
sys.exit(importlib.import_module("jwks_operator.plugin.plugin_command").run(["plan", "--new", "-f", sys.argv[1]]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, ROOT / "examples" / "quickstart.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "takes over" in done.stdout


COMMANDS = {
    "run": "operator",
    "serve": "operator",
    "sign": "operator",
    "publish": "publish",
    "sign-service-accounts": "service-accounts",
}
"""Commands and the extras that bring what they need."""


@pytest.mark.parametrize(("command", "extra"), COMMANDS.items())
def test_the_operator_says_which_extra_it_lacks(command: str, extra: str) -> None:
    program = f"""
import sys
from importlib.util import find_spec
import jwks_operator.__main__ as it
it.find_spec = lambda name: None if name in {[*OPERATORS_OWN, "obstore", "h2"]!r} else find_spec(name)
it.main([{command!r}])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"jwks-operator {command} needs more packages; pip install 'jwks-operator[{extra}]'" in done.stderr


def test_the_script_for_powershell_can_be_parsed() -> None:
    tree = Parser(Language(tree_sitter_powershell.language())).parse(POWERSHELL.encode())
    assert not tree.root_node.has_error, str(tree.root_node)
