"""The CustomResourceDefinition, generated from the models; `crds/` holds the committed copy."""

from typing import Any

import yaml

from jwks_operator.api.names import GROUP, KIND, PLURAL, SHORT_NAME, SINGULAR, VERSION
from jwks_operator.api.parse import JsonWebKeySet
from jwks_operator.api.schema import Schema, to_structural_schema
from jwks_operator.api.status_model import JsonWebKeySetStatus

CATEGORY = "security"
"""`kubectl get security` lists sets among what others put there; not `all`, which people delete by."""
SELECTABLE = (".spec.suspend", ".spec.deletionPolicy", ".status.next.action", ".status.activeKid")
"""What `kubectl get jwks --field-selector` can select by. Kubernetes allows eight, and no lists."""
HEADER = "# generated, do not edit: make generate\n"


def build_crd() -> dict[str, Any]:
    """Return the CustomResourceDefinition of JsonWebKeySet."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": SINGULAR,
                "shortNames": [SHORT_NAME],
                "categories": [CATEGORY],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": _columns(),
                    "selectableFields": [{"jsonPath": path} for path in SELECTABLE],
                    "schema": {"openAPIV3Schema": _root()},
                }
            ],
        },
    }


def to_yaml() -> str:
    """Return the text of the committed file, the same from run to run."""
    return HEADER + yaml.dump(build_crd(), Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        """Write repeated parts in full: readers of a CRD do not expect anchors."""
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """Write prose and rules as folded blocks: quotes doubled inside quotes are hard to read."""
        style = ">" if len(data) > 60 or "'" in data else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _Dumper.represent_str)


def _root() -> Schema:
    root = to_structural_schema(JsonWebKeySet)
    spec = root["properties"]["spec"]
    root["required"] = ["spec"]
    root["properties"] = {
        "apiVersion": {"type": "string", "description": "Version of the schema of this object."},
        "kind": {"type": "string", "description": "Kind of this object."},
        # The API server knows the metadata; only what a rule reads is named here, with a cap for its price.
        "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 253}}},
        "spec": spec,
        "status": to_structural_schema(JsonWebKeySetStatus),
    }
    return root


def _columns() -> list[dict[str, Any]]:
    """Return what `kubectl get jwks` prints; priority 1 only with `-o wide`.

    Next is a string: kubectl prints a date as an age, and an age in the future as `<invalid>`.
    """
    ready = '.status.conditions[?(@.type=="Ready")]'
    return [
        {"name": "Ready", "type": "string", "jsonPath": f"{ready}.status"},
        {"name": "Algorithms", "type": "string", "jsonPath": ".status.algorithms"},
        {
            "name": "Active Kid",
            "type": "string",
            "jsonPath": ".status.activeKid",
            "description": "First characters of the kid in use by the first entry.",
        },
        {
            "name": "Next",
            "type": "string",
            "jsonPath": ".status.next.time",
            "description": "Moment of the next move; not before it.",
        },
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        {"name": "Action", "type": "string", "jsonPath": ".status.next.action", "priority": 1},
        {"name": "Reason", "type": "string", "jsonPath": f"{ready}.reason", "priority": 1},
        {"name": "Message", "type": "string", "jsonPath": f"{ready}.message", "priority": 1},
    ]
