"""Keys from a pool: real ones, made once for all histories, so that a history costs no cryptography."""

from collections import Counter, defaultdict

from jwks_operator.keys.generate import GeneratedKey, KeyFactory, generate

Shape = tuple[str, int | None, str | None]

_made: defaultdict[Shape, list[GeneratedKey]] = defaultdict(list)


class Pool(KeyFactory):
    """Hands out each key of the pool once in its life, always in the same order."""

    def __init__(self) -> None:
        super().__init__()
        self._handed_out: Counter[Shape] = Counter()

    def skip(self, other: "Pool") -> None:
        """Hand out none that this other one has handed out."""
        self._handed_out = Counter(other._handed_out)

    async def generate(self, algorithm: str, modulus_length: int | None = None, crv: str | None = None) -> GeneratedKey:
        """Return the next key of this shape."""
        shape = (algorithm, modulus_length, crv)
        place = self._handed_out[shape]
        self._handed_out[shape] += 1
        if place == len(_made[shape]):
            _made[shape].append(generate(*shape))
        return _made[shape][place]
