"""Structural schemas of custom resources: prune, default, validate, and refuse unknown fields.

Not here, on purpose: CEL (x-kubernetes-validations). Whatever a rule forbids, the fake lets through; rules
are tried on the real API server only.
"""

import copy
import re
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
Causes = list[tuple[str, str]]

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "boolean": (bool,), "integer": (int,),
    "number": (int, float),
}  # fmt: skip
MISTYPED = "Invalid value: must be of type"
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_ENVELOPE = {"apiVersion", "kind", "metadata"}


def unknown(value: Any, schema: Schema, path: str = "") -> Iterator[str]:
    """Yield the paths that the schema does not know, as strict field validation lists them."""
    for key, child, below in _children(value, schema):
        if path == "" and key in _ENVELOPE:
            continue
        where = f"{path}.{key}" if path and not key.startswith("[") else f"{path}{key}"
        if below is None:
            yield where
        else:
            yield from unknown(child, below, where)


def prune(value: Any, schema: Schema, *, root: bool = True) -> Any:
    """Copy without the fields the schema does not know."""
    if isinstance(value, list):
        return [prune(item, _of_items(schema), root=False) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, child, below in _children(value, schema):
        if root and key in _ENVELOPE:
            kept[key] = copy.deepcopy(child)
        elif below is not None:
            kept[key] = prune(child, below, root=False)
    return kept


def default(value: Any, schema: Schema) -> Any:
    """Copy with the schema's defaults filled in; null counts as absent where there is a default."""
    if isinstance(value, list):
        return [default(item, schema.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return value
    filled = dict(value)
    for key, below in schema.get("properties", {}).items():
        if "default" in below and filled.get(key) is None and not (key in filled and below.get("nullable")):
            filled[key] = copy.deepcopy(below["default"])
    return {key: default(child, below or {}) for key, child, below in _children(filled, schema)}


def validate(value: Any, schema: Schema, path: str = "") -> Causes:
    """List what is wrong, as (field, message)."""
    if value is None and schema.get("nullable"):
        return []
    if schema.get("x-kubernetes-int-or-string"):
        return [] if isinstance(value, int | str) else [(path, "must be of type integer or string")]
    wanted = schema.get("type")
    if wanted and (not isinstance(value, _TYPES[wanted]) or (wanted != "boolean" and isinstance(value, bool))):
        return [(path, f"{MISTYPED} {wanted}")]
    causes: Causes = []
    if "enum" in schema and value not in schema["enum"]:
        causes.append((path, f"Unsupported value: supported values: {', '.join(map(repr, schema['enum']))}"))
    if isinstance(value, str):
        causes += _string(value, schema, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        causes += _bounds(value, schema, path, ("minimum", "maximum"))
    elif isinstance(value, list):
        causes += _list(value, schema, path)
    elif isinstance(value, dict):
        causes += _object(value, schema, path)
    return causes


def _of_items(schema: Schema) -> Schema:
    """The schema of a list's items; below an object that keeps unknown fields everything is kept."""
    free = "x-kubernetes-preserve-unknown-fields"
    inherited: Schema = {free: True} if schema.get(free) else {}
    items: Schema = schema.get("items", inherited)
    return items


def _children(value: Any, schema: Schema) -> Iterator[tuple[str, Any, Schema | None]]:
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield f"[{number}]", item, _of_items(schema)
    elif isinstance(value, dict):
        free = schema.get("x-kubernetes-preserve-unknown-fields")
        more = schema.get("additionalProperties")
        for key, child in value.items():
            below = schema.get("properties", {}).get(key)
            if below is None and isinstance(more, dict):
                below = more
            if below is None and (free or more is True):
                below = {"x-kubernetes-preserve-unknown-fields": True}
            yield key, child, below


def _string(value: str, schema: Schema, path: str) -> Causes:
    causes = _bounds(len(value), schema, path, ("minLength", "maxLength"))
    if schema.get("format") == "date-time" and not _DATE_TIME.fullmatch(value):
        causes.append((path, "Invalid value: must be a date-time"))
    if "pattern" in schema and not re.search(schema["pattern"], value):
        causes.append((path, f"Invalid value: should match '{schema['pattern']}'"))
    return causes


def _bounds(size: float, schema: Schema, path: str, names: tuple[str, str]) -> Causes:
    low, high = schema.get(names[0]), schema.get(names[1])
    if low is not None and size < low:
        return [(path, f"Invalid value: {names[0]} is {low}")]
    if high is not None and size > high:
        return [(path, f"Invalid value: {names[1]} is {high}")]
    return []


def _list(value: list[Any], schema: Schema, path: str) -> Causes:
    causes = _bounds(len(value), schema, path, ("minItems", "maxItems"))
    for number, item in enumerate(value):
        causes += validate(item, schema.get("items", {}), f"{path}[{number}]")
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys", [])
    if kind in {"map", "set"} and not causes:
        seen: list[Any] = []
        for number, item in enumerate(value):
            identity = [item.get(key) for key in keys] if kind == "map" else item
            if identity in seen:
                causes.append((f"{path}[{number}]", f"Duplicate value: {identity}"))
            seen.append(identity)
    return causes


def _object(value: dict[str, Any], schema: Schema, path: str) -> Causes:
    causes = _bounds(len(value), schema, path, ("minProperties", "maxProperties"))
    causes += [
        (f"{path}.{key}".lstrip("."), "Required value") for key in schema.get("required", []) if key not in value
    ]
    for key, child, below in _children(value, schema):
        if path or key not in _ENVELOPE:
            causes += validate(child, below or {}, f"{path}.{key}".lstrip("."))
    return causes
