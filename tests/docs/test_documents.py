"""What the documents show is true: blocks are valid, commands exist, links lead somewhere."""

import re
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from demo.cluster import quickstart
from jwks_operator.__main__ import main
from jwks_operator.api.names import KIND
from jwks_operator.api.parse import parse_spec

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("hack/**/*.md")])
EXAMPLES = sorted(ROOT.glob("examples/*.yaml"))
README = (ROOT / "README.md").read_text()


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each command line in the shell blocks, without comments."""
    for block in blocks(text, "sh"):
        for line in block.splitlines():
            if words := line.partition(" #")[0].split():
                yield words


def the_sets(text: str) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(text) if isinstance(each, dict) and each.get("kind") == KIND]


README_SETS = [each for block in blocks(README, "yaml") for each in the_sets(block)]
EXAMPLE_SETS = {name_of(path): each for path in EXAMPLES for each in the_sets(path.read_text())}
SETS = {**{f"README {number}": each for number, each in enumerate(README_SETS)}, **EXAMPLE_SETS}


@pytest.mark.parametrize("wanted", [*SETS.values(), quickstart()], ids=[*SETS, "the demo's overlay"])
def test_a_shown_set_is_accepted(wanted: dict[str, Any]) -> None:
    assert parse_spec(wanted).keys


def test_the_first_set_of_the_readme_is_the_quickstart() -> None:
    assert (ROOT / "examples" / "quickstart.yaml").read_text() == blocks(README, "yaml")[0]


def test_the_volumes_of_the_readme_are_those_of_the_issuer() -> None:
    shown = next(block for block in map(yaml.safe_load, blocks(README, "yaml")) if "volumes" in block)
    deployment = next(yaml.safe_load_all((ROOT / "examples" / "issuer.yaml").read_text()))
    assert shown["volumes"] == deployment["spec"]["template"]["spec"]["volumes"]


def test_the_sidecar_of_the_issuer_is_started_with_a_command_line_that_exists() -> None:
    deployment = next(yaml.safe_load_all((ROOT / "examples" / "issuer.yaml").read_text()))
    arguments = deployment["spec"]["template"]["spec"]["initContainers"][0]["args"]
    check_command_line(arguments)


def check_command_line(arguments: list[str]) -> None:
    context = click.Context(main)
    command = main.get_command(context, arguments[0])
    assert command is not None, arguments
    command.make_context(arguments[0], list(arguments[1:]))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_shown_commands_exist(document: Path) -> None:
    text = document.read_text()
    inline = [part.split() for part in re.findall(r"`(make [a-z][a-z-]*|jwks-operator [a-z]+)[^`]*`", text)]
    for words in [*commands(text), *inline]:
        if words[0] == "make":
            for target in words[1:]:
                if "=" not in target and not target.startswith("'"):
                    subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)
        elif words[0] == "jwks-operator" and len(words) > 2:
            check_command_line(words[1:])
        elif words[0] == "jwks-operator":
            assert words[1] in main.list_commands(click.Context(main))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_files_that_commands_use_exist(document: Path) -> None:
    for words in commands(document.read_text()):
        for option, value in pairwise(words):
            if words[0] == "kubectl" and option in {"-f", "--filename"}:
                assert (ROOT / value).exists(), value


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text()):
        assert target.startswith("https://") or (document.parent / target).exists(), target


def test_every_decision_is_listed_and_every_listed_one_exists() -> None:
    pages = {path.name for path in (ROOT / "docs" / "adr").glob("[0-9]*.md")}
    assert pages == set(re.findall(r"\]\((\d{4}-[^)]*)\)", (ROOT / "docs" / "adr" / "README.md").read_text()))
