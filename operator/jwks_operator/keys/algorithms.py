"""The algorithms a set may name, one row each, and the members of each key type.

An algorithm fixes everything about the shape of its keys: key type, curve, use, operations and sizes. Two things
are left to choose: the modulus length of RSA keys, and the curve of the algorithms that know several
(`Algorithm.curves`, RFC 7518 section 4.6 and RFC 8037 section 3.2); each has a default. A new algorithm joins by
a row in `_ROWS`; a new key type by a row in each table of members, a new curve by its row in `CURVES`. All else in
this room reads these tables.

This module imports no cryptography: the API schema and the planner read it too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Self


class KeyClass(StrEnum):
    """Who uses a key and who checks with it; the class decides which side is published first."""

    SIGNATURE = "signature"
    ENCRYPTION = "encryption"
    SYMMETRIC = "symmetric"


class Method(StrEnum):
    """The computation behind an algorithm; signer and pairwise consistency check depend on it."""

    RSA_PKCS1 = "RSASSA-PKCS1-v1_5"
    RSA_PSS = "RSASSA-PSS"
    ECDSA = "ECDSA"
    EDDSA = "EdDSA"
    ML_DSA = "ML-DSA"
    RSA_OAEP = "RSAES-OAEP"
    ECDH = "ECDH"
    HMAC = "HMAC"
    AES_KW = "AES Key Wrap"
    AES_GCM = "AES-GCM"
    AES_CBC_HMAC = "AES-CBC with HMAC"


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve: the key type of its keys and the octets of one coordinate and of the private value.

    RFC 7518 section 6.2.1.2, RFC 8037 section 2, RFC 8812 section 3.1.
    """

    kty: str
    octets: int


CURVES: Final[Mapping[str, Curve]] = MappingProxyType(
    {
        "P-256": Curve("EC", 32),
        "P-384": Curve("EC", 48),
        "P-521": Curve("EC", 66),
        "secp256k1": Curve("EC", 32),
        "Ed25519": Curve("OKP", 32),
        "Ed448": Curve("OKP", 57),
        "X25519": Curve("OKP", 32),
        "X448": Curve("OKP", 56),
    }
)

