"""A forecast as bars over time: one row for each key, one colour for each state, drawn as shapes and written as SVG.

The shapes are for other writers, too (PNG in the plugin). Equal forecasts give equal bytes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape

from jwks_operator.core.forecast import Span
from jwks_operator.core.transitions.transition_table import State

COLOURS = {State.PENDING: "#9ec5e8", State.ACTIVE: "#2b6cb0", State.RETIRED: "#d3b274"}
WORDS = {
    State.PENDING: "Pending: known to verifiers, not used yet",
    State.ACTIVE: "Active: in use",
    State.RETIRED: "Retired: no longer used, still known to verifiers",
}
WIDTH, LEFT, ROW, TOP = 900, 128, 26, 62
TICKS = 12
"""Most steps of the scale; a picture with dates has half as many, because they are wide."""
_INK, _GREY, _LINE, _NOW = "#1a202c", "#4a5568", "#e2e8f0", "#c53030"
_STEPS = (
    *(timedelta(seconds=seconds) for seconds in (1, 2, 5, 10, 30)),
    *(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 30)),
    *(timedelta(hours=hours) for hours in (1, 2, 6, 12)),
    *(timedelta(days=days) for days in (1, 2, 7, 14, 30, 60, 90, 180, 365)),
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What part of time a picture shows; `now` draws a line there and writes dates instead of hours since the start."""

    start: datetime
    end: datetime
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle; `tip` is what a pointer over it is told."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A vertical line."""

    x: float
    top: float
    bottom: float
    colour: str


@dataclass(frozen=True, slots=True)
class Words:
    """A line of text, `y` at its baseline; centred at `x`, or beginning there."""

    x: float
    y: float
    text: str
    colour: str = _INK
    size: int = 13
    centred: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """Shapes on white, back to front; sizes in pixels."""

    title: str
    width: int
    height: int
    shapes: tuple[Box | Line | Words, ...]


def draw_svg(title: str, spans: Iterable[Span], start: datetime, end: datetime) -> str:
    """Return the SVG text of a forecast, its scale in time since the start."""
    return render_svg(make_picture(title, spans, Stretch(start, end)))


def make_picture(title: str, spans: Iterable[Span], stretch: Stretch) -> Picture:
    """Return the shapes of what of a forecast is in a stretch of time."""
    shown = tuple(span for span in spans if span.begin < stretch.end and (span.end or stretch.end) > stretch.start)
    rows = {kid: index for index, kid in enumerate(dict.fromkeys(span.kid for span in shown))}
    bottom = TOP + ROW * len(rows)
    shapes: list[Box | Line | Words] = [Words(16, 26, title, size=15), *_scale(stretch, bottom)]
    shapes += [Words(16, TOP + ROW * row + 16, _short(kid)) for kid, row in rows.items()]
    shapes += [_bar(span, TOP + ROW * rows[span.kid], stretch) for span in shown]
    if stretch.now is not None and stretch.start <= stretch.now <= stretch.end:
        shapes.append(Line(_x(stretch.now, stretch), TOP - 8, bottom, _NOW))
    return Picture(title, WIDTH, bottom + 86, (*shapes, *_legend(bottom)))


def stretch_around(spans: Iterable[Span], now: datetime, until: timedelta | None) -> Stretch:
    """Return what to show: until a given span from now, else until the next change of keys is over; and a third before.

    A new set has no past.
    """
    spans = tuple(spans)
    if until is None:
        coming = sorted(span.begin for span in spans if span.state is State.ACTIVE and span.begin > now)
        ends = sorted(span.end for span in spans if span.end is not None and span.end > now)
        horizon = (coming[:1] or ends[:1] or [now + timedelta(days=30)])[0] - now
        until = max(horizon * 1.4, timedelta(minutes=1))
    first = min((span.begin for span in spans), default=now)
    return Stretch(max(now - until / 3, min(first, now)), now + until, now)


