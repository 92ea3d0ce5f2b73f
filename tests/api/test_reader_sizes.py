"""What admission counts for a published key is never less than what the key has, and little more."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from jwks_operator.api.reader_sizes import KEY_SIZES, entry_bytes
from jwks_operator.core.outputs.serving_documents import compact_json
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass
from jwks_operator.keys.certificates import Terms, certificate_members, self_signed
from keys.samples import fresh

TERMS = Terms("auth", ("auth.example.com",), datetime(2026, 11, 29, tzinfo=UTC), timedelta(days=40), 2**150)
SIGNING = [name for name in KEY_SIZES if ALGORITHMS[name].key_class is KeyClass.SIGNATURE]


def counted(algorithm: str, modulus_length: int | None, *, certified: bool) -> int:
    certificate = object() if certified else None
    return entry_bytes(
        SimpleNamespace(name="it", algorithm=algorithm, modulus_length=modulus_length, certificate=certificate)
    )


@pytest.mark.parametrize("algorithm", KEY_SIZES)
def test_a_key_is_not_larger_than_counted(algorithm: str) -> None:
    key = fresh(algorithm).public
    bits = 2048 if ALGORITHMS[algorithm].kty == "RSA" else None
    size = len(compact_json(key)) + len(",\n")
    spare = 130 if len(ALGORITHMS[algorithm].curves) > 1 else 40
    assert size <= counted(algorithm, bits, certified=False) <= size + spare


@pytest.mark.parametrize("algorithm", SIGNING)
def test_a_key_with_its_certificate_is_not_larger_than_counted(algorithm: str) -> None:
    key = fresh(algorithm)
    bits = 2048 if ALGORITHMS[algorithm].kty == "RSA" else None
    certified = {**key.public, **certificate_members(key.public, self_signed(key.public, key.private, TERMS))}
    size = len(compact_json(certified)) + len(",\n")
    assert size <= counted(algorithm, bits, certified=True) <= size + 420


def test_symmetric_keys_have_no_size() -> None:
    assert counted("HS256", None, certified=False) == 0


def test_rsa_keys_count_with_their_modulus() -> None:
    small, default, large = (counted("RS256", bits, certified=False) for bits in (2048, None, 4096))
    assert (default - small, large - default) == (170, 171)
