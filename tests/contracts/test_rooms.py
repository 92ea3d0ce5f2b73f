"""The floor plan where import contracts cannot see: who opens private keys, who reads clocks, how long files get."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

from jwks_operator.plugin.plugin_command import COMMANDS

PACKAGE = Path(__file__).parents[2] / "operator" / "jwks_operator"
LONGEST = 300
"""Lines that can be read in one sitting."""


def using(attributes: set[str], pattern: str) -> set[str]:
    """Return the files that use one of the attributes, as `room/file.py`."""
    return {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.glob(pattern)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in attributes
    }


def test_only_keys_and_kube_open_private_keys() -> None:
    found = using({"reveal", "reveal_json"}, "**/*.py")
    assert found
    assert {name.partition("/")[0] for name in found} <= {"keys", "kube"}


def test_deciding_reads_no_clock() -> None:
    calls = [
        (path.name, node.lineno)
        for path in PACKAGE.glob("core/**/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith((".now", ".utcnow", ".today"))
    ]
    assert calls == []


def test_every_file_can_be_read_in_one_sitting() -> None:
    lengths = {str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_the_plugin_has_no_circle_of_imports_also_by_name() -> None:
    """Import contracts do not see what `import_module` loads; its names are counted here."""
    room = "jwks_operator.plugin."
    loads = {path.stem: set[str]() for path in PACKAGE.glob("plugin/*.py")}
    for path in PACKAGE.glob("plugin/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            named = node.module if isinstance(node, ast.ImportFrom) else getattr(node, "value", None)
            if isinstance(named, str) and named.startswith(room):
                loads[path.stem].add(named.removeprefix(room).partition(".")[0])
    loads["plugin_command"] |= {module for module, _ in COMMANDS.values()}
    assert "plugin_command" in loads["__init__"]
    assert list(TopologicalSorter(loads).static_order())


def test_a_file_name_says_its_room_or_stands_once() -> None:
    names = [path.name for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"]
    assert sorted({name for name in names if names.count(name) > 1}) == []
