"""Each exemption is narrow: it frees the keys that it names, and a gap of any other key is found as before."""

from collections.abc import Callable, Iterable
from datetime import timedelta

import pytest

from jwks_operator.keys.algorithms import KeyClass
from reconcile.life import REF, START
from simulation import exemptions
from simulation.chronicle import Chronicle, Shown, Stated
from simulation.promise import Promise

HOUR = timedelta(hours=1)
EVERY = (exemptions.lost_with_the_namespace, exemptions.unknown_to_all_that_was_restored)


def _with_gaps() -> Chronicle:
    """Return a history in which two keys are used and then published no more, an hour too early."""
    chronicle = Chronicle(REF, lambda: START + 9 * HOUR)
    chronicle.facts.append(Stated(START, HOUR, HOUR, HOUR))
    chronicle.known = {"kept": KeyClass.SIGNATURE, "lost": KeyClass.SIGNATURE}
    both = frozenset(chronicle.known)
    sides = chronicle.sides[KeyClass.SIGNATURE]
    sides.use.append(Shown(START, both, False, 1, {}))
    sides.use.append(Shown(START + HOUR, frozenset(), False, 3, {}))
    sides.check.append(Shown(START, both, False, 0, {}))
    sides.check.append(Shown(START + HOUR, frozenset(), False, 4, {}))
    return chronicle


@pytest.mark.parametrize("exempt", EVERY, ids=lambda each: each.__name__)
def test_an_exemption_frees_the_keys_that_it_names_and_no_other(
    exempt: Callable[[Chronicle, Iterable[str]], frozenset[str]],
) -> None:
    chronicle = _with_gaps()
    assert len(Promise(chronicle).gaps()) == 2
    assert exempt(chronicle, ["kept"]) == {"lost"}
    assert ["kept"[:6] in gap for gap in Promise(chronicle).gaps()] == [True]


@pytest.mark.parametrize("exempt", EVERY, ids=lambda each: each.__name__)
def test_an_exemption_of_nothing_frees_nothing(
    exempt: Callable[[Chronicle, Iterable[str]], frozenset[str]],
) -> None:
    chronicle = _with_gaps()
    assert exempt(chronicle, chronicle.known) == frozenset()
    assert len(Promise(chronicle).gaps()) == 2


@pytest.mark.parametrize("exempt", EVERY, ids=lambda each: each.__name__)
def test_a_key_that_comes_later_is_not_exempt(
    exempt: Callable[[Chronicle, Iterable[str]], frozenset[str]],
) -> None:
    chronicle = _with_gaps()
    exempt(chronicle, [])
    chronicle.known["later"] = KeyClass.SIGNATURE
    assert "later" not in chronicle.exempt


def test_keys_that_a_restored_secret_puts_back_are_exempt_and_those_of_the_record_are_not() -> None:
    chronicle = _with_gaps()
    assert exemptions.put_back_by_a_restored_secret(chronicle, ["kept", "lost"], ["kept"]) == {"lost"}
    assert ["kept" in gap for gap in Promise(chronicle).gaps()] == [True]


def test_the_first_keys_of_another_set_are_exempt_and_no_later_one() -> None:
    chronicle = _with_gaps()
    assert exemptions.first_keys_of_another_set(chronicle, ["lost"]) == {"lost"}
    assert ["kept" in gap for gap in Promise(chronicle).gaps()] == [True]
