"""Plain text that is made for each request: probes and metrics."""

from collections.abc import Callable, Mapping

from jwks_operator.httpd.reply import Reply, plain_reply, without_body
from jwks_operator.httpd.request import Request

Probe = Callable[[bool], tuple[int, str]]
"""Returns status and text; its argument says whether the reader wants it verbose."""


class Pages:
    """A site of such pages alone, by path."""

    def __init__(self, probes: Mapping[str, Probe]) -> None:
        self._probes = {path.encode(): probe for path, probe in probes.items()}

    def answer(self, request: Request, date: bytes) -> Reply:
        """Return the reply to a request at this second."""
        probe = self._probes.get(request.path)
        if probe is None:
            reply = plain_reply(404, date, "there is nothing here\n", final=request.last)
        else:
            reply = probe_reply(probe, request, date)
        return without_body(reply) if request.method == b"HEAD" else reply

    def forget(self) -> None:
        """Nothing is kept."""


def probe_reply(probe: Probe, request: Request, date: bytes) -> Reply:
    """Return what a probe says now."""
    if request.method not in {b"GET", b"HEAD"}:
        return plain_reply(405, date, "only GET and HEAD\n", [("Allow", "GET, HEAD")], final=request.last)
    status, text = probe(request.verbose)
    return plain_reply(status, date, text, final=request.last)
