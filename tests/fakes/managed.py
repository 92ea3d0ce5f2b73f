"""Who owns which field: metadata.managedFields, and server-side apply on top of it.

A field is a path from the root to a leaf. Maps are owned key by key, a list-map (by the custom resource's
schema) item by item, every other list as a whole. The rules are those of structured-merge-diff as far as one
operator, kubectl and kopf can see them:

* an Update entry takes what it changes from everybody else; what it removes belongs to nobody;
* an Apply entry owns exactly what its last apply named; what it named before, names no more and shares with
  nobody is removed from the object;
* an apply that would change a field of another manager is a conflict, or with force takes the field.

tests/conformance/test_histories.py compares random histories. Known to differ: a map that an apply empties while an
Update entry still owns the map itself (of a custom resource kube-apiserver then stores null, and may refuse that).
"""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fakes.status import apply_conflict
from fakes.structural import Schema
from jwks_operator.kube.client import Object

Path = tuple[str, ...]
Fields = dict[Path, Any]

SELF = "."  # in fieldsV1: the map or item itself is owned, too, beside what is in it
_SYSTEM = {
    "name", "generateName", "namespace", "uid", "resourceVersion", "creationTimestamp", "generation",
    "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Manager:
    """One entry of managedFields: a name, Apply or Update, and the subresource it writes through."""

    name: str
    operation: str
    subresource: str = ""


def leaves(obj: Object, schema: Schema) -> Fields:
    """Flatten an object to its owned fields; what the system sets (name, uid, …) belongs to nobody."""
    content = {key: value for key, value in obj.items() if key not in {"apiVersion", "kind"}}
    meta = content.pop("metadata", {})
    content["metadata"] = {key: value for key, value in meta.items() if key not in _SYSTEM}
    if not content["metadata"]:
        del content["metadata"]
    return dict(_flatten(content, schema, ())) if content else {}


def update(before: Object, after: Object, schema: Schema, manager: Manager, now: str) -> None:
    """Write managedFields of `after` for a create, replace or patch that came from `before` ({}: created)."""
    old, new = leaves(before, schema), leaves(after, schema)
    # An update owns the maps it makes, too; a map is the same map with or without content.
    old |= {path: {} for path in _maps(old)}
    new |= {path: {} for path in _maps(new)}
    if before and not before["metadata"].get("managedFields"):
        after["metadata"].pop("managedFields", None)
        return  # an object that nobody owns stays so until its first apply
    owners = _owners(before)
    changed = {path for path, value in new.items() if path not in old or old[path] != value}
    for who, paths in owners.items():
        owners[who] = {path for path in paths if path in new and (path not in changed or who == manager)}
    owners[manager] = owners.get(manager, set()) | changed
    _write(before, after, owners, now)


def apply(live: Object, applied: Object, schema: Schema, manager: Manager, *, force: bool) -> tuple[Object, Object]:
    """Merge `applied` into `live`; return the merged object and the new owners in the form `settle` takes.

    Raises ApiError 409 if a field of another manager would change and `force` is not given.
    """
    wanted, owners, old = leaves(applied, schema), _owners(live), leaves(live, schema)
    if old and not owners:
        owners[Manager("before-first-apply", "Update")] = {*old, *_maps(old)}
    taken = [
        (path, who)
        for who, paths in owners.items()
        for path in paths & wanted.keys()
        if who != manager and old.get(path) != wanted[path]
    ]
    if taken and not force:
        raise apply_conflict({_dotted(path): who.name for path, who in taken})
    for path, who in taken:
        owners[who] = owners[who] - {path}
    merged = copy.deepcopy(live)
    dropped = owners.get(manager, set()) - wanted.keys()
    owners[manager] = set(wanted)
    owned: set[Path] = set().union(*owners.values())
    # A map stays while somebody owns a field in it; an item goes with everything in it.
    kept = owned | {path for path in _maps(dict.fromkeys(owned)) if path[-1].startswith("f:")}
    for path in sorted(dropped - kept, key=len):  # an item before its fields, by which it is found
        _remove(merged, path)
    for path, value in wanted.items():
        _set(merged, path, value)
    there = leaves(merged, schema)
    there |= {path: {} for path in _maps(there)}
    return merged, {"owners": {who: paths & there.keys() for who, paths in owners.items()}}


def settle(before: Object, after: Object, merged: Object, now: str) -> None:
    """Write the owners that `apply` returned into `after`, once defaulting and validation are through."""
    _write(before, after, merged["owners"], now)


def _flatten(value: Any, schema: Schema, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and value and schema.get("x-kubernetes-map-type") != "atomic":
        more = schema.get("additionalProperties")
        for key, child in value.items():
            below = schema.get("properties", {}).get(key, more if isinstance(more, dict) else {})
            yield from _flatten(child, below, (*path, f"f:{key}"))
    elif isinstance(value, list) and value and schema.get("x-kubernetes-list-type") == "map":
        for item in value:
            keys = {key: item.get(key) for key in schema["x-kubernetes-list-map-keys"]}
            here = (*path, "k:" + json.dumps(keys, sort_keys=True, separators=(",", ":")))
            yield here, {}
            yield from _flatten(item, schema.get("items", {}), here)
    else:
        yield path, value


def _maps(fields: Fields) -> Iterator[Path]:
    """Yield the maps and list-maps that hold these fields."""
    for path in fields:
        for depth in range(1, len(path)):
            if path[:depth] != ("f:metadata",):
                yield path[:depth]


def _owners(obj: Object) -> dict[Manager, set[Path]]:
    return {
        Manager(entry["manager"], entry["operation"], entry.get("subresource", "")): set(_paths(entry["fieldsV1"], ()))
        for entry in obj.get("metadata", {}).get("managedFields") or []
    }


def _paths(tree: Object, path: Path) -> Iterator[Path]:
    for key, below in tree.items():
        if key == SELF:
            yield path
        elif below:
            yield from _paths(below, (*path, key))
        else:
            yield (*path, key)


def _write(before: Object, after: Object, owners: dict[Manager, set[Path]], now: str) -> None:
    times = {
        (entry["manager"], entry["operation"], entry.get("subresource", "")): entry
        for entry in before.get("metadata", {}).get("managedFields") or []
    }
    entries = []
    for who, paths in owners.items():
        if not paths:
            continue
        tree = _tree(paths)
        former = times.get((who.name, who.operation, who.subresource))
        time = former["time"] if former and former["fieldsV1"] == tree else now
        entry = {"manager": who.name, "operation": who.operation, "apiVersion": after["apiVersion"]}
        entry |= {"time": time, "fieldsType": "FieldsV1", "fieldsV1": tree}
        entries.append(entry | ({"subresource": who.subresource} if who.subresource else {}))
    after["metadata"].pop("managedFields", None)
    after["metadata"] |= {"managedFields": entries} if entries else {}


def _tree(paths: set[Path]) -> Object:
    tree: Object = {}
    for path in sorted(paths, key=len, reverse=True):  # what is in a map before the map itself
        node = tree
        for step in path:
            node = node.setdefault(step, {})
        if node:
            node[SELF] = {}
    return tree


def _item(items: list[Any], step: str) -> Any | None:
    keys = json.loads(step.removeprefix("k:"))
    found = (item for item in items if all(item.get(key) == value for key, value in keys.items()))
    return next(found, None)


def _set(obj: Any, path: Path, value: Any) -> None:
    step, rest = path[0], path[1:]
    if step.startswith("k:"):
        item = _item(obj, step)
        if item is None:
            item = json.loads(step.removeprefix("k:"))
            obj.append(item)
        if rest:
            _set(item, rest, value)
        return
    key = step.removeprefix("f:")
    if rest:
        if not isinstance(obj.get(key), dict | list):
            obj[key] = [] if rest[0].startswith("k:") else {}
        _set(obj[key], rest, value)
    elif not (value == {} and isinstance(obj.get(key), dict)):  # an empty map adds nothing to a full one
        obj[key] = copy.deepcopy(value)


def _remove(obj: Any, path: Path) -> None:
    step, rest = path[0], path[1:]
    if step.startswith("k:"):
        item = _item(obj, step)
        if item is not None and rest:
            _remove(item, rest)
        elif item is not None:
            obj.remove(item)
        return
    key = step.removeprefix("f:")
    if not isinstance(obj, dict) or key not in obj:
        return
    if not rest:
        del obj[key]
        return
    _remove(obj[key], rest)
    if obj[key] in ({}, []):
        del obj[key]


def _dotted(path: Path) -> str:
    return "".join(step.replace("f:", ".", 1) if step.startswith("f:") else f"[{step[2:]}]" for step in path)
