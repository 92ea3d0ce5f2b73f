"""Interning: keeps equal values once in memory, for as long as a set uses them."""

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

H = TypeVar("H", bound=Hashable)

FEW = 64


class InternPool(Generic[H]):
    """A pool of equal values; unused values are removed.

    `living` returns the values in use. It is called when the pool holds twice as many values as were in use the last
    time, so that each value is visited at most twice on average.
    """

    def __init__(self, living: Callable[[], Iterable[H]]) -> None:
        self._living = living
        self._values: dict[H, H] = {}
        self._room = FEW

    def same(self, like: H) -> H:
        """Return the equal value of the pool, or add this one."""
        found = self._values.setdefault(like, like)
        if len(self._values) > self._room:
            self._values = {value: value for value in (*self._living(), found)}
            self._room = 2 * len(self._values) + FEW
        return found

    def __len__(self) -> int:
        return len(self._values)
