"""The options that commands share, and the types of their values."""

import functools
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from jwks_operator.plugin.place import Place

F = TypeVar("F", bound=Callable[..., Any])

_UNITS = {
    "y": timedelta(days=365),
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}


class SpanType(click.ParamType[timedelta]):
    """A length of time: 90s, 12h, 30d, 6w, 1y, 1d12h."""

    name = "span"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read the text; parts in any unit, each a whole number."""
        if isinstance(value, timedelta):
            return value
        parts = re.findall(r"(\d{1,6})([ywdhms])", str(value))
        if not parts or "".join(number + unit for number, unit in parts) != value:
            self.fail(f"{str(value)!r} is not a span such as 90s, 12h, 30d, 6w or 1y", param, ctx)
        return sum((int(number) * _UNITS[unit] for number, unit in parts), timedelta())


class MomentType(click.ParamType[datetime]):
    """A moment: RFC 3339 with its time zone."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read the text."""
        if isinstance(value, datetime):
            return value
        moment = None
        with suppress(ValueError):
            moment = datetime.fromisoformat(str(value))
        if moment is None or moment.tzinfo is None:
            self.fail(f"{str(value)!r} is not a time such as 2026-11-02T10:00:00Z", param, ctx)
        return moment.astimezone(UTC)


SPAN = SpanType()
MOMENT = MomentType()


def place_options(command: F) -> F:
    """Give a command -n, --context and --kubeconfig, as its first argument a Place."""

    @click.option("--kubeconfig", metavar="FILE", help="Kubeconfig to use. Default: KUBECONFIG, else ~/.kube/config.")
    @click.option("--context", metavar="NAME", help="Context of the kubeconfig. Default: its current one.")
    @click.option("-n", "--namespace", metavar="NAME", help="Namespace of the set. Default: that of the context.")
    @functools.wraps(command)
    def with_place(namespace: str | None, context: str | None, kubeconfig: str | None, **options: Any) -> Any:
        return command(Place(namespace, context, kubeconfig), **options)

    return with_place  # type: ignore[return-value]  # wraps keeps all but the exact type


def output_option(*forms: str) -> Callable[[F], F]:
    """Give a command -o; the default output is for people."""
    forms = forms or ("json", "yaml")
    wide = "; wide writes more for people" if "wide" in forms else ""
    return click.option("-o", "--output", "form", type=click.Choice(forms), help=f"Write for programs{wide}.")
