"""The data of the consumer Secret, written from the record and read back: the files of `keys.secret_files`."""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from jwks_operator.core.model.record import Record
from jwks_operator.core.outputs.consumer_secret import Item, secret_layout
from jwks_operator.keys.formats import read_file, write_file
from jwks_operator.keys.jwk import parse_private
from jwks_operator.keys.key_errors import JwkError
from jwks_operator.keys.naming import as_written
from jwks_operator.keys.private import PrivateJwk, PrivateKeys
from jwks_operator.keys.secret_files import ALG, FILES, KID, REF, Form, SecretFile, is_in_use, split_name
from jwks_operator.kube.client import Object


@dataclass(frozen=True, slots=True)
class FoundKey:
    """One private key in one file of the Secret; `problem` says why it, or the whole file, cannot be used."""

    entry: str
    file: str
    """The data key."""
    kid: str
    in_use: bool
    """Whether it is the active key of the entry; else it only opens or verifies."""
    private: PrivateJwk | None = field(default=None, repr=False)
    public: dict[str, object] = field(default_factory=dict)
    """The public JWK under the algorithm name that verifiers know; empty for a symmetric key."""
    problem: str = ""


def consumer_data(record: Record, private_keys: PrivateKeys) -> dict[str, str]:
    """Return the `data` of the consumer Secret (base64) of a record."""
    public = {key.kid: key.public for key in record.keys}

    def content(item: Item) -> bytes:
        if item.form is Form.TEXT:
            return item.text.encode()
        return write_file(item.form, [(public[kid], private_keys[kid]) for kid in item.kids])

    return {name: b64encode(content(item)).decode() for name, item in secret_layout(record).items()}


def read_keys(secret: Object) -> Iterator[FoundKey]:
    """Yield every private key in every file, in the order of the table; never raises for what is in the Secret."""
    data: Mapping[str, str] = secret.get("data") or {}
    named = [split_name(name) for name in sorted(data)]
    for file in (file for file in FILES if file.form is not Form.TEXT):
        for entry in (entry for entry, found in named if found is file):
            yield from _keys_of(file, entry, data)


def keys_in_use(secret: Object) -> Iterator[FoundKey]:
    """Yield the active key of each entry, once for each file; and each file that cannot be read, with the problem."""
    return (found for found in read_keys(secret) if found.in_use)


def read_references(secret: Object) -> Iterator[tuple[str, str, str]]:
    """Yield entry, kid and ref of each key in use whose private half is held elsewhere."""
    data: Mapping[str, str] = secret.get("data") or {}
    for entry in sorted(entry for entry, file in map(split_name, data) if file is REF):
        with suppress(Base64Error, UnicodeDecodeError):
            kid, ref = (_decode(data.get(file.name_for(entry), "")).decode() for file in (KID, REF))
            yield entry, kid, ref


def _keys_of(file: SecretFile, entry: str, data: Mapping[str, str]) -> Iterator[FoundKey]:
    whole = FoundKey(entry, file.name_for(entry), kid="", in_use=True)
    try:
        named, algorithm = (_decode(data.get(part.name_for(entry), "")).decode() for part in (KID, ALG))
        values = read_file(file.form, _decode(data[whole.file]), named, algorithm)
    except JwkError as error:
        yield replace(whole, problem=str(error))
        return
    except (Base64Error, UnicodeDecodeError):
        yield replace(whole, problem="not base64 of text")
        return
    for value in values:
        try:
            public, private = parse_private(value)
        except JwkError as error:
            yield replace(whole, problem=str(error))
        else:
            in_use = is_in_use(file, private.kid, named)
            yield replace(whole, kid=private.kid, in_use=in_use, private=private, public=as_written(public, value))


def _decode(encoded: str) -> bytes:
    return b64decode(encoded, validate=True)
