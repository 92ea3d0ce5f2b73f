"""Write or check docs/presets.md, the table of known verifiers: `python -m presets [--check]`."""

import sys

from pydantic.alias_generators import to_camel

from generated import ROOT, write_or_check
from jwks_operator.api.defaults import DEFAULTS
from jwks_operator.api.durations import format_duration
from jwks_operator.api.presets import PRESETS

PAGE = ROOT / "docs" / "presets.md"
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


def render_page() -> str:
    """Return the text of the page."""
    rows = []
    for preset, verifier in PRESETS.items():
        facts = ", ".join(f"`{to_camel(name)}: {format_duration(value)}`" for name, value in verifier.facts.items())
        rows.append(f"| `{preset}` | {facts} | [{verifier.what}]({verifier.source}) |\n")
    return INTRODUCTION + "".join(rows)


if __name__ == "__main__":
    sys.exit(write_or_check({PAGE: render_page()}, sys.argv[1:]))
