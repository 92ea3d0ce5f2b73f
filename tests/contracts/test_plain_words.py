"""Plain words: public functions are named by what they do or return, and the text has no idioms (docs/glossary.md)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "operator" / "jwks_operator"

VERB = re.compile(
    "annotate|bind|bring|clean|compare|complete|connect|decide|dump|fetch|follow|forecast|gather|generate|grow|install|main|make|"
    "measure|mount|probe|prove|recognise|rehearse|render|report|require|resolve|run|say|sign|swap|truncate|verify|write"
)
"""A name of one word is one of these; any other name has two words or more: `sign`, `tombstone_for`, `write_status`."""
TERM = re.compile("octets|text|thumbprint")  # members of a JWK and RFC 7638: functions read what they are named after
PARTICIPLE = re.compile(r"born|done|gone|kept|known|left|lost|made|seen|shown|taken|told|\w{2,}(?:ed|ing)")
NOUNS = frozenset({"feed", "keyring", "need", "speed", "warning"})  # end like a participle and are none

IDIOMS = re.compile(
    r"\b(whoever|some(body|one)|anew|bereft|lets? off|a bad way|but for (?!\d)|keeps? to|kept to|told of)\b",
    re.IGNORECASE,
)
TEXTS = ("operator/**/*.py", "hack/**/*.py", "bench/**/*.py", "helm/**/*", "docs/**/*.md", "*.md", "Makefile")


def is_plain(name: str) -> bool:
    """Tell whether a function may have this name."""
    first, *rest = name.split("_")
    participle = PARTICIPLE.fullmatch(first) is not None and first not in NOUNS
    return not participle and (bool(rest) or VERB.fullmatch(first) is not None or TERM.fullmatch(first) is not None)


def public_functions(folder: Path) -> Iterator[str]:
    """Yield the public functions of modules as `path: name`."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
                yield f"{path.relative_to(ROOT)}: {node.name}"


@pytest.mark.parametrize("name", ["moved", "born", "owing", "told_of", "retention", "seen"])
def test_a_bare_participle_or_noun_is_no_name(name: str) -> None:
    assert not is_plain(name)


@pytest.mark.parametrize("name", ["tombstone_for", "confirm_served", "sign", "is_ready", "keyring_name"])
def test_verbs_and_named_results_are(name: str) -> None:
    assert is_plain(name)


@pytest.mark.parametrize("folder", [PACKAGE, ROOT / "hack", ROOT / "bench"], ids=lambda path: path.name)
def test_public_functions_have_plain_names(folder: Path) -> None:
    found = list(public_functions(folder))
    assert [each for each in found if not is_plain(each.rpartition(" ")[2])] == []


@pytest.mark.parametrize("pattern", TEXTS)
def test_the_text_has_no_idioms(pattern: str) -> None:
    files = [path for path in sorted(ROOT.glob(pattern)) if path.is_file()]
    assert files
    lines = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if IDIOMS.search(line)
    ]
    assert lines == []
