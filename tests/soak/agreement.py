"""Whether a set that was left alone for a while is well, and its objects say the same."""

from collections.abc import Iterator

from cluster.chronicle import Object
from cluster.reading import condition, in_use, published, ready
from cluster.stage import Stage
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass
from soak.crowd import Home


def discord(stage: Stage, home: Home) -> Iterator[str]:
    """Give what is wrong with a set: not Ready, or its objects say different things."""
    name, the_set = home.name, stage.latest("JsonWebKeySet", home.name)
    if not ready(the_set) or condition(the_set, "Degraded").get("status") != "False" or the_set is None:
        yield f"{name} is not well: {((the_set or {}).get('status') or {}).get('conditions')}"
        return
    keys = the_set["status"]["keys"]
    active = {key["name"]: key["kid"] for key in keys if key["state"] == "Active"}
    if set(active) != set(home.entries):
        yield f"{name} uses {sorted(active)} and is to use {sorted(home.entries)}"
    if (used := in_use(stage.latest("Secret", name))) != active:
        yield f"{name}: the Secret uses {used}, the status says {active}"
    shown = {key["kid"] for key in keys if _is_published(key)}
    if (found := set(published(stage.latest("ConfigMap", name)))) != shown:
        yield f"{name}: the ConfigMap has {found}, the status says {shown}"


def _is_published(key: Object) -> bool:
    kind = ALGORITHMS[key["algorithm"]].key_class
    if kind is KeyClass.ENCRYPTION:
        return bool(key["state"] == "Active")
    return kind is KeyClass.SIGNATURE and key["state"] in {"Pending", "Active", "Retired"}
