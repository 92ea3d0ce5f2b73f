"""The generator converts what it knows and refuses the rest by the name of the field."""

from collections.abc import Sequence
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, create_model

from jwks_operator.api.schema import Unbounded, UnknownKeyword, to_structural_schema

Capped = Annotated[str, Field(max_length=5)]


class Inner(BaseModel):
    """An inner thing."""

    text: Capped | None = None


def _titles(rows: Sequence[tuple[str, Any, Any, Any]]) -> list[str]:
    return [title for title, *_ in rows]


def _rows(rows: Sequence[tuple[str, Any, Any, Any]]) -> list[tuple[Any, Any, Any]]:
    return [(given, other, wanted) for _, given, other, wanted in rows]


def model(annotation: Any, default: Any = ...) -> type[BaseModel]:
    return create_model("Outer", field=(annotation, default))


ACCEPTED: list[tuple[str, Any, Any, dict[str, Any]]] = [
    ("a text", Capped, ..., {"type": "string", "maxLength": 5}),
    ("an optional text has no null", Capped | None, None, {"type": "string", "maxLength": 5}),
    ("a plain default stays", Capped, "x", {"type": "string", "maxLength": 5, "default": "x"}),
    ("a default of zero stays", int, 0, {"type": "integer", "default": 0}),
    ("a default of false stays", bool, False, {"type": "boolean", "default": False}),
    (
        "an empty list is no default",
        Annotated[tuple[int, ...], Field(max_length=3)],
        (),
        {"type": "array", "maxItems": 3, "items": {"type": "integer"}},
    ),
    (
        "a map keeps its values' schema",
        Annotated[dict[str, Capped], Field(max_length=3)],
        ...,
        {"type": "object", "maxProperties": 3, "additionalProperties": {"type": "string", "maxLength": 5}},
    ),
    (
        "a reference is resolved and its object no default",
        Inner,
        Inner(),
        {
            "type": "object",
            "description": "An inner thing.",
            "properties": {"text": {"type": "string", "maxLength": 5}},
        },
    ),
    (
        "the field's description wins and loses its line breaks",
        Annotated[Inner | None, Field(description="One\ntwo.")],
        None,
        {"type": "object", "description": "One two.", "properties": {"text": {"type": "string", "maxLength": 5}}},
    ),
]


@pytest.mark.parametrize(("annotation", "default", "schema"), _rows(ACCEPTED), ids=_titles(ACCEPTED))
def test_what_is_known_becomes_structural(annotation: Any, default: Any, schema: dict[str, Any]) -> None:
    assert to_structural_schema(model(annotation, default))["properties"]["field"] == schema


REFUSED = [
    ("a choice of types", int | bool, UnknownKeyword, "Outer.field: anyOf of 2 types"),
    ("a bare pattern", Annotated[str, Field(pattern="a")], UnknownKeyword, "Outer.field: pattern"),
    ("an open interval", Annotated[int, Field(gt=0)], UnknownKeyword, "Outer.field: exclusiveMinimum"),
    ("a choice in a list", Annotated[list[int | bool], Field(max_length=1)], UnknownKeyword, "Outer.field[]: anyOf"),
    ("a text without cap", str, Unbounded, "Outer.field: needs maxLength or enum"),
    ("a list without cap", list[int], Unbounded, "Outer.field: needs maxItems"),
    ("a map without cap", dict[str, int], Unbounded, "Outer.field: needs maxProperties"),
    ("a map of texts without cap", Annotated[dict[str, str], Field(max_length=1)], Unbounded, "Outer.field{}: needs"),
]  # fmt: skip


@pytest.mark.parametrize(("annotation", "error", "text"), _rows(REFUSED), ids=_titles(REFUSED))
def test_what_is_not_known_is_refused(annotation: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        to_structural_schema(model(annotation))
    assert str(caught.value).startswith(text)
