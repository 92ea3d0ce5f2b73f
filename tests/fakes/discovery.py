"""What the server tells about itself: /version, /api, /apis and the resources below them."""

from fakes.kinds import Kind, served
from fakes.status import PageNotFound
from fakes.store import Store
from jwks_operator.kube.client import Object

_VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]
_FIXED: dict[str, Object] = {
    "/version": {"major": "1", "minor": "36", "gitVersion": "v1.36.3", "platform": "linux/amd64"},
    "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
}


def discover(store: Store, path: str) -> Object | None:
    """Answer a discovery path; None if it is not one."""
    return _FIXED.get(path) or _groups_and_resources(store, path)


def _groups_and_resources(store: Store, path: str) -> Object | None:
    parts = path.strip("/").split("/")
    if len(parts) > 3 or parts[0] not in {"api", "apis"}:
        return None
    kinds = served(store)
    match parts:
        case ["apis"]:
            groups = sorted({kind.resource.group for kind in kinds if kind.resource.group})
            known = [_group(kinds, name) for name in groups]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": known}
        case ["apis", group]:
            return _group(kinds, group)
        case ["api", version]:
            return _resources(kinds, "", version)
        case ["apis", group, version]:
            return _resources(kinds, group, version)
    return None  # /api/v1/secrets: a list


def _group(kinds: list[Kind], group: str) -> Object:
    versions = sorted({kind.resource.version for kind in kinds if kind.resource.group == group})
    if not versions:
        raise PageNotFound
    known = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": group,
        "versions": known,
        "preferredVersion": known[0],
    }


def _resources(kinds: list[Kind], group: str, version: str) -> Object:
    mine = [kind for kind in kinds if (kind.resource.group, kind.resource.version) == (group, version)]
    if not mine:
        raise PageNotFound
    resources: list[Object] = []
    for kind in mine:
        resource = kind.resource
        entry: Object = {
            "name": resource.plural,
            "singularName": resource.kind.lower(),
            "kind": resource.kind,
        }
        entry |= {"namespaced": resource.namespaced, "verbs": _VERBS}
        resources.append(entry)
        if kind.status:
            resources.append(entry | {"name": f"{resource.plural}/status", "verbs": ["get", "patch", "update"]})
    version_name = f"{group}/{version}" if group else version
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": version_name,
        "resources": resources,
    }
