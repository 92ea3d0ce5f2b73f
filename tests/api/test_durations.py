"""Durations: what is written comes back, and nothing else is read."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwks_operator.api.durations import LONGEST, MAX_LENGTH, format_duration, parse_duration

WHOLE = st.integers(min_value=0, max_value=99_999 * 3_600_000).map(lambda count: timedelta(milliseconds=count))


@given(WHOLE)
def test_a_written_duration_reads_back_as_the_same(value: timedelta) -> None:
    text = format_duration(value)
    assert parse_duration(text) == value
    assert len(text) <= MAX_LENGTH


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=4000)))
def test_parts_of_a_millisecond_are_rounded_up(value: timedelta) -> None:
    assert timedelta(0) <= parse_duration(format_duration(value)) - value < timedelta(milliseconds=1)


@given(st.text(alphabet="0123456789hms", max_size=12))
def test_a_text_is_a_duration_or_a_value_error_that_names_it(text: str) -> None:
    try:
        value = parse_duration(text)
    except ValueError as error:
        said = str(error)
    else:
        said = repr(text)
        assert parse_duration(format_duration(value)) == value
    assert repr(text) in said


@pytest.mark.parametrize(
    ("text", "seconds", "canonical"),
    [
        ("720h", 2_592_000, "720h"),
        ("1h30m", 5_400, "1h30m"),
        ("90s", 90, "1m30s"),
        ("500ms", 0.5, "500ms"),
        ("0s", 0, "0s"),
        ("0h0m0s0ms", 0, "0s"),
        ("007m", 420, "7m"),
        ("1h0m10s", 3_610, "1h10s"),
        ("70m", 4_200, "1h10m"),
        (LONGEST, 359_996_400, LONGEST),
    ],
)
def test_a_duration_is_read_and_written_in_its_shortest_form(text: str, seconds: float, canonical: str) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)
    assert format_duration(timedelta(seconds=seconds)) == canonical


@pytest.mark.parametrize(
    "text", ["", " 1h", "1h ", "1h\n", "h", "1", "-1h", "+1h", "1.5h", "1d", "1s1m", "1us", "100000h", "x" * 1000]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration: it must be a duration such as"):
        parse_duration(text)


def test_time_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="negative"):
        format_duration(timedelta(seconds=-1))
