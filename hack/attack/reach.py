"""What has no policy: URLs that a set asks the server for, and addresses that it has the operator ask.

The server and the operator run in this process, as they are; only what the operator would connect to is written down.
"""

import asyncio
import json
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from attack.cluster import Scene
from attack.objects import Object, plain_object
from jwks_operator.api.names import SetRef
from jwks_operator.core.planner.endpoint_gate import Question
from jwks_operator.httpd.reply import http_date
from jwks_operator.httpd.request import Request
from jwks_operator.keys.generate import generate
from jwks_operator.kube.client import Client
from jwks_operator.kube.endpoint_fetch import Address, NoAnswer
from jwks_operator.kube.endpoints import EndpointAsker
from jwks_operator.kube.transport import connect
from jwks_operator.serve.probes import build_probes
from jwks_operator.serve.shelf import Shelf, content_of
from jwks_operator.serve.site import Site

Tried = tuple[str, bool, str]
"""What was tried, whether it succeeded, and what came of it."""
URLS = ("/shop/.well-known/jwks.json", "/shop/new", "/healthz", "/readyz")
SERVICE = "auth-jwks"
QUESTION = Question(SERVICE, "/.well-known/jwks.json", frozenset({"k"}))


def take_over_urls() -> Iterator[Tried]:
    """A set without a prefix asks for the URLs of another set and of the probes."""
    logging.disable()  # the server logs each path that it does not grant
    evil, shop = Shelf(""), Shelf("shop")
    for shelf, paths in ((evil, list(URLS)), (shop, [])):
        public = {**generate("ES256").public, "kid": f"of {shelf.name or 'the attacker'}"}
        document = json.dumps({"keys": [public]}).encode()
        hints = json.dumps({"paths": {"jwks": paths}}).encode()
        shelf.take(content_of({"jwks.json": document, "zz-serve.json": hints}, None, 0.0))
    site = Site([evil, shop], build_probes(list, 1))
    logging.disable(logging.NOTSET)
    for url in URLS:
        reply = site.answer(Request(b"GET", url.encode()), http_date(time.time()).encode())
        body = next(reply.ring).partition(b"\r\n\r\n")[2]
        yield f"serve a set under {url}", b"attacker" in body, f"{reply.status} {body[:60]!r}"


@dataclass
class _Fetched:
    """Writes down who would be asked."""

    asked: list[str] = field(default_factory=list)

    async def __call__(self, address: Address) -> bytes:
        self.asked.append(str(address.url))
        raise NoAnswer("is not asked by this program")


PODS = {"done": ("web", "Succeeded", "192.0.2.7"), "other": ("other", "Running", "192.0.2.8"),
        "web": ("web", "Running", "192.0.2.9")}  # fmt: skip
"""Label `app`, phase and address of pods, as a kubelet would report them."""
TARGETS = {
    "the address that a pod had which has ended": ("done", "192.0.2.7"),
    "a pod that the Service does not select": ("other", "192.0.2.8"),
    "another address than that of the pod": ("web", "192.0.2.10"),
    "an address of no pod": (None, "192.0.2.11"),
    "the metadata service of the cloud": (None, "169.254.169.254"),
    "the operator's own loopback": ("web", "127.0.0.1"),
}


def ask_around(scene: Scene) -> Iterator[Tried]:
    """A tenant's EndpointSlices name addresses that the operator is to ask."""
    _make_pods(scene)
    selecting = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    scene.tenant.must("create", "--filename=-", content=plain_object("Service", "v1", SERVICE, spec=selecting))
    for what, (pod, address) in TARGETS.items():
        made, said = scene.tenant.kubectl("create", "--filename=-", content=_slice(scene, pod, address))
        if not made:
            yield f"have the operator ask {what}", False, said
            continue
        asked, told = asyncio.run(_ask(scene))
        scene.tenant.must("delete", "endpointslice", "mine")
        yield f"have the operator ask {what}", bool(asked), f"asked: {asked or 'nobody'}; told: {told}"


def _make_pods(scene: Scene) -> None:
    for name, (app, phase, address) in PODS.items():
        spec = {"containers": [{"name": "a", "image": "a:1"}], "schedulerName": "nobody",
                "automountServiceAccountToken": False, "serviceAccountName": "tenant"}  # fmt: skip
        pod = plain_object("Pod", "v1", name, spec=spec)
        pod["metadata"]["labels"] = {"app": app}
        scene.admin.must("create", "--filename=-", content=pod)
        status = json.dumps({"status": {"phase": phase, "podIP": address, "podIPs": [{"ip": address}]}})
        scene.admin.must("patch", "pod", name, "--subresource=status", "--type=merge", f"--patch={status}")


def _slice(scene: Scene, pod: str | None, address: str) -> Object:
    target = {} if pod is None else {"targetRef": {"kind": "Pod", "name": pod, "namespace": scene.namespace}}
    found = plain_object("EndpointSlice", "discovery.k8s.io/v1", "mine", addressType="IPv4")
    found["metadata"]["labels"] = {"kubernetes.io/service-name": SERVICE}
    ready = {"addresses": [address], "conditions": {"ready": True}, **target}
    return {**found, "endpoints": [ready], "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}


async def _ask(scene: Scene) -> tuple[list[str], str]:
    """Ask as the operator does, with its token; return who would be asked, and what the tenant reads."""
    os.environ["KUBECONFIG"] = str(scene.thief.kubeconfig)
    fetched = _Fetched()
    transport, close = await connect()
    try:
        found = await EndpointAsker(Client(transport), fetched).ask(SetRef(scene.namespace, "auth"), QUESTION)
    finally:
        await close()
    return fetched.asked, found.trouble or "; ".join(each.trouble or "no trouble" for each in found.ready)
