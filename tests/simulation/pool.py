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
        return _key(shape, place)

    def at(self, place: int, algorithm: str, modulus_length: int | None = None) -> GeneratedKey:
        """Return the key at a place that no history comes to by itself."""
        return _key((algorithm, modulus_length, "foreign"), place)

    @staticmethod
    def made(kid: str) -> GeneratedKey | None:
        """Return the key of this kid."""
        return next((key for keys in _made.values() for key in keys if key.kid == kid), None)


def _key(shape: Shape, place: int) -> GeneratedKey:
    algorithm, modulus_length, crv = shape
    made = _made[shape]
    while place >= len(made):
        made.append(generate(algorithm, modulus_length, None if crv == "foreign" else crv))
    return made[place]
