"""The rules on which entries the documents of a set name."""

from collections.abc import Collection
from typing import Protocol

from jwks_operator.api.admission_rules import Rule, cel_list
from jwks_operator.api.targets_spec import Publish

_DOCUMENTS = "!has(self.publish) || !has(self.publish.documents) || self.publish.documents"


class _Entry(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def algorithm(self) -> str: ...


class _Spec(Protocol):
    @property
    def keys(self) -> Collection[_Entry]: ...

    @property
    def publish(self) -> Publish: ...


def entries_exist() -> Rule:
    """Return the rule that documents name entries of `keys`; while they do not change, one may stay that was removed.

    Its retired keys are in them for as long as they are published. Only the API server can tell: what a stored set
    names may be such an entry.
    """
    same = (
        "oldSelf.hasValue() && has(oldSelf.value().publish) && has(oldSelf.value().publish.documents) && "
        "oldSelf.value().publish.documents == self.publish.documents"
    )
    return Rule(
        field="publish.documents",
        cel=f"!has(self.publish) || !has(self.publish.documents) || ({same}) || "
        "self.publish.documents.all(d, d.entries.all(e, e in self.keys.map(k, k.name)))",
        holds=None,
        message="entries names what is no entry of keys; correct it, or remove it when its last key has left the set",
        optional_old_self=True,
    )


def entries_are_published(symmetric: Collection[str]) -> Rule:
    """Return the rule that no document names an entry of symmetric keys, which nobody publishes."""
    shared = f"k.algorithm in {cel_list(symmetric)}"

    def holds(spec: _Spec) -> bool:
        hidden = {entry.name for entry in spec.keys if entry.algorithm in symmetric}
        return not any(hidden & {*document.entries} for document in spec.publish.documents)

    return Rule(
        field="publish.documents",
        cel=f"{_DOCUMENTS}.all(d, !self.keys.exists(k, {shared} && k.name in d.entries))",
        holds=holds,
        message="entries must not name symmetric keys, which are never published; remove them",
    )
