"""What people see, drawn with a fixed clock and width; `python -m plugin.pages` writes it anew, to see the diff."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console, RenderableType

from jwks_operator.plugin.cluster import ObservedSet, read_set_object
from jwks_operator.plugin.plan_command import Case, render_plan
from jwks_operator.plugin.request_preview import ask_revoke, ask_rotate, keys_of
from jwks_operator.plugin.status_command import render_details, render_overview
from jwks_operator.plugin.wording import step_table

FOLDER = Path(__file__).parent
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
WIDTH = 100


def seen(**spec: Any) -> ObservedSet:
    """The set of seen.yaml, with other fields of its spec if some are given."""
    document = yaml.safe_load((FOLDER / "seen.yaml").read_text())
    document["spec"].update(spec)
    return read_set_object(document)


def degraded() -> ObservedSet:
    """A set that waits for its operator and is in trouble."""
    document = yaml.safe_load((FOLDER / "seen.yaml").read_text())
    document["metadata"]["generation"] = 4
    document["status"]["conditions"][1] |= {
        "status": "True",
        "reason": "WriteRefused",
        "message": "quota exceeded; raise it",
    }
    return read_set_object(document)


def _plan(wanted: ObservedSet, living: ObservedSet | None, span: timedelta) -> RenderableType:
    case = Case(wanted, living, NOW, NOW + span)
    return render_plan(case, case.forecast(), WIDTH)


def _edited() -> RenderableType:
    return _plan(seen(rotation={"every": "12h"}, timing={"verifierRefresh": "10m"}), seen(), timedelta(days=2))


def _new() -> RenderableType:
    keys = [{"name": "signing", "algorithm": "ES256"}, {"name": "inbox", "algorithm": "ECDH-ES"}]
    wanted = read_set_object({**seen().object, "spec": {"keys": keys}, "status": {}})
    return _plan(wanted, None, timedelta(days=70))


def unsound() -> ObservedSet:
    """A set whose new spec is not in force."""
    document = yaml.safe_load((FOLDER / "seen.yaml").read_text())
    document["spec"]["rotation"] = {"schedule": "0 3 31 2 *"}
    document["status"]["conditions"][1] |= {
        "status": "True",
        "reason": "InvalidSchedule",
        "message": "spec.rotation.schedule '0 3 31 2 *' is not a cron expression: Bad day-of-month",
    }
    return read_set_object(document)


PAGES: dict[str, Callable[[], RenderableType]] = {
    "status": lambda: render_details(seen(), NOW, WIDTH),
    "status-degraded": lambda: render_details(degraded(), NOW, WIDTH),
    "status-unsound": lambda: render_details(unsound(), NOW, WIDTH),
    "status-narrow": lambda: render_details(seen(), NOW, 60, timedelta(days=3)),
    "overview": lambda: render_overview([seen(), degraded()], NOW),
    "plan-new": _new,
    "plan-edited": _edited,
    "rotate": lambda: step_table(ask_rotate(seen(), ("signing",), NOW, None, emergency=False).told, NOW),
    "revoke": lambda: step_table(ask_revoke(seen(), keys_of(seen(), ["signing"]), "KeyCompromise", NOW).told, NOW),
}


def drawn(name: str) -> str:
    """A page as text, without colours and without blanks at the ends of lines."""
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None, highlight=False, markup=False, emoji=False)
    console.print(PAGES[name]())
    text: str = console.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


if __name__ == "__main__":
    for title in PAGES:
        (FOLDER / "golden" / f"{title}.txt").write_text(drawn(title))
