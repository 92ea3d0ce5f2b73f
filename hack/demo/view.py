"""Shows what happens: a live table on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from demo.rotations import Rotations
from demo.traffic import Tally

COLOURS = {"Pending": "yellow", "Active": "green", "Retired": "blue", "Compromised": "red"}
COLUMNS = ("key", "algorithm", "state", "published", "in use", "retired", "removed in")
LINE_EVERY = 2.0


class View(Protocol):
    """Something that shows the newest facts each time it is called."""

    def __call__(self, rotations: Rotations, tally: Tally) -> None:
        """Show them."""


@contextmanager
def choose_view() -> Iterator[View]:
    """Give the view that fits standard output."""
    console = Console()
    if not console.is_terminal:
        yield _Lines()
        return
    with Live(console=console, auto_refresh=False) as live:
        yield lambda rotations, tally: live.update(_screen(rotations, tally), refresh=True)


class _Lines:
    """A line for each change of the keys, and one now and then."""

    def __init__(self) -> None:
        self._last = ""
        self._at = 0.0

    def __call__(self, rotations: Rotations, tally: Tally) -> None:
        keys = " ".join(f"{key['kid'][:8]}={key['state']}" for key in rotations.keys) or rotations.ready
        if keys == self._last and time.monotonic() < self._at + LINE_EVERY:
            return
        self._last, self._at = keys, time.monotonic()
        print(f"{keys} | next: {_next(rotations)} | {_numbers(rotations, tally)}", flush=True)


def _screen(rotations: Rotations, tally: Tally) -> Group:
    table = Table(title="the status of the set", title_justify="left")
    for heading in COLUMNS:
        table.add_column(heading, min_width=9)
    for key in rotations.keys:
        table.add_row(
            key["kid"][:8],
            key["algorithm"],
            Text(key["state"], COLOURS.get(key["state"], "")),
            *(_ago(key.get(name)) for name in ("published", "inUseSince", "retired")),
            _in(key.get("removeAfter")),
        )
    facts = (f"Ready  {rotations.ready}", f"Next   {_next(rotations)}", _numbers(rotations, tally))
    failures = [Text(line, "red") for line in tally.failures[-5:]]
    return Group(table, *map(Text, facts), *failures, Text("Ctrl-C ends the demo", "dim"))


def _next(rotations: Rotations) -> str:
    if not rotations.next:
        return "nothing"
    words = [rotations.next.get("action", ""), rotations.next.get("name", "")]
    if moment := rotations.next.get("time"):
        words.append(f"in {_in(moment)}")
    if reason := rotations.next.get("message"):
        words.append(f"({reason})")
    return " ".join(words)


def _numbers(rotations: Rotations, tally: Tally) -> str:
    return (
        f"{rotations.full} full rotations, {tally.signed} tokens signed, "
        f"{tally.verifications} times verified, {tally.failed} failed"
    )


def _ago(moment: str | None) -> str:
    return "" if moment is None else f"{-_seconds(moment):.0f} s ago"


def _in(moment: str | None) -> str:
    return "" if moment is None else f"{max(0.0, _seconds(moment)):.0f} s"


def _seconds(moment: str) -> float:
    """Return how far `moment` lies in the future."""
    return (datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds()
