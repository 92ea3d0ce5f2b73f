"""The sentences about transitions of keys."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby

from rich.table import Table

from jwks_operator.api.reasons import EventReason
from jwks_operator.core.model.record import HistoryEntry, RecordedEvent
from jwks_operator.core.outputs.event_texts import describe_forecast
from jwks_operator.core.planner.causes import Cause
from jwks_operator.plugin.bars import short_kid
from jwks_operator.plugin.output import format_clock, format_distance, format_moment, make_table

_IN_USE = {EventReason.KEY_ACTIVATED, EventReason.KEY_ROLLED_BACK}


def step_table(told: Iterable[HistoryEntry], now: datetime, most: int | None = None) -> Table:
    """Return a table with one line for each entry and time; `most` lines, all if None."""
    made = make_table("WHEN (UTC)", "", "ENTRY", "WHAT")
    for time, entry, what in list(describe_steps(told))[:most]:
        made.add_row(format_clock(time), format_distance(time, now), entry, what)
    return made


def describe_steps(told: Iterable[HistoryEntry]) -> Iterator[tuple[datetime, str, str]]:
    """Yield time, entry and sentence of each step."""
    ordered = sorted(told, key=lambda each: (each.time, each.recorded.entry))
    for (time, entry), group in groupby(ordered, key=lambda each: (each.time, each.recorded.entry)):
        for sentence in _sentences([each.recorded for each in group]):
            yield time, entry, sentence


def _sentences(events: list[RecordedEvent]) -> Iterator[str]:
    """Return one sentence for the replacement of a key."""
    change = next((one for one in events if one.event in _IN_USE), None)
    former = next((one for one in events if one.event == EventReason.KEY_RETIRED), None)
    if change is not None and former is not None:
        events = [one for one in events if one not in (change, former)]
        again = " again" if change.event == EventReason.KEY_ROLLED_BACK else ""
        yield f"{short_kid(change.kid)} takes over{again} from {short_kid(former.kid)}{_why(change)}"
    for one in events:
        yield describe_forecast(one, short_kid(one.kid)) + _why(one)


def _why(recorded: RecordedEvent) -> str:
    cause = Cause.of(recorded.reason)
    why = recorded.reason if cause is None else cause.text
    return f" ({why})" if why else ""


def steps_document(told: Iterable[HistoryEntry]) -> list[dict[str, str | None]]:
    """Return the steps as plain values."""
    return [
        {
            "time": format_moment(each.time),
            "event": str(each.recorded.event),
            "entry": each.recorded.entry,
            "kid": each.recorded.kid,
            "reason": each.recorded.reason,
        }
        for each in told
    ]
