"""The reference as text: one section for each object of the schema, one row for each field.

A field without a description is refused: it would be a row that says nothing, here and in `kubectl explain`.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from jwks_operator.api.admission_rules import VALIDATIONS
from jwks_operator.api.crd import build_crd
from jwks_operator.api.defaults import DEFAULT_EVERY, DEFAULTS
from jwks_operator.api.durations import format_duration
from jwks_operator.api.names import GROUP, KIND, SHORT_NAME, VERSION

Schema = dict[str, Any]

_HEAD = f"""# Reference of JsonWebKeySet

This page is generated (`make generate`) from the models that the CRD is made from. `{KIND}`, short name
`{SHORT_NAME}`, is namespaced; its `apiVersion` is `{GROUP}/{VERSION}`. `kubectl explain {SHORT_NAME}.spec` shows the
same on your terminal, and [examples/full.yaml](../examples/full.yaml) has nearly every field. The name of a set has at
most 52 characters.

Durations are written as `90s`, `15m`, `1h30m` or `720h`, moments as RFC 3339 (`2026-11-02T10:00:00Z`). A field marked *
is required. What breaks a rule is refused when you apply it; what cannot be told from one object alone becomes a
condition of the set, and its keys stay as they were.
"""

_TIMING = {re.sub(r"_(.)", lambda m: m[1].upper(), name): format_duration(span) for name, span in DEFAULTS.items()}
_UNWRITTEN = {
    **{f"spec.timing.{name}": span for name, span in _TIMING.items()},
    "spec.rotation.every": f"{format_duration(DEFAULT_EVERY)} without schedule",
}
"""Defaults that are not in the schema, because it matters there whether a field was written."""


_LIMITS = (
    ("minimum", "At least {}"),
    ("maximum", "At most {}"),
    ("maxItems", "At most {} of them"),
    ("maxProperties", "At most {} of them"),
)


class NotDescribed(Exception):
    """A field has no description."""


def render_page() -> str:
    """Return the text of docs/reference.md, the same from run to run."""
    fields = build_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    parts = [_HEAD]
    for root in ("spec", "status"):
        parts += _sections(fields[root], root, {})
    return "\n".join(parts)


def _sections(schema: Schema, path: str, known: dict[str, str]) -> Iterator[str]:
    """The section of an object and of the objects in it; what is the same in two places is told once."""
    text = [f"## {path}", ""]
    if "description" in schema:
        text += [schema["description"], ""]
    text += ["| field | type | default | meaning |", "|---|---|---|---|"]
    inner: list[tuple[Schema, str]] = []
    for name, field in schema["properties"].items():
        below = f"{path}.{name}"
        link = ""
        if (held := _object_in(field, below)) is not None:
            shape = json.dumps(held[0], sort_keys=True)
            if shape not in known:
                known[shape] = held[1]
                inner.append(held)
            link = known[shape]
        star = "*" if name in schema.get("required", ()) else ""
        text.append(f"| `{name}`{star} | {_type(field, link)} | {_default(field, below)} | {_meaning(field, below)} |")
    text.append("")
    rules = [_cell(rule["message"]) for rule in schema.get(VALIDATIONS, ())]
    if rules:
        text += ["Rules:", "", *(f"- {rule}" for rule in rules), ""]
    yield "\n".join(text)
    for held in inner:
        yield from _sections(*held, known)


def _bare(schema: Schema) -> Schema:
    """An object without what is said of it where it is used, so that equal ones are seen to be equal."""
    return {key: value for key, value in schema.items() if key != "description"}


def _object_in(field: Schema, path: str) -> tuple[Schema, str] | None:
    """The object with fields of its own that a field is or holds, and its path."""
    if "properties" in field:
        return _bare(field), path
    if "properties" in field.get("items", {}):
        return _bare(field["items"]), f"{path}[]"
    return None


def _type(field: Schema, link: str) -> str:
    if link:
        word = "list of objects" if field["type"] == "array" else "object"
        return f"[{word}](#{re.sub(r'[^a-z0-9-]', '', link.lower())})"
    if field["type"] == "array":
        return f"list of {_plain(field['items'])}s"
    if "additionalProperties" in field:
        return f"map of {_plain(field['additionalProperties'])}s"
    return _plain(field)


def _plain(field: Schema) -> str:
    if field.get("format") == "date-time":
        return "moment"
    if any("duration" in rule["message"] for rule in field.get(VALIDATIONS, ())):
        return "duration"
    return str(field["type"])


def _default(field: Schema, path: str) -> str:
    if path in _UNWRITTEN:
        return _UNWRITTEN[path]
    if "default" not in field:
        return ""
    value = field["default"]
    return ", ".join(map(str, value)) if isinstance(value, list) else f"`{json.dumps(value).strip(chr(34))}`"


def _meaning(field: Schema, path: str) -> str:
    if not field.get("description"):
        raise NotDescribed(path)
    text = _cell(field["description"])
    allowed = field.get("enum") or field.get("items", {}).get("enum")
    if allowed:
        text += " One of " + ", ".join(f"`{value}`" for value in allowed) + "."
    text += "".join(f" {words.format(field[keyword])}." for keyword, words in _LIMITS if keyword in field)
    if "properties" in field:  # its rules stand in its own section
        return text
    rules = [rule["message"] for rule in field.get(VALIDATIONS, ()) if "must be a duration" not in rule["message"]]
    return text + "".join(f" Rule: {_cell(rule)}." for rule in rules)


def _cell(text: str) -> str:
    """Text for a table: one line, nothing that Markdown would take for its own."""
    return " ".join(text.split()).replace("|", r"\|").replace("<", "&lt;").replace("*", r"\*")
