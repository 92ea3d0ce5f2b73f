"""kopf starts and ends inside a process that has tasks and signal handlers of its own."""

import asyncio
import logging
from collections.abc import Callable, Set
from typing import Any

import kopf

from jwks_operator.api.shards import Scope
from jwks_operator.watch.event_router import EventRouter
from jwks_operator.watch.kopf_handlers import make_registry
from jwks_operator.watch.kopf_settings import make_settings

logger = logging.getLogger(__name__)

STOP_SECONDS = 0.5
END_ROUNDS = 5
END_SECONDS = 0.2


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
        stop_flag=stop,
    )
    started()
    running = asyncio.create_task(kopf.run_tasks(tasks, ignored=others), name="kopf")
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            await asyncio.wait({running}, timeout=STOP_SECONDS)
    finally:
        await cancel_tasks(others)
    for task in tasks:
        if not task.cancelled() and (failure := task.exception()):
            raise failure


async def cancel_tasks(others: Set[asyncio.Task[Any]]) -> None:
    """Cancel every task but the current one and `others`, those from before kopf, in about a second.

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
