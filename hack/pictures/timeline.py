"""A forecast as bars over time, in SVG: one row for each key, one colour for each state."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from html import escape

from jwks_operator.core.forecast import Span
from jwks_operator.core.record import State

COLOURS = {State.PENDING: "#9ec5e8", State.ACTIVE: "#2b6cb0", State.RETIRED: "#d3b274"}
WORDS = {
    State.PENDING: "Pending: known to whoever checks, not used yet",
    State.ACTIVE: "Active: in use",
    State.RETIRED: "Retired: no longer used, still known to whoever checks",
}
WIDTH, LEFT, ROW, TOP = 900, 110, 26, 62


def draw(title: str, spans: Iterable[Span], start: datetime, end: datetime) -> str:
    """Return the SVG text; equal forecasts give equal bytes."""
    spans = tuple(spans)
    rows = {kid: index for index, kid in enumerate(dict.fromkeys(span.kid for span in spans))}
    height = TOP + ROW * len(rows) + 86

    def x(moment: datetime) -> float:
        return round(LEFT + (WIDTH - LEFT - 20) * ((moment - start) / (end - start)), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="26" font-size="15" fill="#1a202c">{escape(title)}</text>',
    ]
    bottom = TOP + ROW * len(rows)
    hours = int((end - start) / timedelta(hours=1))
    for hour in range(0, hours + 1, 2):
        at = x(start + timedelta(hours=hour))
        parts.append(f'<line x1="{at}" y1="{TOP - 8}" x2="{at}" y2="{bottom}" stroke="#e2e8f0"/>')
        parts.append(f'<text x="{at}" y="{bottom + 16}" fill="#4a5568" text-anchor="middle">{hour} h</text>')
    for kid, row in rows.items():
        parts.append(f'<text x="16" y="{TOP + ROW * row + 16}" fill="#1a202c">{escape(kid)}</text>')
    for span in spans:
        y = TOP + ROW * rows[span.kid]
        begin, close = x(span.begin), x(min(span.end or end, end))
        parts.append(
            f'<rect x="{begin}" y="{y}" width="{round(max(close - begin, 1.0), 1)}" height="{ROW - 8}" '
            f'fill="{COLOURS[span.state]}"><title>{span.state} from {span.begin:%H:%M}</title></rect>'
        )
    for index, (state, words) in enumerate(WORDS.items()):
        y = bottom + 30 + 18 * index
        parts.append(f'<rect x="{LEFT}" y="{y}" width="14" height="12" fill="{COLOURS[state]}"/>')
        parts.append(f'<text x="{LEFT + 22}" y="{y + 11}" fill="#1a202c">{escape(words)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
