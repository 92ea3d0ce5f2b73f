"""Everything of kopf's: four handlers, the login, the settings. Nothing else imports kopf.

kopf is an informer here and nothing more. It lists and watches four kinds, as metadata only: key material
never enters it, and an event costs a fraction of what the object would. Handlers tell what was sighted and
return None, which makes kopf write nothing, ever.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator, Set
from typing import Any

import kopf
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory  # kopf takes one and does not name it

from jwks_operator.api.names import GROUP, PLURAL, VERSION
from jwks_operator.api.shards import Scope, Shard, selector_of_objects, selector_of_sets
from jwks_operator.watch.echo_filter import Listener, session
from jwks_operator.watch.event_router import CONFIG_MAPS, NAMESPACES, SECRETS, Sightings

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


def registry(sightings: Sightings, *, everywhere: bool) -> kopf.OperatorRegistry:
    """Build the registry with the project's handlers; no global state.

    Namespaces are watched if all of them are looked after: sets may have copies in any.
    """
    handlers = kopf.OperatorRegistry()
    login = Login(sightings)

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


def settings(shard: Shard = None) -> kopf.OperatorSettings:
    """Have kopf watch a shard and do nothing else, ask for no rights beyond our own, and outlive any outage."""
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
    chosen.watching.label_selectors[GROUP, VERSION, PLURAL] = selector_of_sets(shard)
    chosen.watching.label_selectors["", "v1", SECRETS] = selector_of_objects(shard)
    chosen.watching.label_selectors["", "v1", CONFIG_MAPS] = selector_of_objects(shard)
    chosen.networking.request_timeout = REQUEST_SECONDS
    chosen.networking.connect_timeout = REQUEST_SECONDS
    chosen.networking.error_backoffs = Forever()
    chosen.networking.enforce_retry_after = True
    return chosen


async def watch(
    sightings: Sightings,
    scope: Scope,
    stop: asyncio.Event,
    started: Callable[[], None],
) -> None:
    """Watch until `stop` is set. Raises at once what kopf cannot cope with.

    Tasks that run already are left alone; kopf cancels every other one when it ends. `started` is called once
    kopf has taken over the process's signals, so that they can be taken back.
    """
    others = frozenset(asyncio.all_tasks())
    # kopf would make one from the passwd file, where a container's user may be absent. Its type is private.
    identity: Any = "jwks-operator"
    tasks = await kopf.spawn_tasks(
        registry=registry(sightings, everywhere=not scope.namespaces),
        settings=settings(scope.shard),
        identity=identity,
        clusterwide=not scope.namespaces,
        namespaces=sorted(scope.namespaces),
        memories=_NoMemories(),
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


class _NoMemories(ResourceMemories):
    """Keeps nothing of any object.

    kopf would keep about a kilobyte for each, for kinds of handlers that are not used here, and would keep it for ever
    if the object's deletion fell between a broken watch and the list after it.
    """

    async def recall(self, raw_body: kopf.RawBody, **kwargs: Any) -> ResourceMemory:
        return await super().recall(raw_body, **{**kwargs, "ephemeral": True})


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

    def __init__(self, listener: Listener, pauses: Collection[float] = LOGIN_PAUSES, calm: float = LOGIN_CALM) -> None:
        """`listener` is told of every request to list or watch that its sessions make."""
        self._listener = listener
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
                opened = session(info.server, info.as_ssl_context(), info.as_http_headers(), self._listener)
                return kopf.AiohttpSession(server=info.server, aiohttp_session=opened)

    async def _pause(self) -> None:
        now = asyncio.get_running_loop().time()
        self._attempt = 0 if now - self._last > self._calm else self._attempt + 1
        await asyncio.sleep(self._pauses[min(self._attempt, len(self._pauses) - 1)])
        self._last = asyncio.get_running_loop().time()
