"""What do the ready endpoints of a Service serve? Asked so that no tenant can use the question to look around.

Only endpoints in EndpointSlices of that Service in the set's own namespace are asked, and only if they are running pods
there that the Service selects, at addresses that the kubelet says are theirs: a pod that has ended keeps an address in
its status that others may have by now. Special addresses are never asked, few are asked at a time, and all of it
has a bound. What an endpoint does not show, for whatever reason, is a fact of its own and never a guess; so is a
Service without endpoints.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Any, Final

from jwks_operator.api.names import SetRef
from jwks_operator.core.model.observed_state import Endpoint, Endpoints
from jwks_operator.core.planner.endpoint_gate import Question
from jwks_operator.keys.key_errors import JwkError
from jwks_operator.keys.members import parse_json_strict
from jwks_operator.kube.client import PODS, Client, Object, Resource
from jwks_operator.kube.endpoint_fetch import Address, Fetch, NoAnswer
from jwks_operator.kube.errors import KubeError

SERVICES: Final = Resource("", "v1", "services", "Service")
ENDPOINT_SLICES: Final = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")

MOST: Final = 100
"""Endpoints of one Service that are asked."""
AT_ONCE: Final = 8
"""Endpoints that are asked at the same time."""
LOOKS: Final = 3
"""Services that are asked at the same time: slow ones must not keep the workers from everybody else's sets."""
TURN: Final = 2.0
"""Seconds to wait for a turn."""
PATIENCE: Final = 10.0
"""Seconds for all endpoints of one Service."""
SERVICE_NAME: Final = "kubernetes.io/service-name"
_POD_NAME = re.compile("[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class _Target:
    """One address of one endpoint, as its EndpointSlice describes it."""

    name: str
    pod: str | None
    address: Address
    trouble: str = ""


_Check = Callable[[_Target], Awaitable[str]]
"""Says why a target is not asked; empty if it is."""


class EndpointAsker:
    """Asks the endpoints of Services, one question for each call."""

    def __init__(self, client: Client, fetch: Fetch) -> None:
        self._client = client
        self._fetch = fetch
        self._looks = asyncio.Semaphore(LOOKS)

    async def ask(self, ref: SetRef, question: Question) -> Endpoints:
        """Return what the ready endpoints of the Service answered; never raises KubeError."""
        try:
            async with asyncio.timeout(TURN):
                await self._looks.acquire()
        except TimeoutError:
            return Endpoints(question.kids, trouble="too many Services are being asked at the moment")
        try:
            return await self._ask(ref, question)
        except KubeError as error:
            return Endpoints(question.kids, trouble=f"its endpoints cannot be read: {error}")
        finally:
            self._looks.release()

    async def _ask(self, ref: SetRef, question: Question) -> Endpoints:
        service = await self._client.read(SERVICES, ref.namespace, question.service)
        if service is None:
            return Endpoints(question.kids)
        selected: Mapping[str, str] = (service.get("spec") or {}).get("selector") or {}
        if not selected:
            return Endpoints(question.kids, trouble="it has no selector, so nobody can tell which pods are its own")
        selector = f"{SERVICE_NAME}={question.service}"
        slices, _ = await self._client.list(ENDPOINT_SLICES, ref.namespace, selector)
        targets = {(one.address, one.pod): one for each in slices for one in _targets(each, ref, question.path)}
        if len(targets) > MOST:
            why = f"it has {len(targets)} ready endpoints, and at most {MOST} are asked; name a Service with fewer"
            return Endpoints(question.kids, trouble=why)
        few = asyncio.Semaphore(AT_ONCE)
        strangers = partial(self._stranger, ref, selected)
        asking = [asyncio.create_task(self._one(strangers, target, question, few)) for target in targets.values()]
        try:
            if asking:
                await asyncio.wait(asking, timeout=PATIENCE)
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        found = (_result(task, target) for task, target in zip(asking, targets.values(), strict=True))
        return Endpoints(question.kids, tuple(sorted(found, key=lambda endpoint: endpoint.name)))

    async def _one(self, stranger: _Check, target: _Target, question: Question, few: asyncio.Semaphore) -> Endpoint:
        async with few:
            trouble = target.trouble or await stranger(target)
            if trouble:
                return Endpoint(target.name, None, trouble)
            try:
                return Endpoint(target.name, _keys(await self._fetch(target.address), question.kids))
            except NoAnswer as why:
                return Endpoint(target.name, None, str(why))

    async def _stranger(self, ref: SetRef, selected: Mapping[str, str], target: _Target) -> str:
        """Why an address is not known to be that of a running pod of the Service; empty if it is."""
        if target.pod is None:
            return "belongs to no pod of the namespace, so it is not asked"
        pod = await self._client.read(PODS, ref.namespace, target.pod) or {}
        if pod and not _runs(pod):
            return "is no running pod, so it is not asked"
        labels = (pod.get("metadata") or {}).get("labels") or {}
        if pod and not selected.items() <= labels.items():
            return "is no pod that the Service selects, so it is not asked"
        if (pod.get("spec") or {}).get("hostNetwork"):
            return "is in the network of its node, so it is not asked"
        known = (pod.get("status") or {}).get("podIPs") or ()
        if any(_same(one.get("ip"), target.address.ip) for one in known):
            return ""
        return f"does not have the address {target.address.ip} of the endpoint, so it is not asked"


def _runs(pod: Object) -> bool:
    """Tell whether a pod runs, so that nobody else has its address."""
    return (pod.get("status") or {}).get("phase") == "Running" and not pod["metadata"].get("deletionTimestamp")


def _result(task: "asyncio.Task[Endpoint]", target: _Target) -> Endpoint:
    if task.cancelled():
        return Endpoint(target.name, None, "was not asked in time")
    failure = task.exception()
    if failure is None:
        return task.result()
    if isinstance(failure, KubeError):
        return Endpoint(target.name, None, f"cannot be looked up: {failure}")
    raise failure


def _targets(each: Object, ref: SetRef, path: str) -> Iterator[_Target]:
    """Every address of every ready endpoint of a slice."""
    port, trouble = _port(each)
    for endpoint in each.get("endpoints") or ():
        if (endpoint.get("conditions") or {}).get("ready") is False:
            continue
        whose: Mapping[str, Any] = endpoint.get("targetRef") or {}
        own = whose.get("kind") == "Pod" and whose.get("namespace", ref.namespace) == ref.namespace
        named = str(whose.get("name") or "")
        pod = named if own and _POD_NAME.fullmatch(named) else None
        for ip in endpoint.get("addresses") or ():
            address = Address(str(ip), int(port.get("port") or 0), path, _secure(port))
            yield _Target(pod or str(ip), pod, address, trouble or _special(str(ip)))


def _port(each: Object) -> tuple[Mapping[str, Any], str]:
    """The port that speaks HTTP: the only one, else the first that says so by name or appProtocol."""
    ports = [port for port in each.get("ports") or () if port.get("protocol", "TCP") == "TCP" and port.get("port")]
    speaking = ports if len(ports) == 1 else [port for port in ports if _protocol(port)]
    if speaking:
        return speaking[0], ""
    return {}, "has no port named http or https, nor one whose appProtocol says so"


def _protocol(port: Mapping[str, Any]) -> str:
    for said in (port.get("appProtocol"), str(port.get("name") or "").partition("-")[0]):
        if said in {"http", "https"}:
            return str(said)
    return ""


def _secure(port: Mapping[str, Any]) -> bool:
    return _protocol(port) == "https"


def _special(ip: str) -> str:
    """Why an address is asked by nobody; empty if it is an ordinary one."""
    with suppress(ValueError):
        known = ip_address(ip)
        known = getattr(known, "ipv4_mapped", None) or known
        if not (known.is_loopback or known.is_link_local or known.is_multicast or known.is_unspecified):
            return ""
    return "does not have the address of a pod, so it is not asked"


def _same(one: object, other: str) -> bool:
    with suppress(ValueError):
        return ip_address(str(one)) == ip_address(other)
    return False


def _keys(body: bytes, kids: frozenset[str]) -> tuple[Mapping[str, Any], ...]:
    """The keys asked about in the JWK Set that was served; NoAnswer if it is none (RFC 7517 section 5)."""
    with suppress(JwkError):
        document = parse_json_strict(body)
        keys = document.get("keys") if isinstance(document, dict) else None
        if isinstance(keys, list) and all(isinstance(key, dict) for key in keys):
            return tuple(key for key in keys if key.get("kid") in kids)
    raise NoAnswer("answered something that is no JWK Set")
