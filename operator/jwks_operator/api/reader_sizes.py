"""How large is what a spec publishes? Readers have limits, and a set that is too large for one is refused before it is.

In the middle of every rotation an entry has three keys in each document: active, pending and retired. That is what a
spec alone says; more of them by a schedule, imported keys and chains of certificates show in the document itself
(`core.features.reader_troubles`).
"""

from collections.abc import Collection, Iterable
from types import MappingProxyType
from typing import Final, Protocol

from jwks_operator.api.admission_rules import Rule, cel_list
from jwks_operator.api.documents_spec import Document, DocumentFormat
from jwks_operator.api.reader_row import Reader
from jwks_operator.api.reader_rules import cel_set_or_document
from jwks_operator.api.reader_table import READERS
from jwks_operator.api.targets_spec import Publish
from jwks_operator.keys.algorithms import ALGORITHMS, CURVES, Algorithm, KeyClass

AT_ONCE: Final = 3
"""The keys of an entry while it rotates: active, pending and retired."""
_MEMBERS: Final = 150
"""Characters of a published JWK beside its public members: kty, use, key_ops, alg and a thumbprint as kid."""
_CERTIFICATE: Final = 620
"""Characters of x5c and x5t#S256 beside key and signature of one certificate: names, times, extensions."""
_ML_DSA_SIGNATURE: Final = {1312: 2420, 1952: 3309, 2592: 4627}
"""The octets of a signature by those of a public key (FIPS 204 table 2)."""
_RSA_DEFAULT: Final = 3072


class _Entry(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def algorithm(self) -> str: ...

    @property
    def modulus_length(self) -> int | None: ...

    @property
    def certificate(self) -> object | None: ...


class _Spec(Protocol):
    @property
    def keys(self) -> Collection[_Entry]: ...

    @property
    def readers(self) -> Collection[Reader]: ...

    @property
    def publish(self) -> Publish: ...


def _text(octets: int) -> int:
    """The characters of octets in base64url."""
    return (octets * 4 + 2) // 3


def _public_octets(row: Algorithm) -> int:
    """The octets of the public members without the modulus of RSA; the largest curve where several are possible."""
    if row.kty == "AKP":
        return row.octets or 0
    curves = [CURVES[str(crv)] for crv in (*row.curves, row.crv) if crv is not None]
    return max((curve.octets * (2 if curve.kty == "EC" else 1) for curve in curves), default=0)


def _sizes(row: Algorithm) -> tuple[int, int]:
    """The bytes of a published key, and of the certificate that it may have, both without the modulus of RSA."""
    public = _public_octets(row)
    signature = _ML_DSA_SIGNATURE.get(public, 2 * public)
    return _MEMBERS + _text(public), _CERTIFICATE + _text(public) + _text(signature)


KEY_SIZES: Final = MappingProxyType(
    {row.name: _sizes(row) for row in ALGORITHMS.values() if row.key_class is not KeyClass.SYMMETRIC}
)
"""The bytes of a published key and of its certificate by its algorithm; of RSA without modulus and signature."""


def entry_bytes(entry: _Entry) -> int:
    """Return the bytes of one published key of an entry; 0 for symmetric ones, which are not published."""
    key, certificate = KEY_SIZES.get(entry.algorithm, (0, 0))
    modulus = _text((entry.modulus_length or _RSA_DEFAULT) // 8) if ALGORITHMS[entry.algorithm].kty == "RSA" else 0
    return key + modulus + (certificate + 2 * modulus if entry.certificate is not None and key else 0)


def _cel_entry_bytes() -> str:
    """CEL of `entry_bytes` over the entry `k`."""
    rsa = cel_list(name for name in KEY_SIZES if ALGORITHMS[name].kty == "RSA")
    groups: dict[tuple[int, int], list[str]] = {}
    for name, sizes in KEY_SIZES.items():
        groups.setdefault(sizes, []).append(name)
    size = "0"
    for (key, certificate), names in groups.items():
        size = f"k.algorithm in {cel_list(names)} ? {key} + (has(k.certificate) ? {certificate} : 0) : {size}"
    modulus = f"((has(k.modulusLength) ? k.modulusLength : {_RSA_DEFAULT}) / 8 * 4 + 2) / 3"
    return f"({size}) + (k.algorithm in {rsa} ? {modulus} * (has(k.certificate) ? 3 : 1) : 0)"


def fits_readers() -> Iterable[Rule]:
    """Return one rule for each limit of size that readers have."""
    limits = sorted({row.max_bytes for row in READERS.values() if row.max_bytes is not None})
    return [_fits(most, [reader for reader in Reader if READERS[reader].max_bytes == most]) for most in limits]


def _fits(most: int, readers: Collection[Reader]) -> Rule:
    room = most // AT_ONCE

    def fits(document: Document, spec: _Spec) -> bool:
        own = sum(entry_bytes(entry) for entry in spec.keys if entry.name in document.entries)
        return document.format is DocumentFormat.JWK_SET and own <= room

    def too_small(spec: _Spec) -> list[Reader]:
        if sum(map(entry_bytes, spec.keys)) <= room or any(fits(each, spec) for each in spec.publish.documents):
            return []
        return [reader for reader in spec.readers if reader in readers]

    def explain(spec: _Spec) -> str:
        return f"{too_small(spec)[0]}{told}"

    told = (
        f" reads at most {most} bytes, and the keys of these entries are more while they rotate; publish a document of "
        "some of them (publish.documents), use smaller keys, or remove certificates"
    )
    named = f"r in {cel_list(readers)}"
    size = _cel_entry_bytes()
    return Rule(
        field="readers",
        cel=cel_set_or_document(
            named,
            f"self.keys.map(k, {size}).sum() <= {room}",
            f"self.keys.map(k, k.name in d.entries, {size}).sum() <= {room}",
        ),
        holds=lambda spec: not too_small(spec),
        message=f"a reader{told}",
        message_cel=f"self.readers.filter(r, {named})[0] + '{told}'",
        explain=explain,
    )
