"""How the record is stored: format 1. One JSON document for each key and one for the rest.

The classes of the record say themselves how they are written (`core/model/stored.py`), so a field is one line. The
private half of a key joins its document in the room that may touch it. Reading is lenient: members of another version
are kept, missing ones take their default. An unknown `format` is refused: an older operator must not rotate what it
cannot read.
"""

from dataclasses import replace
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from jwks_operator.core.model.policy import Policy
from jwks_operator.core.model.record import KeyRecord, Record
from jwks_operator.core.model.stored import Document, write

__all__ = [
    "Document", "RecordError", "dump_key", "dump_policy", "dump_record", "load_key", "load_policy", "load_record",
]  # fmt: skip

FORMAT = 1
_T = TypeVar("_T")
_KEY, _RECORD, _POLICY = TypeAdapter(KeyRecord), TypeAdapter(Record), TypeAdapter(Policy)


class RecordError(Exception):
    """A stored record that cannot be understood; the message says what and never quotes key material."""


class PolicyError(RecordError):
    """Nothing but the policy of a record cannot be understood: `mended_policy.py` makes it readable."""


def dump_key(key: KeyRecord) -> Document:
    """Return the document of one key, without its private half."""
    return write(_KEY, key)


def load_key(document: Document, *, has_private: bool) -> KeyRecord:
    """Return the key of a document; raises RecordError if it is not one of ours."""
    return _load(_KEY, {**document, "hasPrivate": has_private}, "a key document of the keyring")


def dump_record(record: Record) -> Document:
    """Return the document of everything that is not a key."""
    policy = {} if record.unread is None else {"policy": record.unread.document}
    return {"format": FORMAT, **write(_RECORD, record), **policy}


def load_record(rest: Document, keys: tuple[KeyRecord, ...]) -> Record:
    """Return the record; raises RecordError for a format or content that this version does not know."""
    if rest.get("format") != FORMAT or isinstance(rest["format"], bool):
        raise RecordError(
            f"the keyring has format {str(rest.get('format'))[:20]!r} and this version reads {FORMAT}; "
            "run the version of jwks-operator that wrote it, or a newer one"
        )
    known = {name: value for name, value in rest.items() if name not in {"format", "keys", "unread"}}
    return replace(_load(_RECORD, known, "the record in the keyring"), keys=keys)


def dump_policy(policy: Policy) -> Document:
    """Return a policy as it stands in the record."""
    return write(_POLICY, policy)


def load_policy(document: object) -> Policy:
    """Return the policy of a document; raises RecordError if it cannot be read."""
    return _load(_POLICY, document, "the policy in the keyring")


def _load(adapter: TypeAdapter[_T], document: object, what: str) -> _T:
    try:
        return adapter.validate_python(document)
    except ValidationError as error:
        paths = paths_of(error)
        kind = PolicyError if all(path[:1] == ("policy",) for path in paths) else RecordError
        raise kind(f"{what} lacks a readable {_place(paths[0])}") from None


def paths_of(error: ValidationError) -> list[tuple[int | str, ...]]:
    """Return where the members stand that could not be read; what stands there is not looked at."""
    return [each["loc"] for each in error.errors(include_url=False, include_input=False, include_context=False)]


def _place(path: tuple[int | str, ...]) -> str:
    """The member that cannot be read, as a path; its value is never quoted."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part[:60]}" for part in path)
    return "".join(parts).removeprefix(".") or "form"
