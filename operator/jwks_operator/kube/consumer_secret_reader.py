"""Reads the consumer Secret as a signer does: the active key of each entry, in each format."""

import binascii
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field

from jwks_operator.keys.formats import parse_pem
from jwks_operator.keys.jwk import parse_private
from jwks_operator.keys.key_errors import JwkError
from jwks_operator.keys.members import parse_json_strict
from jwks_operator.keys.private import PrivateJwk
from jwks_operator.kube.client import Object


@dataclass(frozen=True, slots=True)
class InUse:
    """One file of the Secret with the active key of an entry; `problem` says why it cannot be used."""

    entry: str
    file: str
    kid: str
    private: PrivateJwk | None = field(default=None, repr=False)
    public: dict[str, object] = field(default_factory=dict)
    problem: str = ""


def keys_in_use(secret: Object) -> Iterator[InUse]:
    """Yield every file of a consumer Secret that is one private key; never raises for what is in it."""
    data: dict[str, str] = secret.get("data") or {}
    for name in sorted(data):
        entry, _, form = name.rpartition(".")
        if form in {"jwk", "pem"} and entry:
            kid = _text(data.get(f"{entry}.kid", ""))
            try:
                yield _read(entry, name, kid, data)
            except (JwkError, binascii.Error, UnicodeDecodeError) as error:
                problem = str(error) if isinstance(error, JwkError) else "not base64 of text"
                yield InUse(entry, name, kid, problem=problem)


def _read(entry: str, name: str, kid: str, data: dict[str, str]) -> InUse:
    content = b64decode(data[name], validate=True)
    if name.endswith(".jwk"):
        public, private = parse_private(parse_json_strict(content))
    else:
        public, private = parse_pem(content, kid, _text(data.get(f"{entry}.alg", "")))
    return InUse(entry, name, private.kid, private, public)


def _text(encoded: str) -> str:
    return b64decode(encoded, validate=True).decode()
