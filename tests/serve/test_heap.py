"""Memory is given back once many connections have settled, and not for each of them."""

import pytest

from jwks_operator.httpd.heap import LONGEST, MANY, Heap, find_trim


@pytest.mark.parametrize(
    ("accepted", "trimmed"),
    [
        pytest.param([0, 1, 1, MANY - 1, MANY - 1], [], id="a few connections"),
        pytest.param([0, MANY, MANY, MANY, MANY], [2], id="many at once, and then none"),
        pytest.param([0, 40, 400, 512, 512, 512], [4], id="many, over some seconds"),
        pytest.param([100, 100, 100 + MANY, 100 + MANY], [1, 3], id="many, twice"),
        pytest.param([100 * second for second in range(25)], [10, 20], id="new ones all the time"),
    ],
)
def test_it_is_given_back_when_many_connections_have_settled(accepted: list[int], trimmed: list[int]) -> None:
    calls: list[int] = []
    heap = Heap(calls.append)
    seconds = []
    for second, count in enumerate(accepted):
        before = len(calls)
        heap.sweep(count, float(second))
        seconds += [second] * (len(calls) - before)
    assert seconds == trimmed
    assert calls == [0] * len(calls)
    assert LONGEST == 10.0


def test_where_the_c_library_cannot_nothing_happens() -> None:
    heap = Heap(None)
    for second in range(3):
        heap.sweep(1000, float(second))


def test_this_c_library_is_asked_as_it_wants_to_be() -> None:
    trim = find_trim()
    assert trim is None or trim(0) in {0, 1}
