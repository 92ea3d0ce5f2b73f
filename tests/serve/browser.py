"""A headless Chromium reads the set from a page of another origin; `make browser` runs it.

Not one of the tests that `make test` collects: a browser is more than a development machine must have. On Debian:
apt install chromium.
"""

import http.server
import os
import shutil
import subprocess
import threading
from functools import partial
from pathlib import Path

from demo.mount import swap
from serve.running import JWKS, serving
from serve.sets import EC, jwks

PAGE = """<!doctype html><body>waiting<script>
const url = "@URL@";
async function read(headers) {
  const response = await fetch(url, {headers, cache: "no-store"});
  return [response.status, response.headers.get("ETag"), await response.text()];
}
async function main() {
  const [first, etag, text] = await read({});
  const [then] = await read({"If-None-Match": etag});  // not a simple request: the browser asks for leave first
  return `first ${first} then ${then} keys ${JSON.parse(text).keys.length}`;
}
main().then((said) => document.body.textContent = said, (error) => document.body.textContent = "failed: " + error);
</script></body>"""


def test_a_page_of_another_origin_reads_the_set(tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "make browser needs chromium; on Debian: apt install chromium"
    swap(tmp_path / "set", {"jwks.json": jwks(EC)})
    with serving(tmp_path / "set") as server:
        (tmp_path / "page").mkdir()
        page = PAGE.replace("@URL@", f"http://127.0.0.1:{server.port}{JWKS}")
        (tmp_path / "page" / "index.html").write_text(page)
        handler = partial(http.server.SimpleHTTPRequestHandler, directory=os.fspath(tmp_path / "page"))
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as pages:
            threading.Thread(target=pages.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{pages.server_port}/index.html"
            options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
            command = [chromium, *options, "--virtual-time-budget=8000", "--dump-dom", url]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
            pages.shutdown()
    assert "first 200 then 304 keys 1" in done.stdout
