"""Everything of kopf's: four handlers, the login, the settings. Nothing else imports kopf.

kopf is an informer here and nothing more. It lists and watches four kinds, as metadata only: key material
never enters it, and an event costs a fraction of what the object would. Handlers tell what was sighted and
return None, which makes kopf write nothing, ever.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Set
from typing import Any

import aiohttp
import kopf

from jwks_operator.api.names import GROUP, MANAGED_SELECTOR, PLURAL, VERSION
from jwks_operator.sightings import CONFIG_MAPS, NAMESPACES, SECRETS, Asked, Sightings

logger = logging.getLogger(__name__)

PAGE = 500
WATCH_SECONDS = 300
REQUEST_SECONDS = 30
STOP_SECONDS = 0.5
END_ROUNDS = 5
END_SECONDS = 0.2
LOGIN_PAUSES = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before a login that follows another one soon: a token that is refused again is not asked for in a
tight loop."""
LOGIN_CALM = 60.0

_METADATA = ";g=meta.k8s.io;v=v1,application/json"
_AS_LIST = "application/json;as=PartialObjectMetadataList" + _METADATA
_AS_EVENT = "application/json;as=PartialObjectMetadata" + _METADATA


def registry(sightings: Sightings, *, everywhere: bool) -> kopf.OperatorRegistry:
    """Build the registry with the project's handlers; no global state.

    Namespaces are watched if all of them are looked after: sets may have copies in any.
    """
    handlers = kopf.OperatorRegistry()
    login = Login(asked=sightings.asked)

    @kopf.on.login(registry=handlers)
    async def log_in(**kwargs: Any) -> kopf.AiohttpSession:
        return await login(**kwargs)

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=handlers)
    async def set_changed(event: kopf.RawEvent, **_: object) -> None:
        sightings.event(PLURAL, event["type"], event["object"]["metadata"])

    @kopf.on.event("", "v1", SECRETS, registry=handlers)
    async def secret_changed(event: kopf.RawEvent, **_: object) -> None:
        sightings.event(SECRETS, event["type"], event["object"]["metadata"])

    @kopf.on.event("", "v1", CONFIG_MAPS, registry=handlers)
    async def config_map_changed(event: kopf.RawEvent, **_: object) -> None:
        sightings.event(CONFIG_MAPS, event["type"], event["object"]["metadata"])

    if everywhere:

        @kopf.on.event("", "v1", NAMESPACES, registry=handlers)
        async def namespace_changed(event: kopf.RawEvent, **_: object) -> None:
            sightings.namespace(event["type"], event["object"]["metadata"])

    return handlers


