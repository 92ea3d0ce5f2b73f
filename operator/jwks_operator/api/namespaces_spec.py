"""The label selector for the namespaces that get a copy of the published set."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from jwks_operator.api.admission_rules import Model, Rule
from jwks_operator.api.fields import LabelKey, LabelValue, SelectedLabels

WITH_VALUES = ("In", "NotIn")


class MatchExpression(Model):
    """One requirement of a label selector."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="values",
            cel="(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
            holds=lambda one: (one.operator in WITH_VALUES) == bool(one.values),
            message="In and NotIn need values, Exists and DoesNotExist have none; add or remove values",
        ),
    )

    key: LabelKey
    """Label key."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How the label is compared: In, NotIn, Exists or DoesNotExist."""
    values: Annotated[tuple[LabelValue, ...], Field(max_length=32)] | None = None
    """Values for In and NotIn."""


class NamespaceSelector(Model):
    """Namespaces by their labels; all parts must match, and an empty selector matches every namespace."""

    match_labels: SelectedLabels | None = None
    """Labels that the namespace must have, with these values."""
    match_expressions: Annotated[tuple[MatchExpression, ...], Field(max_length=32)] | None = None
    """Requirements that the labels of the namespace must meet."""

    def __str__(self) -> str:
        """Return the selector as a query of the API server."""
        return ",".join(self._terms())

    def _terms(self) -> Iterator[str]:
        for key, value in (self.match_labels or {}).items():
            yield f"{key}={value}"
        for one in self.match_expressions or ():
            if one.operator in WITH_VALUES:
                yield f"{one.key} {one.operator.lower()} ({','.join(one.values or ())})"
            else:
                yield one.key if one.operator == "Exists" else f"!{one.key}"
