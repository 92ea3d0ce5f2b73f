"""Headless Chromium shows the status page as it is meant; `make browser` runs this, see tests/serve/browser.py.

`python -m statuspage.browser` writes the screenshot that the documentation shows; fonts differ from machine to machine,
so it is not compared.
"""

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from PIL import Image

from jwks_operator.process.admin_port import AdminPort, Pages
from jwks_operator.statuspage.pages import ROOT
from reconcile.life import REF, Life
from statuspage.shown import crowd, watched

SCREENSHOT = Path(__file__).parents[2] / "docs" / "img" / "status-page.png"
WIDTH, HEIGHT = 1180, 1500
ROTATED = {
    "keys": [{"name": "signing", "algorithm": "ES256"}, {"name": "legacy", "algorithm": "RS256"}],
    "rotation": {"every": "24h"},
    "timing": {"tokenLifetime": "4h", "verifierRefresh": "4h"},
}


@asynccontextmanager
async def page_of_a_life() -> AsyncIterator[str]:
    """The address of an operator's admin port, a set on it that has rotated, and others around it."""
    life = Life()
    seen = watched(life)
    await life.begin(ROTATED)
    await life.live(timedelta(hours=26))
    for ref, shown in crowd(seen, 150).board.sets.items():
        seen.board.sets[ref] = shown
    admin = AdminPort("127.0.0.1", 0, alive=lambda: None, ready=lambda: None, pages=Pages(lambda: b"", seen.site()))
    await admin.start()
    try:
        yield f"http://127.0.0.1:{admin.port}"
    finally:
        await admin.close()


async def chromium(url: str, *options: str) -> tuple[str, str]:
    """What Chromium prints of a page, and what it complains about."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "make browser needs chromium; on Debian: apt install chromium"
    with tempfile.TemporaryDirectory() as profile:
        process = await asyncio.create_subprocess_exec(
            program,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            "--hide-scrollbars",
            f"--user-data-dir={profile}",
            *options,
            url,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    return out.decode(), "\n".join(line for line in err.decode().splitlines() if "CONSOLE" in line)


async def take(url: str, file: Path) -> str:
    """Take a screenshot; return what the console said."""
    _, complaints = await chromium(url, f"--screenshot={file}", f"--window-size={WIDTH},{HEIGHT}")
    return complaints


async def test_chromium_shows_a_set_with_its_timeline_and_style_and_has_nothing_to_complain(tmp_path: Path) -> None:
    async with page_of_a_life() as address:
        url = f"{address}{ROOT}/{REF.namespace}/{REF.name}"
        assert await take(url, tmp_path / "page.png") == ""
        dom, _ = await chromium(url, "--dump-dom")
    assert dom.count("<svg") == 1
    with Image.open(tmp_path / "page.png") as shot:
        assert shot.size == (WIDTH, HEIGHT)
        colours = {colour for _, colour in shot.convert("RGB").getcolors(1 << 24) or []}
    active, badge = (0x2B, 0x6C, 0xB0), (0x25, 0x72, 0x4A)
    assert {active, badge} <= colours, "the bar of a key in use, and a badge with the colour of the stylesheet"


async def test_chromium_shows_the_list() -> None:
    async with page_of_a_life() as address:
        dom, complaints = await chromium(f"{address}{ROOT}?search=set-1", "--dump-dom")
    assert complaints == ""
    assert "team-000/set-10" in dom
    assert "team-000/set-20" not in dom


async def _write() -> None:
    async with page_of_a_life() as address:
        await take(f"{address}{ROOT}/{REF.namespace}/{REF.name}", SCREENSHOT)


if __name__ == "__main__":
    asyncio.run(_write())
