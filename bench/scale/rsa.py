"""Creation of sets whose keys take time to make, beside making as many keys with nothing else.

And beside making them while another process sends the operator's reads and writes for them: no operator can be faster.
"""

import asyncio
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from cryptography.hazmat.primitives.asymmetric import rsa as library

from scale.api import Api
from scale.create import WARM, make, rehearse, wait_until_ready
from scale.generator import ALL_SETS, Generator, Ref, set_refs, set_spec
from scale.options import Options
from scale.outcome import Outcome
from scale.site import Site, open_site
from scale.survey import find_wrong
from scale.tape import Bare

GOAL = 0.85
BITS = 2048
KEYS_OF_A_SET = 2
"""The one in use and the next one."""


async def measure_rsa(options: Options) -> Outcome:
    """Measure in alternating pairs on one control plane; the operator has nothing to do during bare generation."""
    outcome = Outcome()
    cores = len(os.sched_getaffinity(0))
    operated, bare = list[float](), list[float]()
    async with open_site(options.workers) as place, place.operator("--no-leader-elect") as operator:
        await operator.ready()
        warm = set_refs("warm", 0, WARM)
        await Generator(place.api).namespaces(warm)
        await make(place, warm, set_spec())
        for number in range(options.pairs):
            sets = set_refs(f"rsa{number}", 0, options.rsa)
            await Generator(place.api).namespaces(sets)
            for by_operator in (True, False) if number % 2 == 0 else (False, True):
                await operator.settled(60)
                if by_operator:
                    operated.append(await _operated(place, sets, outcome))
                else:
                    bare.append(await _bare(KEYS_OF_A_SET * len(sets), cores))
            sys.stderr.write(f"rsa: {operated[-1]:.1f} keys/s, bare {bare[-1]:.1f}\n")
    alone = await _alone(options, cores)
    ratios, most = ([mine / theirs for mine, theirs in zip(some, bare, strict=True)] for some in (operated, alone))
    outcome.figures |= {
        "sets": options.rsa,
        "keys_of_a_set": KEYS_OF_A_SET,
        "cores": cores,
        "operator_keys_per_second": [round(rate, 2) for rate in operated],
        "bare_keys_per_second": [round(rate, 2) for rate in bare],
        "reader_keys_per_second": [round(rate, 2) for rate in alone],
        "ratios": [round(ratio, 3) for ratio in ratios],
        "reader_ratios": [round(ratio, 3) for ratio in most],
    }
    what = f"create {options.rsa:,} RSA-{BITS} sets, two keys each: keys/s beside bare generation"
    outcome.at_least(what, median(ratios), GOAL)
    what = f"create {options.rsa:,} RSA-{BITS} sets: the same keys, reads and writes without an operator, beside it"
    outcome.tell(what, f"{median(most):.2f}")
    return outcome


async def _alone(options: Options, cores: int) -> list[float]:
    """Make as many keys while a client does for each set what the operator does; return keys a second of each run."""
    rates = []
    async with open_site(options.workers) as place:
        recorded = await rehearse(place, set_spec("RS256"))
        bare = Bare(Generator(place.api), place.workers)
        with ThreadPoolExecutor(cores) as pool:

            async def making() -> None:
                for _ in range(KEYS_OF_A_SET):
                    await _key(pool)

            for number in range(options.pairs):
                sets = set_refs(f"alone{number}", 0, options.rsa)
                await bare.generator.namespaces(sets)
                begun = time.perf_counter()
                await wait_until_ready(place, sets, bare.create(sets, recorded, making))
                rates.append(KEYS_OF_A_SET * len(sets) / (time.perf_counter() - begun))
                sys.stderr.write(f"rsa: {rates[-1]:.1f} keys/s without an operator\n")
    return rates


async def _operated(place: Site, sets: list[Ref], outcome: Outcome) -> float:
    begun = time.perf_counter()
    await make(place, sets, set_spec("RS256"))
    seconds = time.perf_counter() - begun
    outcome.wrong += await find_wrong(place.api, sets)
    keys = await _keys(place.api, {ref.namespace for ref in sets})
    if keys != KEYS_OF_A_SET * len(sets):
        outcome.wrong.append(f"{len(sets)} sets have {keys} keys")
    return keys / seconds


async def _keys(api: Api, namespaces: set[str]) -> int:
    """How many keys the sets of these namespaces have."""
    return sum(
        len(each["status"]["keys"])
        for page in [page async for page in api.pages(ALL_SETS)]
        for each in page
        if each["metadata"]["namespace"] in namespaces
    )


async def _bare(keys: int, cores: int) -> float:
    """Make so many keys on as many threads as there are cores; return keys a second."""
    with ThreadPoolExecutor(cores) as pool:
        begun = time.perf_counter()
        await asyncio.gather(*(_key(pool) for _ in range(keys)))
        return keys / (time.perf_counter() - begun)


def _key(pool: ThreadPoolExecutor) -> asyncio.Future[library.RSAPrivateKey]:
    """Have a key made on a thread of the pool."""
    return asyncio.get_running_loop().run_in_executor(pool, library.generate_private_key, 65537, BITS)
