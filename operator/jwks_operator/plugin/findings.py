"""The findings of checks: a line each, with the cure; the worst one decides the exit code."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from rich.console import Console
from rich.text import Text

from jwks_operator.plugin.exit_codes import Exit, to_printable
from jwks_operator.plugin.output import result_console, write_document


class Verdict(StrEnum):
    """The result of a check."""

    OK = "ok"
    NOTE = "note"
    SKIPPED = "skipped"
    WARNING = "warning"
    ERROR = "error"


_STYLES = {
    Verdict.OK: "green",
    Verdict.NOTE: "cyan",
    Verdict.SKIPPED: "dim",
    Verdict.WARNING: "yellow",
    Verdict.ERROR: "red",
}
BAD = frozenset({Verdict.WARNING, Verdict.ERROR})


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: the check, what it found, and the cure."""

    verdict: Verdict
    check: str
    message: str
    cure: str = ""


def ok_finding(check: str, message: str) -> Finding:
    """Return the finding of a passed check."""
    return Finding(Verdict.OK, check, message)


def error_finding(check: str, message: str, cure: str) -> Finding:
    """Return a fault that breaks tokens, now or later."""
    return Finding(Verdict.ERROR, check, message, cure)


def warning_finding(check: str, message: str, cure: str) -> Finding:
    """Return a fault that may break tokens, or hides broken ones."""
    return Finding(Verdict.WARNING, check, message, cure)


def skip_finding(check: str, message: str, cure: str = "") -> Finding:
    """Return the finding of a skipped check."""
    return Finding(Verdict.SKIPPED, check, message, cure)


def write_report(found: Iterable[Finding], form: str | None, *, strict: bool = False) -> int:
    """Write the findings and return the exit code: FOUND for errors, with `strict` for warnings too."""
    found = tuple(found)
    if form is None:
        _write(result_console(), found)
    else:
        rows = [{"verdict": str(f.verdict), "check": f.check, "message": f.message, "cure": f.cure} for f in found]
        write_document(rows, form)
    fatal = BAD if strict else frozenset({Verdict.ERROR})
    return Exit.FOUND if any(one.verdict in fatal for one in found) else Exit.DONE


def _write(screen: Console, found: tuple[Finding, ...]) -> None:
    width = max((len(one.check) for one in found), default=0)
    for one in found:
        line = Text.assemble(
            (f"{one.verdict:<8}", _STYLES[one.verdict]), f"{one.check:<{width}}  {to_printable(one.message)}"
        )
        screen.print(line, soft_wrap=True)
        if one.cure:
            screen.print(Text(f"{'':<8}{'':<{width}}  → {to_printable(one.cure)}"), soft_wrap=True)
    counts = {
        verdict: sum(1 for one in found if one.verdict is verdict) for verdict in (Verdict.ERROR, Verdict.WARNING)
    }
    screen.print(Text(f"{counts[Verdict.ERROR]} errors, {counts[Verdict.WARNING]} warnings", style="dim"))
