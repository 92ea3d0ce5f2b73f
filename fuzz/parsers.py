"""A coverage-guided search for input that the readers of keys do not answer with a key or a JwkError: `make fuzz`.

Bounded by -max_total_time; whatever it finds becomes a row in tests/keys. It begins with a key of each type in each
form, a set, a certificate and a signed text.
"""

import base64
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import atheris

with atheris.instrument_imports(include=["jwks_operator"]):
    from jwks_operator.keys.algorithms import ALGORITHMS
    from jwks_operator.keys.certificates import Authority, Terms, ca_signed, certificate_members, self_signed
    from jwks_operator.keys.formats import pem_members, render, render_set
    from jwks_operator.keys.generate import generate
    from jwks_operator.keys.import_reader import Wanted, read_private, read_public_keys
    from jwks_operator.keys.jwk import parse_json_strict, parse_private, parse_public, public_jwk, thumbprint
    from jwks_operator.keys.key_errors import JwkError
    from jwks_operator.keys.members import canonical_json
    from jwks_operator.keys.private import PrivateJwk
    from jwks_operator.keys.signing import sign_compact, verify_compact

SEEDS = ("ES256", "Ed25519", "Ed448", "RS256", "ML-DSA-44", "ECDH-ES", "HS256", "A256GCM")
OF_KEY_TYPE = {"EC": "ES256", "OKP": "Ed25519", "RSA": "RS256", "AKP": "ML-DSA-44"}
KNOWN = generate("ES256")
PEM_OF_KNOWN = render(KNOWN.public, KNOWN.private, "PEM")
TERMS = Terms("a", ("a.example", "192.0.2.7"), datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=1), 1)

READERS = (parse_public, parse_private)
OBJECT_READERS = (public_jwk, thumbprint, PrivateJwk.from_members)


class Found(Exception):
    """The search found what it looks for."""


def read(data: bytes) -> None:
    """Hand one input to every reader; what they accept must be written and read as the same key."""
    if data.startswith(b"0"):  # DER, the way past base64
        for what in (b"CERTIFICATE", b"PRIVATE KEY"):
            read(b"-----BEGIN %b-----\n%b-----END %b-----\n" % (what, base64.encodebytes(data), what))
        return
    if b"BEGIN CERTIFICATE" in data:
        _answer(certificate_members, KNOWN.public, data)
        authority = _answer(Authority.load, data, PEM_OF_KNOWN)
        if authority is not None:
            _answer(ca_signed, KNOWN.public, authority, TERMS)
        return
    if data.startswith(b"-"):
        members = _answer(pem_members, data)
        _answer(read_private, data, Wanted(OF_KEY_TYPE[str(members["kty"])] if members else "ES256"))
        return
    if data.startswith(b"ey"):
        _answer(verify_compact, KNOWN.public, data.decode("latin-1"), "JWT")
        return
    _answer(read_private, data, Wanted("ES256"))
    _answer(read_public_keys, data, "ES256")
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
        key = generate(name, 2048 if name == "RS256" else None)
        (directory / f"{name}.jwk").write_bytes(key.private.reveal_json())
        if key.public:
            (directory / f"{name}.pub").write_bytes(canonical_json(key.public))
            pem = render(key.public, key.private, "PEM")
            (directory / f"{name}.pem").write_bytes(pem)
            (directory / f"{name}.der").write_bytes(_der(pem))
    (directory / "names").write_bytes(canonical_json(list(ALGORITHMS)))
    (directory / "private.jwks").write_bytes(render_set([(KNOWN.public, KNOWN.private)]))
    (directory / "public.jwks").write_bytes(canonical_json({"keys": [KNOWN.public]}))
    certificate = self_signed(KNOWN.public, KNOWN.private, TERMS)
    for name, pem in (("crt", certificate), ("ca", _made_a_ca(certificate))):
        (directory / f"{name}.pem").write_bytes(pem)
        (directory / f"{name}.der").write_bytes(_der(pem))
    (directory / "jws").write_text(sign_compact(KNOWN.private, b"{}", "JWT"))


def _der(pem: bytes) -> bytes:
    return base64.b64decode(b"".join(pem.splitlines()[1:-1]))


def _made_a_ca(pem: bytes) -> bytes:
    """The certificate with the signature spoilt: its basicConstraints and keyUsage turned into those of a CA."""
    der = _der(pem)
    for of_leaf, of_ca in (("0101ff04023000", "04053003 0101ff"), ("03020780", "03020204")):
        der = der.replace(bytes.fromhex(of_leaf), bytes.fromhex(of_ca))
    return b"-----BEGIN CERTIFICATE-----\n%b-----END CERTIFICATE-----\n" % base64.encodebytes(der)


if __name__ == "__main__":
    with TemporaryDirectory() as found:
        write_seeds(Path(found))
        atheris.Setup([*sys.argv, found], read)
        atheris.Fuzz()
