"""The sentences about transitions of keys."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby

from rich.table import Table

from jwks_operator.api.reasons import EventReason
from jwks_operator.core.model.record import Happening, HistoryEntry
from jwks_operator.plugin.bars import short_kid
from jwks_operator.plugin.output import format_clock, format_distance, format_moment, make_table

STEPS = {
    EventReason.KEY_PUBLISHED: "{} is made and published",
    EventReason.KEY_ACTIVATED: "{} comes into use",
    EventReason.KEY_RETIRED: "{} goes out of use and is kept for what it made",
    EventReason.KEY_ROLLED_BACK: "{} comes into use again",
    EventReason.ROLLBACK_REFUSED: "the roll-back is refused: no former key has its private half any more",
    EventReason.PRIVATE_HALF_DESTROYED: "{} loses its private half: no way back to it",
    EventReason.KEY_DESTROYED: "{} is removed",
    EventReason.KEY_REVOKED: "{} is revoked, gone at once",
    EventReason.KEY_IMPORTED: "{} is imported",
}
REASONS = {
    "Schedule": "the schedule",
    "Request": "the request",
    "Emergency": "the emergency",
    "RetentionPassed": "all it made has expired",
    "RollbackWindowPassed": "the roll-back window is over",
    "AlgorithmChanged": "the spec asks for another kind",
    "EntryAdded": "a new entry",
    "EntryRemoved": "its entry left the spec",
    "Bootstrap": "a new set",
    "Revocation": "the one in use was revoked",
    "Standby": "next in line",
}
_IN_USE = {EventReason.KEY_ACTIVATED, EventReason.KEY_ROLLED_BACK}


def step_table(told: Iterable[HistoryEntry], now: datetime, most: int | None = None) -> Table:
    """Return a table with one line for each entry and time; `most` lines, all if None."""
    made = make_table("WHEN (UTC)", "", "ENTRY", "WHAT")
    for time, entry, what in list(describe_steps(told))[:most]:
        made.add_row(format_clock(time), format_distance(time, now), entry, what)
    return made


def describe_steps(told: Iterable[HistoryEntry]) -> Iterator[tuple[datetime, str, str]]:
    """Yield time, entry and sentence of each step."""
    ordered = sorted(told, key=lambda each: (each.time, each.happening.entry))
    for (time, entry), group in groupby(ordered, key=lambda each: (each.time, each.happening.entry)):
        for sentence in _sentences([each.happening for each in group]):
            yield time, entry, sentence


def _sentences(happenings: list[Happening]) -> Iterator[str]:
    """Return one sentence for the replacement of a key."""
    change = next((one for one in happenings if one.event in _IN_USE), None)
    former = next((one for one in happenings if one.event == EventReason.KEY_RETIRED), None)
    if change is not None and former is not None:
        happenings = [one for one in happenings if one not in (change, former)]
        again = " again" if change.event == EventReason.KEY_ROLLED_BACK else ""
        yield f"{short_kid(change.kid)} takes over{again} from {short_kid(former.kid)}{_why(change)}"
    for one in happenings:
        yield STEPS.get(EventReason(one.event), one.event).format(short_kid(one.kid)) + _why(one)


def _why(happening: Happening) -> str:
    why = REASONS.get(happening.reason, happening.reason)
    return f" ({why})" if why else ""


def steps_document(told: Iterable[HistoryEntry]) -> list[dict[str, str | None]]:
    """Return the steps as plain values."""
    return [
        {
            "time": format_moment(each.time),
            "event": str(each.happening.event),
            "entry": each.happening.entry,
            "kid": each.happening.kid,
            "reason": each.happening.reason,
        }
        for each in told
    ]
