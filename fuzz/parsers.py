"""A coverage-guided search for input that the readers of keys do not answer with a key or a JwkError: `make fuzz`.

Bounded by -max_total_time; whatever it finds becomes a row in tests/keys. It begins with a key of each type.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import atheris

with atheris.instrument_imports(include=["jwks_operator"]):
    from jwks_operator.keys.algorithms import ALGORITHMS
    from jwks_operator.keys.errors import JwkError
    from jwks_operator.keys.formats import parse_pem, render
    from jwks_operator.keys.generate import generate
    from jwks_operator.keys.jwk import parse_json_strict, parse_private, parse_public, public_jwk, thumbprint
    from jwks_operator.keys.members import canonical_json
    from jwks_operator.keys.private import PrivateJwk

SEEDS = ("ES256", "Ed25519", "Ed448", "ML-DSA-44", "ECDH-ES", "HS256", "A256GCM")


READERS = (parse_public, parse_private)
OBJECT_READERS = (public_jwk, thumbprint, PrivateJwk.from_members)


class Found(Exception):
    """The search found what it looks for."""


def read(data: bytes) -> None:
    """Hand one input to every reader; what they accept must be written and read as the same key."""
    if data.startswith(b"-"):
        _answer(parse_pem, data, "kid", "ES256")
        return
    value = _answer(parse_json_strict, data)
    for reader in (*READERS, *(OBJECT_READERS if isinstance(value, dict) else ())):
        _answer(reader, value)
    parsed = _answer(parse_private, value)
    if parsed is not None and parse_private(parse_json_strict(render(*parsed, "JWK"))) != parsed:
        raise Found("what is written is not what was read")


def _answer(reader: Callable[..., Any], *arguments: object) -> Any:
    refused: JwkError | None = None
    try:
        return reader(*arguments)
    except JwkError as error:
        refused = error
    if refused.__context__ is not None:
        raise Found("a foreign exception hangs on the error")
    return None


def write_seeds(directory: Path) -> None:
    """Write a private and a public key of each type, for the search to begin with."""
    for name in SEEDS:
        key = generate(name)
        (directory / f"{name}.jwk").write_bytes(key.private.reveal_json())
        if key.public:
            (directory / f"{name}.pub").write_bytes(canonical_json(key.public))
            (directory / f"{name}.pem").write_bytes(render(key.public, key.private, "PEM"))
    (directory / "names").write_bytes(canonical_json(list(ALGORITHMS)))


if __name__ == "__main__":
    with TemporaryDirectory() as found:
        write_seeds(Path(found))
        atheris.Setup([*sys.argv, found], read)
        atheris.Fuzz()
