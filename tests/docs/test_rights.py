"""deploy/rbac.yaml grants what the operator does and nothing to the server."""

from pathlib import Path
from typing import Any

import yaml

from jwks_operator.run import run_command

DEPLOY = Path(__file__).parents[2] / "deploy"


def objects() -> list[dict[str, Any]]:
    return [each for path in sorted(DEPLOY.glob("*.yaml")) for each in yaml.safe_load_all(path.read_text())]


def test_no_rule_is_a_wildcard() -> None:
    for each in objects():
        for rule in each.get("rules", []):
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]


def test_the_operator_cannot_change_sets_or_give_itself_rights() -> None:
    rules = [rule for each in objects() if each["kind"] == "ClusterRole" for rule in each["rules"]]
    verbs = {resource: set(rule["verbs"]) for rule in rules for resource in rule["resources"]}
    assert verbs == {
        "jsonwebkeysets": {"get", "list", "watch"},
        "jsonwebkeysets/status": {"patch"},
        "secrets": {"get", "list", "watch", "create", "update", "delete"},
        "configmaps": {"get", "list", "watch", "create", "update", "delete"},
        "events": {"create"},
    }


def test_the_operator_may_hold_one_lease_in_its_own_namespace() -> None:
    (role,) = (each for each in objects() if each["kind"] == "Role")
    (account,) = (each for each in objects() if each["kind"] == "ServiceAccount")
    name = next(option.default for option in run_command.params if option.name == "lease_name")
    assert role["metadata"]["namespace"] == account["metadata"]["namespace"]
    assert role["rules"] == [
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": [name],
            "verbs": ["get", "update"],
        },
    ]


def test_the_rights_are_bound_to_the_one_service_account() -> None:
    by_kind = {each["kind"]: each for each in objects()}
    account = by_kind["ServiceAccount"]["metadata"]
    for role in ("ClusterRole", "Role"):
        binding = by_kind[f"{role}Binding"]
        assert binding["subjects"] == [{"kind": "ServiceAccount", **account}]
        assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) == (role, by_kind[role]["metadata"]["name"])
