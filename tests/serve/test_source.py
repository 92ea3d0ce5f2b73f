"""The source takes over good sets, keeps the last good one, and follows the disk as it changes."""

import asyncio
import logging
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from time import monotonic

import pytest

from demo.mount import swap
from jwks_operator.serve import source as source_module
from jwks_operator.serve.check import SetRefused
from jwks_operator.serve.source import DEFAULT_MAX_AGE, NothingThere, Source, load
from serve.sets import EC, RSA, but, jwks

PRIVATE = jwks(but(EC, d="c2VjcmV0LXNlY3JldC1zZWNyZXQ"))


@asynccontextmanager
async def following(path: Path) -> AsyncIterator[Source]:
    source, stop = Source(path), asyncio.Event()
    task = asyncio.create_task(source.follow(stop))
    try:
        yield source
    finally:
        stop.set()
        await asyncio.wait_for(task, 5)


async def within(seconds: float, condition: Callable[[], object]) -> float:
    """Wait until `condition` holds and return how long it took."""
    started = monotonic()
    while not condition():
        assert monotonic() - started < seconds, "it did not happen in time"
        await asyncio.sleep(0.002)
    return monotonic() - started


def serves(source: Source, content: bytes) -> bool:
    return body(source) == content


def body(source: Source) -> bytes | None:
    return source.served.body if source.served else None


def test_a_directory_means_its_default_key_and_a_file_means_itself(tmp_path: Path) -> None:
    swap(tmp_path, {"jwks.json": jwks(EC), "other.json": jwks(RSA)})
    assert load(tmp_path).body == jwks(EC)
    assert load(tmp_path / "other.json").body == jwks(RSA)


def test_the_tag_depends_on_the_content_alone(tmp_path: Path) -> None:
    swap(tmp_path / "one", {"jwks.json": jwks(EC)})
    swap(tmp_path / "two", {"jwks.json": jwks(EC), "zz-serve.json": b'{"cacheMaxAge": 7}'})
    swap(tmp_path / "three", {"jwks.json": jwks(RSA)})
    one, two, three = (load(tmp_path / name) for name in ("one", "two", "three"))
    assert one.etag == two.etag != three.etag


@pytest.mark.parametrize(
    ("hints", "expected"),
    [
        (None, DEFAULT_MAX_AGE),
        (b"{}", DEFAULT_MAX_AGE),
        (b'{"cacheMaxAge": 60, "staleWindow": 30}', 60),
        (b'{"cacheMaxAge": 0}', 0),
    ],
)
def test_the_hints_give_the_age(tmp_path: Path, hints: bytes | None, expected: int) -> None:
    swap(tmp_path, {"jwks.json": jwks(EC)} | ({"zz-serve.json": hints} if hints is not None else {}))
    assert load(tmp_path).max_age == expected


@pytest.mark.parametrize(
    "hints", [b"", b"[]", b'{"cacheMaxAge": -1}', b'{"cacheMaxAge": "5m"}', b'{"cacheMaxAge": true}']
)
def test_hints_that_make_no_sense_are_refused_rather_than_guessed(tmp_path: Path, hints: bytes) -> None:
    swap(tmp_path, {"jwks.json": jwks(EC), "zz-serve.json": hints})
    with pytest.raises(SetRefused, match=r"zz-serve\.json"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("place", "reason"),
    [("absent/jwks.json", "No such file"), ("directory", "Is a directory"), ("x" * 300, "File name too long")],
)
def test_what_is_absent_or_unreadable_is_nothing(tmp_path: Path, place: str, reason: str) -> None:
    (tmp_path / "directory" / "jwks.json").mkdir(parents=True)
    with pytest.raises(NothingThere, match=reason):
        load(tmp_path / place)


async def test_an_unreadable_place_ends_nothing(tmp_path: Path) -> None:
    async with following(tmp_path / ("x" * 300)) as source:
        await within(5, lambda: source.trouble)


