"""Draws the recording as an SVG that moves: one frame after the other, for as long as a reader needs."""

from collections.abc import Sequence
from html import escape

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

from recording.take import Frame

COLUMNS, CELL, LINE, MARGIN = 100, 8.0, 18.0, 16.0
HOLD = 4.0
"""Seconds for which a frame is shown."""
FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
BACKGROUND, FOREGROUND, PALE = "#15191f", "#d6dae0", "#8b939e"


def draw_recording(frames: Sequence[Frame]) -> str:
    """Return the SVG of these frames; without animation a viewer sees the first one."""
    width = COLUMNS * CELL + 2 * MARGIN
    height = (max(len(each.text.splitlines()) for each in frames) + 1) * LINE + 2 * MARGIN
    total = HOLD * len(frames)
    share = 100 / len(frames)
    drawn = "".join(_draw_frame(each, number) for number, each in enumerate(frames))
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{_label(frames)}">
<style>
text {{ font: 13px {FONT}; fill: {FOREGROUND}; white-space: pre; }}
g {{ visibility: hidden; animation: frame {total:g}s step-end infinite; }}
g:first-of-type {{ visibility: visible; }}
@keyframes frame {{ 0% {{ visibility: visible; }} {share:.3f}% {{ visibility: hidden; }} }}
</style>
<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>
{drawn}</svg>
"""


def _label(frames: Sequence[Frame]) -> str:
    commands = ", ".join(dict.fromkeys(each.command for each in frames))
    return escape(f"A terminal through a rotation: {commands}", quote=True)


def _draw_frame(frame: Frame, number: int) -> str:
    prompt, clock = (f'<tspan fill="{PALE}">{text}</tspan>' for text in ("$ ", f"   # {frame.at:.0f} s"))
    lines = [f"{prompt}{escape(frame.command)}{clock}"]
    lines += [_draw_line(line) for line in frame.text.splitlines()]
    texts = "".join(
        f'<text x="{MARGIN:g}" y="{MARGIN + LINE * (place + 0.8):g}">{line}</text>\n'
        for place, line in enumerate(lines)
        if line
    )
    return f'<g style="animation-delay: {number * HOLD:g}s">\n{texts}</g>\n'


def _draw_line(line: str) -> str:
    console = Console(width=COLUMNS, color_system="truecolor", force_terminal=True, emoji=False)
    return "".join(map(_draw_segment, Text.from_ansi(line).render(console))).rstrip()


def _draw_segment(segment: Segment) -> str:
    """Draw a run of one style; its length in cells is stated, so that bars line up in every font."""
    text = segment.text.rstrip("\n")
    if not text:
        return ""
    style = segment.style or Style()
    colour = style.color.get_truecolor(DIMMED_MONOKAI).hex if style.color else None
    looks = "".join(
        (
            f' fill="{colour}"' if colour else f' fill="{PALE}"' if style.dim else "",
            ' font-weight="bold"' if style.bold else "",
        )
    )
    return f'<tspan textLength="{len(text) * CELL:g}"{looks}>{escape(text)}</tspan>'
