"""What of the published documents can a named reader not read, that admission could not know?

Imported keys, chains of certificates, and more retired keys than a spec shows: the document goes on being served as it
is, because most readers read it, and a condition names key, reader and cure.
"""

from collections.abc import Iterable, Iterator

from jwks_operator.api.documents_spec import DocumentFormat
from jwks_operator.api.reader_row import Reader
from jwks_operator.api.reader_table import READERS
from jwks_operator.api.readers import NEWER_NAME, find_refused_member
from jwks_operator.api.reasons import Reason
from jwks_operator.core.model.policy import Policy
from jwks_operator.core.model.record import KeyRecord, Record
from jwks_operator.core.model.trouble import Trouble
from jwks_operator.core.outputs.documents import Keys, find_members, list_keys_of, render_set
from jwks_operator.core.outputs.projections import list_published

_SHOWN = 3
"""How many keys one condition names."""


def list_reader_troubles(record: Record, readers: Iterable[Reader]) -> Iterator[Trouble]:
    """Yield one trouble for each reader that can read none of the JWK Sets, and for keys that it cannot check with."""
    policy, published = record.policy, list_published(record)
    parts = (each for each in policy.publish.documents if each.format == DocumentFormat.JWK_SET)
    documents = (published, *(list_keys_of(each, published) for each in parts))
    for reader in readers:
        whole, *others = (_find_refusal(policy, keys, reader) for keys in documents)
        if whole is not None and all(other is not None for other in others):
            yield whole
        elif (unknown := _find_unknown_name(published, reader)) is not None:
            yield unknown


def _find_refusal(policy: Policy, keys: Keys, reader: Reader) -> Trouble | None:
    """Return why a reader cannot read a JWK Set of these keys; None if it can."""
    refused = [(key, member) for key in keys if (member := find_refused_member(reader, find_members(policy, key)))]
    if refused:
        entries = ", ".join(dict.fromkeys(key.entry for key, _ in refused))
        named = ", ".join(f"{key.kid} ({member})" for key, member in refused[:_SHOWN]) + _more(refused)
        return Trouble(
            Reason.READER_REFUSES,
            f"{reader} refuses the whole set for key {named}",
            f"publish a document without entry {entries} for it (publish.documents), or revoke the key once nothing "
            "valid is signed with it",
            about=reader,
        )
    most = READERS[reader].max_bytes
    size = 0 if most is None else len(render_set(policy, keys).encode())
    if most is None or size <= most:
        return None
    return Trouble(
        Reason.READER_REFUSES,
        f"{reader} reads at most {most} bytes, and the set of {len(keys)} keys has {size}",
        "publish a document of some entries for it (publish.documents), rotate less often, shorten retention, or "
        "remove imported keys",
        about=reader,
    )


def _find_unknown_name(keys: Keys, reader: Reader) -> Trouble | None:
    """Return the trouble of keys under a name of Ed25519 that a reader does not know: it skips them."""
    names = READERS[reader].names
    unknown = [key for key in keys if names and NEWER_NAME not in names and key.public.get("alg") == NEWER_NAME]
    if not unknown:
        return None
    named = ", ".join(key.kid for key in unknown[:_SHOWN]) + _more(unknown)
    return Trouble(
        Reason.READER_REFUSES,
        f"{reader} does not know the alg {NEWER_NAME} of key {named}, and refuses its tokens",
        f"rotate entry {unknown[0].entry}: its next key is named EdDSA, unless publish.eddsaName says otherwise",
        about=reader,
    )


def _more(found: list[tuple[KeyRecord, str]] | list[KeyRecord]) -> str:
    return f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
