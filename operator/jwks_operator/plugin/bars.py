"""A forecast as bars of characters over time: one row for each key, a scale above, a mark for now."""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby

from rich.text import Text

from jwks_operator.core.forecast import Span
from jwks_operator.core.outputs.timeline import Stretch, format_tick, list_ticks
from jwks_operator.core.transitions.transition_table import State
from jwks_operator.plugin.exit_codes import to_printable

MARKS = {State.PENDING: "░", State.ACTIVE: "█", State.RETIRED: "▒"}
STYLES = {State.PENDING: "bright_blue", State.ACTIVE: "green", State.RETIRED: "yellow"}
LEGEND = {State.PENDING: "published, not used yet", State.ACTIVE: "in use", State.RETIRED: "kept for what it made"}
LEFT = 24
"""Columns before the bars."""
SHORT = 8


def draw_bars(spans: Iterable[Span], stretch: Stretch, width: int) -> list[Text]:
    """Return the lines of a picture of this width in columns."""
    shown = [span for span in spans if span.begin <= stretch.end and (span.end or stretch.end) >= stretch.start]
    room = max(width - LEFT, 20)
    lines = list(_scale(stretch, room))
    for entry in dict.fromkeys(span.entry for span in sorted(shown, key=lambda span: span.entry)):
        lines.append(Text(entry, style="bold"))
        for kid in _in_order_of_use(span for span in shown if span.entry == entry):
            own = [span for span in shown if span.kid == kid and span.entry == entry]
            lines.append(_row(own, stretch, room))
    return [*lines, _legend()]


def _in_order_of_use(spans: Iterable[Span]) -> list[str]:
    """Return the kids by the start of their use; never used ones come last."""
    first: dict[str, tuple[bool, datetime]] = {}
    for span in spans:
        unused = span.state is State.PENDING
        first[span.kid] = min(first.get(span.kid, (True, span.begin)), (unused, span.begin))
    return sorted(first, key=first.__getitem__)


def short_kid(kid: str) -> str:
    """Return a short form of a kid for narrow places."""
    return to_printable(kid if len(kid) <= SHORT + 4 else kid[:SHORT])


def _row(spans: list[Span], stretch: Stretch, room: int) -> Text:
    now = stretch.now
    present = [span for span in spans if now is not None and span.begin <= now < (span.end or stretch.end)]
    label = f"  {short_kid(spans[0].kid):<{SHORT + 4}} {present[-1].state if present else ''}"
    cells: list[State | None] = [None] * room
    for span in spans:
        begin = _column(max(span.begin, stretch.start), stretch, room)
        end = _column(min(span.end or stretch.end, stretch.end), stretch, room)
        for column in range(begin, max(end, begin + 1)):
            cells[min(column, room - 1)] = span.state
    line = Text(f"{label[:LEFT]:<{LEFT}}")
    for state, run in groupby(cells):
        length = len(list(run))
        line.append((" " if state is None else MARKS[state]) * length, style="" if state is None else STYLES[state])
    line.rstrip()
    return line


def _scale(stretch: Stretch, room: int) -> tuple[Text, Text]:
    step, marks = list_ticks(stretch, max(room // 16, 2))
    words, strokes = [" "] * room, [" "] * room
    for moment in marks:
        column = min(_column(moment, stretch, room), room - 1)
        text = format_tick(moment, step)
        begin = min(column, room - len(text))
        if all(letter == " " for letter in words[max(begin - 1, 0) : begin + len(text) + 1]):
            words[begin : begin + len(text)] = text
        strokes[column] = "╷"
    if stretch.now is not None:
        strokes[min(_column(stretch.now, stretch, room), room - 1)] = "▼"
    indent = " " * LEFT
    return Text(indent + "".join(words).rstrip(), style="dim"), Text(indent + "".join(strokes).rstrip(), style="dim")


def _column(moment: datetime, stretch: Stretch, room: int) -> int:
    return int(room * ((moment - stretch.start) / (stretch.end - stretch.start)))


def _legend() -> Text:
    line = Text(" " * LEFT, style="dim")
    for state, words in LEGEND.items():
        line.append(MARKS[state], style=STYLES[state])
        line.append(f" {words}   ")
    line.append("▼ now (UTC)")
    return line
