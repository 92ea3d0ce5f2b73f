"""Reads values.yaml with its comments: every value has one above it, which is its documentation."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

Schema = dict[str, Any]


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


def render_table(found: Iterable[Row], schema: Schema) -> str:
    """Render the rows as a Markdown table, with types by the schema and an anchor for each value."""
    lines = ["| value | type | default | |", "|---|---|---|---|"]
    for row in found:
        anchor = f'<a id="{row.path.replace(".", "-").lower()}"></a>'
        lines.append(f"| {anchor}`{row.path}` | {type_of(row.path, schema)} | `{row.default}` | {row.text} |")
    return "\n".join(lines) + "\n"


def type_of(path: str, schema: Schema) -> str:
    """Return the type of a value, for people. KeyError if the schema does not have it."""
    found = schema
    for name in path.split("."):
        found = _resolved(found, schema)
        found = found["properties"][name] if name in found.get("properties", {}) else found["additionalProperties"]
    named = found.get("$ref", "").rpartition("/")[2]
    found = _resolved(found, schema)
    if "enum" in found:
        return ", ".join(found["enum"])
    if named in {"duration", "port", "host", "name"}:
        return str(named)
    if found["type"] == "array":
        return "list of " + _NAMES[_resolved(found["items"], schema)["type"]] + "s"
    return "quantity" if isinstance(found["type"], list) else _NAMES[found["type"]]


_NAMES = {"boolean": "true or false", "integer": "number", "object": "map", "string": "string"}


def _resolved(part: Schema, schema: Schema) -> Schema:
    if "$ref" not in part:
        return part
    named: Schema = schema["definitions"][part["$ref"].rpartition("/")[2]]
    return named


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
