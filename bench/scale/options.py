"""How large everything is."""

from dataclasses import dataclass, replace

FEW = 200
"""So many sets rotate within half a minute, also on a busy machine."""


@dataclass(frozen=True)
class Options:
    """The size of each scenario; the defaults are those of the report."""

    workers: int = 8
    create: tuple[int, ...] = (1000, 5000)
    pairs: int = 3
    """How often what is short is repeated, in alternating order."""
    rotating: int = 1000
    tokens: int = 60
    """Lifetime of their tokens in seconds: retired keys stay while a wave lasts."""
    victims: int = 300
    """Sets of which a key is revoked while the others rotate."""
    rsa: int = 200
    many: tuple[int, ...] = (100, 1000, 2500, 5000, 10_000)
    """Numbers of sets at which memory and CPU are measured; the last one is that of all other scenarios."""
    resyncs: int = 10
    """Seconds between resyncs where one is to be measured."""
    idle: float = 600
    """Seconds."""
    handovers: int = 2
    against: str = ""
    """The commit that this one is compared with, if that is all that is wanted."""
    rounds: int = 5
    """How often both are measured."""

    def with_sets(self, count: int) -> "Options":
        """Return the same with so many sets wherever there are many."""
        few = max(2, count // 5)
        steps = tuple(sorted({max(2, count // part) for part in (20, 4, 1)}))
        tokens = 20 if count <= FEW else self.tokens
        return replace(self, create=(count,), rotating=count, tokens=tokens, victims=few, rsa=few, many=steps)


QUICK = Options(pairs=1, resyncs=3, idle=10, handovers=1, rounds=3).with_sets(100)
"""Everything in a few minutes."""
