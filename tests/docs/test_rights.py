"""deploy/rbac.yaml grants what the operator does and nothing to the server."""

from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"


def objects() -> list[dict[str, Any]]:
    return [each for path in sorted(DEPLOY.glob("*.yaml")) for each in yaml.safe_load_all(path.read_text())]


def test_no_rule_is_a_wildcard() -> None:
    for each in objects():
        for rule in each.get("rules", []):
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]


def test_the_operator_cannot_change_sets_or_give_itself_rights() -> None:
    rules = [rule for each in objects() for rule in each.get("rules", [])]
    verbs = {resource: set(rule["verbs"]) for rule in rules for resource in rule["resources"]}
    assert verbs == {
        "jsonwebkeysets": {"get", "list", "watch"},
        "jsonwebkeysets/status": {"patch"},
        "secrets": {"get", "list", "watch", "create", "update", "delete"},
        "configmaps": {"get", "list", "watch", "create", "update", "delete"},
        "events": {"create"},
    }


def test_the_rights_are_bound_to_the_one_service_account() -> None:
    by_kind = {each["kind"]: each for each in objects()}
    account = by_kind["ServiceAccount"]["metadata"]
    assert by_kind["ClusterRoleBinding"]["subjects"] == [{"kind": "ServiceAccount", **account}]
    assert by_kind["ClusterRoleBinding"]["roleRef"]["name"] == by_kind["ClusterRole"]["metadata"]["name"]
