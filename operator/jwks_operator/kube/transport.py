"""The production transport: HTTP through the official asyncio client's configuration, TLS, tokens and pool.

Only its REST layer is used, with plain JSON: its typed models cost several times the CPU. Its rules:

* every request ends within its own timeout; nothing is retried (except for one resend by aiohttp of GET, PUT
  and DELETE over a pooled connection that was closed, which the fences of `Client` make harmless);
* no redirect is followed: the body may hold private keys and is meant for one server;
* only a `KubeError` and the cancellation of the caller itself pass; every other exception ends here as `Unavailable`;
* no body ever reaches a log or a message.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp.abc import AbstractStreamWriter
from kubernetes.aio import client, config
from kubernetes.aio.client.rest import RESTClientObject

from jwks_operator import __version__
from jwks_operator.kube.client import Call, Object, Reply
from jwks_operator.kube.errors import KubeError, NotConfigured, NotLeading, Unavailable
from jwks_operator.kube.proxies import describe_proxy, find_proxy
from jwks_operator.kube.sockets import make_connector

USER_AGENT = f"jwks-operator/{__version__}"
CONNECT_TIMEOUT = 10.0
LINE_MAX = 2**21  # bytes of one event of a watch; etcd stores no larger object
CREDENTIALS_PERIOD = 60.0  # seconds; projected tokens change hourly, and the old one stays valid for minutes

# The functions of the official client have no types.
_config: Any = config

_WITHIN_OURS = aiohttp.ClientTimeout(sock_connect=CONNECT_TIMEOUT)
"""Limits of a request; `request` itself limits the whole time."""

# Exceptions of the loader for a kubeconfig of an unexpected shape.
UNREADABLE = (config.ConfigException, OSError, ValueError, TypeError, AttributeError, yaml.YAMLError)

Closer = Callable[[], Awaitable[None]]


class HttpTransport:
    """Sends calls to the API server of `configuration`; the caller closes it."""

    def __init__(self, configuration: client.Configuration) -> None:
        self._configuration = configuration
        self._pool = _Pool(configuration)
        self._session = self._pool.session()
        self._via = describe_proxy(self._pool.through)

    async def close(self) -> None:
        """Close the connections of the pool."""
        await self._session.close()

    async def request(self, call: Call) -> Reply:
        """Send one call; `Unavailable` if no whole answer came within its timeout."""
        try:
            async with asyncio.timeout(call.timeout):
                response = await self._open(call, _WITHIN_OURS)
                async with response:
                    payload = await response.read()
                    return Reply(response.status, _headers(response), _json(payload))
        except BaseException as error:  # noqa: BLE001 - _convert_error raises what passes
            failure = _convert_error(
                f"{call.method} {call.path}{self._via}", error, f"no answer within {call.timeout:g} s"
            )
        # Raised outside of `except`, so that it has no foreign exception as context.
        raise failure

    async def stream(self, call: Call) -> AsyncGenerator[Object, None]:
        """Yield the events of a watch; `Unavailable` if it breaks or outlives the call's timeout."""
        try:
            response = await self._open(call, aiohttp.ClientTimeout(call.timeout, sock_connect=CONNECT_TIMEOUT))
            async with response:
                if response.status != 200:
                    yield await _refused(response)
                    return
                async for line in response.content:
                    yield _event(line)
                return
        except BaseException as error:  # noqa: BLE001 - _convert_error raises what passes
            failure = _convert_error(f"WATCH {call.path}{self._via}", error, f"not ended within {call.timeout:g} s")
        raise failure

    async def _open(self, call: Call, limits: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        headers = {"Accept": call.accept, "User-Agent": USER_AGENT}
        if token := await self._credentials(call):
            headers["Authorization"] = token
        data = None
        if call.body is not None:
            headers["Content-Type"] = call.content_type
            data = _Body(call)
        configuration: Any = self._configuration
        return await self._session.request(
            call.method,
            configuration.host + call.path,
            params=dict(call.query),
            data=data,
            headers=headers,
            allow_redirects=False,
            timeout=limits,
            server_hostname=configuration.tls_server_name,
            proxy=self._pool.through,
            proxy_headers=configuration.proxy_headers,
        )

    async def _credentials(self, call: Call) -> str | None:
        """Return the Authorization header; the hook of the configuration refreshes it."""
        try:
            return await self._configuration.get_api_key_with_prefix("BearerToken")
        except UNREADABLE:
            pass  # the message may quote the credentials
        raise Unavailable(f"{call.method} {call.path}: credentials cannot be read")


class _Body(aiohttp.Payload):
    """Asks for the permission just before the request is sent, headers included, and before aiohttp's resend.

    A process may be stopped for any time between the decision to send and the sending. The payloads of aiohttp warn of
    large bodies or read them in a thread; neither is needed here.
    """

    def __init__(self, call: Call) -> None:
        body = json.dumps(call.body).encode()
        super().__init__(body, content_type=call.content_type)
        self._size = len(body)
        self._call = call

    async def write(self, writer: AbstractStreamWriter) -> None:
        if self._call.permit is not None and not self._call.permit():
            raise NotLeading(f"{self._call.method} {self._call.path} was not sent: this replica does not lead any more")
        await writer.write(self._value)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        await self.write(writer)  # the length is that of the body

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        raise NotImplementedError("a body is for the API server only")


class _Pool(RESTClientObject):
    """TLS context and connection pool of the official client, without its request method and its session.

    That method follows redirects and copies a large body twice; that session looks for a proxy in a thread before each
    request.
    """

    def __init__(self, configuration: client.Configuration) -> None:
        super().__init__(configuration)
        given: Any = configuration
        self.through: str | None = given.proxy or find_proxy(given.host)
        """The proxy on the way to the API server; None if there is none."""

    def session(self) -> aiohttp.ClientSession:
        connector = make_connector(limit=self.maxsize, ssl=self.ssl_context)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), read_bufsize=LINE_MAX)


