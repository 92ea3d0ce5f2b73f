"""Writes docs/algorithms.md: `python -m clients.matrix` with tests/ on the path.

Its tables come from the table of algorithms and from `limits`, and test_matrix.py proves every cell of them.
"""

import sys
from collections.abc import Iterable, Iterator

from clients.libraries import LIBRARY_NAMES
from clients.limits import LIMITS, SHAPES, Shape, forms_of, works
from jwks_operator.api.reader_table import READERS
from jwks_operator.api.readers import describe_refusals
from jwks_operator.keys.algorithms import ALGORITHMS, Algorithm, KeyClass, Method

_INTRODUCTION = """\
# Algorithms

This page is generated (`make generate`) from the table of algorithms and from the limits that the tests prove: each
cell of the last table is a test in which the library uses the files of a Secret and the published set as the operator
wrote them, certificates included, and in which what it reads and writes again is the same key.

The algorithm of a key fixes its type, use and operations; RSA keys come in {sizes} bits (3072 by default) with
the exponent 65537, and `ECDH-ES*` keys on one of several curves (the first is the default). The algorithm stands in
`spec.keys[].algorithm`, the size in `modulusLength`, the curve in `crv`.

- RS, PS and ES: RFC 7518 section 3; ES256K: RFC 8812; Ed25519 and Ed448: RFC 8037 under their names of RFC 9864;
  ML-DSA: RFC 9964.
- RSA-OAEP with SHA-2 and ECDH-ES: RFC 7518 section 4, RFC 8037 section 3.2; RSA-OAEP-384 and RSA-OAEP-512 as the
  Web Cryptography API registered them.
- HS, AES key wrap and content keys: RFC 7518. Content keys (`dir`) carry the name of their content algorithm.
- RS1, RSA1_5, RSA-OAEP (with SHA-1), PBES2 and `none` are refused.
"""

_FORMS = """\
## Forms

`key_ops` are those of the private and the public half. Where there are none, libraries disagree about them and the
member is left out; `use` says the same. JWK Sets hold one or several private keys. PEM is PKCS#8 without a password;
the key file of a TLS pair is that same PEM file. Of ML-DSA keys it holds the seed (RFC 9881), which OpenSSL reads from
3.5 on; all others are read by any OpenSSL of today (tried with 3.0).
"""

_LIBRARIES = """\
## Libraries

The forms of the private key with which a library signs or decrypts, while it verifies or encrypts with the published
set; TLS is the PEM form under another name. Symmetric keys are never published: both sides mount the file. `EdDSA` is
the default name of Ed25519 and Ed448 keys, because most libraries know it alone (`publish.eddsaName`).
"""
_READERS = """\
## Readers

What programs and libraries that fetch a set do with it: the names under which they check tokens of Ed25519 keys, and
the kty, crv and alg of which one key makes them refuse the whole set. [readers.md](readers.md) has figures, versions
and sources, and what `spec.readers` does with them.
"""


def document() -> str:
    """Return the whole page."""
    sizes = ", ".join(map(str, ALGORITHMS["RS256"].modulus_lengths))
    parts = [_INTRODUCTION.format(sizes=sizes), _FORMS, _table(_form_rows()), "", _LIBRARIES, _table(_library_rows())]
    limits = [f"- {limit.library} {limit.reason}." for limit in LIMITS]
    own = "- node-jose cannot read the PEM file of one P-256 or P-384 key in 256: mount the JWK instead."
    readers = ["", _READERS, _table(_reader_rows()), ""]
    return "\n".join([*parts, "", "Why a cell is not full:", "", *limits, own, *readers])


def _reader_rows() -> Iterator[tuple[str, ...]]:
    yield "Reader", "Ed25519 keys named", "Refuses the whole set for"
    for reader, row in READERS.items():
        yield f"`{reader}`: {row.title}", _listed(sorted(row.names)), describe_refusals(row)


def _form_rows() -> Iterator[tuple[str, ...]]:
    yield "Algorithm", "Class", "Key", "Private `key_ops`", "Public `key_ops`", "Private files", "Certificate"
    for row in ALGORITHMS.values():
        symmetric = row.key_class is KeyClass.SYMMETRIC
        files = "JWK, JWKSet" if symmetric else "JWK, JWKSet, PEM, TLS"
        operations = (_listed(row.private_ops), _listed(row.public_ops))
        yield f"`{row.name}`", row.key_class, _key(row), *operations, files, _certificate(row)


def _key(row: Algorithm) -> str:
    if row.curves:
        return " or ".join(dict.fromkeys(f"{row.on(crv).kty} {crv}" for crv in row.curves))
    if row.octets is None or row.kty == "AKP":
        return row.kty
    return f"oct, {row.octets * 8} bits" + ("" if row.octets == row.most_octets else " or more")


def _certificate(row: Algorithm) -> str:
    if row.key_class is KeyClass.SYMMETRIC:
        return "–"
    return "self-signed or CA" + ("; X25519, X448: CA" if row.method is Method.ECDH else "")


def _library_rows() -> Iterator[tuple[str, ...]]:
    yield "Algorithm", *LIBRARY_NAMES
    for shape in SHAPES:
        yield f"`{shape.name}`{str(shape).removeprefix(shape.name)}", *(_cell(shape, name) for name in LIBRARY_NAMES)


def _cell(shape: Shape, library: str) -> str:
    return " ".join(form for form in forms_of(shape) if works(shape, library, form)) or "–"


def _listed(operations: Iterable[str]) -> str:
    return ", ".join(operations) or "–"


def _table(rows: Iterator[tuple[str, ...]]) -> str:
    head = next(rows)
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(document())
