"""Public keys in PEM: a SubjectPublicKeyInfo each (RFC 5280 section 4.1.2.7, RFC 7468 section 13), the kid above it."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jwks_operator.keys.material import load_public
from jwks_operator.keys.members import canonical_json

COMMENT = "# kid: "


def render_public_pem(keys: Iterable[Mapping[str, object]]) -> str:
    """Return the public keys of these JWKs one after the other; a character that is not printable ASCII is escaped.

    Raises as `load_public` does.
    """
    return "".join(f"{kid_comment(str(key['kid']))}\n{_block(canonical_json(key))}" for key in keys)


def public_der(jwk: Mapping[str, object]) -> bytes:
    """Return the SubjectPublicKeyInfo of a public JWK in DER; raises as `load_public` does."""
    return load_public(jwk).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def kid_comment(kid: str) -> str:
    """Return the comment line of a key; it stays one line, whatever the kid holds."""
    return COMMENT + json.dumps(kid)[1:-1].replace("\x7f", "\\u007f")


def is_public_pem(text: str) -> bool:
    """Tell whether a document is of this form, not a JWK Set."""
    return text.startswith(COMMENT)


def kids_in_pem(text: str) -> tuple[str, ...]:
    """Return the kids that the comments of a file name; a comment that cannot be read names none."""
    return tuple(_kids(text))


def drop_keys(text: str, kids: Collection[str]) -> str:
    """Return a file without the keys of these kids: what follows their comments until the next one."""
    kept, dropping = [], False
    for line in text.splitlines(keepends=True):
        if line.startswith(COMMENT):
            dropping = bool(set(_kids(line)) & set(kids))
        if not dropping:
            kept.append(line)
    return "".join(kept)


def _kids(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.startswith(COMMENT):
            with suppress(ValueError):
                yield json.loads(f'"{line.removeprefix(COMMENT)}"')


@lru_cache(maxsize=1024)
def _block(jwk: bytes) -> str:
    key = load_public(json.loads(jwk))
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
