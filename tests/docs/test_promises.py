"""The tables of what is promised are those that tests prove, and every proof is a test that exists."""

import ast
from functools import cache
from pathlib import Path

import pytest

from docs.promises import PAGE, PROMISES, Promise, render_page

TESTS = Path(__file__).parents[1]


@cache
def _tests_of(path: Path) -> frozenset[str]:
    found = ast.walk(ast.parse(path.read_text()))
    return frozenset(each.name for each in found if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))


def test_the_page_has_the_tables_as_they_are() -> None:
    assert render_page(PAGE.read_text()) == PAGE.read_text(), "run make generate"


@pytest.mark.parametrize("promise", PROMISES, ids=lambda each: each.what)
def test_every_promise_has_a_proof(promise: Promise) -> None:
    path, _, name = promise.proof.partition("::")
    assert name in _tests_of(TESTS / path)
