"""The admin port of a signer: /healthz, /readyz and /metrics over TCP."""

import logging
from collections.abc import Callable, Mapping

from jwks_operator.httpd.probe_pages import Pages
from jwks_operator.httpd.server import Bounds, Server, bind_socket

_log = logging.getLogger(__name__)


async def listen_for_probes(
    address: tuple[str, int], ready: Callable[[], bool], details: Callable[[], list[str]], metrics: Callable[[], str]
) -> Server:
    """Serve the pages; `details` are the lines of /readyz?verbose. Raises OSError."""

    def readyz(verbose: bool) -> tuple[int, str]:
        good = ready()
        lines = details() if verbose else []
        text = "ok\n" if good else "not ready; ask /readyz?verbose\n"
        return 200 if good else 503, "".join(f"{line}\n" for line in lines) or text

    pages: Mapping[str, Callable[[bool], tuple[int, str]]] = {
        "/healthz": lambda _: (200, "ok\n"),
        "/readyz": readyz,
        "/metrics": lambda _: (200, metrics()),
    }
    admin = Server(Pages(pages), Bounds(connections=64, rate=1000))
    sock = bind_socket(*address)
    await admin.listen(sock)
    _log.info("admin on http://%s:%d", *sock.getsockname()[:2])
    return admin


def describe_keys(troubles: Mapping[str, str], active: Mapping[str, str]) -> list[str]:
    """Return a line for each entry with a trouble, and for each one with an active key (entry → kid)."""
    lines = [f"[-] {entry or 'keys'}: {trouble}" for entry, trouble in sorted(troubles.items())]
    return [*lines, *(f"[+] {entry}: the active key is {kid}" for entry, kid in sorted(active.items()))]
