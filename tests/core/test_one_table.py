"""Only `lifecycle` assigns a state and makes key records, and the stored form brings back what it made."""

import ast
from pathlib import Path

import jwks_operator

PACKAGE = Path(jwks_operator.__file__).parent
MAKERS = {"core/model/key_states.py", "core/planner/record_from_status.py"}
"""The table; and what reads states that it assigned from the status (the keyring is read by the codec's classes)."""


def _assigns_a_state(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = ast.unparse(node.func).rpartition(".")[2]
    changes = called in {"replace", "_replace", "__setattr__", "setattr"} and (
        any(word.arg == "state" for word in node.keywords) or "'state'" in [ast.unparse(given) for given in node.args]
    )
    return called == "KeyRecord" or changes


def _places(text: str) -> list[int]:
    return [node.lineno for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) and _assigns_a_state(node)]


def test_nothing_but_the_table_of_moves_assigns_a_state() -> None:
    texts = {str(path.relative_to(PACKAGE)): path.read_text() for path in PACKAGE.rglob("*.py")}
    # Other things have a state too: rows of a page, for example.
    found = {name: _places(text) for name, text in texts.items() if "core.model.record" in text}
    assert {name for name, lines in found.items() if lines} == MAKERS


def test_the_search_finds_what_it_is_for() -> None:
    assert _places(
        "dataclasses.replace(key, state=State.ACTIVE)\nKeyRecord(kid)\nobject.__setattr__(k, 'state', s)"
    ) == [1, 2, 3]
    assert _places("replace(key, published=None)\nNeed(state=State.ACTIVE)") == []
