"""A rule is written once and enforced twice: as CEL at admission, in Python when a stored object is read.

The second check matters because an object may be older than the rule. Both sides say the same sentence
about the same field; `tests/api` runs one table of specs against both.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError, core_schema

VALIDATIONS = "x-kubernetes-validations"


def rule_error(text: str, field: str = "") -> PydanticCustomError:
    """Return the error to raise for a broken rule; `field` is relative to the model, in camelCase."""
    return PydanticCustomError("rule", "{text}", {"text": text, "field": field})


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One sentence about a model that must hold.

    `holds` gets the model; None means that only the API server can tell (it needs the old object).
    `message` names the cure; where values belong into it, `message_cel` and `explain` compute it on either
    side.
    """

    field: str
    cel: str
    holds: Callable[[Any], bool] | None
    message: str
    message_cel: str = ""
    explain: Callable[[Any], str] | None = None
    optional_old_self: bool = False
    """Whether `oldSelf` is an optional value, so that the rule is asked for new objects, too."""

    def validation(self) -> dict[str, str | bool]:
        """Return the entry of `x-kubernetes-validations`."""
        entry: dict[str, str | bool] = {"rule": self.cel, "message": self.message}
        if self.message_cel:
            entry["messageExpression"] = self.message_cel
        entry["fieldPath"] = "." + self.field
        if self.optional_old_self:
            entry["optionalOldSelf"] = True
        return entry

    def enforce(self, model: object) -> None:
        """Raise the refusal if the model breaks the rule."""
        if self.holds is None or self.holds(model):
            return
        raise rule_error(self.explain(model) if self.explain else self.message, self.field)


def cel_list(items: Iterable[str]) -> str:
    """Return a CEL list of strings."""
    return "[" + ", ".join(f"'{item}'" for item in items) + "]"


def _add_rules(schema: dict[str, Any], model: type[BaseModel]) -> None:
    rules: tuple[Rule, ...] = getattr(model, "rules", ())
    if rules:
        schema[VALIDATIONS] = [rule.validation() for rule in rules]


class Model(BaseModel):
    """Base of everything a user writes: immutable, camelCase, unknown fields refused, rules enforced."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
        json_schema_extra=_add_rules,
    )
    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _enforce_rules(self) -> Self:
        for rule in self.rules:
            rule.enforce(self)
        return self


@dataclass(frozen=True)
class Pattern:
    """Annotation of a string: a pattern with a message for humans instead of the bare regular expression.

    The pattern must mean the same to RE2 and to Python and hold neither backslash nor quote.
    """

    pattern: str
    message: str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, core: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler(core)
        schema[VALIDATIONS] = [{"rule": self.cel(), "message": self.message}]
        return schema

    def cel(self) -> str:
        """Return the rule for admission, over `self`."""
        return f"self.matches('^{self.pattern}$')"

    def _check(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise rule_error(self.message)
        return text
