"""Write or check docs/presets.md, the table of known verifiers: `python -m presets [--check]`."""

import sys
from pathlib import Path

from pydantic.alias_generators import to_camel

from jwks_operator.api.defaults import DEFAULTS
from jwks_operator.api.durations import format_duration
from jwks_operator.api.presets import PRESETS

PAGE = Path(__file__).parents[1] / "docs" / "presets.md"
INTRODUCTION = f"""\
<!-- generated, do not edit: make generate -->
# Verifier presets

`spec.timing.preset` names your slowest verifier. Its figures take the place of defaults; whatever `spec.timing` states
itself wins. So `preset: Istio` with nothing else means `verifierRefresh: 20m`, and `preset: DotNet` with
`verifierRefresh: 5m` means 5 minutes. Without either it is {format_duration(DEFAULTS["verifier_refresh"])}.

The figures are those of each verifier's own defaults, and the longest ones where versions differ. If you configured
another one, or have a verifier that is not in the table, state `verifierRefresh`. With several verifiers the slowest
one counts. AWS STS, for example, publishes no figure, so it has no preset.

| preset | sets | from |
|---|---|---|
"""


def page() -> str:
    """Return the text of the page."""
    rows = []
    for preset, verifier in PRESETS.items():
        facts = ", ".join(f"`{to_camel(name)}: {format_duration(value)}`" for name, value in verifier.facts.items())
        rows.append(f"| `{preset}` | {facts} | [{verifier.what}]({verifier.source}) |\n")
    return INTRODUCTION + "".join(rows)


def main(arguments: list[str]) -> int:
    """Return 0, or 1 if `--check` found a page that is not what it would be now."""
    if "--check" not in arguments:
        PAGE.write_text(page())
    elif not PAGE.exists() or PAGE.read_text() != page():
        print(f"{PAGE.name} is out of date; run make generate", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