def list_ticks(stretch: Stretch, most: int) -> tuple[timedelta, tuple[datetime, ...]]:
    """Return the step of a scale with so many steps at most, and its marks: round times, or steps since the start."""
    span = stretch.end - stretch.start
    step = next((step for step in _STEPS if span <= step * most), span)
    if stretch.now is None:
        first = stretch.start
    else:
        origin = datetime(1970, 1, 5, tzinfo=UTC)  # a Monday
        first = origin + -(-(stretch.start - origin) // step) * step
    count = int((stretch.end - first) / step) + 1
    return step, tuple(first + step * index for index in range(max(count, 0)))


def format_tick(moment: datetime, step: timedelta) -> str:
    """Return how a scale of this step names a moment."""
    if step >= timedelta(days=1):
        return f"{moment:%b} {moment.day}" + (f" {moment:%Y}" if step >= timedelta(days=30) else "")
    return f"{moment:%H:%M:%S}" if step < timedelta(minutes=1) else f"{moment:%b} {moment.day} {moment:%H:%M}"


def render_svg(drawn: Picture) -> str:
    """Return a picture as SVG text."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{drawn.width}" height="{drawn.height}" '
        f'viewBox="0 0 {drawn.width} {drawn.height}" font-family="sans-serif" font-size="13" role="img">',
        f"<title>{escape(drawn.title)}</title>",
        f'<rect width="{drawn.width}" height="{drawn.height}" fill="#ffffff"/>',
    ]
    return "\n".join([*lines, *map(_element, drawn.shapes), "</svg>"]) + "\n"


def _scale(stretch: Stretch, bottom: float) -> Iterator[Line | Words]:
    step, marks = list_ticks(stretch, TICKS if stretch.now is None else TICKS // 2)
    for moment in marks:
        x = _x(moment, stretch)
        yield Line(x, TOP - 8, bottom, _LINE)
        words = format_tick(moment, step) if stretch.now is not None else _since(moment - stretch.start, step)
        yield Words(x, bottom + 16, words, _GREY, centred=True)


_UNITS = (
    ("d", timedelta(days=1)),
    ("h", timedelta(hours=1)),
    ("min", timedelta(minutes=1)),
    ("s", timedelta(seconds=1)),
)


def _since(span: timedelta, step: timedelta) -> str:
    unit, length = next((unit for unit in _UNITS if step >= unit[1]), _UNITS[-1])
    return f"{span / length:g} {unit}"


def _bar(span: Span, y: float, stretch: Stretch) -> Box:
    begin, close = _x(max(span.begin, stretch.start), stretch), _x(min(span.end or stretch.end, stretch.end), stretch)
    form = "%H:%M" if stretch.now is None else "%Y-%m-%d %H:%M:%S"
    tip = f"{span.state} from {span.begin.strftime(form)}"
    return Box(begin, y, round(max(close - begin, 1.0), 1), ROW - 8, COLOURS[span.state], tip)


def _legend(bottom: float) -> Iterator[Box | Words]:
    for index, (state, words) in enumerate(WORDS.items()):
        y = bottom + 30 + 18 * index
        yield Box(LEFT, y, 14, 12, COLOURS[state])
        yield Words(LEFT + 22, y + 11, words)


def _x(moment: datetime, stretch: Stretch) -> float:
    return round(LEFT + (WIDTH - LEFT - 20) * ((moment - stretch.start) / (stretch.end - stretch.start)), 1)


def _short(kid: str) -> str:
    return kid if len(kid) <= 14 else f"{kid[:12]}…"


def _element(shape: Box | Line | Words) -> str:
    if isinstance(shape, Line):
        return f'<line x1="{shape.x}" y1="{shape.top}" x2="{shape.x}" y2="{shape.bottom}" stroke="{shape.colour}"/>'
    if isinstance(shape, Box):
        size = f'width="{shape.width}" height="{shape.height}" fill="{shape.colour}"'
        end = f"><title>{escape(shape.tip)}</title></rect>" if shape.tip else "/>"
        return f'<rect x="{shape.x}" y="{shape.y}" {size}{end}'
    size = f' font-size="{shape.size}"' if shape.size != 13 else ""
    anchor = ' text-anchor="middle"' if shape.centred else ""
    return f'<text x="{shape.x}" y="{shape.y}"{size} fill="{shape.colour}"{anchor}>{escape(shape.text)}</text>'
