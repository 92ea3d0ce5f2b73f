"""Conditions and negotiation, by tables and properties of RFC 9110."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwks_operator.httpd.reply import http_date
from jwks_operator.serve.conditions import accepts_gzip, has_tag
from jwks_operator.serve.reply_pages import RING, max_ages

TAG = b'"abc"'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b'"abc"', True),
        (b'W/"abc"', True),
        (b'"x", "abc"', True),
        (b'"x,y" ,W/"abc"', True),
        (b"*", True),
        (b" * ", True),
        (b'"abcd"', False),
        (b"abc", False),
        (b'"', False),
        (b"", False),
        (b'"x"abc"y"', False),
        (b'"ABC"', False),
    ],
)
def test_the_client_has_what_it_names(header: bytes, expected: bool) -> None:
    assert has_tag(header, TAG) is expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"gzip", True),
        (b"deflate, gzip, br", True),
        (b"GZIP", True),
        (b"x-gzip", True),
        (b"*", True),
        (b"gzip;q=0.5", True),
        (b"gzip ; q=1.000", True),
        (b"gzip;q=0", False),
        (b"gzip;q=0.000", False),
        (b"*;q=0", False),
        (b"gzip;q=0, *", False),
        (b"identity", False),
        (b"gzip;q=0.5, identity", False),
        (b"br", False),
        (b"", False),
        (b"gzip;q=nonsense", False),
    ],
)
def test_gzip_goes_to_those_who_want_it(header: bytes, expected: bool) -> None:
    assert accepts_gzip(header) is expected


@given(st.binary(max_size=60))
def test_no_header_value_is_too_strange(value: bytes) -> None:
    assert accepts_gzip(value) in {True, False}
    assert has_tag(value, TAG) in {True, False}


@given(st.integers(0, 10_000_000))
def test_the_age_is_never_above_the_truth_and_never_far_below(age: int) -> None:
    ages = max_ages(age)
    assert len(ages) == RING
    assert max(ages) == age
    assert min(ages) >= age * 0.9
    assert (min(ages) > 0) == (age > 0)


def test_neighbours_in_time_are_not_neighbours_in_age() -> None:
    ages = max_ages(300)
    assert len(set(ages)) == RING
    assert all(abs(one - other) > 300 * 0.1 / RING * 3 for one, other in pairwise(ages))


def test_dates_are_those_of_http() -> None:
    assert http_date(784111777.9) == "Sun, 06 Nov 1994 08:49:37 GMT"
