"""What can be made of a policy that cannot be read, and of a written spec that is refused: as much as possible.

Neither stops revocation or repair. A record whose stored policy this version cannot read is used with a mended one; the
planner puts the policy as written in its place if that is acceptable, and else starts nothing new (`planner/rules.py`).
"""

from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from jwks_operator.api.spec import DeletionPolicy
from jwks_operator.core.model.codec import PolicyError, RecordError, dump_policy, load_record, paths_of
from jwks_operator.core.model.policy import EntryPolicy, Policy, Revocation, SafetyFields
from jwks_operator.core.model.record import KeyRecord, Record, Unread
from jwks_operator.core.model.stored import Document
from jwks_operator.core.transitions.transition_table import State

_POLICY, _REVOCATION = TypeAdapter(Policy), TypeAdapter(Revocation)


def load_mended(rest: Document, keys: tuple[KeyRecord, ...], written: Policy | None) -> Record:
    """Return the record of a document, also if its policy cannot be read; raises RecordError for all else.

    A member that cannot be read takes the value of the policy as written, where that can be read, else its default; an
    item of a list goes. An entry that is lost like this and has keys comes back with their algorithm and the rotation
    of the set, so that its keys are those of an entry that stays. It is enough to find, repair and revoke what the set
    has: the planner starts nothing new under it. What could not be read stays stored until another policy is in force.
    """
    try:
        return load_record(rest, keys)
    except PolicyError as error:
        complaint = str(error)
    policy = _mended(rest, keys, written)
    record = load_record({**rest, "policy": dump_policy(policy)}, keys)
    return replace(record, policy=policy, unread=Unread(rest.get("policy"), complaint))


def _mended(rest: Document, keys: tuple[KeyRecord, ...], written: Policy | None) -> Policy:
    stored = rest.get("policy")
    document: Document = {"keys": [], **(deepcopy(stored) if isinstance(stored, dict) else {})}
    other: Document = {} if written is None else dump_policy(written)
    policy = None
    while policy is None:
        try:
            policy = _POLICY.validate_python(document)
        except ValidationError as error:
            document = _without(document, paths_of(error)[0], other)
    entries = {entry.name: entry for entry in policy.keys}
    for key in sorted(keys, key=lambda key: key.state is not State.ACTIVE):
        entries.setdefault(key.entry, EntryPolicy(key.entry, key.algorithm, rotation=policy.rotation))
    if not entries:
        raise RecordError("the policy in the keyring has no readable entry, and there are no keys")
    return replace(policy, keys=tuple(entries.values()))


def read_safety_fields(spec: object) -> SafetyFields:
    """Return what counts of a written spec that is refused as a whole: every brake in it that can be read."""
    members: Mapping[str, Any] = spec if isinstance(spec, Mapping) else {}

    def listed(name: str) -> list[Any]:
        value = members.get(name)
        return value if isinstance(value, list) else []

    revoked = []
    for item in listed("revoked"):
        with suppress(ValidationError):
            found = _REVOCATION.validate_python(item)
            if (found.kid is None) != (found.created_before is None):
                revoked.append(found)
    held = tuple(kid for kid in listed("held") if isinstance(kid, str))
    retains = members.get("deletionPolicy") == DeletionPolicy.RETAIN
    return SafetyFields(members.get("suspend") is True, held, tuple(revoked), retains)


def _without(document: Document, path: tuple[int | str, ...], other: Document) -> Document:
    """The document with the innermost thing on this path taken from the other one, or gone."""
    here: Any = document
    there: Any = other
    found: tuple[Any, Any, Any] | None = None
    for part in path:
        if not (part in here if isinstance(here, dict) else isinstance(here, list)):
            break
        there = there.get(part) if isinstance(there, dict) else None
        found, here = (here, part, there), here[part]
    if found is None:
        return {"keys": []}
    holder, name, instead = found
    if instead is None or instead == holder[name]:
        del holder[name]
    else:
        holder[name] = instead
    return document
