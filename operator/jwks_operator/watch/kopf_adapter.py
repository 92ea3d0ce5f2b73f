"""The adapter to kopf: four handlers, the login and the settings. No other module imports kopf.

kopf is only an informer here. It lists and watches four kinds, as metadata: key material never enters it, and an event
costs a fraction of the whole object. The handlers pass events to the event router and return None, so that kopf writes
nothing.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator, Set
from typing import Any

import kopf
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory  # kopf takes one and does not name it

from jwks_operator.api.names import GROUP, PLURAL, VERSION
from jwks_operator.api.shards import Scope, Shard, selector_of_objects, selector_of_sets
from jwks_operator.watch.echo_filter import Listener, make_session
from jwks_operator.watch.event_router import CONFIG_MAPS, NAMESPACES, SECRETS, EventRouter

logger = logging.getLogger(__name__)

PAGE = 500
WATCH_SECONDS = 300
REQUEST_SECONDS = 30
STOP_SECONDS = 0.5
END_ROUNDS = 5
END_SECONDS = 0.2
LOGIN_PAUSES = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before a login soon after another login, so that a refused token does not cause a tight loop."""
LOGIN_CALM = 60.0


def make_registry(router: EventRouter, *, everywhere: bool) -> kopf.OperatorRegistry:
    """Return the registry with the handlers of the project, without global state.

    Namespaces are watched if the operator serves all of them: sets may have copies in any namespace.
    """
    handlers = kopf.OperatorRegistry()
    login = Login(router)

    @kopf.on.login(registry=handlers)
    async def log_in(**kwargs: Any) -> kopf.AiohttpSession:
        return await login(**kwargs)

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=handlers)
    async def set_changed(event: kopf.RawEvent, **_: object) -> None:
        router.route_event(PLURAL, event["type"], event["object"]["metadata"])

    @kopf.on.event("", "v1", SECRETS, registry=handlers)
    async def secret_changed(event: kopf.RawEvent, **_: object) -> None:
        router.route_event(SECRETS, event["type"], event["object"]["metadata"])

    @kopf.on.event("", "v1", CONFIG_MAPS, registry=handlers)
    async def config_map_changed(event: kopf.RawEvent, **_: object) -> None:
        router.route_event(CONFIG_MAPS, event["type"], event["object"]["metadata"])

    if everywhere:

        @kopf.on.event("", "v1", NAMESPACES, registry=handlers)
        async def namespace_changed(event: kopf.RawEvent, **_: object) -> None:
            router.route_namespace(event["type"], event["object"]["metadata"])

    return handlers


def make_settings(shard: Shard = None) -> kopf.OperatorSettings:
    """Return settings with which kopf only watches a shard, needs no further rights, and survives any outage."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.peering.standalone = True
    # The namespaces are known, and resync.py finds out whether the CRD is served: kopf scans for nothing.
    chosen.scanning.disabled = True
    # Without handlers that need a finalizer, kopf removes its own from objects. Another operator may use the usual
    # name; no operator uses this one.
    chosen.persistence.finalizer = f"{GROUP}/no-finalizer"
    chosen.process.ultimate_exiting_timeout = None  # the process ends itself
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
    chosen.networking.error_backoffs = RetryPauses()
    chosen.networking.enforce_retry_after = True
    return chosen


async def run_watches(
    router: EventRouter,
    scope: Scope,
    stop: asyncio.Event,
    started: Callable[[], None],
) -> None:
    """Watch until `stop` is set. Raises an error that kopf cannot handle at once.

    kopf cancels every task that did not exist before it when it ends. `started` is called after kopf has replaced the
    signal handlers of the process, so that the caller can restore them.
    """
    others = frozenset(asyncio.all_tasks())
    # By default kopf reads the passwd file, where the user of a container may be missing. The type is private.
    identity: Any = "jwks-operator"
    tasks = await kopf.spawn_tasks(
        registry=make_registry(router, everywhere=not scope.namespaces),
        settings=make_settings(scope.shard),
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
        await _cancel_tasks(others)
    for task in tasks:
        if not task.cancelled() and (failure := task.exception()):
            raise failure


async def _cancel_tasks(others: Set[asyncio.Task[Any]]) -> None:
    """Cancel the tasks that kopf has started, in about a second.

    kopf itself waits five seconds for tasks that hang, and for ever if a watcher swallows its cancellation, which
    happens between two requests.
    """
    for _ in range(END_ROUNDS):
        left = asyncio.all_tasks() - others - {asyncio.current_task()}
        if not left:
            return
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=END_SECONDS)
    logger.warning("some watches did not end")


class _NoMemories(ResourceMemories):
    """Stores nothing about objects.

    By default kopf stores about a kilobyte for each object, for handlers that are not used here, and never removes it
    if the deletion of the object falls between a broken watch and the next list.
    """

    async def recall(self, raw_body: kopf.RawBody, **kwargs: Any) -> ResourceMemory:
        return await super().recall(raw_body, **{**kwargs, "ephemeral": True})


class RetryPauses:
    """Seconds between attempts, without end; each iteration starts from the first."""

    def __iter__(self) -> Iterator[float]:
        """Yield 0.2, 0.4, and so on up to 10, then always 10."""
        pause = 0.2
        while True:
            yield pause
            pause = min(10.0, pause * 2)


class Login:
    """Logs in each time kopf asks, which is after an answer 401 of the API server.

    kopf ends the operator if a login returns credentials that were refused before. A projected token is replaced every
    hour and may be read a moment too early, so each login returns a new session.
    """

    def __init__(self, listener: Listener, pauses: Collection[float] = LOGIN_PAUSES, calm: float = LOGIN_CALM) -> None:
        """`listener` receives every list and watch request of the sessions."""
        self._listener = listener
        self._pauses = tuple(pauses)
        self._calm = calm
        self._attempt = 0
        self._last = float("-inf")

    async def __call__(self, **kwargs: Any) -> kopf.AiohttpSession:
        """Return a new session with the present credentials; tries until it succeeds."""
        while True:
            await self._pause()
            try:
                info = await asyncio.to_thread(kopf.login_via_client, **kwargs)
            except (kopf.LoginError, OSError) as error:
                logger.warning("cannot log in to the API server: %s", type(error).__name__)
                continue
            if info is not None:
                logger.info("watches log in to the API server")
                opened = make_session(info.server, info.as_ssl_context(), info.as_http_headers(), self._listener)
                return kopf.AiohttpSession(server=info.server, aiohttp_session=opened)

    async def _pause(self) -> None:
        now = asyncio.get_running_loop().time()
        self._attempt = 0 if now - self._last > self._calm else self._attempt + 1
        await asyncio.sleep(self._pauses[min(self._attempt, len(self._pauses) - 1)])
        self._last = asyncio.get_running_loop().time()
