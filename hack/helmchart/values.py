"""Reads values.yaml with its comments: every value has one above it, which is its documentation."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True)
class Row:
    """One value: its path with dots, its default as JSON, what its comment says."""

    path: str
    default: str
    text: str


def read_rows(content: str) -> Iterator[Row]:
    """Yield the values in order; sections are no rows. Raises ValueError for a value without a comment."""
    root = yaml.compose(content)
    if not isinstance(root, yaml.MappingNode):
        raise ValueError("values.yaml is no mapping")  # noqa: TRY004  it is what is in the file that is wrong
    yield from _rows(root, content.splitlines(), "")


def render_table(found: Iterable[Row]) -> str:
    """Render the rows as a Markdown table."""
    lines = ["| value | default | |", "|---|---|---|"]
    lines += [f"| `{row.path}` | `{row.default}` | {row.text} |" for row in found]
    return "\n".join(lines) + "\n"


def _rows(node: yaml.MappingNode, lines: list[str], prefix: str) -> Iterator[Row]:
    for key, value in node.value:
        path = f"{prefix}{key.value}"
        text = _comment(lines, key.start_mark.line)
        if isinstance(value, yaml.MappingNode) and value.value and not _is_data(value):
            yield from _rows(value, lines, f"{path}.")
        elif text is None:
            raise ValueError(f"values.yaml, line {key.start_mark.line + 1}: {path} has no comment above it")
        else:
            yield Row(path, _default(value), text)


def _is_data(node: yaml.MappingNode) -> bool:
    """Whether a mapping is a value of its own, as labels are, and not a section."""
    return any("_" in key.value or "/" in key.value for key, _ in node.value)


def _comment(lines: list[str], line: int) -> str | None:
    """Return the comment lines right above a line as one sentence; None if there is none."""
    found: list[str] = []
    while line > 0 and lines[line - 1].lstrip().startswith("#"):
        line -= 1
        found.insert(0, lines[line].lstrip().removeprefix("#").strip())
    return " ".join(found).replace("|", "\\|") or None


def _default(node: yaml.Node) -> str:
    value: Any = yaml.safe_load(yaml.serialize(node))
    return json.dumps(value)
