"""--wait: polls until the request is fulfilled, confirmed, published and served; with a progress display.

A write that the API server refuses ends the wait with the operator's words, once they stand for a few polls: a request
is no more than an intention until the set is Ready with it.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from jwks_operator.api.reasons import ConditionType, Reason
from jwks_operator.api.status_model import KeyState, KeyStatus
from jwks_operator.core.transitions.transition_table import TABLE
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass
from jwks_operator.kube.errors import Throttled, Unavailable
from jwks_operator.plugin.cluster import Cluster, ObservedSet, keys_in
from jwks_operator.plugin.exit_codes import Exit, Failure, refusal_error
from jwks_operator.plugin.jwks_fetch import FetchFailure, fetch
from jwks_operator.plugin.output import format_clock, format_span, message_console, say
from jwks_operator.plugin.request_preview import RequestPreview

PERIOD = 1.0
_USES = frozenset(row.transition for row in TABLE if row.replaces_active)
"""The transitions that bring another key into use."""
GRACE = timedelta(minutes=10)
"""Time beyond the plan, without --timeout."""
REFUSED_POLLS = 5
"""For how many polls in a row a refusal has to stand: a pass that was under way may still end it."""
_REFUSALS = frozenset({Reason.WRITE_REFUSED, Reason.REVOKED_KEY_REMAINS, Reason.NAME_CONFLICT})


@dataclass(frozen=True, slots=True)
class Until:
    """The condition to wait for: the request, and the URL that must serve the result, if one is given."""

    asked: RequestPreview
    url: str | None
    timeout: timedelta | None


async def wait_for(cluster: Cluster, seen: ObservedSet, until: Until) -> ObservedSet:
    """Return the set once the request is fulfilled and served; raises Failure after the timeout or a refusal."""
    begun = cluster.now()
    planned = max((until.asked.when if until.asked.waits else None) or begun, begun)
    end = begun + (until.timeout if until.timeout is not None else planned - begun + GRACE)
    refused = 0
    with _Display(message_console(), begun, planned) as display:
        while True:
            try:
                seen = await cluster.the_set(seen.ref.name)
                stage = await stage_of(seen, until)
            except (Unavailable, Throttled):
                stage = "waiting for the API server"  # a wait of hours outlives its restarts
            if stage is None:
                display.show("done", cluster.now())
                return seen
            refusal = find_refusal(seen)
            refused = 0 if refusal is None else refused + 1
            if refusal is not None and refused >= REFUSED_POLLS:
                raise refusal_error(f"{refusal}; the request stays in force")
            now = cluster.now()
            if now >= end:
                raise Failure(
                    f"not done after {format_span(now - begun)}: {stage}; the request stays in force", Exit.TIMEOUT
                )
            display.show(stage, now)
            await asyncio.sleep(PERIOD)


async def stage_of(seen: ObservedSet, until: Until) -> str | None:
    """Return what is still missing; None if nothing is."""
    if not until.asked.done(seen):
        following = seen.status.next
        soon = until.asked.waits and following is not None and following.action in _USES
        return f"waiting for {following.message if soon and following and following.message else 'the operator'}"
    if (unready := _unready(seen)) is not None:
        return f"waiting for the set to be Ready: {unready}"
    wanted = {key.kid for key in seen.status.keys if key.state is KeyState.ACTIVE and _is_published(key)}
    if not seen.hidden and (lack := _lack(set(seen.published), wanted, until)) is not None:
        return f"waiting for the ConfigMap to {lack}"
    return None if until.url is None else await _unserved(until.url, wanted, until)


async def _unserved(url: str, wanted: set[str], until: Until) -> str | None:
    """Return what the URL does not serve yet; None if it serves all of it."""
    answer = await fetch(url)
    if isinstance(answer, FetchFailure):
        return f"waiting for {url}: {answer.problem}"
    if answer.status != 200:
        return f"waiting for {url}: it answers {answer.status}"
    lack = _lack(set(keys_in(answer.body)), wanted, until)
    return None if lack is None else f"waiting for {url} to {lack}"


def find_refusal(seen: ObservedSet) -> str | None:
    """Return what the operator says of a write that is refused; None if none is."""
    return next((trouble.message for trouble in seen.status.troubles if trouble.reason in _REFUSALS), None)


def _unready(seen: ObservedSet) -> str | None:
    """Return why the status does not call the present spec Ready, with every step confirmed; None if it does."""
    if not seen.looked_at:
        return "the operator has not looked at the present spec yet"
    ready, rotating = seen.condition(ConditionType.READY), seen.condition(ConditionType.ROTATING)
    if ready is None or ready.status != "True":
        return "not yet" if ready is None else ready.message
    if rotating is not None and rotating.reason == Reason.STEP_IN_PROGRESS:
        return rotating.message
    return None


def _lack(shown: set[str], wanted: set[str], until: Until) -> str | None:
    """Return what must still change for these kids."""
    if not wanted <= shown:
        return "serve the key in use"
    return "drop the revoked key" if shown & set(until.asked.gone) else None


def _is_published(key: KeyStatus) -> bool:
    row = ALGORITHMS.get(key.algorithm)
    return row is not None and row.key_class is not KeyClass.SYMMETRIC


class _Display:
    """A bar up to the planned time on a terminal; else a line for each new stage."""

    def __init__(self, console: Console, begun: datetime, planned: datetime) -> None:
        self._console, self._begun, self._planned = console, begun, planned
        self._said = ""
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=30), TextColumn("{task.fields[left]}"),
            console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._task: TaskID = self._progress.add_task("waiting for the operator", total=None, left="")

    def __enter__(self) -> "_Display":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, stage: str, now: datetime) -> None:
        """Show the present stage."""
        total = (self._planned - self._begun).total_seconds()
        done = min((now - self._begun).total_seconds(), total)
        left = f"{format_span(self._planned - now)} left" if now < self._planned else ""
        self._progress.update(self._task, description=stage, total=total or None, completed=done, left=left)
        if not self._console.is_terminal and stage != self._said:
            say(f"{format_clock(now)} {stage}{f', planned for {format_clock(self._planned)}' if left else ''}")
        self._said = stage
