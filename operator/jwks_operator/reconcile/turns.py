"""A line of sets in which namespaces take turns: a namespace with many sets delays only itself."""

from collections import OrderedDict
from collections.abc import Callable, Iterator

from jwks_operator.api.names import SetRef


class Turns:
    """Holds each set once. `pop` takes the first set of the first namespace and puts that namespace last."""

    def __init__(self) -> None:
        self._namespaces: OrderedDict[str, OrderedDict[SetRef, None]] = OrderedDict()

    def add(self, ref: SetRef, *, first: bool = False) -> None:
        """Add a set behind the others of its namespace; with `first` before all sets, also if it is there already."""
        refs = self._namespaces.setdefault(ref.namespace, OrderedDict())
        refs.setdefault(ref)
        if first:
            refs.move_to_end(ref, last=False)
            self._namespaces.move_to_end(ref.namespace, last=False)

    def discard(self, ref: SetRef) -> None:
        """Remove a set, if it is there."""
        refs = self._namespaces.get(ref.namespace, OrderedDict())
        refs.pop(ref, None)
        if not refs:
            self._namespaces.pop(ref.namespace, None)

    def pop(self, may_run: Callable[[str], bool]) -> SetRef | None:
        """Take the next set of a namespace that may run now; None if there is none."""
        for namespace, refs in self._namespaces.items():
            if may_run(namespace):
                ref, _ = refs.popitem(last=False)
                if refs:
                    self._namespaces.move_to_end(namespace)
                else:
                    del self._namespaces[namespace]
                return ref
        return None

    def clear(self) -> None:
        """Remove all sets."""
        self._namespaces.clear()

    def __contains__(self, ref: SetRef) -> bool:
        return ref in self._namespaces.get(ref.namespace, ())

    def __iter__(self) -> Iterator[SetRef]:
        return (ref for refs in self._namespaces.values() for ref in refs)

    def __len__(self) -> int:
        return sum(map(len, self._namespaces.values()))
