"""Output: results on stdout, messages on stderr; JSON and YAML for programs."""

import json
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import click
import yaml
from rich.console import Console
from rich.table import Table

from jwks_operator.api.status_model import format_time
from jwks_operator.plugin.exit_codes import to_printable

WIDTH = 100
"""Columns without a terminal: in pipes and files."""


def result_console(width: int | None = None) -> Console:
    """Return the console for results, with the colours and the width of the terminal, if there is one."""
    if width is None and not sys.stdout.isatty():
        width = WIDTH
    return Console(width=width, highlight=False, soft_wrap=False, emoji=False, markup=False)


def message_console() -> Console:
    """Return the console for questions, progress and remarks."""
    return Console(stderr=True, highlight=False, emoji=False, markup=False)


def say(text: str) -> None:
    """Write a sentence for the user to standard error, not into the result."""
    click.echo(to_printable(text), err=True)


def write_document(value: Mapping[str, Any] | list[Any], form: str) -> None:
    """Write a document for programs."""
    if form == "json":
        click.echo(json.dumps(value, indent=2, ensure_ascii=False))
    else:
        click.echo(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110), nl=False)


def make_table(*columns: str) -> Table:
    """Return an empty table in kubectl's style."""
    made = Table(box=None, show_edge=False, pad_edge=False, padding=(0, 3, 0, 0), header_style="")
    for index, column in enumerate(columns):
        made.add_column(column, no_wrap=index < len(columns) - 1, overflow="fold")
    return made


def format_moment(time: datetime | None) -> str | None:
    """Return a time for programs."""
    return None if time is None else format_time(time)


def format_clock(time: datetime) -> str:
    """Return a time for people: UTC, to the second."""
    return f"{time:%Y-%m-%d %H:%M:%S}"


def format_span(length: timedelta) -> str:
    """Return a length of time for people, in its two largest units."""
    seconds = int(abs(length).total_seconds())
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count}{unit}")
    return "".join(parts[:2])


def format_distance(time: datetime, now: datetime) -> str:
    """Return the distance to a time: `in 3d4h`, `5m ago`, `now`."""
    if abs(time - now) < timedelta(seconds=1):
        return "now"
    return f"in {format_span(time - now)}" if time > now else f"{format_span(now - time)} ago"
