"""Every block of every page says what it is, and what is not run is at least read by whoever will read it."""

import ast
import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from tree_sitter import Language, Parser, Query, QueryCursor
from tree_sitter_go import language as go
from tree_sitter_java import language as java

from clients.node_verifier import NODE
from docs.pages import LANGUAGES, NEEDS, OF_USERS, ON_A_NODE, PAGES, ROOT, SHELL, Block, blocks, name_of
from e2e import guide

ALL = [block for page in PAGES for block in blocks(page)]


def of(*languages: str) -> pytest.MarkDecorator:
    found = [block for block in ALL if block.language in languages]
    return pytest.mark.parametrize("block", found, ids=[block.name for block in found])


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_fence_is_a_block_in_a_known_language(page: Path) -> None:
    found = blocks(page)
    assert page.read_text().count("```") == 2 * len(found), "a fence is not closed, or inside of another one"
    assert {block.language for block in found} <= LANGUAGES


@of("sh")
def test_a_block_that_is_not_run_has_the_need_that_it_claims(block: Block) -> None:
    if block.mark:
        assert block.page != ON_A_NODE, "every sh block of this page is run on a node"
        assert re.search(NEEDS[block.mark], block.text), block.mark


def test_only_shell_blocks_have_needs() -> None:
    assert not [block.name for block in ALL if block.mark and block.language != "sh"]


def test_the_blocks_of_the_operations_page_are_run_on_a_node() -> None:
    run = "\n".join(guide.sections().values())
    assert guide.GUIDE == ON_A_NODE
    assert all(block.text in run for block in blocks(ON_A_NODE, "sh"))


def test_pages_for_users_have_commands_that_are_run() -> None:
    run = [block for page in OF_USERS for block in blocks(page, "sh") if not block.mark]
    assert len(run) > 20


@of("python")
def test_python_is_python(block: Block) -> None:
    ast.parse(block.text)


@of("js")
def test_javascript_is_javascript(block: Block, tmp_path: Path) -> None:
    (tmp_path / "shown.mjs").write_text(block.text)
    subprocess.run([NODE, "--check", tmp_path / "shown.mjs"], check=True, timeout=60)


@of("json")
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


@of("yaml")
def test_yaml_is_yaml(block: Block) -> None:
    assert list(yaml.safe_load_all(block.text))


@of("go", "java")
def test_go_and_java_are_grammatical(block: Block) -> None:
    language = Language({"go": go, "java": java}[block.language]())
    tree = Parser(language).parse(block.text.encode())
    wrong = QueryCursor(Query(language, "(ERROR) @wrong")).captures(tree.root_node)
    assert not wrong, [node.start_point for node in wrong["wrong"]]


def test_the_shell_is_the_only_language_that_is_run_from_pages() -> None:
    assert {"sh", "console"} == SHELL


PROGRAMS = {"python": "issuer.py", "js": "issuer.mjs", "go": "issuer.go", "java": "Issuer.java"}


@pytest.mark.parametrize("language", PROGRAMS)
def test_the_issuer_of_the_page_is_the_example(language: str) -> None:
    shown = [block.text for block in blocks(ROOT / "docs" / "issuers.md", language)]
    assert (ROOT / "examples" / "issuers" / PROGRAMS[language]).read_text() in shown


def test_the_client_of_the_page_is_the_example() -> None:
    (shown,) = (block.text for block in blocks(ROOT / "docs" / "clients.md", "python"))
    assert (ROOT / "examples" / "clients" / "client.py").read_text() == shown
