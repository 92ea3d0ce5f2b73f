"""`jwks-operator serve`: one process, one set, one port; ends gracefully on SIGTERM."""

import asyncio
import logging
import signal
from pathlib import Path
from typing import Final

import click
from aiohttp import web

from jwks_operator.serve.http import JWKS_PATH, make_app
from jwks_operator.serve.source import Source

DRAIN_SECONDS: Final = 10.0
"""How long open requests may take after SIGTERM; Kubernetes kills 30 s after it by default."""

_log = logging.getLogger(__name__)


@click.command("serve")
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path),
    required=True,
    help="The mounted ConfigMap directory (its jwks.json is served), or one file in it.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on. The default is only reachable inside the pod, as by an issuer that the "
    "server is a sidecar of; 0.0.0.0 or :: makes it reachable for a Service.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one.")
def serve_command(path: Path, host: str, port: int) -> None:
    """Publish a mounted JWK Set over HTTP at /.well-known/jwks.json.

    The set is checked before it is served: one with a private, symmetric, duplicate or malformed key is
    refused and the last good one stays. /healthz and /readyz (?verbose) are on the same port.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(serve(path, host, port))
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host} port {port}: {error.strerror}") from None


async def serve(path: Path, host: str, port: int) -> None:
    """Serve the set at `path` until SIGTERM or SIGINT; raise OSError if the address cannot be had."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    source = Source(path)
    source.reload()
    runner = web.AppRunner(make_app(source), access_log=None, shutdown_timeout=DRAIN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        for address in runner.addresses:
            _log.info("listening on %s", _url(address[0], address[1]))
        await source.follow(stop)
        _log.info("stopping")
    finally:
        await runner.cleanup()


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}{JWKS_PATH}" if ":" in host else f"http://{host}:{port}{JWKS_PATH}"
