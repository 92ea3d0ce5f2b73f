"""`kubectl jwks plan`: what the operator would do, computed by the operator's own planner."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.text import Text

from jwks_operator.api.spec import JsonWebKeySetSpec
from jwks_operator.core.forecast import STEPS as ALL
from jwks_operator.core.forecast import Forecast, forecast_world
from jwks_operator.core.outputs.timeline import Stretch, make_picture, render_svg
from jwks_operator.core.planner.spec_checks import find_complaint
from jwks_operator.core.timing.schedule import ScheduleError
from jwks_operator.plugin.arguments import optional_set
from jwks_operator.plugin.bars import draw_bars
from jwks_operator.plugin.cluster import ObservedSet, open_cluster
from jwks_operator.plugin.exit_codes import Exit, Failure
from jwks_operator.plugin.manifests import read_sets
from jwks_operator.plugin.options import SPAN, output_option, place_options
from jwks_operator.plugin.output import (
    format_clock,
    format_distance,
    format_moment,
    result_console,
    say,
    write_document,
)
from jwks_operator.plugin.place import Place
from jwks_operator.plugin.wait_terms import find_limiting_terms, waits_of_entry
from jwks_operator.plugin.wording import step_table, steps_document

STEPS = 40
"""The most lines of steps for people; programs and pictures get all."""


@dataclass(frozen=True, slots=True)
class Case:
    """The set to plan, and the one in the cluster that it would replace."""

    wanted: ObservedSet
    living: ObservedSet | None
    now: datetime
    until: datetime

    @property
    def spec(self) -> JsonWebKeySetSpec:
        """The spec to plan; it is valid."""
        if self.wanted.spec is None:
            raise Failure(f"{self.wanted.ref}: {self.wanted.complaint}", Exit.FOUND)
        return self.wanted.spec

    def forecast(self, steps: int = ALL) -> Forecast:
        """Return what will happen; Failure that names the term if the spec is unsafe."""
        trouble = find_complaint(self.spec, self.now)
        if trouble is not None:
            raise Failure(f"{self.wanted.ref}: {trouble.message}{_because(self.spec, self.now)}", Exit.FOUND)
        living = self.living or self.wanted
        annotations = {**living.annotations, **self.wanted.annotations}
        observed = replace(living.observed(self.now, annotations), spec=self.spec)
        return forecast_world(observed, self.now, self.until, steps)


def _because(spec: JsonWebKeySetSpec, now: datetime) -> str:
    try:
        told = "; ".join(find_limiting_terms(spec, now))
    except ScheduleError:
        return ""  # the error is about the schedule itself
    return f" ({told})" if told else ""


@click.command("plan")
@optional_set
@place_options
@output_option("json", "yaml")
@click.option(
    "-f", "--filename", metavar="FILE", help="Manifest of a set, - for standard input: what if it was applied?"
)
@click.option("--until", type=SPAN, help="How far ahead to look, such as 30d or 1y. Default: three changes of keys.")
@click.option("--new", is_flag=True, help="Plan the file as a new set, without a look at the cluster.")
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Draw the timeline into this file.")
@click.option("--png", type=click.Path(dir_okay=False, path_type=Path), help="The same as PNG (needs Pillow).")
def plan_command(place: Place, name: str | None, filename: str | None, **options: Any) -> int:
    r"""Show what will happen to the keys of a set.

    The times come from the operator's own planner. With -f, a file is planned as if it was applied now: a new set,
    or an edit of an existing one. A spec that would be refused or is unsafe ends with exit code 1 and
    names the field, or the term that is too long.

    \b
    Examples:
      kubectl jwks plan -f set.yaml
      kubectl jwks plan auth -n shop --until 1y
      kubectl jwks plan -f set.yaml --svg timeline.svg
      kubectl get jwks auth -o yaml | sed s/720h/168h/ | kubectl jwks plan -f -
    """
    if name is None and filename is None:
        raise click.UsageError("give SET, or a manifest with -f")
    if options["png"] is not None and find_spec("PIL") is None:
        raise Failure("--png needs Pillow; pip install 'jwks-operator[png]', or take --svg", Exit.USAGE)
    cases = asyncio.run(_cases(place, name, filename, options))
    plans = [(case, case.forecast()) for case in cases]
    for case, told in plans:
        _draw(case, told, options["svg"], options["png"])
    if options["form"] is not None:
        plains = [plan_document(case, told) for case, told in plans]
        write_document(plains[0] if len(plains) == 1 else plains, options["form"])
        return Exit.DONE
    screen = result_console()
    for case, told in plans:
        screen.print(render_plan(case, told, screen.width))
    return Exit.DONE


async def _cases(place: Place, name: str | None, filename: str | None, options: dict[str, Any]) -> list[Case]:
    if filename is not None:
        wanted = read_sets(filename, place.namespace or "default", name)
        if options["new"]:
            return [_case(each, None, datetime.now(UTC), options["until"]) for each in wanted]
    async with open_cluster(place) as cluster:
        if filename is None:
            seen = await cluster.the_set(name or "")
            return [_case(seen, seen, cluster.now(), options["until"])]
        wanted = read_sets(filename, cluster.namespace, name) if filename != "-" else wanted
        living = [await cluster.find_set(each.ref) for each in wanted]
        return [_case(each, was, cluster.now(), options["until"]) for each, was in zip(wanted, living, strict=True)]


def _case(wanted: ObservedSet, living: ObservedSet | None, now: datetime, until: timedelta | None) -> Case:
    return Case(wanted, living, now, now + (until or _three_changes(wanted, now)))


def _three_changes(seen: ObservedSet, now: datetime) -> timedelta:
    """Return a span of three rotations, so that the whole life of one key is visible."""
    far = Case(seen, None, now, now + timedelta(days=3 * 366))
    changes = [
        each.time for each in far.forecast(STEPS * len(far.spec.keys)).events if each.recorded.event == "KeyActivated"
    ]
    changes = sorted({time for time in changes if time > now})[:3]
    return (changes[-1] - now) * 1.2 if changes else timedelta(days=90)


def render_plan(case: Case, told: Forecast, width: int) -> RenderableType:
    """Return the plan for people."""
    stretch = Stretch(case.now, told.until, case.now)
    lines: list[RenderableType] = [_headline(case), *_waits(case), Text()]
    lines += [*draw_bars(told.spans, stretch, width), Text(), step_table(told.events, case.now, STEPS)]
    if not told.events:
        lines.append(Text("Nothing will happen to its keys in this time."))
    if told.until < case.until:
        lines.append(Text(f"Told until {format_clock(told.until)}: there are too many steps after that; give --until."))
    return Group(*lines)


def _headline(case: Case) -> Text:
    if case.living is None:
        what = "as a new set"
    elif case.living is case.wanted:
        what = "as it is"
    elif case.living.spec == case.spec:
        what = "as it is: the file changes nothing"
    else:
        what = "as edited, from its keys as they are"
    return Text.assemble((str(case.wanted.ref), "bold"), f"   {what}   until {case.until:%Y-%m-%d %H:%M} UTC")


def _waits(case: Case) -> Iterable[Text]:
    former = None if case.living is None or case.living is case.wanted else case.living.spec
    for entry in case.spec.keys:
        old = next((one for one in (former.keys if former else ()) if one.name == entry.name), None)
        for index, wait in enumerate(waits_of_entry(case.spec, entry)):
            line = Text(f"{entry.name}: {wait}")
            if former is not None and old is not None:
                was = waits_of_entry(former, old)[index].length
                if was != wait.length:
                    line.append(
                        f"   (was {format_distance(case.now + was, case.now).removeprefix('in ')})", style="yellow"
                    )
            yield line


def plan_document(case: Case, told: Forecast) -> dict[str, Any]:
    """Return the plan for programs."""
    return {
        "namespace": case.wanted.ref.namespace,
        "name": case.wanted.ref.name,
        "from": format_moment(case.now),
        "until": format_moment(told.until),
        "waits": [
            {"entry": entry.name, "wait": wait.name, "seconds": wait.length.total_seconds(), "why": str(wait)}
            for entry in case.spec.keys
            for wait in waits_of_entry(case.spec, entry)
        ],
        "timeline": [
            {
                "kid": s.kid,
                "entry": s.entry,
                "state": str(s.state),
                "begin": format_moment(s.begin),
                "end": format_moment(s.end),
            }
            for s in told.spans
        ],
        "steps": steps_document(told.events),
    }


def _draw(case: Case, told: Forecast, to_svg: Path | None, to_png: Path | None) -> None:
    drawn = make_picture(str(case.wanted.ref), told.spans, Stretch(case.now, told.until, case.now))
    try:
        if to_svg is not None:
            to_svg.write_text(render_svg(drawn))
        if to_png is not None:
            import_module("jwks_operator.plugin.png").write_png(drawn, to_png)
    except OSError as error:
        raise Failure(f"{error.filename}: {(error.strerror or 'cannot be written').lower()}", Exit.MISSING) from None
    for path in filter(None, (to_svg, to_png)):
        say(f"Drawn into {path}")
