"""`jwks-operator sign`: the command line of the signer, and the process around it."""

import asyncio
import logging
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import uvloop

from jwks_operator.httpd.request import Limits
from jwks_operator.httpd.server import Bounds, Server
from jwks_operator.sign.admin_pages import describe_keys, listen_for_probes
from jwks_operator.sign.caller import caller_at
from jwks_operator.sign.claims import ClaimRules
from jwks_operator.sign.hardening import protect_memory
from jwks_operator.sign.key_directory import KeyDirectory
from jwks_operator.sign.octal_mode import OctalMode
from jwks_operator.sign.sign_site import TYPS, SignRules, SignSite
from jwks_operator.sign.unix_socket import SocketRefused, bind_unix_socket
from jwks_operator.sign.usage import render_metrics

BOUNDS: Final = Bounds(
    connections=256, rate=100_000, request=5.0, write=10.0, limits=Limits(body=32768, takes_body=True)
)
QUIET_SECONDS: Final = 0.2
"""Seconds without a request after which a signer that was told to end does so."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SignPlan:
    """What to sign with and where, from the command line; `drain` in seconds."""

    keys: Path
    socket: Path
    socket_mode: int
    rules: SignRules
    admin: tuple[str, int] | None
    drain: float


@click.command("sign")
@click.option(
    "--keys", type=click.Path(path_type=Path), required=True, help="The directory of the mounted consumer Secret."
)
@click.option("--socket", type=click.Path(path_type=Path), required=True, help="The Unix socket to listen on.")
@click.option(
    "--socket-mode",
    type=OctalMode(),
    default="0660",
    show_default=True,
    help="Who may connect: the group too, for a pod with fsGroup; 0666 for everybody. --allow-uid counts in any case.",
)
@click.option(
    "--allow-uid",
    "uids",
    type=click.IntRange(0),
    multiple=True,
    help="A user whose processes may sign, by number; repeat it for several. [default: the user of the signer]",
)
@click.option(
    "--token-lifetime",
    type=click.FloatRange(1),
    default=3600.0,
    show_default=True,
    help="Seconds that exp may be away at most; not more than spec.timing.tokenLifetime, or tokens outlive their key.",
)
@click.option("--any-lifetime", is_flag=True, help="Sign without exp, and with any: such tokens can outlive their key.")
@click.option("--issuer", help="The only iss that is signed.")
@click.option(
    "--typ", "typs", multiple=True, default=TYPS, show_default=True, help="Allowed typ; the first is the default."
)
@click.option("--allow-raw", is_flag=True, help="Sign any payload, claims without checks included.")
@click.option("--audit-log", is_flag=True, help="Write a JSON line for each use to standard output.")
@click.option("--admin-port", type=click.IntRange(0, 65535), help="Serve /healthz, /readyz and /metrics on this port.")
@click.option("--admin-host", default="127.0.0.1", show_default=True, help="The address of the admin port.")
@click.option(
    "--drain", type=click.FloatRange(0, 3600), default=5.0, show_default=True, help="Seconds to end in at most."
)
def sign_command(**options: Any) -> None:
    """Sign for applications that hold no key, on a Unix socket.

    POST /v1/sign takes claims and gives a compact JWS by the active key of an entry; docs/signing.md has clients.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        protect_memory()
        uvloop.run(_sign(_plan(options)))
    except SocketRefused as refused:
        raise click.ClickException(str(refused)) from None
    except OSError as error:
        raise click.ClickException(f"cannot start: {error.strerror}") from None


def _plan(options: dict[str, Any]) -> SignPlan:
    lifetime = None if options["any_lifetime"] else options["token_lifetime"]
    rules = SignRules(
        uids=frozenset(options["uids"] or (os.geteuid(),)),
        claims=ClaimRules(lifetime, options["issuer"]),
        typs=tuple(options["typs"]),
        raw=options["allow_raw"],
        audit_log=options["audit_log"],
    )
    port = options["admin_port"]
    return SignPlan(
        keys=options["keys"],
        socket=options["socket"].absolute(),
        socket_mode=options["socket_mode"],
        rules=rules,
        admin=None if port is None else (options["admin_host"], port),
        drain=options["drain"],
    )


async def _sign(plan: SignPlan) -> None:
    """Sign until SIGTERM. Raises SocketRefused or OSError."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    keys = KeyDirectory(plan.keys)
    keys.reload()
    site = SignSite(keys, plan.rules)
    with bind_unix_socket(plan.socket, plan.socket_mode) as bound:
        server = Server(site, BOUNDS, connection=caller_at(site))
        await server.listen(bound.sock)
        admin = await _listen_for_probes(plan, server, site, keys)
        _log.info("listening on %s for uid %s", plan.socket, ", ".join(map(str, sorted(plan.rules.uids))))
        await stop.wait()
        _log.info("stopping")
        await server.drain(min(QUIET_SECONDS, plan.drain / 4), plan.drain)
        if admin is not None:
            admin.abort()


async def _listen_for_probes(plan: SignPlan, server: Server, site: SignSite, keys: KeyDirectory) -> Server | None:
    if plan.admin is None:
        return None
    return await listen_for_probes(
        plan.admin,
        ready=lambda: not server.draining and any(keys.keys.values()),
        details=lambda: describe_keys(keys.troubles, {entry: key.kid for entry, key in keys.keys.items() if key}),
        metrics=lambda: render_metrics(server.stats, site.usage, keys),
    )