async def connect() -> tuple[HttpTransport, Closer]:
    """Connect to the cluster of the pod, else of KUBECONFIG or ~/.kube/config; return the transport and its closer.

    Raises NotConfigured if neither exists or can be read.
    """
    configuration = client.Configuration()
    try:
        _config.load_incluster_config(client_configuration=configuration)
    except UNREADABLE:
        await _load_kubeconfig(configuration)
    transport = HttpTransport(configuration)
    return transport, transport.close


async def _load_kubeconfig(configuration: Any) -> None:
    files = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    try:
        loader = await _config.load_kube_config(files, client_configuration=configuration, persist_config=False)
    except UNREADABLE:
        loader = None  # the foreign message may quote the entry of the user, with the token
    if loader is None:
        raise NotConfigured(f"not in a cluster, and no usable kubeconfig at {files}")
    configuration.refresh_api_key_hook = Refresh(loader)


class Refresh:
    """Hook that reads the credentials of a kubeconfig (token file, exec plugin) again when they may have changed.

    The in-cluster configuration has its own hook.
    """

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._next = time.monotonic() + CREDENTIALS_PERIOD

    async def __call__(self, configuration: Any) -> None:
        """Read the credentials if a minute has passed."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + CREDENTIALS_PERIOD
            await self._loader.load_and_set(configuration)


def _convert_error(what: str, error: BaseException, too_late: str) -> KubeError:
    """Convert the exception of a request into a KubeError; raise the exceptions that pass unchanged.

    A KubeError passes, also as the cause of aiohttp's error about a body that was not written; so do the end of the
    process or of the generator, and a cancellation of this task. A task below this one may be cancelled, such as a
    connection being made, without this task being cancelled.
    """
    for candidate in (error, error.__cause__):
        if isinstance(candidate, KubeError):
            return candidate
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise error
        return Unavailable(f"{what}: cancelled from outside")
    if not isinstance(error, Exception):
        raise error
    return Unavailable(f"{what}: {too_late if isinstance(error, TimeoutError) else type(error).__name__}")


def _headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _json(payload: bytes) -> Object | None:
    try:
        value: Any = json.loads(payload)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _event(line: bytes) -> Object:
    event = _json(line)
    if event is None:
        raise aiohttp.ClientPayloadError
    return event


async def _refused(response: aiohttp.ClientResponse) -> Object:
    status = _json(await response.read()) or {"kind": "Status", "status": "Failure"}
    return {"type": "ERROR", "object": status | {"code": response.status}}
