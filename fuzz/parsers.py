"""A coverage-guided search for input that the readers of keys do not answer with a key or a JwkError: `make fuzz`.

Bounded by -max_total_time; whatever it finds becomes a row in tests/keys. It begins with a key of each type.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

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


def read(data: bytes) -> None:
    """Hand one input to every reader; what they accept must be written and read as the same key."""
    if data.startswith(b"-"):
        _expect(lambda: parse_pem(data, "kid", "ES256"))
        return
    value = _expect(lambda: parse_json_strict(data))
    for reader in (parse_public, parse_private):
        _expect(lambda reader=reader: reader(value))
    if isinstance(value, dict):
        for reader in (public_jwk, thumbprint, PrivateJwk.from_members):
            _expect(lambda reader=reader: reader(value))
    parsed = _expect(lambda: parse_private(value))
    if parsed is not None:
        public, private = parsed
        again = parse_private(parse_json_strict(render(public, private, "JWK")))
        assert again == (public, private)


def _expect(act):
    try:
        return act()
    except JwkError as error:
        assert error.__context__ is None, "a foreign exception hangs on the error"
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
