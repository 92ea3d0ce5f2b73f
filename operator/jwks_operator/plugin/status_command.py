"""`kubectl jwks status`: the state of every key, as bars over time, and the next transition."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from jwks_operator.api.reasons import ConditionType
from jwks_operator.core.forecast import STEPS as ALL
from jwks_operator.core.forecast import Forecast
from jwks_operator.core.outputs.timeline import stretch_around
from jwks_operator.kube.errors import Throttled, Unavailable
from jwks_operator.plugin.arguments import optional_set
from jwks_operator.plugin.bars import draw_bars
from jwks_operator.plugin.cluster import Cluster, ObservedSet, open_cluster
from jwks_operator.plugin.exit_codes import Exit, to_printable
from jwks_operator.plugin.forecast_view import look_ahead
from jwks_operator.plugin.options import SPAN, output_option, place_options
from jwks_operator.plugin.output import (
    format_clock,
    format_distance,
    format_moment,
    make_table,
    result_console,
    say,
    write_document,
)
from jwks_operator.plugin.place import Place
from jwks_operator.plugin.wording import step_table, steps_document

STEPS = 6
"""The most future steps in the list."""
LONGEST = timedelta(days=366)
AHEAD = 12
"""Future steps for each entry, without --until."""
PERIOD = 2.0
"""Seconds between two reads of --watch."""


def forecast_set(seen: ObservedSet, now: datetime, until: timedelta | None = None) -> Forecast:
    """Return history and forecast of a set; None before its first pass."""
    observed = seen.observed(now)
    if observed.spec is None or (observed.record is None and not seen.looked_at):
        return Forecast((), (), now)
    return look_ahead(observed, now, now + (until or LONGEST), ALL if until else AHEAD * len(observed.spec.keys))


def render_details(seen: ObservedSet, now: datetime, width: int, until: timedelta | None = None) -> RenderableType:
    """Return the page of one set."""
    told = forecast_set(seen, now, until)
    lines: list[RenderableType] = [render_headline(seen, now), *find_remarks(seen)]
    if told.spans:
        lines += [Text(), *draw_bars(told.spans, stretch_around(told.spans, now, until), width)]
    if told.events:
        lines += [Text(), step_table(told.events, now, STEPS)]
    if seen.status.revocation_latency:
        lines += [Text(), Text(f"A revoked key may still be trusted for {seen.status.revocation_latency}.")]
    return Group(*lines)


def render_headline(seen: ObservedSet, now: datetime) -> Text:
    """Return the first line: the set, its readiness, the next transition."""
    line = Text.assemble((str(seen.ref), "bold"), "   ", _ready(seen), f"   {seen.status.algorithms or ''}")
    following = seen.status.next
    if following is not None and following.time is not None:
        line.append(f"   next: {following.action} {following.name} {format_distance(following.time, now)}")
    return line


def find_remarks(seen: ObservedSet) -> list[Text]:
    """Return what needs attention, and running steps."""
    lines = find_complaints(seen)
    rotating = seen.condition(ConditionType.ROTATING)
    if rotating is not None and rotating.reason in {"Suspended", "NextKeyPublished", "StepInProgress"}:
        lines.append(Text(f"{to_printable(rotating.message)}."))
    if held := [key.kid for key in seen.status.keys if key.held]:
        lines.append(Text(f"Held, not removed by time: {to_printable(', '.join(held))}"))
    return lines


def find_complaints(seen: ObservedSet) -> list[Text]:
    """Return what needs attention."""
    lines = []
    if not seen.looked_at:
        lines.append(Text("The operator has not looked at this spec yet; kubectl jwks doctor", style="yellow"))
    for kind, bad in ((ConditionType.READY, "False"), (ConditionType.DEGRADED, "True")):
        condition = seen.condition(kind)
        if condition is not None and condition.status == bad:
            lines.append(
                Text(f"{kind} is {bad} ({condition.reason}): {to_printable(condition.message)}", style="yellow")
            )
    return lines


def render_overview(sets: Sequence[ObservedSet], now: datetime) -> RenderableType:
    """Return the table of many sets, and below it what needs attention."""
    made = make_table("NAMESPACE", "NAME", "READY", "ALGORITHMS", "ACTIVE KID", "NEXT", "ACTION")
    troubles: list[RenderableType] = []
    for seen in sets:
        following = seen.status.next
        made.add_row(
            seen.ref.namespace,
            seen.ref.name,
            _ready(seen),
            seen.status.algorithms or "",
            seen.status.active_kid or "",
            "" if following is None or following.time is None else format_distance(following.time, now),
            "" if following is None else f"{following.action} {following.name}",
        )
        troubles += [Text.assemble(f"{seen.ref}: ", trouble) for trouble in find_complaints(seen)]
    return Group(made, *([Text(), *troubles] if troubles else []))


def status_document(seen: ObservedSet, now: datetime, until: timedelta | None = None) -> dict[str, Any]:
    """Return the document for programs."""
    told = forecast_set(seen, now, until)
    return {
        "namespace": seen.ref.namespace,
        "name": seen.ref.name,
        "time": format_moment(now),
        "status": seen.status.model_dump(mode="json", by_alias=True, exclude_none=True),
        "timeline": [
            {
                "kid": span.kid,
                "entry": span.entry,
                "state": str(span.state),
                "begin": format_moment(span.begin),
                "end": format_moment(span.end),
            }
            for span in told.spans
            if until is not None or span.begin <= now
        ],
        "steps": steps_document(told.events if until is not None else told.events[:STEPS]),
    }


def _ready(seen: ObservedSet) -> Text:
    condition = seen.condition(ConditionType.READY)
    degraded = seen.condition(ConditionType.DEGRADED)
    if condition is None:
        return Text("Waiting", style="yellow")
    if condition.status != "True":
        return Text("Not ready", style="red")
    if degraded is not None and degraded.status == "True":
        return Text("Ready, degraded", style="yellow")
    return Text("Ready", style="green")


@click.command("status")
@optional_set
@place_options
@output_option("json", "yaml", "wide")
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="The sets of all namespaces.")
@click.option("-w", "--watch", is_flag=True, help="Go on looking, until Ctrl-C.")
@click.option("--until", type=SPAN, help="How far ahead to look, such as 30d. Default: past the next change of keys.")
def status_command(place: Place, name: str | None, **options: Any) -> int:
    r"""Show the state of every key and the next transition.

    Without SET, a table of all sets; with it, its keys as bars over time: published, in use, kept. `-o wide` shows
    the bars of every set.

    \b
    Examples:
      kubectl jwks status
      kubectl jwks status auth -n shop
      kubectl jwks status auth -n shop --watch
      kubectl jwks status -A -o json
    """
    look = _Look(options["form"], options["everywhere"], options["until"])
    if name is not None and look.everywhere:
        raise click.UsageError("give SET or --all-namespaces, not both")
    return asyncio.run(_status(place, name, look, watch=options["watch"] and look.form not in {"json", "yaml"}))


class _Look:
    """The options of the command."""

    def __init__(self, form: str | None, everywhere: bool, until: timedelta | None) -> None:
        self.form, self.everywhere, self.until = form, everywhere, until

    async def at(self, cluster: Cluster, name: str | None) -> list[ObservedSet]:
        if name is not None:
            return [await cluster.the_set(name)]
        sets = await cluster.sets(None if self.everywhere else cluster.namespace)
        return sets if self.form is None else [await cluster.with_published(seen) for seen in sets]

    def page(self, sets: list[ObservedSet], name: str | None, now: datetime, width: int) -> RenderableType:
        if name is None and self.form != "wide":
            return render_overview(sets, now)
        pages: list[RenderableType] = []
        for seen in sets:
            pages += [render_details(seen, now, width, self.until), Text()]
        return Group(*pages[:-1])


async def _status(place: Place, name: str | None, look: _Look, *, watch: bool) -> int:
    async with open_cluster(place) as cluster:
        sets = await look.at(cluster, name)
        if look.form in {"json", "yaml"}:
            plains = [status_document(seen, cluster.now(), look.until) for seen in sets]
            write_document(plains[0] if name is not None else plains, look.form)
            return Exit.DONE
        if not sets:
            where = "the cluster" if look.everywhere else f"namespace {cluster.namespace}"
            say(f"No sets in {where}{'' if look.everywhere else '; kubectl jwks status -A looks everywhere'}.")
            return Exit.DONE
        screen = result_console()
        if not watch:
            screen.print(look.page(sets, name, cluster.now(), screen.width))
            return Exit.DONE
        return await _watch(cluster, name, look, screen)


async def _watch(cluster: Cluster, name: str | None, look: _Look, screen: Console) -> int:
    def page(sets: list[ObservedSet]) -> RenderableType:
        now = cluster.now()
        return Group(look.page(sets, name, now, screen.width), Text(), Text(f"{format_clock(now)} UTC", style="dim"))

    if not screen.is_terminal:  # a pipe gets a page for each change
        return await _follow(cluster, name, look, page)
    with Live(page(await look.at(cluster, name)), console=screen, auto_refresh=False, screen=True) as live:
        while True:
            await asyncio.sleep(PERIOD)
            with suppress(Unavailable, Throttled):  # the last page stays until there is another
                live.update(page(await look.at(cluster, name)), refresh=True)


async def _follow(
    cluster: Cluster, name: str | None, look: _Look, page: Callable[[list[ObservedSet]], RenderableType]
) -> int:
    before: list[str] = []
    while True:
        with suppress(Unavailable, Throttled):
            sets = await look.at(cluster, name)
            versions = [str(seen.object["metadata"]["resourceVersion"]) for seen in sets]
            if versions != before:
                result_console().print(page(sets))
            before = versions
        await asyncio.sleep(PERIOD)
