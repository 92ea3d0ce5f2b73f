"""`jwks-operator sign`: the command line of the signer, and the process around it."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from jwks_operator.httpd.request import Limits
from jwks_operator.httpd.server import Bounds, Server
from jwks_operator.sign.admin_pages import describe_keys, listen_for_probes
from jwks_operator.sign.caller import caller_at
from jwks_operator.sign.claims import ClaimRules
from jwks_operator.sign.key_directory import KeyDirectory
from jwks_operator.sign.octal_mode import OctalMode
from jwks_operator.sign.sign_site import TYPS, SignRules, SignSite
from jwks_operator.sign.signer_process import (
    admin_address,
    caller_uids,
    keys_option,
    listen_for_end,
    process_options,
    run_signer,
    socket_option,
)
from jwks_operator.sign.unix_socket import bind_unix_socket
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
@keys_option
@socket_option
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
@process_options
def sign_command(**options: Any) -> None:
    """Sign for applications that hold no key, on a Unix socket.

    POST /v1/sign takes claims and gives a compact JWS by the active key of an entry; docs/signing.md has clients.
    """
    run_signer(lambda: _sign(_plan(options)))


def _plan(options: dict[str, Any]) -> SignPlan:
    lifetime = None if options["any_lifetime"] else options["token_lifetime"]
    rules = SignRules(
        uids=caller_uids(options),
        claims=ClaimRules(lifetime, options["issuer"]),
        typs=tuple(options["typs"]),
        raw=options["allow_raw"],
        audit_log=options["audit_log"],
    )
    return SignPlan(
        keys=options["keys"],
        socket=options["socket"].absolute(),
        socket_mode=options["socket_mode"],
        rules=rules,
        admin=admin_address(options),
        drain=options["drain"],
    )


async def _sign(plan: SignPlan) -> None:
    """Sign until SIGTERM. Raises SocketRefused or OSError."""
    stop = listen_for_end()
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
