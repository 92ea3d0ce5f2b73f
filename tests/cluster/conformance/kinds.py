"""A custom resource with one field for each thing a structural schema can say."""

from jwks_operator.kube.client import Object, Resource

GROUP = "conformance.example.com"
WIDGETS = Resource(GROUP, "v1", "widgets", "Widget")


def definition(plural: str, kind: str) -> Object:
    """Give a CRD with the schema of widgets under another name."""
    condition = {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"type": "string"}, "status": {"type": "string"}, "note": {"type": "string"}},
    }
    item = {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 8},
            "size": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
        },
    }
    by_name = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
    spec = {
        "type": "object",
        "required": ["items"],
        "properties": {
            "items": {"type": "array", "minItems": 1, "maxItems": 3, "items": item, **by_name},
            "mode": {"type": "string", "enum": ["Slow", "Fast"], "default": "Slow"},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "nested": {
                "type": "object",
                "default": {},
                "properties": {"on": {"type": "boolean", "default": True}},
            },
            "words": {"type": "array", "items": {"type": "string"}},
            "when": {"type": "string", "format": "date-time"},
        },
    }
    by_type = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
    status = {
        "type": "object",
        "properties": {
            "seen": {"type": "integer"},
            "words": {"type": "array", "items": {"type": "string"}},
            "conditions": {"type": "array", "items": condition, **by_type},
        },
    }
    schema = {"type": "object", "required": ["spec"], "properties": {"spec": spec, "status": status}}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    return {
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


WIDGET_CRD = definition("widgets", "Widget")


def widget(name: str, **spec: object) -> Object:
    """Give a valid widget."""
    body = {"metadata": {"name": name}, "spec": {"items": [{"name": "one"}], **spec}}
    return {"apiVersion": WIDGETS.api_version, "kind": WIDGETS.kind, **body}
