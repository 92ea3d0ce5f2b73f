"""Keys that a test has at once: the pass that needs them waits for them."""

from collections.abc import Iterable, Mapping

from jwks_operator.api.names import SetRef
from jwks_operator.core.planner.key_requests import Need
from jwks_operator.keys.generate import GeneratedKey, KeyFactory


class KeysAtOnce:
    """A key source without a background."""

    def __init__(self, keys: KeyFactory) -> None:
        self._keys = keys

    async def take(self, ref: SetRef, needs: Iterable[Need]) -> Mapping[Need, GeneratedKey]:
        del ref
        return {need: await self._keys.generate(need.algorithm, need.modulus_length, need.crv) for need in needs}

    def drop(self, ref: SetRef) -> None:
        """Forget nothing: nothing is kept."""
