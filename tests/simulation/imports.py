"""Keys from elsewhere: sources that a set imports from, and what stands in them one day."""

import json
from base64 import b64encode

from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass
from jwks_operator.keys.generate import GeneratedKey
from jwks_operator.kube.client import SECRETS
from reconcile.life import REF
from reconcile.sources import CONSENT, pem
from simulation.pool import Pool
from simulation.world import World, finish

FOREIGN = Pool()
"""Keys that were made by somebody else."""
SHAPES = {"RS256": 2048}
"""The bits of algorithms that need some."""


def source(entry: str) -> dict[str, object]:
    """Return what an entry says of its source."""
    return {"secretRef": {"name": f"old-{entry}", "key": "key"}}


def offer_foreign(world: World, entry: str, algorithm: str, number: int) -> None:
    """Somebody else's key stands in the source of an entry, as PEM or as a JWK."""
    key = FOREIGN.at(number, algorithm, SHAPES.get(algorithm))
    as_jwk = ALGORITHMS[algorithm].key_class is KeyClass.SYMMETRIC or number % 2
    _write(world, entry, _jwk(key) if as_jwk else pem(key))


def offer_buried(world: World, entry: str, number: int) -> None:
    """A key that left this set stands in the source of an entry once more."""
    living = set(world.kids())
    left = sorted(world.chronicle.known.keys() - living)
    key = Pool.made(left[number % len(left)]) if left else None
    if key is not None:
        _write(world, entry, _jwk(key))


def _jwk(key: GeneratedKey) -> bytes:
    return json.dumps(dict(key.private.reveal())).encode()


def _write(world: World, entry: str, content: bytes) -> None:
    name, data = f"old-{entry}", {"key": b64encode(content).decode()}
    if world.there(SECRETS, name):
        finish(world.life.edit(SECRETS, name, lambda seen: seen.update(data=data)))
    else:
        body = {"metadata": {"name": name, "labels": CONSENT}, "type": "Opaque", "data": data}
        finish(world.life.people.create(SECRETS, REF.namespace, body))