def test_set_and_hints_always_belong_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    swap(tmp_path, {"jwks.json": jwks(EC), "zz-serve.json": b'{"cacheMaxAge": 1}'})
    read = source_module._read
    swapped: list[bool] = []

    def read_with_a_swap_after_the_first(path: Path) -> bytes:
        content = read(path)
        if not swapped:
            swapped.append(True)
            swap(tmp_path, {"jwks.json": jwks(RSA), "zz-serve.json": b'{"cacheMaxAge": 2}'})
        return content

    monkeypatch.setattr(source_module, "_read", read_with_a_swap_after_the_first)
    served = load(tmp_path)
    assert (served.body, served.max_age) == (jwks(RSA), 2)


@pytest.mark.parametrize(("bad", "level"), [(PRIVATE, "ERROR"), (b"{", "ERROR"), (None, "ERROR")])
def test_a_bad_set_never_replaces_a_good_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, bad: bytes | None, level: str
) -> None:
    swap(tmp_path, {"jwks.json": jwks(EC)})
    source = Source(tmp_path)
    source.reload()
    swap(tmp_path, {"jwks.json": bad} if bad is not None else {})
    source.reload()
    source.reload()
    assert body(source) == jwks(EC)
    assert source.trouble
    assert [record.levelname for record in caplog.records] == [level]
    assert "still serving the last good set" in caplog.text
    swap(tmp_path, {"jwks.json": jwks(RSA)})
    source.reload()
    assert body(source) == jwks(RSA)
    assert (source.served is not None, source.trouble is None) == (True, True)


def test_waiting_for_a_first_set_is_no_error_but_a_bad_first_set_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = Source(tmp_path)
    source.reload()
    swap(tmp_path, {"jwks.json": PRIVATE})
    source.reload()
    assert source.served is None
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    assert "c2VjcmV0" not in caplog.text


async def test_a_swap_is_seen_at_once(tmp_path: Path) -> None:
    swap(tmp_path, {"jwks.json": jwks(EC)})
    async with following(tmp_path) as source:
        await within(5, lambda: body(source) == jwks(EC))
        await asyncio.sleep(0.2)  # the watch has begun
        delays = []
        for content in (jwks(RSA), jwks(EC, RSA), jwks(RSA)):
            swap(tmp_path, {"jwks.json": content})
            delays.append(await within(5, partial(serves, source, content)))
            await asyncio.sleep(0.1)
    assert min(delays) < 0.1  # far below the poll, so the watch did it


async def test_a_rewritten_plain_file_is_seen_too(tmp_path: Path) -> None:
    file = tmp_path / "set.json"
    file.write_bytes(jwks(EC))
    async with following(file) as source:
        await within(5, lambda: body(source) == jwks(EC))
        file.write_bytes(jwks(RSA))
        await within(5, lambda: body(source) == jwks(RSA))


async def test_a_volume_that_comes_late_or_anew_is_followed(tmp_path: Path) -> None:
    volume = tmp_path / "mount" / "volume"
    async with following(volume) as source:
        await asyncio.sleep(0.1)
        swap(volume, {"jwks.json": jwks(EC)})
        await within(5, lambda: body(source) == jwks(EC))
        shutil.rmtree(volume)
        await within(5, lambda: source.trouble)
        swap(volume, {"jwks.json": jwks(RSA)})
        await within(5, lambda: body(source) == jwks(RSA))


@pytest.mark.parametrize("trouble", [OSError(28, os.strerror(28)), RuntimeError("overflow")])
async def test_without_a_watch_the_poll_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    def no_watches_left(*_: object, **__: object) -> None:
        raise trouble

    monkeypatch.setattr(source_module, "awatch", no_watches_left)
    swap(tmp_path, {"jwks.json": jwks(EC)})
    async with following(tmp_path) as source:
        await within(5, lambda: body(source) == jwks(EC))
        swap(tmp_path, {"jwks.json": jwks(RSA)})
        await within(5, lambda: body(source) == jwks(RSA))


def test_only_changes_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    swap(tmp_path, {"jwks.json": jwks(EC)})
    source = Source(tmp_path)
    for _ in range(3):
        source.reload()
    assert len(caplog.records) == 1
