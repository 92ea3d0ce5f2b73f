"""The options that commands share, and the types of their values."""

import functools
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])

_UNITS = {
    "y": timedelta(days=365),
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Cluster and namespace of the command line; None means that of the kubeconfig."""

    namespace: str | None = None
    context: str | None = None
    kubeconfig: str | None = None


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


def set_argument(command: F) -> F:
    """Give a command the name of its set."""
    return click.argument("name", metavar="SET", shell_complete=_by("complete_set_names"))(command)


def optional_set(command: F) -> F:
    """Give a command the name of its set, which may be left out."""
    return click.argument("name", metavar="[SET]", required=False, shell_complete=_by("complete_set_names"))(command)


def entries_argument(command: F) -> F:
    """Give a command entries of its set, any number."""
    return click.argument("entries", metavar="[ENTRY]...", nargs=-1, shell_complete=_by("complete_entry_names"))(
        command
    )


def kids_argument(command: F) -> F:
    """Give a command keys of its set, at least one."""
    return click.argument("kids", metavar="KID...", nargs=-1, required=True, shell_complete=_by("complete_kids"))(
        command
    )


def _by(function: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Complete by a function of the room's `completion`, loaded only when completion is asked for."""

    def complete(context: click.Context, parameter: click.Parameter, text: str) -> list[CompletionItem]:
        del parameter
        found: list[CompletionItem] = getattr(import_module("jwks_operator.plugin.completion"), function)(context, text)
        return found

    return complete
