"""kopf logs in with the session that it is given here, each time the API server has answered 401."""

import asyncio
import logging
from collections.abc import Collection
from typing import Any

import kopf

from jwks_operator.watch.echo_filter import Listener, make_session

logger = logging.getLogger(__name__)

LOGIN_PAUSES = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before a login soon after another login, so that a refused token does not cause a tight loop."""
LOGIN_CALM = 60.0
"""Seconds after a login until the pauses begin from the first again."""


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
