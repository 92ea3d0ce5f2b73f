"""What the named readers of a set ask of it: how often they fetch, and what they can read.

A reader that refuses a whole set for one key that it does not know lets every token fail, so admission refuses such a
set unless one of its documents is for that reader.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from jwks_operator.api.reader_row import Reader, ReaderRow
from jwks_operator.api.reader_table import READERS
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass
from jwks_operator.keys.naming import EddsaName

NEWER_NAME: Final = "Ed25519"
"""The name of Ed25519 keys by RFC 9864; `EdDSA` (RFC 8037) is the one that most readers know."""


def slowest_refresh(readers: Iterable[Reader]) -> timedelta | None:
    """Return the longest time that one of the readers goes without fetching; None if the table has no figure."""
    return max((row.refresh for row in map(READERS.__getitem__, readers) if row.refresh is not None), default=None)


def readers_by_refresh() -> Mapping[timedelta, tuple[Reader, ...]]:
    """Return the readers by the time that they go without fetching, the longest first; without those without one."""
    found: dict[timedelta, tuple[Reader, ...]] = {}
    for reader, row in READERS.items():
        if row.refresh is not None:
            found[row.refresh] = (*found.get(row.refresh, ()), reader)
    return {refresh: found[refresh] for refresh in sorted(found, reverse=True)}


def find_refused_member(reader: Reader, key: Mapping[str, object]) -> str | None:
    """Return the member of a public JWK for which the reader refuses its whole set, such as `crv X25519`, else None."""
    row = READERS[reader]
    if "x5c" in key and key.get("alg") in row.refuses_certified:
        return f"alg {key['alg']} with x5c"
    return next((f"{name} {key[name]}" for name in ("kty", "crv", "alg") if key.get(name) in row.refuses), None)


def refuses_entry(reader: Reader, algorithm: str, crv: str | None) -> bool:
    """Tell whether the reader refuses a whole set for a key of an entry; `crv` is None unless the entry states it."""
    words = REFUSED_WORDS[reader]
    return algorithm in words or crv in words


def describe_refusals(row: ReaderRow) -> str:
    """Return in words for which keys a reader refuses a whole set."""
    if len(row.refuses) > len(ALGORITHMS) // 2:
        return f"any alg but {', '.join(name for name in ALGORITHMS if name not in row.refuses)}"
    return ", ".join(sorted(row.refuses)) or "nothing"


def default_eddsa_name(readers: Iterable[Reader]) -> EddsaName:
    """Return the name of new Ed25519 and Ed448 keys: the newer one only if every named reader knows it."""
    known = [NEWER_NAME in READERS[reader].names for reader in readers]
    return "Ed25519" if known and all(known) else "EdDSA"


def _words(reader: Reader) -> tuple[str, ...]:
    refused = READERS[reader].refuses
    published = [row for row in ALGORITHMS.values() if row.key_class is not KeyClass.SYMMETRIC]
    algorithms = [row.name for row in published if {row.kty, row.crv, row.name} & refused]
    curves = dict.fromkeys(crv for row in ALGORITHMS.values() if len(row.curves) > 1 for crv in row.curves)
    return (*algorithms, *(crv for crv in curves if crv in refused))


REFUSED_WORDS: Final[Mapping[Reader, tuple[str, ...]]] = MappingProxyType({reader: _words(reader) for reader in Reader})
"""The values of `algorithm` and `crv` in a spec for whose keys a reader refuses a whole set."""


def readers_by_refusal() -> Mapping[tuple[str, ...], tuple[Reader, ...]]:
    """Return the readers that refuse whole sets, by what they refuse them for."""
    found: dict[tuple[str, ...], tuple[Reader, ...]] = {}
    for reader, words in REFUSED_WORDS.items():
        if words:
            found[words] = (*found.get(words, ()), reader)
    return found
