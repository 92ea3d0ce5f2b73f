"""From a pydantic model to the structural schema that a CustomResourceDefinition needs.

pydantic's JSON schema is not structural ($ref, title, anyOf with null, additionalProperties: false). This
generator resolves what it knows and refuses the rest, naming the field: a keyword that is silently dropped
would be a check that silently does not happen. It also insists on a cap for everything that can grow,
because the API server prices CEL rules by the largest value that could reach them.
"""

from typing import Any

from pydantic import BaseModel

from jwks_operator.api.admission_rules import VALIDATIONS

Schema = dict[str, Any]

_COPIED = (
    "description",
    "type",
    "format",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-preserve-unknown-fields",
)
_HANDLED = {"title", "default", "properties", "items", "additionalProperties", VALIDATIONS}
_RULE = ("rule", "message", "messageExpression", "reason", "fieldPath", "optionalOldSelf")
_CAPS = {"string": ("maxLength", "enum"), "array": ("maxItems",)}


class UnknownKeyword(Exception):
    """The generator does not know what a keyword would mean in a structural schema."""


class Unbounded(Exception):
    """A string, list or map has no upper bound."""


def to_structural_schema(model: type[BaseModel]) -> Schema:
    """Return the structural schema of the model.

    Raises UnknownKeyword or Unbounded, both with the path of the field.
    """
    whole = model.model_json_schema(by_alias=True, mode="validation")
    return _Generator(whole.pop("$defs", {})).convert(whole, model.__name__)


class _Generator:
    def __init__(self, definitions: Schema) -> None:
        self._definitions = definitions

    def convert(self, schema: Schema, path: str) -> Schema:
        schema = self._resolve(schema, path)
        if unknown := set(schema) - {*_COPIED} - _HANDLED:
            raise UnknownKeyword(f"{path}: {', '.join(sorted(unknown))}")
        found: Schema = {key: schema[key] for key in _COPIED if key in schema}
        if "description" in found:
            found["description"] = _prose(found["description"])
        # Only plain values become defaults: empty lists and objects full of defaults would be noise.
        if schema.get("default") not in (None, [], {}) and not isinstance(schema["default"], dict):
            found["default"] = schema["default"]
        self._convert_children(schema, found, path)
        if VALIDATIONS in schema:
            found[VALIDATIONS] = [{key: rule[key] for key in _RULE if key in rule} for rule in schema[VALIDATIONS]]
        _require_cap(found, path)
        return found

    def _convert_children(self, schema: Schema, found: Schema, path: str) -> None:
        if "properties" in schema:
            fields = schema["properties"].items()
            found["properties"] = {name: self.convert(field, f"{path}.{name}") for name, field in fields}
        if "items" in schema:
            found["items"] = self.convert(schema["items"], f"{path}[]")
        # False is what a structural schema means anyway: unknown fields are pruned or refused.
        if schema.get("additionalProperties", False) is not False:
            found["additionalProperties"] = self.convert(schema["additionalProperties"], f"{path}{{}}")

    def _resolve(self, schema: Schema, path: str) -> Schema:
        """Follow `$ref` and unwrap `anyOf: [X, null]`; what stands beside them wins."""
        schema = dict(schema)
        if "$ref" in schema:
            name = schema.pop("$ref").removeprefix("#/$defs/")
            return self._resolve({**self._definitions[name], **schema}, path)
        if "anyOf" in schema:
            options = [option for option in schema.pop("anyOf") if option != {"type": "null"}]
            if len(options) != 1:
                raise UnknownKeyword(f"{path}: anyOf of {len(options)} types")
            return self._resolve({**options[0], **schema}, path)
        return schema


def _prose(text: str) -> str:
    """Undo the line breaks of the source, keep paragraphs."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _require_cap(schema: Schema, path: str) -> None:
    caps = ("maxProperties",) if "additionalProperties" in schema else _CAPS.get(schema["type"], ())
    if caps and not any(cap in schema for cap in caps):
        raise Unbounded(f"{path}: needs {' or '.join(caps)}")
