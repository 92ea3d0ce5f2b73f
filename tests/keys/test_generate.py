import asyncio
import os
import threading
import time

import pytest

from jwks_operator.keys import generate as making
from jwks_operator.keys.algorithms import ALGORITHMS
from jwks_operator.keys.generate import GeneratedKey, KeyFactory, generate
from jwks_operator.keys.jwk import parse_private, parse_public
from jwks_operator.keys.key_errors import KeyProofError, UnsupportedKeyError
from jwks_operator.keys.material import members_of
from keys.samples import SECRET_NAMES, SHAPES, fresh, octets_of


def pool_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("rsa-key")]


@pytest.mark.parametrize(("algorithm", "crv"), SHAPES)
def test_a_generated_key_is_one_that_the_strict_readers_take(algorithm: str, crv: str | None) -> None:
    key = fresh(algorithm, crv)
    assert key.algorithm == algorithm
    if key.public:
        assert parse_public(key.public) == key.public
    assert parse_private(key.private.reveal()) == (key.public, key.private)
    assert key.private.kid == key.kid == key.public.get("kid", key.kid)
    assert key.private.reveal().get("crv") == crv


def test_every_call_makes_another_key() -> None:
    assert len({generate("ES256").kid for _ in range(20)}) == 20


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519", "RS256", "RSA-OAEP-256", "ECDH-ES", "ML-DSA-44"])
async def test_a_key_that_does_not_open_what_it_closed_is_never_handed_out(
    algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generator that mixes up two keys: the private half of one, the public half of another."""
    other = fresh(algorithm, number=1).private.reveal()
    private = {name: other[name] for name in ("d", "p", "q", "dp", "dq", "qi", "priv") if name in other}

    def mixed(key: object) -> dict[str, object]:
        members = members_of(key)
        assert members is not None
        return members | private

    monkeypatch.setattr(making, "members_of", mixed)
    factory = KeyFactory(workers=1)
    with pytest.raises(KeyProofError):
        await factory.generate(algorithm, 2048 if "RS" in algorithm else None)
    await factory.close()


@pytest.mark.parametrize("algorithm", SECRET_NAMES)
def test_a_secret_that_is_too_short_is_never_handed_out(algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", lambda size: bytes(size - 1))
    with pytest.raises(KeyProofError):
        generate(algorithm)


@pytest.mark.parametrize(("algorithm", "crv"), [shape for shape in SHAPES if ALGORITHMS[shape[0]].kty != "RSA"])
def test_keys_that_are_made_in_line_hold_the_loop_for_a_moment_only(algorithm: str, crv: str | None) -> None:
    spent = []
    for _ in range(3):
        begin = time.process_time()
        generate(algorithm, crv=crv)
        spent.append(time.process_time() - begin)
    assert min(spent) < 0.025, "seconds of CPU; half of the longest gap that the loop may have"


@pytest.mark.parametrize(("asked", "bits"), [(None, 3072), (2048, 2048)])
def test_rsa_keys_have_the_size_that_was_asked_for(asked: int | None, bits: int) -> None:
    assert len(octets_of(str(generate("RS256", asked).public["n"]))) * 8 == bits


@pytest.mark.parametrize(
    ("algorithm", "bits", "message"),
    [
        ("none", None, "algorithm none is not one of ES256, ES384"),
        ("RSA1_5", None, "not one of"),
        ("HS256", 2048, "2048 is no modulus length of HS256"),
        ("RSA-OAEP-256", 1024, "1024 is no modulus length"),
        ("RS256", 1024, r"1024 is no modulus length of RS256 \(allowed: 2048, 3072, 4096\)"),
        ("RS256", 0, "0 is no modulus length"),
        ("ES256", 2048, r"\(allowed: none, its size is fixed\)"),
    ],
)
async def test_keys_outside_the_table_are_not_made(algorithm: str, bits: int | None, message: str) -> None:
    factory = KeyFactory(workers=1)
    with pytest.raises(UnsupportedKeyError, match=message):
        generate(algorithm, bits)
    with pytest.raises(UnsupportedKeyError, match=message):
        await factory.generate(algorithm, bits)
    await factory.close()


@pytest.mark.parametrize(
    ("algorithm", "crv", "message"),
    [
        ("ECDH-ES", "P-192", r"P-192 is no curve of ECDH-ES \(allowed: P-256, P-384, P-521, X25519, X448\)"),
        ("ES256", "P-384", r"allowed: P-256\)"),
        ("RS256", "P-256", "allowed: none, it has no curves"),
    ],
)
async def test_keys_on_other_curves_are_not_made(algorithm: str, crv: str, message: str) -> None:
    factory = KeyFactory(workers=1)
    with pytest.raises(UnsupportedKeyError, match=message):
        await factory.generate(algorithm, crv=crv)
    await factory.close()


async def test_the_factory_makes_keys_on_the_curve_that_was_asked_for() -> None:
    factory = KeyFactory(workers=1)
    assert (await factory.generate("ECDH-ES", crv="X448")).public["crv"] == "X448"
    assert (await factory.generate("ECDH-ES")).public["crv"] == "P-256"
    await factory.close()


def test_a_symmetric_key_has_no_public_form_and_a_kid_that_tells_nothing_of_it() -> None:
    key = generate("HS256")
    assert key.public == {}
    assert key.kid != key.thumbprint
    assert len(octets_of(key.kid)) == 32


async def test_the_loop_keeps_ticking_while_rsa_keys_are_made() -> None:
    factory, ticks = KeyFactory(), 0
    both = asyncio.gather(factory.generate("RS256", 2048), factory.generate("RS256", 2048))
    while not both.done():
        ticks += 1
        await asyncio.sleep(0)
    first, second = await both
    await factory.close()
    assert first.kid != second.kid
    assert ticks > 50, "a factory that makes keys in line allows a handful"


async def test_there_are_never_more_threads_than_usable_cores() -> None:
    factory = KeyFactory()
    wanted = len(os.sched_getaffinity(0)) + 2
    keys = await asyncio.gather(*(factory.generate("RS256", 2048) for _ in range(wanted)))
    assert len({key.kid for key in keys}) == wanted
    assert 1 <= len(pool_threads()) <= len(os.sched_getaffinity(0))
    await factory.close()


async def test_only_rsa_needs_a_thread() -> None:
    factory = KeyFactory()
    assert (await factory.generate("ES256")).algorithm == "ES256"
    assert pool_threads() == []
    await factory.close()


async def test_a_cancelled_caller_waits_no_longer_and_the_others_get_their_keys() -> None:
    factory = KeyFactory(workers=1)
    kept, dropped, last = (asyncio.create_task(factory.generate("RS256", 2048)) for _ in range(3))
    await asyncio.sleep(0)
    dropped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dropped
    assert not kept.done(), "the cancelled caller did not wait for the key before it"
    assert (await kept).kid != (await last).kid
    await factory.close()


async def test_a_key_that_was_begun_for_a_cancelled_caller_is_dropped() -> None:
    factory = KeyFactory(workers=1)
    begun = asyncio.create_task(factory.generate("RS256", 2048))
    await asyncio.sleep(0)
    assert len(pool_threads()) == 1
    begun.cancel()
    assert (await factory.generate("RS256", 2048)).algorithm == "RS256"
    assert begun.cancelled()
    await factory.close()


async def test_closing_drops_what_waits_ends_the_threads_and_is_final() -> None:
    factory = KeyFactory(workers=1)
    tasks = [asyncio.create_task(factory.generate("RS256", 2048)) for _ in range(4)]
    await asyncio.sleep(0)
    await factory.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    made = [result for result in results if isinstance(result, GeneratedKey)]
    assert len(made) <= 1
    assert sum(isinstance(result, asyncio.CancelledError) for result in results) == 4 - len(made)
    assert pool_threads() == []
    await factory.close()
    with pytest.raises(RuntimeError, match="after shutdown"):
        await factory.generate("RS256", 2048)
