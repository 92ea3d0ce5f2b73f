"""A transport that reports each request: verb and resource, status code and duration."""

import time
from collections.abc import AsyncGenerator, Callable

from jwks_operator.kube.client import Call, Object, Reply, Transport

OnAnswer = Callable[[str, str, str, float], None]
"""Verb, resource, status code (`none` if there was no answer), seconds."""

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class MeteredTransport:
    """Sends calls through another transport and reports each. A watch is not: its duration means nothing."""

    def __init__(self, transport: Transport, report: OnAnswer) -> None:
        self._transport = transport
        self._report = report

    async def request(self, call: Call) -> Reply:
        """Send one call and return whatever the server answered; raises what the transport beneath raises."""
        begun = time.perf_counter()
        code = "none"
        try:
            reply = await self._transport.request(call)
            code = str(reply.status)
        finally:
            self._report(*verb_and_resource(call.method, call.path), code, time.perf_counter() - begun)
        return reply

    def stream(self, call: Call) -> AsyncGenerator[Object, None]:
        """Open a watch."""
        return self._transport.stream(call)


def verb_and_resource(method: str, path: str) -> tuple[str, str]:
    """Return verb and resource of a request, as RBAC names them; `sets/status` for a subresource.

    The result never contains a namespace or a name.
    """
    parts = path.strip("/").split("/")
    rest = parts[3:] if parts[0] == "apis" else parts[2:]
    if rest[0] == "namespaces" and len(rest) > 2:
        rest = rest[2:]
    resource = "/".join((rest[0], *rest[2:3]))
    if method == "GET":
        return ("list" if len(rest) == 1 else "get"), resource
    return _VERBS.get(method, method.lower()), resource
