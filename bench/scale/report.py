"""Turns what was measured into the page docs/performance.md and its pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scale import sections
from scale.paper import estimate_growth
from scale.peer_section import peer_section
from scale.plot import draw_chart

Document = Mapping[str, Any]

HEAD = """# Performance with many sets

`make bench BENCH_ARGS="--write docs"` writes this page, [performance.json](performance.json) with every figure, and the
pictures. Everything runs on one machine: etcd and kube-apiserver (`hack/controlplane`), the operator as a process of
its own with its defaults ({workers} workers), and the load generator, which are users that create, edit, rotate and
revoke through the API.

Machine: {cores} cores ({cpu}), {kernel}, Python {python}, Kubernetes {kubernetes}, etcd {etcd}. Load average before
each scenario: {load}.

A ratio compares two runs in one run of the benchmark: the operator's rate, and that of a client that does nothing but
write. A rehearsal records what the operator writes for one set; the bare client sends the same requests with the same
bodies for as many other sets, {workers} at a time, while no operator runs. What users do, the `POST` of a set and the
watches by which they see what became of it, is there on both sides; Events and the Lease do not count. What is short is
repeated in alternating order, and the median counts.

Results are verified, not only timed: every set is Ready; it publishes exactly the keys of its keyring, each of them
valid and with public members only; the key in use is the one in the Secret, and its private half is the keyring's; no
revoked key is left; leads and retentions, as the watches of consumers saw them, were kept; nothing was written that
needed no change. {verdict}

## Goals

{goals}"""
SHOWN = 20
"""Of what is wrong."""


def render_page(document: Document) -> str:
    """Return the page."""
    scenarios = document["scenarios"]
    wrong = [what for scenario in scenarios.values() for what in scenario["wrong"]]
    verdict = "In this run nothing was found wrong."
    if wrong:
        verdict = "\n- ".join([f"**In this run {len(wrong)} results were wrong**:\n", *wrong[:SHOWN]])
    parts = [
        HEAD.format(
            **document["machine"],
            workers=document["options"]["workers"],
            load=", ".join(f"{name} {scenario['load'][0]:.1f}" for name, scenario in scenarios.items()),
            verdict=verdict,
            goals=_goals(scenarios),
        )
    ]
    for name, section in (
        ("create", sections.creation_section),
        ("rotate", sections.rotation_section),
        ("rsa", sections.rsa_section),
    ):
        if name in scenarios:
            parts.append(section(scenarios[name]["figures"]))
    if "many" in scenarios:
        figures = scenarios["many"]["figures"]
        parts.append(sections.growth_section(figures["growth"]))
        parts += [f"![{name}](img/{file})\n\n" for file, name in PICTURES.items()]
        parts.append(sections.operation_section(figures))
        if "rotate" in scenarios:
            parts.append(estimate_growth(figures, scenarios["rotate"]["figures"]["wave"]))
    if "peer" in scenarios:
        parts.append(peer_section(scenarios["peer"]["figures"]))
    return "".join(parts)


PICTURES = {
    "performance-cpu.svg": "CPU",
    "performance-memory.svg": "Memory of the operator",
    "performance-lists.svg": "Lists of a resync",
}
"""The plots, by file name."""


def draw_pictures(document: Document) -> dict[str, str]:
    """Return the plots by file name; none before growth was measured."""
    if "many" not in document["scenarios"]:
        return {}
    growth = document["scenarios"]["many"]["figures"]["growth"]
    starts, costs = growth["starts"], growth["costs"]
    drawn = (
        ("seconds", {what: figures for what, figures in costs.items() if what.startswith("CPU")}),
        ("MB", {"peak of a start": [s["peak"] for s in starts], "at rest": [s["rest"] for s in starts]}),
        ("seconds", {"time": costs["time of a resync's lists"]}),
    )
    sizes = [start["sets"] for start in starts]
    return {
        file: draw_chart(title, unit, sizes, lines)
        for (file, title), (unit, lines) in zip(PICTURES.items(), drawn, strict=True)
    }


def write_report(document: Document, directory: Path) -> None:
    """Write the page and the plots."""
    (directory / "performance.md").write_text(render_page(document))
    (directory / "img").mkdir(exist_ok=True)
    for file, drawn in draw_pictures(document).items():
        (directory / "img" / file).write_text(drawn)


def _goals(scenarios: Mapping[str, Any]) -> str:
    goals = [goal for scenario in scenarios.values() for goal in scenario["goals"]]
    words = {True: "yes", False: "**missed**", None: ""}
    rows = [[goal["what"], goal["wanted"], goal["measured"], words[goal["met"]]] for goal in goals]
    wanted = [goal for goal in goals if goal["met"] is not None]
    missed = [f"{goal['what']}: {goal['measured']}" for goal in wanted if not goal["met"]]
    said = f"{len(wanted) - len(missed)} of {len(wanted)} goals are met."
    if missed:
        said = "\n- ".join([f"{said} Missed:\n", *missed])
    return f"{sections.render_table(['what', 'goal', 'measured', 'met'], rows)}\n{said}\n"
