"""Equal values once in memory, for as long as a reference exists."""

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

H = TypeVar("H", bound=Hashable)

FEW = 64


class InternPool(Generic[H]):
    """Many sets look the same, so what they look like is kept once; what no set looks like any more is let go.

    `living` gives the values that are in use. It is asked when twice as many have gathered as were in use the last
    time, so that a value costs no more than two looks at it on average.
    """

    def __init__(self, living: Callable[[], Iterable[H]]) -> None:
        self._living = living
        self._values: dict[H, H] = {}
        self._room = FEW

    def same(self, like: H) -> H:
        """Return the value that is equal to this one and kept already, or keep this one."""
        found = self._values.setdefault(like, like)
        if len(self._values) > self._room:
            self._values = {value: value for value in (*self._living(), found)}
            self._room = 2 * len(self._values) + FEW
        return found

    def __len__(self) -> int:
        return len(self._values)
