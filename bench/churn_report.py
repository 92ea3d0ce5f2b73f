"""Turns the figures of a churn into docs/endurance.md and its picture."""

import json
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any, Final

from soak.debts import PATIENCE

WIDTH, LEFT, RIGHT, TOP, HIGH, GAP = 900, 70, 20, 62, 100, 40
_INK, _GREY, _LINE, _BLUE = "#1a202c", "#4a5568", "#e2e8f0", "#2b6cb0"
CURVES: Final = (
    ("rss_mb", "resident memory, MB"),
    ("tasks", "tasks of the loop"),
    ("files", "open files"),
    ("sets", "living sets"),
    ("rotations", "rotations so far"),
)

TROUBLES: Final = {
    "tear": "watches cut in the middle of a line",
    "expire": "watches outdated in mid-stream (ERROR, code 410)",
    "410 to a watch": "watches refused with a plain 410",
    "401 to a watch": "watches refused with 401",
    "lose": "events lost",
    "double": "events told twice",
    "swap": "events told in the wrong order",
    "drop before": "requests dropped before they took effect",
    "drop after": "requests dropped after they took effect",
    "delay": "requests delayed",
}
"""What a fault on the way is to a reader; an answer with another code speaks for itself."""


def dump(result: dict[str, Any]) -> str:
    """Return the figures as JSON, one sample a line."""
    samples = ",\n".join("  " + json.dumps(sample) for sample in result["samples"])
    rest = json.dumps({name: value for name, value in result.items() if name != "samples"}, indent=1)
    return f'{rest.removesuffix("}").rstrip()},\n "samples": [\n{samples}\n ]\n}}\n'


def render_page(result: dict[str, Any]) -> str:
    """Return the page."""
    plan, last = result["plan"], result["samples"][-1]
    minutes = plan["seconds"] / 60
    every = ", ".join(str(each) for each in plan["every"])
    year = last["rotations"] / plan["sets"] / (365 / 30)
    return f"""# Endurance

`make churn CHURN_ARGS='--write docs'` writes this page: {plan["sets"]} sets on a real API server, whose keys rotate
every {every} seconds, for {minutes:g} minutes, while people do not leave them alone and the way to the API server
is bad. The {last["rotations"]:,} rotations are what as many sets that rotate monthly do in {year:.1f} years.

Machine: {result["machine"]}, shared with etcd, the API server, the fault-injecting proxy, the checks and
other work; load {result["load"][0]:.1f} at the end. The operator took {result["cpu_share"]:.0%} of a core.

![Memory, tasks, open files, sets and rotations over time](img/endurance.svg)

Where the tasks fall, watching has ended at a plain 410 or a 401 and has not started again yet.

## Judgement

| | measured | bound | |
|---|---|---|---|
{_rows(_verdicts(result))}

The first third begins after a fifth of the time: by then every set is written and has rotated. Five per cent is what
fragmentation and the sets' uneven numbers of keys make of a process that keeps nothing. The median of all slopes
(Theil–Sen) is {result["rss_mb_per_hour"]:+.1f} MB an hour, or {result["rss_bytes_per_rotation"]:+,.0f} bytes for each \
rotation.

An objection would be: a key that was used before its lead or removed before its retention, that nobody could check, or
that came back; a held key that went; a private text outside of Secrets, in objects, log, metrics or status page; a set
that is not Ready in the end, or whose objects do not agree; an object that outlived its set; anything that was not put
right within {PATIENCE:.0f} s. {result["activations_judged"]:,} changes of a key in use were judged, and
{result["private_texts_looked_for"]:,} private texts looked for.

## What happened on the way

| | times |
|---|---|
{_rows((TROUBLES.get(name, f"answers {name}"), f"{n:,}") for name, n in _troubles(result))}
| requests to list or watch | {last["watches"]:,} |
| other requests | {last["requests"]:,} |

## What people did

| | times |
|---|---|
{_rows((name, f"{number:,}") for name, number in sorted(result["did"].items()))}

How long the operator took for each due action, in seconds. A removal is due {result["delay"]} s after the deletion.
Watching that a plain 410 has ended starts again after a pause of up to 10 s, a login that is refused again and again
is repeated after up to 30 s, and what the watches did not tell is found by the resync, every minute here.

| | times | median | p99 | most |
|---|---|---|---|---|
{_rows(_took(result))}
"""


def draw_picture(result: dict[str, Any]) -> str:
    """Return the curves over time as SVG."""
    samples = result["samples"]
    title = f"{result['plan']['sets']} sets under churn for {result['plan']['seconds'] / 60:.0f} minutes"
    height = TOP + len(CURVES) * (HIGH + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="13" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="26" font-size="15" fill="{_INK}">{escape(title)}</text>',
    ]
    end = samples[-1]["second"]
    for number, (name, words) in enumerate(CURVES):
        points = [(sample["second"] / end, sample[name]) for sample in samples]
        parts += _curve(points, words, TOP + number * (HIGH + GAP))
    parts += _minutes(end, height - 14)
    return "\n".join([*parts, "</svg>\n"])


def _curve(points: Sequence[tuple[float, float]], words: str, top: float) -> Iterator[str]:
    """One curve from zero to its most, with both beside it."""
    most = max(value for _, value in points) or 1.0
    bottom = top + HIGH
    spots = " ".join(f"{_x(share):.1f},{bottom - value / most * HIGH:.1f}" for share, value in points)
    yield f'<text x="16" y="{top - 8}" fill="{_INK}">{escape(words)}</text>'
    for value in (0.0, most):
        y = bottom - value / most * HIGH
        yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="{_LINE}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" fill="{_GREY}" text-anchor="end">{value:,.0f}</text>'
    yield f'<polyline points="{spots}" fill="none" stroke="{_BLUE}" stroke-width="1.5"/>'


def _minutes(end: float, y: float) -> Iterator[str]:
    step = next(step for step in (1, 2, 5, 10, 30, 60, 120) if end / 60 / step <= 12)
    for minute in range(0, int(end // 60) + 1, step):
        x = _x(minute * 60 / end)
        yield f'<text x="{x:.1f}" y="{y}" fill="{_GREY}" text-anchor="middle">{minute} min</text>'


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _verdicts(result: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for each in result["verdicts"]:
        yield each["what"], each["measured"], each["bound"], "holds" if each["holds"] else "**does not hold**"


def _troubles(result: dict[str, Any]) -> Iterator[tuple[str, int]]:
    told = {name: number for name, number in result["troubles"].items() if name != "error"}
    order = list(TROUBLES)
    yield from sorted(told.items(), key=lambda item: (order.index(item[0]) if item[0] in order else 99, item[0]))


def _took(result: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for what, spread in sorted(result["took"].items()):
        figures = (f"{spread[name]:.2f}" for name in ("median", "p99", "most"))
        yield what, f"{spread['times']:,}", *figures


def _rows(rows: Iterator[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
