"""A shelf takes over good content, keeps the last good one, and follows the disk as it changes."""

import asyncio
import json
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
from jwks_operator.serve import mounted as mounted_module
from jwks_operator.serve.check import SetRefused
from jwks_operator.serve.hints import DEFAULTS
from jwks_operator.serve.mounted import Mounted
from jwks_operator.serve.shelf import Content, NothingThere, Shelf
from serve.sets import DISCOVERY, EC, HISTORICAL, RSA, but, jwks, jws

PRIVATE = jwks(but(EC, d="c2VjcmV0LXNlY3JldC1zZWNyZXQ"))


def load(path: Path) -> Content:
    return Mounted(path, Shelf()).load()


@asynccontextmanager
async def following(path: Path) -> AsyncIterator[Shelf]:
    shelf, stop = Shelf(), asyncio.Event()
    task = asyncio.create_task(Mounted(path, shelf).run(stop))
    try:
        yield shelf
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


def serves(shelf: Shelf, content: bytes) -> bool:
    return body(shelf) == content


def body(shelf: Shelf) -> bytes | None:
    return shelf.content.body if shelf.content else None


def test_a_directory_means_its_default_key_and_a_file_means_itself(tmp_path: Path) -> None:
    swap(tmp_path, {"jwks.json": jwks(EC), "other.json": jwks(RSA)})
    assert load(tmp_path).body == jwks(EC)
    assert load(tmp_path / "other.json").body == jwks(RSA)


def test_the_hints_may_name_the_set(tmp_path: Path) -> None:
    swap(tmp_path, {"keys": jwks(RSA), "zz-serve.json": b'{"key": "keys"}'})
    assert load(tmp_path).body == jwks(RSA)
    swap(tmp_path, {"keys": jwks(RSA), "jwks.json": jwks(EC), "zz-serve.json": b'{"key": "keys"}'})
    assert load(tmp_path / "jwks.json").body == jwks(EC)


def test_the_documents_beside_it_come_along(tmp_path: Path) -> None:
    discovery, historical = json.dumps(DISCOVERY).encode(), jws(HISTORICAL)
    swap(tmp_path, {"jwks.json": jwks(EC), "openid-configuration": discovery, "historical.jwt": historical})
    for path in (tmp_path, tmp_path / "jwks.json"):
        content = load(path)
        assert (content.openid, content.historical) == (discovery, historical)


@pytest.mark.parametrize(
    ("name", "document"), [("openid-configuration", b"{}"), ("historical.jwt", b"x"), ("zz-serve.json", b"[]")]
)
def test_one_bad_document_refuses_all(tmp_path: Path, name: str, document: bytes) -> None:
    swap(tmp_path, {"jwks.json": jwks(EC), name: document})
    with pytest.raises(SetRefused, match=name):
        load(tmp_path)


def test_the_tag_depends_on_the_content_alone(tmp_path: Path) -> None:
    swap(tmp_path / "one", {"jwks.json": jwks(EC)})
    swap(tmp_path / "two", {"jwks.json": jwks(EC), "zz-serve.json": b'{"cacheMaxAge": 7}'})
    swap(tmp_path / "three", {"jwks.json": jwks(RSA)})
    one, two, three = (load(tmp_path / name) for name in ("one", "two", "three"))
    assert one.etag == two.etag != three.etag
    assert one.hints == DEFAULTS
    assert two.hints.cache_max_age == 7


@pytest.mark.parametrize(
    ("place", "reason"),
    [("absent/jwks.json", "No such file"), ("directory", "not there"), ("x" * 300, "File name too long")],
)
def test_what_is_absent_or_unreadable_is_nothing(tmp_path: Path, place: str, reason: str) -> None:
    (tmp_path / "directory").mkdir()
    with pytest.raises(NothingThere, match=reason):
        load(tmp_path / place)
    (tmp_path / "directory" / "jwks.json").mkdir()
    with pytest.raises(NothingThere, match="Is a directory"):
        load(tmp_path / "directory")


async def test_an_unreadable_place_ends_nothing(tmp_path: Path) -> None:
    async with following(tmp_path / ("x" * 300)) as shelf:
        await within(5, lambda: shelf.trouble)


def test_all_documents_always_belong_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    swap(tmp_path, {"jwks.json": jwks(EC), "zz-serve.json": b'{"cacheMaxAge": 1}'})
    read = mounted_module._read
    swapped: list[bool] = []

    def read_with_a_swap_after_the_first(path: Path) -> bytes:
        content = read(path)
        if not swapped:
            swapped.append(True)
            swap(tmp_path, {"jwks.json": jwks(RSA), "zz-serve.json": b'{"cacheMaxAge": 2}'})
        return content

    monkeypatch.setattr(mounted_module, "_read", read_with_a_swap_after_the_first)
    content = load(tmp_path)
    assert (content.body, content.hints.cache_max_age) == (jwks(RSA), 2)