CURVE_OCTETS: Final[Mapping[str, int]] = MappingProxyType({crv: curve.octets for crv, curve in CURVES.items()})
"""Octets of one coordinate (and of the private value) of each curve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """One JOSE algorithm and the shape of its keys (RFC 7517 section 4, RFC 7518).

    `private_ops` and `public_ops` are the `key_ops` that are written into the two halves; where they are empty the
    member is left out. `foreign_ops` are operations that a key from elsewhere may list besides. `curves` are the
    curves to choose from; `kty` and `crv` are those of the default until `on` chooses another. `modulus_lengths`
    are bits, empty for all but RSA; `default_modulus_length` is None exactly then. `octets` is the length of `k`
    (oct) or `pub` (AKP), `most_octets` the upper bound where a longer `k` is as good (RFC 7518 section 3.2).
    `hash_bits` selects the SHA-2 function.
    """

    name: str
    key_class: KeyClass
    kty: str
    crv: str | None = None
    use: str
    private_ops: tuple[str, ...] = ()
    public_ops: tuple[str, ...] = ()
    foreign_ops: tuple[str, ...] = ()
    method: Method
    hash_bits: int | None = None
    curves: tuple[str, ...] = ()
    modulus_lengths: tuple[int, ...] = ()
    default_modulus_length: int | None = None
    octets: int | None = None
    most_octets: int | None = None

    def on(self, crv: str) -> Self:
        """Return the row as it is for keys on another of its curves; raises KeyError for a curve it does not have."""
        if crv not in self.curves:
            raise KeyError(crv)
        return self if crv == self.crv else replace(self, crv=crv, kty=CURVES[crv].kty)


RSA_PUBLIC_EXPONENT: Final = 65537
RSA_MODULUS_LENGTHS: Final = (2048, 3072, 4096)
"""Bits of the moduli that are accepted; RFC 7518 section 3.3 demands 2048 or more."""

RSA_DEFAULT_MODULUS_LENGTH: Final = 3072
SEED_OCTETS: Final = 32
"""The private half of an ML-DSA key is its seed (RFC 9964 section 3)."""

EDDSA: Final = "EdDSA"
"""The former name of Ed25519 and Ed448 (RFC 8037 section 3.1, deprecated by RFC 9864); read, and written on demand."""

_MOST_HMAC_OCTETS: Final = 128
"""The block of SHA-512: what is longer is hashed first and gains nothing (RFC 2104 section 3)."""

# What libraries demand differs. jose (WebCrypto) uses RSA-OAEP keys to encrypt but asks for wrapKey, jwcrypto and
# joserfc are content with either alone; all take both. For ECDH, WebCrypto allows deriveKey and deriveBits alone,
# jwcrypto insists on wrapKey and unwrapKey: only keys without key_ops please all, and `use` says it already.
_UNWRAP: Final = ("decrypt", "unwrapKey")
_WRAP: Final = ("encrypt", "wrapKey")
_DERIVE: Final = ("deriveKey", "deriveBits")


def _signature(name: str, method: Method, hash_bits: int | None, *, crv: str | None = None) -> Algorithm:
    rsa = method in (Method.RSA_PKCS1, Method.RSA_PSS)
    return Algorithm(
        name=name,
        key_class=KeyClass.SIGNATURE,
        kty=CURVES[crv].kty if crv else "RSA",
        crv=crv,
        use="sig",
        private_ops=("sign",),
        public_ops=("verify",),
        method=method,
        hash_bits=hash_bits,
        curves=(crv,) if crv else (),
        modulus_lengths=RSA_MODULUS_LENGTHS if rsa else (),
        default_modulus_length=RSA_DEFAULT_MODULUS_LENGTH if rsa else None,
    )


def _lattice(name: str, octets: int) -> Algorithm:
    return replace(_signature(name, Method.ML_DSA, None), kty="AKP", octets=octets)


def _oaep(hash_bits: int) -> Algorithm:
    return Algorithm(
        name=f"RSA-OAEP-{hash_bits}",
        key_class=KeyClass.ENCRYPTION,
        kty="RSA",
        use="enc",
        private_ops=_UNWRAP,
        public_ops=_WRAP,
        method=Method.RSA_OAEP,
        hash_bits=hash_bits,
        modulus_lengths=RSA_MODULUS_LENGTHS,
        default_modulus_length=RSA_DEFAULT_MODULUS_LENGTH,
    )


def _agreement(name: str) -> Algorithm:
    return Algorithm(
        name=name,
        key_class=KeyClass.ENCRYPTION,
        kty="EC",
        crv="P-256",
        use="enc",
        foreign_ops=(*_DERIVE, *_UNWRAP, *_WRAP),
        method=Method.ECDH,
        curves=("P-256", "P-384", "P-521", "X25519", "X448"),
    )


def _hmac(hash_bits: int) -> Algorithm:
    return Algorithm(
        name=f"HS{hash_bits}",
        key_class=KeyClass.SYMMETRIC,
        kty="oct",
        use="sig",
        private_ops=("sign", "verify"),
        method=Method.HMAC,
        hash_bits=hash_bits,
        octets=hash_bits // 8,
        most_octets=_MOST_HMAC_OCTETS,
    )


def _cipher(name: str, method: Method, octets: int) -> Algorithm:
    wraps = name.endswith("KW")
    return Algorithm(
        name=name,
        key_class=KeyClass.SYMMETRIC,
        kty="oct",
        use="enc",
        private_ops=("encrypt", "decrypt", "wrapKey", "unwrapKey") if wraps else ("encrypt", "decrypt"),
        foreign_ops=() if wraps else ("wrapKey", "unwrapKey"),
        method=method,
        hash_bits=octets * 8 if method is Method.AES_CBC_HMAC else None,
        octets=octets,
        most_octets=octets,
    )


_ROWS: Final = (
    _signature("ES256", Method.ECDSA, 256, crv="P-256"),
    _signature("ES384", Method.ECDSA, 384, crv="P-384"),
    _signature("ES512", Method.ECDSA, 512, crv="P-521"),
    _signature("ES256K", Method.ECDSA, 256, crv="secp256k1"),
    _signature("Ed25519", Method.EDDSA, None, crv="Ed25519"),
    _signature("Ed448", Method.EDDSA, None, crv="Ed448"),
    *(_signature(f"RS{bits}", Method.RSA_PKCS1, bits) for bits in (256, 384, 512)),
    *(_signature(f"PS{bits}", Method.RSA_PSS, bits) for bits in (256, 384, 512)),
    _lattice("ML-DSA-44", 1312),
    _lattice("ML-DSA-65", 1952),
    _lattice("ML-DSA-87", 2592),
    *(_oaep(bits) for bits in (256, 384, 512)),
    *(_agreement(f"ECDH-ES{wrap}") for wrap in ("", "+A128KW", "+A192KW", "+A256KW")),
    *(_hmac(bits) for bits in (256, 384, 512)),
    *(_cipher(f"A{bits}KW", Method.AES_KW, bits // 8) for bits in (128, 192, 256)),
    *(_cipher(f"A{bits}GCMKW", Method.AES_GCM, bits // 8) for bits in (128, 192, 256)),
    # Content keys for `dir` (RFC 7518 section 4.5); their alg is the content algorithm, as all libraries expect.
    *(_cipher(f"A{bits}GCM", Method.AES_GCM, bits // 8) for bits in (128, 192, 256)),
    *(_cipher(f"A{bits}CBC-HS{bits * 2}", Method.AES_CBC_HMAC, bits // 4) for bits in (128, 192, 256)),
)

ALGORITHMS: Final[Mapping[str, Algorithm]] = MappingProxyType({row.name: row for row in _ROWS})
"""Every algorithm that this room can make, read and write, and that a set may name, by its JOSE name, in the order of
messages."""

COMMON_MEMBERS: Final = ("kty", "use", "key_ops", "alg", "kid")
"""Members that keys of every type have, in canonical order; the members of the key type follow them."""

PUBLIC_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"EC": ("crv", "x", "y"), "OKP": ("crv", "x"), "RSA": ("n", "e"), "AKP": ("pub",)}
)
"""The allow-list of the public form of each key type, in canonical order (RFC 7518 section 6, RFC 8037 section 2,
RFC 9964 section 3). Symmetric keys (oct) have no public form and no row."""

PRIVATE_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"EC": ("d",), "OKP": ("d",), "RSA": ("d", "p", "q", "dp", "dq", "qi"), "AKP": ("priv",), "oct": ("k",)}
)
"""The members that must never be published, in canonical order (RFC 7518 sections 6.2.2, 6.3.2 and 6.4)."""

CERTIFICATE_MEMBERS: Final = ("x5c", "x5t#S256")
"""Members that a published key has besides when there is a certificate for it (RFC 7517 sections 4.7 and 4.9)."""

THUMBPRINT_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "EC": ("crv", "kty", "x", "y"),
        "OKP": ("crv", "kty", "x"),
        "RSA": ("e", "kty", "n"),
        "AKP": ("alg", "kty", "pub"),
        "oct": ("k", "kty"),
    }
)
"""The members that a thumbprint covers, in its lexicographic order (RFC 7638 section 3.2, RFC 8037 section 2,
RFC 9964 section 6)."""
