"""The key pool: no pass waits for a slow key, namespaces take turns, and what nobody needs any more is not made."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from jwks_operator.api.names import SetRef
from jwks_operator.core.planner.key_requests import Need
from jwks_operator.core.transitions.transition_table import State
from jwks_operator.keys.generate import GeneratedKey, KeyFactory, generate
from jwks_operator.reconcile.key_pool import KeyPool
from process.virtual import run

BIG, SMALL = SetRef("big", "b"), SetRef("small", "s")
QUICK = Need("quick", "ES256", None, None, State.ACTIVE)


def slow(entry: str) -> Need:
    return Need(entry, "RS256", 4096, None, State.ACTIVE)


class Factory(KeyFactory):
    """Takes a second of virtual time for each slow key, and writes down their curves, which name them here."""

    def __init__(self, workers: int = 1) -> None:
        super().__init__(workers)
        self.began = 0
        self.fails = False

    async def generate(self, algorithm: str, modulus_length: int | None = None, crv: str | None = None) -> GeneratedKey:
        if modulus_length is not None:
            self.began += 1
            await asyncio.sleep(1)
        if self.fails:
            raise ArithmeticError("no prime")
        return generate("ES256")


class Bench:
    """A pool, and the sets that it called ready, with the second."""

    def __init__(self, workers: int = 1) -> None:
        self.factory = Factory(workers)
        self.ready: list[tuple[float, SetRef]] = []
        self.pool = KeyPool(self.factory, lambda ref: self.ready.append((asyncio.get_running_loop().time(), ref)))
        self.begin = asyncio.get_running_loop().time()

    def at(self) -> list[tuple[float, str]]:
        return [(round(when - self.begin, 3), ref.name) for when, ref in self.ready]


def scene(play: Callable[[Bench], Awaitable[None]], workers: int = 1) -> Bench:
    async def main() -> Bench:
        bench = Bench(workers)
        await play(bench)
        await bench.pool.close()
        return bench

    return run(main())


def test_a_quick_key_is_there_at_once() -> None:
    async def play(bench: Bench) -> None:
        made = await bench.pool.take(SMALL, [QUICK])
        assert made is not None
        assert made[QUICK].algorithm == "ES256"

    assert scene(play).ready == []


def test_a_set_comes_back_when_all_its_keys_are_there_and_takes_them_once() -> None:
    needs = [slow("one"), slow("two"), QUICK]

    async def play(bench: Bench) -> None:
        assert await bench.pool.take(BIG, needs) is None
        await asyncio.sleep(1.5)
        assert await bench.pool.take(BIG, needs) is None, "a pass in between begins no key twice"
        await asyncio.sleep(10)
        made = await bench.pool.take(BIG, needs)
        assert made is not None
        assert set(made) == set(needs)
        assert await bench.pool.take(BIG, needs) is None, "the next ones are new keys"

    bench = scene(play)
    assert bench.at() == [(2.0, "b")]
    assert bench.factory.began == 2


def test_a_set_has_all_threads_if_no_other_set_waits() -> None:
    async def play(bench: Bench) -> None:
        await bench.pool.take(BIG, [slow(str(number)) for number in range(4)])
        await asyncio.sleep(10)

    assert scene(play, workers=2).at() == [(2.0, "b")]


def test_namespaces_take_turns_key_by_key() -> None:
    async def play(bench: Bench) -> None:
        for number in range(24):
            await bench.pool.take(SetRef("big", f"b{number}"), [slow(str(entry)) for entry in range(10)])
        await bench.pool.take(SMALL, [slow("signing")])
        await asyncio.sleep(1000)

    bench = scene(play)
    assert bench.at()[0] == (3.0, "s"), "after the key that was begun and one of the other namespace"
    assert len(bench.ready) == 25


def test_a_deleted_set_has_no_more_keys_made() -> None:
    async def play(bench: Bench) -> None:
        await bench.pool.take(BIG, [slow(str(number)) for number in range(10)])
        await asyncio.sleep(0.5)
        bench.pool.drop(BIG)
        await asyncio.sleep(100)

    bench = scene(play)
    assert bench.ready == []
    assert bench.factory.began == 1, "only the one that was being made when the set was deleted"


def test_a_key_that_the_plan_needs_no_more_is_not_offered() -> None:
    async def play(bench: Bench) -> None:
        await bench.pool.take(BIG, [slow("one")])
        await asyncio.sleep(0.5)
        await bench.pool.take(BIG, [slow("two")])
        await asyncio.sleep(10)
        made = await bench.pool.take(BIG, [slow("two")])
        assert made is not None
        assert set(made) == {slow("two")}

    assert scene(play).at() == [(2.0, "b")]


def test_a_key_that_cannot_be_made_fails_the_next_pass_and_not_for_ever() -> None:
    async def play(bench: Bench) -> None:
        bench.factory.fails = True
        await bench.pool.take(BIG, [slow("one")])
        await asyncio.sleep(2)
        with pytest.raises(ArithmeticError):
            await bench.pool.take(BIG, [slow("one")])
        bench.factory.fails = False
        assert await bench.pool.take(BIG, [slow("one")]) is None
        await asyncio.sleep(2)
        assert await bench.pool.take(BIG, [slow("one")]) is not None

    assert scene(play).at() == [(1.0, "b"), (3.0, "b")]
