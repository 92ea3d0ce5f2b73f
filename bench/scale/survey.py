"""Reads what is there: everything of every set for the verifier, and the version of every object."""

import asyncio
import re
from collections import Counter
from collections.abc import Collection, Mapping

from jwks_operator.api.names import MANAGED_SELECTOR, PLURAL
from scale.api import METADATA, Api
from scale.generator import ALL_SETS, GROUP_PATH, Ref
from scale.verify import Versions, find_faults, group_objects

Revoked = Mapping[Ref, Collection[str]]
"""The kids of each set that must never show again."""
LOOKS = 4
"""How often a set is looked at before it is wrong."""
SECRETS, CONFIGMAPS = "/api/v1/secrets", "/api/v1/configmaps"
_CHANGES = frozenset({"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"})


async def find_wrong(api: Api, sets: Collection[Ref], revoked: Revoked | None = None) -> list[str]:
    """Verify all of these sets, namespace by namespace; return what is wrong, also that a set is not there.

    The lists of a namespace are not of one moment, and steps go on: wrong is what is wrong each time.
    """
    found: list[str] = []
    for namespace in sorted({ref.namespace for ref in sets}):
        names = {ref.name for ref in sets if ref.namespace == namespace}
        for number in range(LOOKS):
            await asyncio.sleep(number)
            seen = await _wrong_in(api, namespace, names, revoked or {})
            if not seen:
                break
        found += seen
    return found


async def _wrong_in(api: Api, namespace: str, names: Collection[str], revoked: Revoked) -> list[str]:
    lists = [
        [thing async for page in api.pages(path, selector) for thing in page]
        for path, selector in (
            (f"{GROUP_PATH}/namespaces/{namespace}/{PLURAL}", ""),
            (f"/api/v1/namespaces/{namespace}/secrets", MANAGED_SELECTOR),
            (f"/api/v1/namespaces/{namespace}/configmaps", MANAGED_SELECTOR),
        )
    ]
    there = {objects.the_set["metadata"]["name"]: objects for objects in group_objects(*lists)}
    found = [f"{namespace}/{name} is not there" for name in sorted(set(names) - there.keys())]
    for name, objects in there.items():
        found += find_faults(objects, revoked.get(Ref(namespace, name), ()))
    return found


async def read_versions(api: Api) -> Versions:
    """Return the version of every set and every object of a set, from lists of metadata as the resync makes them."""
    found = {}
    for kind, path, selector in (
        (PLURAL, ALL_SETS, ""),
        ("secrets", SECRETS, MANAGED_SELECTOR),
        ("configmaps", CONFIGMAPS, MANAGED_SELECTOR),
    ):
        async for page in api.pages(path, selector, METADATA):
            for thing in page:
                meta = thing["metadata"]
                found[kind, meta["namespace"], meta["name"]] = meta["resourceVersion"]
    return found


async def write_requests(api: Api) -> dict[str, int]:
    """Return how many requests to change sets or their kinds of objects the API server counts, as `verb resource`."""
    found: Counter[str] = Counter()
    for line in (await api.text("/metrics")).splitlines():
        if line.startswith("apiserver_request_total{"):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
            if labels["verb"] in _CHANGES and labels["resource"] in {PLURAL, "secrets", "configmaps"}:
                found[f"{labels['verb']} {labels['resource']}"] += int(float(line.rpartition(" ")[2]))
    return dict(found)
