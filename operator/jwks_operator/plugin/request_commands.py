"""`kubectl jwks rotate | rollback | hold | unhold | revoke`: request by annotation, after a preview."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import click

from jwks_operator.api.revocation_spec import RevocationReason
from jwks_operator.kube.errors import Conflict
from jwks_operator.plugin.arguments import entries_argument, kids_argument, set_argument
from jwks_operator.plugin.cluster import Cluster, ObservedSet, open_cluster
from jwks_operator.plugin.exit_codes import Exit, Failure, refusal_error, to_printable
from jwks_operator.plugin.gitops import find_annotation_owners
from jwks_operator.plugin.options import MOMENT, SPAN, place_options
from jwks_operator.plugin.output import format_clock, format_distance, result_console, say
from jwks_operator.plugin.place import Place
from jwks_operator.plugin.request_preview import (
    RequestPreview,
    ask_hold,
    ask_revoke,
    ask_rollback,
    ask_rotate,
    ask_unhold,
    entries_of,
    keys_of,
)
from jwks_operator.plugin.waiting import Until, wait_for
from jwks_operator.plugin.wording import step_table

F = TypeVar("F", bound=Callable[..., Any])
TRIES = 5
"""How often a request is retried because the operator wrote in between."""

Make = Callable[[ObservedSet, datetime], RequestPreview]


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """The options of a request: confirmation, dry run, waiting."""

    yes: bool
    dry_run: bool
    wait: bool
    timeout: timedelta | None
    url: str | None


def _manners(command: F) -> F:
    """Give a command the options of all requests."""
    for option in reversed(
        (
            click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation."),
            click.option("--dry-run", is_flag=True, help="Show what would happen, and ask for nothing."),
            click.option("--wait", is_flag=True, help="Wait until it is done and published, and served with --url."),
            click.option("--timeout", type=SPAN, help="How long to wait. Default: 10m longer than planned."),
            click.option("--url", metavar="URL", help="Where the set is served: --wait looks there, too."),
        )
    ):
        command = option(command)
    return command


@click.command("rotate")
@set_argument
@entries_argument
@place_options
@_manners
@click.option("--all", "everything", is_flag=True, help="Every entry of the set.")
@click.option("--at", type=MOMENT, help="Not before this time, such as 2026-11-02T10:00:00Z. Default: now.")
@click.option("--emergency", is_flag=True, help="Do not wait for the lead: verifiers without the new key fail for it.")
def rotate_command(place: Place, name: str, entries: tuple[str, ...], **options: Any) -> int:
    r"""Replace the active key of an entry by the next one, without one failed token.

    The next key is used as soon as everybody who checks can have it (its lead). ENTRY may be left out if the set has
    one.

    \b
    Examples:
      kubectl jwks rotate auth -n shop
      kubectl jwks rotate auth signing -n shop --wait --url https://auth.example.com/.well-known/jwks.json
      kubectl jwks rotate auth --at 2026-12-01T03:00:00Z --yes
    """
    everything, at, emergency = (options.pop(option) for option in ("everything", "at", "emergency"))

    def make(seen: ObservedSet, now: datetime) -> RequestPreview:
        chosen = entries_of(seen, entries, everything=everything)
        return ask_rotate(seen, chosen, now, at, emergency=emergency)

    return asyncio.run(_ask(place, name, make, RequestOptions(**options)))


@click.command("rollback")
@set_argument
@entries_argument
@place_options
@_manners
def rollback_command(place: Place, name: str, entries: tuple[str, ...], **options: Any) -> int:
    r"""Make the previous key of an entry active again, while its private half is kept (rollbackWindow).

    It never left the published set, so nobody has to wait for it.

    \b
    Examples:
      kubectl jwks rollback auth -n shop --wait
      kubectl jwks rollback auth signing --dry-run
    """
    return asyncio.run(
        _ask(
            place,
            name,
            lambda seen, now: ask_rollback(seen, entries_of(seen, entries, everything=False), now),
            RequestOptions(**options),
        )
    )


@click.command("hold")
@set_argument
@kids_argument
@place_options
@_manners
def hold_command(place: Place, name: str, kids: tuple[str, ...], **options: Any) -> int:
    r"""Keep keys published beyond their retention, for tokens that live longer.

    KID may be shortened to its first characters, or be the name of an entry: then its key in use.

    \b
    Examples:
      kubectl jwks hold auth au6Gn0r8 -n shop
      kubectl jwks hold auth signing --yes
    """
    return asyncio.run(
        _ask(place, name, lambda seen, now: ask_hold(seen, keys_of(seen, kids)), RequestOptions(**options))
    )


@click.command("unhold")
@set_argument
@kids_argument
@place_options
@_manners
def unhold_command(place: Place, name: str, kids: tuple[str, ...], **options: Any) -> int:
    r"""Release held keys; a key whose retention has passed is removed at once.

    \b
    Examples:
      kubectl jwks unhold auth au6Gn0r8 -n shop --wait
    """
    return asyncio.run(
        _ask(place, name, lambda seen, now: ask_unhold(seen, keys_of(seen, kids), now), RequestOptions(**options))
    )


@click.command("revoke")
@set_argument
@kids_argument
@place_options
@_manners
@click.option(
    "--reason",
    type=click.Choice([reason.value for reason in RevocationReason]),
    default=RevocationReason.UNSPECIFIED.value,
    show_default=True,
    help="Why; it is kept in status.history and in the historical set.",
)
def revoke_command(place: Place, name: str, kids: tuple[str, ...], reason: str, **options: Any) -> int:
    r"""Revoke keys: they leave the published set and the Secret at once and for ever.

    The next key is used at once. KID may be shortened, or be the name of an entry: then its key in use.

    \b
    Examples:
      kubectl jwks revoke auth au6Gn0r8 --reason KeyCompromise -n shop --wait
      kubectl jwks revoke auth signing --reason Superseded --dry-run
    """
    return asyncio.run(
        _ask(
            place, name, lambda seen, now: ask_revoke(seen, keys_of(seen, kids), reason, now), RequestOptions(**options)
        )
    )


async def _ask(place: Place, name: str, make: Make, manner: RequestOptions) -> int:
    async with open_cluster(place) as cluster:
        seen = await cluster.the_set(name)
        asked = make(seen, cluster.now())
        _show(seen, asked, cluster.now())
        if manner.dry_run:
            say("Dry run: nothing was asked for.")
            return Exit.DONE
        if not manner.yes:
            _confirm()
        seen, asked = await _write(cluster, name, make)
        say("Asked for." if not manner.wait else "Asked for; waiting, Ctrl-C leaves the request in force.")
        if manner.wait:
            seen = await wait_for(cluster, seen, Until(asked, manner.url, manner.timeout))
            served = "" if manner.url is None else f"; served at {manner.url}"
            result_console().print(to_printable(f"Done: {asked.what}{served}"))
        return Exit.DONE


async def _write(cluster: Cluster, name: str, make: Make) -> tuple[ObservedSet, RequestPreview]:
    """Annotate the set as it is now; retry if the operator wrote in between."""
    for _ in range(TRIES):
        seen = await cluster.the_set(name)
        asked = make(seen, cluster.now())
        try:
            return await cluster.annotate(seen, asked.annotations), asked
        except Conflict:
            continue
    raise refusal_error(f"{name} changes too often to be annotated; try again")


def _show(seen: ObservedSet, asked: RequestPreview, now: datetime) -> None:
    screen = result_console()
    screen.print(to_printable(f"{seen.ref}: {asked.what}"))
    if asked.told:
        screen.print()
        screen.print(step_table(asked.told, now))
    if asked.waits and asked.when is not None and asked.when > now + timedelta(seconds=1):
        screen.print(f"\nDone by {format_clock(asked.when)} UTC, {format_distance(asked.when, now)}.")
    for warning in (*asked.warnings, *find_annotation_owners(seen, asked.annotations)):
        screen.print(to_printable(f"Note: {warning}."))


def _confirm() -> None:
    if not sys.stdin.isatty():
        raise Failure("nobody can be asked for confirmation here; give --yes, or --dry-run to look only", Exit.USAGE)
    if not click.confirm("Go on?", err=True):
        raise click.Abort
