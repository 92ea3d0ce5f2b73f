"""Line charts as SVG, by hand: figures over the number of sets."""

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 64, 44
COLOURS = ("#2b6cb0", "#c05621", "#2f855a", "#6b46c1")
TICKS = 5


def draw_chart(title: str, unit: str, sizes: Sequence[float], lines: Mapping[str, Sequence[float]]) -> str:
    """Return a chart; each line has one figure for each size, both axes are linear and begin at nothing."""
    most_x, most_y = _ceiling(max(sizes)), _ceiling(max(max(figures) for figures in lines.values()))

    def place(size: float, figure: float) -> tuple[float, float]:
        x = LEFT + size / most_x * (WIDTH - LEFT - RIGHT)
        return x, HEIGHT - BOTTOM - figure / most_y * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="16" y="24" font-size="15" fill="#1a202c">{escape(title)}, {escape(unit)}</text>',
    ]
    for number in range(TICKS + 1):
        x, y = place(most_x * number / TICKS, most_y * number / TICKS)
        parts += [
            f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#e2e8f0"/>',
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" fill="#4a5568" text-anchor="end">{most_y * number / TICKS:g}</text>',
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" fill="#4a5568" text-anchor="middle">'
            f"{most_x * number / TICKS:,.0f}</text>",
        ]
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" fill="#4a5568" text-anchor="end">sets</text>')
    legend = float(LEFT)
    for colour, (name, figures) in zip(COLOURS, lines.items(), strict=False):
        points = [place(size, figure) for size, figure in zip(sizes, figures, strict=True)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        parts.append(f'<rect x="{legend:.0f}" y="38" width="12" height="3" fill="{colour}"/>')
        parts.append(f'<text x="{legend + 18:.0f}" y="44" fill="#1a202c">{escape(name)}</text>')
        legend += 34 + 6.6 * len(name)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _ceiling(figure: float) -> float:
    """The next number of the form 1, 1.5, 2, 3, 4, 5, 8 or 10 times a power of ten."""
    if figure <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(figure))
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 8, 10) if step * power >= figure)
