"""kopf itself on the fake: discovery, lists and watches are as it expects them."""

import asyncio

import kopf

from fakes.apiserver import FakeApiServer
from fakes.front import Front
from fakes.seam import FakeTransport
from jwks_operator.api.crd import build_crd
from jwks_operator.api.names import GROUP, PLURAL, VERSION
from jwks_operator.kube.client import CRDS, NAMESPACES, SETS, Client


async def test_kopf_sees_what_happens_on_the_fake() -> None:
    server = FakeApiServer()
    client = Client(FakeTransport(server))
    await client.create(NAMESPACES, None, {"metadata": {"name": "shop"}})
    await client.create(CRDS, None, build_crd())
    spec = {"keys": [{"name": "signing", "algorithm": "ES256"}]}
    await client.create(SETS, "shop", {"metadata": {"name": "before"}, "spec": spec})

    registry, settings, seen = kopf.OperatorRegistry(), kopf.OperatorSettings(), asyncio.Queue[tuple[str | None, str]]()
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.peering.standalone = True

    async with Front(server) as front, asyncio.timeout(20):

        @kopf.on.login(registry=registry)
        async def login(**_: object) -> kopf.ConnectionInfo:
            return kopf.ConnectionInfo(server=front.url)

        @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
        async def saw(type: str | None, name: str, **_: object) -> None:  # noqa: A002  kopf's own name for it
            seen.put_nowait((type, name))

        stop = asyncio.Event()
        running = asyncio.create_task(
            kopf.operator(registry=registry, settings=settings, clusterwide=True, stop_flag=stop)
        )
        assert await seen.get() == (None, "before")
        made = await client.create(SETS, "shop", {"metadata": {"name": "after"}, "spec": spec})
        assert await seen.get() == ("ADDED", "after")
        await client.delete(SETS, made)
        assert await seen.get() == ("DELETED", "after")
        assert front.seam.writes == []
        stop.set()
        await running
