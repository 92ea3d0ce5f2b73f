"""Sets in files: the JsonWebKeySets of a YAML or JSON document, before they reach the API server."""

import sys
from pathlib import Path
from typing import Any

import yaml

from jwks_operator.api.names import GROUP, KIND
from jwks_operator.api.parse import SpecError, parse_spec
from jwks_operator.plugin.cluster import ObservedSet, read_set_object
from jwks_operator.plugin.exit_codes import Exit, Failure, not_found_error

MAX_BYTES = 4 << 20


def read_file(path: str) -> bytes:
    """Return the content of a file, or of standard input for `-`; raises Failure if it cannot be read."""
    try:
        if path == "-":
            return sys.stdin.buffer.read(MAX_BYTES)
        with Path(path).open("rb") as file:
            return file.read(MAX_BYTES)
    except OSError as error:
        raise not_found_error(f"{path}: {(error.strerror or 'cannot be read').lower()}; check the path") from None


def read_sets(path: str, namespace: str, name: str | None) -> list[ObservedSet]:
    """Return the sets of a file, or the one of this name; raises Failure if there is none, or for an invalid spec."""
    try:
        documents = list(yaml.safe_load_all(read_file(path)))
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = "" if where is None else f" at line {where.line + 1}"
        raise Failure(f"{path} is no YAML{line}; correct it", Exit.FOUND) from None
    found = [each for document in documents for each in _sets(document)]
    chosen = [each for each in found if name is None or (each.get("metadata") or {}).get("name") == name]
    if not chosen:
        what = f"no {KIND} named {name}" if found and name else f"no {KIND}"
        raise not_found_error(f"{path} has {what}; plan -f takes the manifest of a set")
    return [_look(each, namespace) for each in chosen]


def _sets(document: Any) -> list[dict[str, Any]]:
    if isinstance(document, dict) and document.get("kind") == "List":
        return [each for item in document.get("items") or [] for each in _sets(item)]
    ours = isinstance(document, dict) and document.get("kind") == KIND
    return [document] if ours and str(document.get("apiVersion", "")).startswith(f"{GROUP}/") else []


def _look(document: dict[str, Any], namespace: str) -> ObservedSet:
    metadata = {"generation": 1, **(document.get("metadata") or {})}
    metadata.setdefault("namespace", namespace)
    if not metadata.get("name"):
        raise Failure("metadata.name: Required value", Exit.FOUND)
    try:
        parse_spec(document)
    except SpecError as error:
        raise Failure(f"{metadata['name']}: {error}", Exit.FOUND) from None
    return read_set_object({**document, "metadata": metadata, "status": {}})
