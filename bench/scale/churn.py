"""Users at work on many sets: edits, and sets that are deleted and created again, one after another."""

import time
from collections.abc import Sequence
from typing import Any

from scale.chronicle import Chronicle
from scale.create import Readiness
from scale.generator import ALL_SETS, Generator, Ref, Spec
from scale.outcome import spread_of
from scale.site import Site
from scale.watch import Watch

EDIT: Spec = {"publish": {"configMap": {"annotations": {"example.com/edited": "yes"}}}}
SECONDS = 60.0
"""Longest wait for one of them."""


async def churn_sets(place: Site, told: Chronicle, sets: Sequence[Ref], of: Spec) -> tuple[dict[str, Any], list[str]]:
    """Edit each set, then delete it and create it again; return the figures and what is wrong.

    Times are from sending the request until the set was Ready as written. A set that comes back within the deletion
    delay must go on with the keys that it had.
    """
    generator, readiness, wrong = Generator(place.api), Readiness(), list[str]()
    edits, returns = list[float](), list[float]()
    async with Watch(place.api, ALL_SETS, readiness.saw) as watch:
        await watch.until("the sets to be told", lambda: set(sets) <= readiness.ready.keys(), SECONDS)

        async def ready(ref: Ref, uid: str, generation: int) -> float:
            what = f"{ref.namespace}/{ref.name} to be Ready"
            await watch.until(what, lambda: readiness.ready.get(ref, ("", 0, 0.0))[:2] == (uid, generation), SECONDS)
            return readiness.ready[ref][2]

        for ref in sets:
            kids, sent = told.kids(ref), time.time()
            edited = (await generator.edit(ref, EDIT))["metadata"]
            edits.append(await ready(ref, edited["uid"], edited["generation"]) - sent)
            await generator.delete(ref)
            sent = time.time()
            created = (await generator.create_one(ref, of))["metadata"]
            returns.append(await ready(ref, created["uid"], created["generation"]) - sent)
            if told.kids(ref) != kids:
                wrong.append(f"{ref.namespace}/{ref.name} came back with other keys")
    figures = {"edited": spread_of(edits), "came_back": spread_of(returns)}
    return figures, wrong
