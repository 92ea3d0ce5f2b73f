"""A Service as the API server and the network show it: slices, pods, and what each pod answers."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fakes.apiserver import FakeApiServer
from fakes.seam import FakeTransport
from jwks_operator.kube.client import PODS, Client, Object
from jwks_operator.kube.endpoint_fetch import Address, NoAnswer
from jwks_operator.kube.endpoints import ENDPOINT_SLICES, SERVICE_NAME, SERVICES

SERVICE = "auth-jwks"
SELECTED = {"app": "web"}
HTTP = ({"name": "http", "port": 8080},)


@dataclass
class Network:
    """Answers by IP address: bytes, NoAnswer, or a pause in seconds; whoever is not in it cannot be reached."""

    answers: dict[str, bytes | NoAnswer | float] = field(default_factory=dict)
    asked: list[Address] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def __call__(self, address: Address) -> bytes:
        self.asked.append(address)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            answer = self.answers.get(address.ip, NoAnswer("could not be reached"))
            if isinstance(answer, float):
                await asyncio.sleep(answer)
                return b'{"keys":[]}'
        finally:
            self.at_once -= 1
        if isinstance(answer, NoAnswer):
            raise answer
        return answer


@dataclass
class Service:
    """What people and controllers write about the Service `auth-jwks` of one namespace."""

    server: FakeApiServer
    namespace: str
    network: Network = field(default_factory=Network)

    def __post_init__(self) -> None:
        self.people = Client(FakeTransport(self.server))

    async def selects(self, **selector: str) -> None:
        """The Service itself, made or changed."""
        found = await self.people.read(SERVICES, self.namespace, SERVICE)
        if found is None:
            await self.people.create(
                SERVICES, self.namespace, {"metadata": {"name": SERVICE}, "spec": {"selector": selector}}
            )
        else:
            await self.people.replace(SERVICES, {**found, "spec": {"selector": selector}})

    async def pod(self, name: str, ip: str, answer: bytes | NoAnswer | float = b'{"keys":[]}', **spec: object) -> None:
        """A pod with this address, which answers so."""
        meta = {"name": name, "namespace": self.namespace, "labels": SELECTED}
        made = await self.people.create(PODS, self.namespace, {"metadata": meta, "spec": spec})
        self.server.store.put(PODS, {**made, "status": {"phase": "Running", "podIPs": [{"ip": ip}]}})
        self.network.answers[ip] = answer

    async def slice(self, name: str, *endpoints: Object, **more: Any) -> None:
        """A slice of the Service with these endpoints."""
        if await self.people.read(SERVICES, self.namespace, SERVICE) is None:
            await self.selects(**SELECTED)
        body = {
            "metadata": {"name": name, "labels": {SERVICE_NAME: SERVICE}},
            "addressType": "IPv4",
            "endpoints": list(endpoints),
            "ports": list(HTTP),
            **more,
        }
        await self.people.create(ENDPOINT_SLICES, self.namespace, body)

    async def running(self, **answers: bytes | NoAnswer | float) -> None:
        """Pods with one ready endpoint each, at 10.0.0.1, 10.0.0.2 and so on."""
        for number, (name, answer) in enumerate(answers.items(), start=1):
            await self.pod(name, f"10.0.0.{number}", answer)
        await self.slice("all", *(endpoint(name, f"10.0.0.{n}") for n, name in enumerate(answers, start=1)))


def endpoint(pod: str | None, *addresses: str, ready: bool | None = True, **whose: str) -> Object:
    """An endpoint as the slice controller writes it."""
    made: Object = {"addresses": list(addresses), "conditions": {} if ready is None else {"ready": ready}}
    if pod is not None:
        made["targetRef"] = {"kind": "Pod", "name": pod, "namespace": "shop", **whose}
    return made


def members(kid: str) -> Mapping[str, Any]:
    return {"kty": "OKP", "crv": "Ed25519", "x": "eA", "kid": kid}
