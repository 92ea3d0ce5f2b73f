"""`jwks-operator sign-service-accounts`: the command line of kube-apiserver's signer, and the process around it."""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from jwks_operator.httpd.exposition import Family, write_families
from jwks_operator.httpd.server import Server
from jwks_operator.service_accounts.grpc_server import SWEEP_SECONDS, GrpcServer
from jwks_operator.service_accounts.published_keys import PublishedKeys
from jwks_operator.service_accounts.token_signer import IssuerRules, TokenSigner
from jwks_operator.sign.admin_pages import describe_keys, listen_for_probes
from jwks_operator.sign.key_directory import KeyDirectory
from jwks_operator.sign.octal_mode import OctalMode
from jwks_operator.sign.signer_process import (
    admin_address,
    caller_uids,
    keys_option,
    listen_for_end,
    process_options,
    run_signer,
    socket_option,
)
from jwks_operator.sign.unix_socket import BoundSocket, bind_unix_socket
from jwks_operator.sign.usage import PREFIX, render_metrics

LEAST_LIFETIME: Final = 600
"""Seconds; kube-apiserver does not start with less."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IssuerPlan:
    """What to sign with and where, from the command line; times in seconds."""

    keys: Path
    published: Path
    socket: Path
    socket_mode: int
    take_over: bool
    rules: IssuerRules
    refresh_hint: int
    hidden: frozenset[str]
    admin: tuple[str, int] | None
    drain: float


@click.command("sign-service-accounts")
@keys_option
@click.option(
    "--published",
    type=click.Path(path_type=Path),
    required=True,
    help="The JWK Set in the directory of the mounted ConfigMap, such as /etc/published/jwks.json.",
)
@click.option("--entry", help="The entry of spec.keys that signs; needed if the Secret has several.")
@click.option("--issuer", required=True, help="The first --service-account-issuer of kube-apiserver.")
@socket_option
@click.option(
    "--socket-mode",
    type=OctalMode(),
    default="0660",
    show_default=True,
    help="Who may connect: the group too, for a pod with fsGroup. --allow-uid counts in any case.",
)
@click.option(
    "--allow-uid",
    "uids",
    type=click.IntRange(0),
    multiple=True,
    help="The user of kube-apiserver, by number. Who may call is cluster-admin. [default: the user of the signer]",
)
@click.option(
    "--take-over", is_flag=True, help="Replace a living signer at this socket; it ends when this one listens."
)
@click.option(
    "--token-lifetime",
    type=click.IntRange(LEAST_LIFETIME),
    default=3600,
    show_default=True,
    help="Seconds that a token lives at most; not more than spec.timing.tokenLifetime, or tokens outlive their key.",
)
@click.option(
    "--refresh-hint",
    type=click.IntRange(1, 86400),
    default=60,
    show_default=True,
    help="Seconds after which kube-apiserver asks for the keys again, and the max-age of its JWK Set.",
)
@click.option(
    "--exclude-from-discovery",
    "hidden",
    multiple=True,
    metavar="KID",
    help="A published key that only verifies and stays out of the JWK Set of kube-apiserver; repeat it for several.",
)
@process_options
def service_accounts_command(**options: Any) -> None:
    """Sign service account tokens for kube-apiserver, which has no key of its own.

    ExternalJWTSigner v1 for --service-account-signing-endpoint; docs/service-accounts.md tells how to run it.
    """
    run_signer(lambda: _serve(_plan(options)))


def _plan(options: dict[str, Any]) -> IssuerPlan:
    return IssuerPlan(
        keys=options["keys"],
        published=options["published"],
        socket=options["socket"].absolute(),
        socket_mode=options["socket_mode"],
        take_over=options["take_over"],
        rules=IssuerRules(
            uids=caller_uids(options),
            issuer=options["issuer"],
            lifetime=options["token_lifetime"],
            entry=options["entry"],
            audit_log=options["audit_log"],
        ),
        refresh_hint=options["refresh_hint"],
        hidden=frozenset(options["hidden"]),
        admin=admin_address(options),
        drain=options["drain"],
    )


async def _serve(plan: IssuerPlan) -> None:
    """Sign until SIGTERM, or until a successor has taken the socket. Raises SocketRefused or OSError."""
    stop = listen_for_end()
    private = KeyDirectory(plan.keys)
    published = PublishedKeys(plan.published, plan.refresh_hint, plan.hidden)
    private.reload()
    published.reload()
    signer = TokenSigner(private, published, plan.rules)
    with bind_unix_socket(plan.socket, plan.socket_mode, take_over=plan.take_over) as bound:
        server = GrpcServer(signer.call, signer.admits, signer.poll)
        await server.listen(bound.sock)
        admin = await _listen_for_probes(plan, server, signer, private, published)
        _log.info("listening on %s for uid %s", plan.socket, ", ".join(map(str, sorted(plan.rules.uids))))
        await _wait_for_end(stop, bound)
        _log.info("stopping")
        await server.drain(plan.drain)
        if admin is not None:
            admin.abort()


async def _wait_for_end(stop: asyncio.Event, bound: BoundSocket) -> None:
    while not stop.is_set() and not bound.is_taken_over():
        bound.try_lock()
        try:
            async with asyncio.timeout(SWEEP_SECONDS):
                await stop.wait()
        except TimeoutError:
            continue


async def _listen_for_probes(
    plan: IssuerPlan, server: GrpcServer, signer: TokenSigner, private: KeyDirectory, published: PublishedKeys
) -> Server | None:
    if plan.admin is None:
        return None

    def details() -> list[str]:
        troubles = private.troubles | published.troubles | ({"signing": signer.trouble} if signer.trouble else {})
        kid = signer.active_kid()
        return describe_keys(troubles, {"signing": kid} if kid else {})

    def families() -> Iterator[Family]:
        yield "key_fetches_total", "counter", "Calls of FetchKeys.", [("", (), signer.fetches)]
        yield "keys_published", "gauge", "Keys that FetchKeys answers.", [("", (), len(published.keys))]
        calls: list[tuple[str, tuple[tuple[str, str], ...], float]] = [
            ("", (("code", str(int(code))),), count) for code, count in sorted(server.stats.codes.items())
        ]
        yield "calls_total", "counter", "Calls by gRPC status code.", calls
        held = len(published.troubles) + bool(signer.trouble)
        yield "issuer_troubles", "gauge", "Keys that cannot be used as they are, and why.", [("", (), held)]

    return await listen_for_probes(
        plan.admin,
        ready=lambda: not server.draining and bool(signer.active_kid()) and bool(published.answer),
        details=details,
        metrics=lambda: render_metrics(server.stats, signer.usage, private) + write_families(PREFIX, families()),
    )
