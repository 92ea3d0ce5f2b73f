"""What each library cannot do with our keys: the exceptions to "everything works", proved by test_matrix.py.

A library that learns something makes a test fail here, as does one that forgets something.
"""

from dataclasses import dataclass

from clients.libraries import FORMS, LIBRARY_NAMES, Form
from jwks_operator.keys.algorithms import ALGORITHMS, Algorithm, KeyClass, Method
from jwks_operator.keys.naming import EddsaName, algorithm_name


@dataclass(frozen=True)
class Shape:
    """An algorithm on one of its curves, under one of its names."""

    algorithm: str
    crv: str | None
    eddsa_name: EddsaName = "Ed25519"

    @property
    def row(self) -> Algorithm:
        """The table row, on this curve."""
        row = ALGORITHMS[self.algorithm]
        return row.on(self.crv) if self.crv else row

    @property
    def name(self) -> str:
        """The name as it is written."""
        return algorithm_name(self.algorithm, self.eddsa_name)

    def __str__(self) -> str:
        curves = self.row.curves
        return f"{self.name} on {self.crv}" if len(curves) > 1 or self.name != self.algorithm else self.name


SHAPES = (
    *(Shape(row.name, crv) for row in ALGORITHMS.values() for crv in row.curves or (None,)),
    Shape("Ed25519", "Ed25519", "EdDSA"),
    Shape("Ed448", "Ed448", "EdDSA"),
)


@dataclass(frozen=True)
class Limit:
    """A library refuses some shapes, by their names or curves, in some forms."""

    library: str
    reason: str
    names: frozenset[str] = frozenset()
    curves: frozenset[str] = frozenset()
    forms: tuple[Form, ...] = FORMS


def _named(*names: str) -> frozenset[str]:
    return frozenset(names)


_ENCRYPTS = frozenset(name for name, row in ALGORITHMS.items() if row.use == "enc")
_ML_DSA = frozenset(name for name, row in ALGORITHMS.items() if row.method is Method.ML_DSA)
_LONG_OAEP = _named("RSA-OAEP-384", "RSA-OAEP-512")
_JSONWEBTOKEN = "jsonwebtoken + jwks-rsa"

LIMITS = (
    Limit("PyJWT", "makes and checks signatures only", _ENCRYPTS),
    Limit("PyJWT", "knows no ML-DSA", _ML_DSA),
    Limit("PyJWT", "knows Ed25519 and Ed448 as EdDSA only, which is the default", _named("Ed25519", "Ed448")),
    Limit("jwcrypto", "knows RSA-OAEP with SHA-1 and SHA-256 only", _LONG_OAEP),
    Limit("jwcrypto", "reads X448 keys as JWK, not as PEM", curves=_named("X448"), forms=("PEM",)),
    Limit("joserfc", "knows no ML-DSA", _ML_DSA),
    Limit("joserfc", "knows RSA-OAEP with SHA-1 and SHA-256 only", _LONG_OAEP),
    Limit("jose", "knows no ES256K", _named("ES256K")),
    Limit("jose", "knows no Ed448 and no X448", curves=_named("Ed448", "X448")),
    Limit("node-jose", "knows no ES256K", _named("ES256K")),
    Limit("node-jose", "knows no OKP keys", curves=_named("Ed25519", "Ed448", "X25519", "X448")),
    Limit("node-jose", "knows no ML-DSA", _ML_DSA),
    Limit("node-jose", "knows RSA-OAEP with SHA-1 and SHA-256 only", _LONG_OAEP),
    Limit(_JSONWEBTOKEN, "makes and checks signatures only", _ENCRYPTS),
    Limit(
        _JSONWEBTOKEN,
        "knows none of ES256K, Ed25519, Ed448, EdDSA and ML-DSA",
        _named("ES256K", "Ed25519", "Ed448", "EdDSA") | _ML_DSA,
    ),
)


def forms_of(shape: Shape) -> tuple[Form, ...]:
    """Return the forms in which a private key of that shape exists."""
    return ("JWK", "JWKSet") if shape.row.key_class is KeyClass.SYMMETRIC else FORMS


def works(shape: Shape, library: str, form: Form) -> bool:
    """Tell whether a library is expected to use a key of that shape in that form."""
    assert library in LIBRARY_NAMES
    return not any(
        limit.library == library and form in limit.forms and (shape.name in limit.names or shape.crv in limit.curves)
        for limit in LIMITS
    )