@pytest.mark.parametrize("bad", [PRIVATE, b"{", None])
async def test_a_bad_set_never_replaces_a_good_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, bad: bytes | None
) -> None:
    swap(tmp_path, {"jwks.json": jwks(EC)})
    shelf = Shelf()
    mounted = Mounted(tmp_path, shelf)
    await mounted.reload()
    swap(tmp_path, {"jwks.json": bad} if bad is not None else {})
    await mounted.reload()
    await mounted.reload()
    assert body(shelf) == jwks(EC)
    assert shelf.trouble
    assert shelf.refused == (bad is not None)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "still serving the last good set" in caplog.text
    swap(tmp_path, {"jwks.json": jwks(RSA)})
    await mounted.reload()
    assert body(shelf) == jwks(RSA)
    assert not shelf.trouble


async def test_a_refused_change_that_is_taken_back_is_no_trouble_any_more(tmp_path: Path) -> None:
    shelf = Shelf()
    mounted = Mounted(tmp_path, shelf)
    for content in (jwks(EC), PRIVATE, jwks(EC)):
        swap(tmp_path, {"jwks.json": content})
        await mounted.reload()
    assert body(shelf) == jwks(EC)
    assert not shelf.trouble


async def test_waiting_for_a_first_set_is_no_error_but_a_bad_first_set_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = Shelf()
    mounted = Mounted(tmp_path, shelf)
    await mounted.reload()
    swap(tmp_path, {"jwks.json": PRIVATE})
    await mounted.reload()
    assert shelf.content is None
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    assert "c2VjcmV0" not in caplog.text


async def test_a_swap_is_seen_at_once(tmp_path: Path) -> None:
    swap(tmp_path, {"jwks.json": jwks(EC)})
    async with following(tmp_path) as shelf:
        await within(5, lambda: body(shelf) == jwks(EC))
        await asyncio.sleep(0.2)  # the watch has begun
        delays = []
        for content in (jwks(RSA), jwks(EC, RSA), jwks(RSA)):
            swap(tmp_path, {"jwks.json": content})
            delays.append(await within(5, partial(serves, shelf, content)))
            await asyncio.sleep(0.1)
    assert min(delays) < 0.1  # far below the poll, so the watch did it


async def test_a_rewritten_plain_file_is_seen_too(tmp_path: Path) -> None:
    file = tmp_path / "set.json"
    file.write_bytes(jwks(EC))
    async with following(file) as shelf:
        await within(5, lambda: body(shelf) == jwks(EC))
        file.write_bytes(jwks(RSA))
        await within(5, lambda: body(shelf) == jwks(RSA))


async def test_a_volume_that_comes_late_or_anew_is_followed(tmp_path: Path) -> None:
    volume = tmp_path / "mount" / "volume"
    async with following(volume) as shelf:
        await asyncio.sleep(0.1)
        swap(volume, {"jwks.json": jwks(EC)})
        await within(5, lambda: body(shelf) == jwks(EC))
        shutil.rmtree(volume)
        await within(5, lambda: shelf.trouble)
        swap(volume, {"jwks.json": jwks(RSA)})
        await within(5, lambda: body(shelf) == jwks(RSA))


@pytest.mark.parametrize("trouble", [OSError(28, os.strerror(28)), RuntimeError("overflow")])
async def test_without_a_watch_the_poll_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    def no_watches_left(*_: object, **__: object) -> None:
        raise trouble

    monkeypatch.setattr(mounted_module, "awatch", no_watches_left)
    swap(tmp_path, {"jwks.json": jwks(EC)})
    async with following(tmp_path) as shelf:
        await within(5, lambda: body(shelf) == jwks(EC))
        swap(tmp_path, {"jwks.json": jwks(RSA)})
        await within(5, lambda: body(shelf) == jwks(RSA))


async def test_only_changes_are_logged_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    swap(tmp_path, {"jwks.json": jwks(EC)})
    shelf, told = Shelf("auth"), []
    shelf.on_change = lambda: told.append(shelf.content)
    mounted = Mounted(tmp_path, shelf)
    for _ in range(3):
        await mounted.reload()
    assert len(caplog.records) == len(told) == 1
    assert caplog.text.count("auth: serving 1 keys") == 1
