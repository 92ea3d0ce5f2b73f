"""Two operators of one set: told from the names that confirmed its last steps, and from nothing else."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.golden import record
from jwks_operator.core.features.other_operators import (
    REMEMBERED,
    TOLD,
    end_of_report,
    find_other_operator,
    note_writer,
)
from jwks_operator.core.model.record import Record
from reconcile.life import ES256, START


def confirmed_by(names: str) -> Record:
    found = record(ES256)
    for number, name in enumerate(names):
        found = note_writer(found, name, START + timedelta(seconds=number))
    return found


@pytest.mark.parametrize(
    ("names", "told"),
    [
        pytest.param("", False, id="nobody"),
        pytest.param("aaaa", False, id="one"),
        pytest.param("ab", False, id="one after the other"),
        pytest.param("aabb", False, id="a hand-over"),
        pytest.param("abcd", False, id="many hand-overs"),
        pytest.param("aba", True, id="one comes back"),
        pytest.param("baab", True, id="the other comes back"),
        pytest.param("aaabbbaaa", True, id="after many steps each"),
        pytest.param("abacde", False, id="long ago"),
    ],
)
def test_two_operators_are_told_when_one_confirms_after_the_other_had(names: str, told: bool) -> None:
    found = find_other_operator(confirmed_by(names), START)
    assert (found is not None) is told
    if found is not None:
        assert "a and b" in found.sentence


def test_it_is_over_an_hour_after_the_last_change_between_them() -> None:
    both = confirmed_by("abaaa")
    last = START + timedelta(seconds=2)
    assert end_of_report(both) == last + TOLD
    assert find_other_operator(both, last + TOLD - timedelta(seconds=1)) is not None
    assert find_other_operator(both, last + TOLD) is None


def test_a_name_is_remembered_for_a_few_confirmations_and_no_name_is_not() -> None:
    assert len(confirmed_by("abcdefgh").writers) == REMEMBERED
    assert note_writer(record(ES256), "", START) == record(ES256)
    assert replace(confirmed_by("a"), writers=()) == record(ES256)
