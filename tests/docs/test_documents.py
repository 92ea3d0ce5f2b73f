"""What the documents show is true: sets are valid, commands exist, links lead somewhere."""

import re
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from demo.cluster import quickstart_manifest
from docs.pages import PAGES, ROOT, SHELL, Block, blocks, commands, name_of
from gotools import find_tool
from jwks_operator import __version__
from jwks_operator.__main__ import main
from jwks_operator.api.names import KIND
from jwks_operator.api.parse import parse_spec
from jwks_operator.plugin.plugin_command import command_group as plugin

QUOTES = "\"'"
README = ROOT / "README.md"
EXAMPLES = sorted(ROOT.glob("examples/*.yaml"))
COMMANDS = [block for page in PAGES for block in blocks(page, *SHELL)]


def the_sets(text: str) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(text) if isinstance(each, dict) and each.get("kind") == KIND]


SHOWN_SETS = {block.name: each for page in PAGES for block in blocks(page, "yaml") for each in the_sets(block.text)}
EXAMPLE_SETS = {name_of(path): each for path in EXAMPLES for each in the_sets(path.read_text())}
SETS = {**SHOWN_SETS, **EXAMPLE_SETS, "the demo's overlay": quickstart_manifest()}
FRAGMENTS = [
    block
    for page in PAGES
    for block in blocks(page, "yaml")
    for each in yaml.safe_load_all(block.text)
    if isinstance(each, dict) and set(each) == {"spec"}
]
"""Parts of a set, shown without its head."""


@pytest.mark.parametrize("wanted", SETS.values(), ids=SETS)
def test_a_shown_set_is_accepted(wanted: dict[str, Any]) -> None:
    assert parse_spec(wanted).keys


@pytest.mark.parametrize("block", FRAGMENTS, ids=[block.name for block in FRAGMENTS])
def test_a_shown_part_of_a_set_is_accepted_in_the_first_one(block: Block) -> None:
    whole = yaml.safe_load((ROOT / "examples" / "quickstart.yaml").read_text())
    whole["spec"] |= yaml.safe_load(block.text)["spec"]
    assert parse_spec(whole).keys


def test_the_first_set_of_the_readme_is_the_quickstart() -> None:
    assert (ROOT / "examples" / "quickstart.yaml").read_text() == blocks(README, "yaml")[0].text


def test_the_volumes_of_the_readme_are_those_of_the_issuer() -> None:
    shown = next(each for each in (yaml.safe_load(block.text) for block in blocks(README, "yaml")) if "volumes" in each)
    deployment = next(yaml.safe_load_all((ROOT / "examples" / "issuer.yaml").read_text()))
    assert shown["volumes"] == deployment["spec"]["template"]["spec"]["volumes"]


def test_the_sidecar_of_the_issuer_is_started_with_a_command_line_that_exists() -> None:
    deployment = next(yaml.safe_load_all((ROOT / "examples" / "issuer.yaml").read_text()))
    arguments = deployment["spec"]["template"]["spec"]["initContainers"][0]["args"]
    check_command_line(main, arguments)


def check_command_line(program: click.Group, arguments: list[str]) -> None:
    """Whether click takes these words; values that only a shell knows are taken for what they stand for."""
    context = click.Context(program)
    command = program.get_command(context, arguments[0])
    assert command is not None, arguments
    command.make_context(arguments[0], [word.strip(QUOTES) for word in arguments[1:]], parent=context)


def check_command(words: list[str]) -> None:
    if words[0] == "make":
        for target in words[1:]:
            if "=" not in target and not target.startswith(("'", '"')):
                subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)
    elif words[0] == "jwks-operator" and len(words) > 1:
        check_command_line(main, words[1:])
    elif words[:2] == ["kubectl", "jwks"] and len(words) > 2:
        check_command_line(plugin, words[2:])


@pytest.mark.parametrize("block", COMMANDS, ids=[block.name for block in COMMANDS])
def test_shown_commands_exist(block: Block) -> None:
    for words in commands(block):
        check_command(words)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_named_in_a_sentence_exist(page: Path) -> None:
    prose = re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for words in re.findall(r"`(make [a-z][a-z0-9-]*)[^`]*`", prose):
        check_command(words.split())
    for program, name in re.findall(r"`(jwks-operator|kubectl jwks) ([a-z-]+)[^`]*`", prose):
        group = main if program == "jwks-operator" else plugin
        assert name in group.list_commands(click.Context(group)), name


@pytest.mark.parametrize("block", COMMANDS, ids=[block.name for block in COMMANDS])
def test_files_that_commands_use_exist(block: Block) -> None:
    for words in commands(block):
        for option, value in pairwise(words):
            if words[0] != "kubectl" or option not in {"-f", "--filename"} or "/" not in value:
                continue
            if value.startswith("https://"):  # a file of a release, which is of the version of this tree
                assert f"/v{__version__}/" in value
            else:
                assert (ROOT / value).exists(), value


def test_the_readme_comes_to_its_first_command_within_a_screen() -> None:
    before, _, _ = README.read_text().partition("\n```sh")
    assert before.count("\n") < 24


HELM = [
    words for block in COMMANDS for words in commands(block) if words[0] == "helm" and "helm/jwks-operator" in words
]


@pytest.mark.parametrize("words", HELM, ids=" ".join)
def test_the_chart_takes_the_values_that_are_shown(words: list[str]) -> None:
    shown = [value.strip(QUOTES) for option, value in pairwise(words) if option == "--set"]
    values = [f"--set={value.replace('$IMAGE', 'registry.example.com/jwks-operator')}" for value in shown]
    command = [str(find_tool("helm")), "template", "shown", "helm/jwks-operator", *values]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", page.read_text()):
        if target.startswith("https://"):
            continue
        there = page.parent / target if target else page
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there), f"{target}#{anchor}"


def test_every_page_is_on_the_map() -> None:
    listed = set(re.findall(r"\]\(([a-z-]+\.md)\)", (ROOT / "docs" / "README.md").read_text()))
    assert listed == {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}


def test_every_decision_is_listed_and_every_listed_one_exists() -> None:
    pages = {path.name for path in (ROOT / "docs" / "adr").glob("[0-9]*.md")}
    assert pages == set(re.findall(r"\]\((\d{4}-[^)]*)\)", (ROOT / "docs" / "adr" / "README.md").read_text()))
