"""Facts as long as they may be: their sums are longer, and the record is read back all the same."""

from jwks_operator.api.durations import LONGEST
from reconcile.life import Life

FACTS = ("tokenLifetime", "cacheMaxAge", "staleWindow", "edgeCache", "verifierRefresh", "propagation", "clockSkew")
SPEC = {
    "keys": [{"name": "signing", "algorithm": "ES256"}, {"name": "inbox", "algorithm": "ECDH-ES"}],
    "rotation": {"policy": "Manual"},
    "timing": dict.fromkeys(FACTS, LONGEST),
}


async def test_the_longest_facts_make_a_set_that_lives() -> None:
    life = Life()
    await life.begin(SPEC)
    await life.pass_()
    assert life.writes() != []
    await life.pass_()
    assert await life.condition("Ready") == ("True", "KeysInUse")
    assert life.writes() == []
