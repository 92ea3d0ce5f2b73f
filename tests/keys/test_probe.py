"""A probe goes through with the key that was published, and with no other."""

import re
from datetime import UTC, datetime

import pytest

from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass
from jwks_operator.keys.generate import generate
from jwks_operator.keys.key_errors import JwkError
from jwks_operator.keys.probe import probe

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PUBLISHED = [name for name, row in ALGORITHMS.items() if row.key_class is not KeyClass.SYMMETRIC]


@pytest.mark.parametrize("algorithm", PUBLISHED)
def test_a_probe_works_with_the_published_half_alone(algorithm: str) -> None:
    bits = 2048 if ALGORITHMS[algorithm].modulus_lengths else None
    key, other = generate(algorithm, bits), generate(algorithm, bits)
    probe(key.private, key.public, NOW)
    with pytest.raises(JwkError) as caught:
        probe(key.private, {**other.public, "kid": key.kid}, NOW)
    assert not re.search(r"[A-Za-z0-9_-]{20,}", str(caught.value))
