"""kopf calls a handler for each event of four kinds: the handler passes it to the event router.

A handler returns None and raises nothing, so that kopf writes nothing. The object of an event is metadata only
(echo_filter.py): key material never enters kopf.
"""

from typing import Any

import kopf

from jwks_operator.api.names import GROUP, PLURAL, VERSION
from jwks_operator.watch.event_router import CONFIG_MAPS, NAMESPACES, SECRETS, EventRouter
from jwks_operator.watch.kopf_login import Login


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
