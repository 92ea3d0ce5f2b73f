"""What the measured slopes come to for numbers of sets that one machine cannot hold: an estimate on paper."""

import json
from collections.abc import Mapping
from typing import Any

from jwks_operator.api.names import MANAGED_SELECTOR
from scale.api import METADATA, PAGE, Api
from scale.generator import ALL_SETS
from scale.survey import CONFIGMAPS, SECRETS

Figures = Mapping[str, Any]

SETS, NAMESPACES = 100_000, 1_000
ROTATIONS = 12
"""Of each set in a year."""
YEAR = 365 * 86_400
RESYNCS = 6 * 24 * 365
"""In a year: one every ten minutes."""
SAMPLE = 100
"""Objects of each kind that are weighed."""

PAPER = """
## 100,000 sets in 1,000 namespaces, on paper

Not measured: what the slopes above come to if they go on. Every set has one ES256 entry and rotates monthly.

{table}
So it is not memory or the load of rotations that asks for more than one shard, but the start: a new leader without a
warm standby looks at every set once. In shards ([operations](operations.md#more-than-one-shard)) that divides by their
number, as do memory, lists and watches, since a shard's selector holds on the API server's side. An operator that is
given namespaces asks for each of them by itself: {asked:,} requests for one resync instead of {pages:,} pages.
"""


async def weigh_objects(api: Api) -> dict[str, float]:
    """Weigh the objects of a set as JSON, and a watch event of one: means in bytes."""
    found: dict[str, float] = {}
    watched = 0.0
    kinds = {
        "set": (ALL_SETS, "", 1),
        "secret": (SECRETS, MANAGED_SELECTOR, 2),
        "configmap": (CONFIGMAPS, MANAGED_SELECTOR, 1),
    }
    for kind, (path, selector, number) in kinds.items():
        found[kind] = await _mean(api, path, selector) * number
        watched += await _mean(api, path, selector, METADATA) * number
    return {**found, "event": watched / 4}


async def _mean(api: Api, path: str, selector: str, accept: str = "application/json") -> float:
    async for page in api.pages(path, selector, accept):
        weights = [len(json.dumps(thing, separators=(",", ":"))) for thing in page[:SAMPLE]]
        return sum(weights) / len(weights)
    raise AssertionError("a list has at least one page")


def estimate_growth(many: Figures, wave: Figures) -> str:
    """Return the part of the report; `wave` is one mass rotation."""
    growth, weights = many["growth"], many["sizes"]
    last = growth["starts"][-1]
    rotations = SETS * ROTATIONS / YEAR
    writes = wave["writes"] / wave["sets"] + 4  # and the removal of the former key
    operator = wave["cpu"]["operator"] / wave["sets"]
    servers = (wave["cpu"]["kube-apiserver"] + wave["cpu"]["etcd"]) / wave["sets"]
    scale = SETS / last["sets"]
    rows = [
        ["objects in the API", f"{4 * SETS:,}, Events not counted"],
        [
            "bytes in etcd",
            f"{SETS * sum(weights[kind] for kind in ('set', 'secret', 'configmap')) / 1e9:.1f} GB as JSON",
        ],
        ["rotations", f"{rotations * 3600:.0f} an hour, {rotations * writes * 3600:,.0f} writes"],
        ["watch traffic of rotations", f"{rotations * writes * weights['event'] / 1000:.2f} kB/s to each replica"],
        ["CPU of the leader for rotations", f"{rotations * operator * 100:.2f} % of a core"],
        ["CPU of API server and etcd for them", f"{rotations * servers * 100:.2f} % of a core"],
        ["CPU of a replica for resyncs", f"{last['resync_cpu'] * scale / 600 * 100:.1f} % of a core"],
        ["memory of a replica", f"{growth['rest_mb_without'] + growth['rest_kb_a_set'] * SETS / 1000:,.0f} MB at rest"],
        [
            "start, until everything was looked at",
            f"{last['seconds'] * scale / 60:.0f} min; what was changed meanwhile first",
        ],
        [
            "all keys at once, as after a revocation of everything",
            f"{wave['seconds'] / wave['sets'] * SETS / 60:.0f} min",
        ],
    ]
    lines = "".join(f"| {' | '.join(row)} |\n" for row in (["what", "estimate"], ["---", "---"], *rows))
    return PAPER.format(table=lines, asked=5 * NAMESPACES, pages=4 * SETS // PAGE)
