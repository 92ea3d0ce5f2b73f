"""One request to the API server, its answer, and what carries both: the seam between `Client` and a connection."""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Object = dict[str, Any]

JSON = "application/json"
REQUEST_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Call:
    """One request: HTTP method, path below the server's root, query, JSON body; `timeout` in seconds.

    `permit` is asked again when the body is about to leave the process. Its repr leaves the body out, because
    that may hold private keys.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Object | None = field(default=None, repr=False)
    content_type: str = JSON
    accept: str = JSON
    timeout: float = REQUEST_TIMEOUT
    permit: Callable[[], bool] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: status code, headers with lower-case names, and the body if it was a JSON object."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Object | None = field(default=None, repr=False)


class Transport(Protocol):
    """Carries calls to a server and back; knows no resource and retries nothing."""

    async def request(self, call: Call) -> Reply:
        """Send one call and return whatever the server answered; `Unavailable` if there was no answer."""
        ...

    def stream(self, call: Call) -> AsyncGenerator[Object, None]:
        """Open a watch and yield its events until the server ends it; `Unavailable` if it broke.

        A refused watch yields one event {"type": "ERROR", "object": <Status with its code>}, as the server
        itself reports an error in mid-stream.
        """
        ...