def settings() -> kopf.OperatorSettings:
    """Have kopf watch and do nothing else, ask for no rights beyond our own, and outlive any outage."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.peering.standalone = True
    # Namespaces are given or all of them, and audit.py knows whether the CRD is served: nothing to scan for.
    chosen.scanning.disabled = True
    # Without handlers that need one, kopf takes its finalizer off objects. The usual name may be there for
    # another operator; this one is nobody's.
    chosen.persistence.finalizer = f"{GROUP}/no-finalizer"
    chosen.process.ultimate_exiting_timeout = None  # the process decides about its end itself
    chosen.queueing.idle_timeout = 0.5
    chosen.queueing.exit_timeout = 0.5
    chosen.watching.chunk_size = PAGE
    chosen.watching.server_timeout = WATCH_SECONDS  # kopf writes it into the URL, where only an int is valid
    chosen.watching.client_timeout = WATCH_SECONDS + REQUEST_SECONDS
    chosen.watching.connect_timeout = REQUEST_SECONDS
    chosen.watching.label_selectors["", "v1", SECRETS] = MANAGED_SELECTOR
    chosen.watching.label_selectors["", "v1", CONFIG_MAPS] = MANAGED_SELECTOR
    chosen.networking.request_timeout = REQUEST_SECONDS
    chosen.networking.connect_timeout = REQUEST_SECONDS
    chosen.networking.error_backoffs = Forever()
    chosen.networking.enforce_retry_after = True
    return chosen


async def watch(
    sightings: Sightings,
    namespaces: Collection[str],
    stop: asyncio.Event,
    started: Callable[[], None],
) -> None:
    """Watch until `stop` is set; no namespaces means all of them. Raises at once what kopf cannot cope with.

    Tasks that run already are left alone; kopf cancels every other one when it ends. `started` is called once
    kopf has taken over the process's signals, so that they can be taken back.
    """
    others = frozenset(asyncio.all_tasks())
    # kopf would make one from the passwd file, where a container's user may be absent. Its type is private.
    identity: Any = "jwks-operator"
    tasks = await kopf.spawn_tasks(
        registry=registry(sightings, everywhere=not namespaces),
        settings=settings(),
        identity=identity,
        clusterwide=not namespaces,
        namespaces=sorted(namespaces),
        stop_flag=stop,
    )
    started()
    running = asyncio.create_task(kopf.run_tasks(tasks, ignored=others), name="kopf")
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            await asyncio.wait({running}, timeout=STOP_SECONDS)
    finally:
        await _end(others)
    for task in tasks:
        if not task.cancelled() and (failure := task.exception()):
            raise failure


async def _end(others: Set[asyncio.Task[Any]]) -> None:
    """End what kopf has begun, in about a second.

    Left alone it waits five seconds for what is stuck, and for ever if a watcher swallows its cancellation,
    which it does when that comes while it is between two requests.
    """
    for _ in range(END_ROUNDS):
        left = asyncio.all_tasks() - others - {asyncio.current_task()}
        if not left:
            return
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=END_SECONDS)
    logger.warning("some watching did not end")


class Forever:
    """Seconds between attempts, without end, and from the start for each request that iterates it."""

    def __iter__(self) -> Iterator[float]:
        """Give 0.2, 0.4, and so on up to 10, and then 10 for ever."""
        pause = 0.2
        while True:
            yield pause
            pause = min(10.0, pause * 2)


class Login:
    """Logs in afresh each time kopf asks, which it does when the API server answered 401.

    kopf ends the operator when a login yields credentials it has seen refused. A projected token is replaced
    hourly and may be read a moment too early, so each login yields a session of its own.
    """

    def __init__(
        self, pauses: Collection[float] = LOGIN_PAUSES, calm: float = LOGIN_CALM, asked: Asked = lambda *_: None
    ) -> None:
        """`asked` is told of every request to list or watch that its sessions make."""
        self._asked = asked
        self._pauses = tuple(pauses)
        self._calm = calm
        self._attempt = 0
        self._last = float("-inf")

    async def __call__(self, **kwargs: Any) -> kopf.AiohttpSession:
        """Return a new session with the credentials as they are now; tries until it can."""
        while True:
            await self._pause()
            try:
                info = await asyncio.to_thread(kopf.login_via_client, **kwargs)
            except (kopf.LoginError, OSError) as error:
                logger.warning("cannot log in to the API server: %s", type(error).__name__)
                continue
            if info is not None:
                logger.info("watches log in to the API server")
                return _session(info, self._asked)

    async def _pause(self) -> None:
        now = asyncio.get_running_loop().time()
        self._attempt = 0 if now - self._last > self._calm else self._attempt + 1
        await asyncio.sleep(self._pauses[min(self._attempt, len(self._pauses) - 1)])
        self._last = asyncio.get_running_loop().time()


def _session(info: kopf.ConnectionInfo, asked: Asked) -> kopf.AiohttpSession:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
        headers=info.as_http_headers(),
        middlewares=(_Metadata(asked),),
        response_class=_Response,
    )
    return kopf.AiohttpSession(server=info.server, aiohttp_session=session)


class _Response(aiohttp.ClientResponse):
    """The API server gives an empty metadata list as `items: null`, at which kopf stumbles."""

    async def json(self, **kwargs: Any) -> Any:
        body = await super().json(**kwargs)
        if isinstance(body, dict) and body.get("items", ()) is None:
            body["items"] = []
        return body


class _Metadata:
    """Asks for nothing but metadata, and tells of each request how it was answered.

    The log has one line when a kind cannot be watched any more and one when it can again, for any number of attempts.
    """

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._failing: set[str] = set()

    async def __call__(
        self, request: aiohttp.ClientRequest, send: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
    ) -> aiohttp.ClientResponse:
        resource, watching = request.url.name, bool(request.url.query.get("watch"))
        if resource not in {PLURAL, SECRETS, CONFIG_MAPS, NAMESPACES}:
            return await send(request)
        request.headers["Accept"] = _AS_EVENT if watching else _AS_LIST
        code = "none"
        try:
            answer = await send(request)
            code = str(answer.status)
        finally:
            self._asked("watch" if watching else "list", resource, code)
            self._log(resource, code)
        return answer

    def _log(self, resource: str, code: str) -> None:
        if code == "200" and resource in self._failing:
            self._failing.remove(resource)
            logger.info("%s are watched again", resource)
        elif code not in {"200", "410"} and resource not in self._failing:  # 410: a list is asked for next
            self._failing.add(resource)
            why = "no answer" if code == "none" else code
            logger.warning("%s cannot be watched: %s from the API server; trying again", resource, why)
