"""The grammar of admission and the planner's library take the same cron expressions."""

import re
from datetime import UTC, datetime

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import given
from hypothesis import strategies as st

from jwks_operator.api.cron import PATTERN

NUMBERS = st.integers(0, 70).map(str) | st.sampled_from(["00", "007", "jan", "DEC", "Sun", "fri", "L", "lw", "LW", ""])
RANGES = st.tuples(NUMBERS, NUMBERS).map("-".join)
STEPPED = st.tuples(NUMBERS | RANGES | st.just("*"), NUMBERS).map("/".join)
ODD = st.sampled_from(["1#2", "mon#5", "5#0", "0L", "6l", "*-1", "**", "1-2-3", "1/2/3", "L/2", "?"])
TERMS = NUMBERS | RANGES | STEPPED | ODD | st.just("*")
FIELDS = st.lists(TERMS, min_size=1, max_size=3).map(",".join)
EXPRESSIONS = st.lists(FIELDS | st.just("*"), min_size=5, max_size=5).map(" ".join)
A_DAY = datetime(2026, 11, 22, tzinfo=UTC)


def is_cron(expression: str) -> bool:
    return re.fullmatch(PATTERN, expression) is not None


def cronsim_takes(expression: str) -> bool:
    try:
        CronSim(expression, A_DAY)
    except CronSimError:
        return False
    return True


def ends_before_it_starts(expression: str) -> bool:
    """What a regular expression cannot see: each range alone is refused, both its ends are not."""
    for index, field in enumerate(expression.split(" ")):
        for term in field.split(","):
            start, dash, end = term.partition("/")[0].partition("-")
            alone = [" ".join([*["*"] * index, each, *["*"] * (4 - index)]) for each in (start, end, f"{start}-{end}")]
            if dash and [cronsim_takes(each) for each in alone] == [True, True, False]:
                return True
    return False


@given(EXPRESSIONS)
def test_both_take_the_same(expression: str) -> None:
    if not ends_before_it_starts(expression):
        assert is_cron(expression) == cronsim_takes(expression)


@pytest.mark.parametrize("expression", ["0 3 1 *", "0 3 1 * * *", " 0 3 1 * *", "@daily", ""])
def test_an_expression_has_five_fields_and_nothing_around_them(expression: str) -> None:
    assert not is_cron(expression)
