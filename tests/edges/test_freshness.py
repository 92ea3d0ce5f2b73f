"""What headers say of the age and the lifetime of a copy."""

from datetime import timedelta

import pytest

from jwks_operator.edges.freshness import compute_lifetime, parse_age


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("", 0),
        ("max-age=300", 300),
        ("public, MAX-AGE=300", 300),
        ('max-age="300"', 300),
        ("max-age=300, s-maxage=3600", 3600),
        ("s-maxage=60, max-age=300", 300),
        ("max-age=300, stale-while-revalidate=60", 360),
        ("max-age=300, stale-if-error=60, stale-while-revalidate=30", 360),
        ("x-max-age=300", 0),
        ("max-age=soon", 0),
        ("max-age=-1", 0),
        ("no-store", 0),
    ],
)
def test_the_lifetime_is_the_longest_that_any_cache_may_take_it_for(told: str, seconds: int) -> None:
    assert compute_lifetime({"Cache-Control": told}) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("told", "seconds"), [("42", 42), ("", 0), ("-1", 0), ("4.5", 0), ("9" * 10, 0), ("٣", 0)])
def test_an_age_that_is_none_counts_as_none(told: str, seconds: int) -> None:
    assert parse_age(told) == timedelta(seconds=seconds)
