"""The whole program: a process between an API server and a bucket."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import aiohttp
import pytest
import yaml

from docs.pages import ROOT, blocks, commands
from fakes.apiserver import FakeApiServer
from fakes.front import Front
from fakes.seam import FakeTransport
from jwks_operator.kube.client import CONFIGMAPS, NAMESPACES, Client
from publish.world import SET, World, until
from serve.sets import EC, RSA, but, jwks

(COMMAND,) = (
    words for block in blocks(ROOT / "docs" / "buckets.md", "sh") for words in commands(block) if words[1] == "publish"
)
LABELS = {"app.kubernetes.io/managed-by": "jwks-operator", "jwks-operator.dev/set": "auth"}


class Cluster:
    """The API server with ConfigMap shop/auth."""

    def __init__(self) -> None:
        self.server = FakeApiServer()
        self.client = Client(FakeTransport(self.server))

    async def write(self, body: bytes) -> None:
        found = await self.client.read(CONFIGMAPS, "shop", "auth")
        data = {"jwks.json": body.decode()}
        if found is None:
            await self.client.create(NAMESPACES, None, {"metadata": {"name": "shop"}})
            metadata = {"namespace": "shop", "name": "auth", "labels": LABELS}
            await self.client.create(CONFIGMAPS, "shop", {"metadata": metadata, "data": data})
        else:
            await self.client.replace(CONFIGMAPS, {**found, "data": data})


class Program:
    """The process; `log` is what it wrote so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.log = ""
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.log += line.decode()

    async def ask(self, path: str) -> tuple[int, str]:
        """Ask the admin port."""
        await until(lambda: "admin on" in self.log or self.process.returncode is not None)
        found = re.search(r"admin on (\S+)", self.log)
        assert found, self.log
        async with aiohttp.ClientSession() as session, session.get(found[1] + path) as reply:
            return reply.status, await reply.text()

    async def shows(self, path: str, *words: str) -> None:
        """Wait until a page has all of the words."""
        began = monotonic()
        text = (await self.ask(path))[1]
        while not all(word in text for word in words):
            assert monotonic() - began < 120, self.log
            await asyncio.sleep(0.05)
            text = (await self.ask(path))[1]


@asynccontextmanager
async def started(world: World, cluster: Cluster, room: Path) -> AsyncIterator[Program]:
    """Run the command of the page, with the world's bucket in the place of the page's."""
    options = [f"--to={world.url}" if word.startswith("s3://") else word for word in COMMAND[1:] if word != "--to"]
    async with Front(cluster.server) as front:
        kubeconfig = room / "kubeconfig"
        kubeconfig.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "here",
                    "clusters": [{"name": "here", "cluster": {"server": front.url}}],
                    "users": [{"name": "here", "user": {}}],
                    "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}],
                }
            )
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "jwks_operator", *options, f"--endpoint={world.endpoint}", "--admin-port=0", "--timeout=60"),
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        )
        program = Program(process)
        try:
            yield program
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await program.reading


async def test_a_set_is_published_changed_refused_and_left_in_peace(still: World, tmp_path: Path) -> None:
    cluster = Cluster()
    async with started(still, cluster, tmp_path) as program:
        await program.shows("/readyz?verbose", "nothing is published yet", "the ConfigMap is not used")
        assert (await program.ask("/readyz"))[0] == 503
        await cluster.write(jwks(EC))
        await program.shows("/readyz?verbose", "published 1 keys, content", still.url)
        assert (await program.ask("/readyz"))[0] == 200
        await cluster.write(jwks(EC, RSA))
        await program.shows("/metrics", "jwks_publisher_set_keys 2\n", "jwks_publisher_published 1\n")
        assert (await still.stored()).body == jwks(EC, RSA)
        asked = list(still.front.log)

        await cluster.write(jwks(but(EC, d="private")))
        await program.shows("/readyz?verbose", "the ConfigMap is not used: keys[0]: a member is not public")
        await program.shows("/metrics", "jwks_publisher_sets_refused_total 1\n", "jwks_publisher_set_stale 1\n")
        await cluster.write(jwks(EC, RSA))
        await program.shows("/metrics", "jwks_publisher_set_stale 0\n")
        assert still.front.log == asked, "a refused set and its repair cost no request to the bucket"

        program.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(program.process.wait(), 60) == 0
    assert "Traceback" not in program.log
    assert "private" not in program.log


@pytest.mark.parametrize("still", ["s3", "az"], indirect=True)
async def test_a_bucket_that_is_not_there_is_named_with_the_cure(still: World, tmp_path: Path) -> None:
    still.url = still.url.replace("published", "nowhere")
    cluster = Cluster()
    await cluster.write(jwks(EC))
    async with started(still, cluster, tmp_path) as program:
        await program.shows("/readyz?verbose", f"{still.url}/{SET} cannot be written: create the bucket of --to")
        await program.shows("/metrics", "jwks_publisher_published 0\n")
