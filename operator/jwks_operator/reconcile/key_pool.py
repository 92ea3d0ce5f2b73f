"""Keys for the plans of sets, generated while no worker of the work queue waits for them.

A pass takes the keys that its plan needs. A quick key is generated at once. If a slow one is missing, the pass ends
without a step, and the set is added to the work queue again when all its keys are there. Namespaces take turns; keys
that no plan needs any more, and those of deleted sets, are dropped.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from jwks_operator.api.names import SetRef
from jwks_operator.core.planner.key_requests import Need
from jwks_operator.keys.generate import GeneratedKey, KeyFactory, is_slow
from jwks_operator.reconcile.turns import Turns

logger = logging.getLogger(__name__)


class KeySource(Protocol):
    """Where the reconciler takes keys from."""

    async def take(self, ref: SetRef, needs: Iterable[Need]) -> Mapping[Need, GeneratedKey] | None:
        """Return a key for each need; None if some are being generated. Raises what the generation of one raised."""
        ...

    def drop(self, ref: SetRef) -> None:
        """Generate no more keys for a set and forget those that are there."""
        ...


class KeyPool:
    """Generates slow keys in the background, at most as many at the same time as the factory has threads."""

    def __init__(self, keys: KeyFactory, on_ready: Callable[[SetRef], None]) -> None:
        """`on_ready` is called when all keys that a set waits for are there."""
        self._keys = keys
        self._on_ready = on_ready
        self._made: dict[SetRef, dict[Need, GeneratedKey | Exception]] = {}
        self._missing: dict[SetRef, set[Need]] = {}
        self._line = Turns()
        self._running: dict[asyncio.Task[None], tuple[SetRef, Need]] = {}

    async def take(self, ref: SetRef, needs: Iterable[Need]) -> Mapping[Need, GeneratedKey] | None:
        """See KeySource. The keys that are returned are forgotten here."""
        needs = tuple(needs)
        made = {need: key for need, key in self._made.get(ref, {}).items() if need in needs}
        missing = {need for need in needs if is_slow(need.algorithm) and need not in made}
        if missing:
            self._made[ref], self._missing[ref] = made, missing
            self._line.add(ref)
            self._start()
            return None
        self.drop(ref)
        found: dict[Need, GeneratedKey] = {}
        for need in needs:
            key = made[need] if need in made else await self._generate(need)
            if isinstance(key, Exception):
                raise key
            found[need] = key
        return found

    def drop(self, ref: SetRef) -> None:
        """See KeySource."""
        self._made.pop(ref, None)
        self._missing.pop(ref, None)
        self._line.discard(ref)

    async def close(self) -> None:
        """Generate no more keys."""
        self._line.clear()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _start(self) -> None:
        """Start as many keys as there are free threads, one for each set in turn."""
        while len(self._running) < self._keys.workers and (ref := self._line.pop(lambda _: True)) is not None:
            begun = {need for other, need in self._running.values() if other == ref}
            waiting = self._missing.get(ref, set()) - begun
            if not waiting:
                continue
            need = min(waiting, key=str)
            task = asyncio.create_task(self._make(ref, need), name=f"key for {ref}")
            self._running[task] = ref, need
            task.add_done_callback(self._end)
            if len(waiting) > 1:
                self._line.add(ref)

    def _end(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._start()

    async def _make(self, ref: SetRef, need: Need) -> None:
        try:
            key: GeneratedKey | Exception = await self._generate(need)
        except Exception as error:
            logger.exception("a key could not be generated", extra={"set": str(ref), "algorithm": need.algorithm})
            key = error
        missing = self._missing.get(ref, set())
        if need not in missing:
            return  # the set is deleted, or its plan needs another key
        missing.remove(need)
        self._made[ref][need] = key
        if not missing:
            del self._missing[ref]
            self._on_ready(ref)

    async def _generate(self, need: Need) -> GeneratedKey:
        return await self._keys.generate(need.algorithm, need.modulus_length, need.crv)
