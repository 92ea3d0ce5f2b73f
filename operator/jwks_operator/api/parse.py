"""From a stored object to a spec that keeps every rule, or to an error that names each broken field."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from jwks_operator.api.admission_rules import Model, Rule
from jwks_operator.api.names import KEYRING_SUFFIX, NAME_MAX
from jwks_operator.api.spec import JsonWebKeySetSpec


class Metadata(Model):
    """The part of the metadata that the spec depends on."""

    name: Annotated[str, Field(max_length=253)]
    """Name of the set."""


def _immutable(*path: str) -> Rule:
    """Return the rule that the effective name, given or taken from the set, does not change."""
    parts = ["spec", *path, "name"]
    dotted = ".".join(path)

    def given(side: str) -> str:
        return " && ".join(f"has({side}.{'.'.join(parts[: i + 1])})" for i in range(1, len(parts)))

    new, old = (f"{side}.{'.'.join(parts)}" for side in ("self", "oldSelf"))
    # Written as a choice of comparisons: CEL cannot price a comparison of choices.
    cel = (
        f"({given('self')}) ? (({given('oldSelf')}) ? {new} == {old} : {new} == self.metadata.name) : "
        f"(!({given('oldSelf')}) || {old} == self.metadata.name)"
    )
    return Rule(
        field=".".join(parts[:-1]),
        cel=cel,
        holds=None,
        message=f"{dotted}.name cannot change, because pods mount it by name; keep it, or create a new set",
    )


class JsonWebKeySet(Model):
    """Keys that rotate and never turn a valid token into a 401.

    Private keys go into a Secret, the public JWK Set into a ConfigMap. Successors are published before
    they are used, and keys stay published until the last token signed with them has expired.
    """

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="metadata.name",
            cel=f"self.metadata.name.size() <= {NAME_MAX}",
            holds=lambda found: len(found.metadata.name) <= NAME_MAX,
            message=f"metadata.name must have at most {NAME_MAX} characters, because other names are made "
            "from it; choose a shorter one",
        ),
        Rule(
            field="metadata.name",
            cel=f"!self.metadata.name.endsWith('{KEYRING_SUFFIX}')",
            holds=lambda found: not found.metadata.name.endswith(KEYRING_SUFFIX),
            message=f"metadata.name must not end in {KEYRING_SUFFIX}, which marks the records of sets; choose another",
        ),
        _immutable("publish", "configMap"),
        _immutable("secret"),
    )

    metadata: Annotated[Metadata, Field(description="Standard object metadata.")]
    spec: JsonWebKeySetSpec
    """The wanted keys, when they rotate, and where they go."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One broken field: its path as the API server writes it (`spec.keys[0].name`), and what is wrong."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class SpecError(Exception):
    """An object's spec is refused; the text names the broken fields in camelCase.

    Of the rules of one part of the spec (`spec.timing`, an entry of `spec.keys`) only the first broken one
    is reported.
    """

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = errors


def parse_spec(obj: Mapping[str, Any]) -> JsonWebKeySetSpec:
    """Return the spec of a JsonWebKeySet object (the whole object: its name counts, too).

    Raises SpecError for whatever the API server would refuse, and for fields this version does not know.
    """
    found = {"metadata": {"name": (obj.get("metadata") or {}).get("name")}}
    if "spec" in obj:
        found["spec"] = obj["spec"]
    try:
        return JsonWebKeySet.model_validate(found, by_alias=True, by_name=False).spec
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    # A list that lost its broken items would also be "too short": only the item is what is wrong.
    real = [one for one in details if not (one["type"] == "too_short" and _has_deeper(one, details))]
    raise SpecError(tuple(_field_error(detail) for detail in real))


def _has_deeper(error: ErrorDetails, errors: list[ErrorDetails]) -> bool:
    depth = len(error["loc"])
    return any(len(other["loc"]) > depth and other["loc"][:depth] == error["loc"] for other in errors)


def _field_error(detail: ErrorDetails) -> FieldError:
    path, parent = "", ""
    for part in detail["loc"]:
        # The API server writes positions and the keys of maps in brackets.
        path += (
            f"[{part}]" if isinstance(part, int) or parent in {"labels", "annotations", "matchLabels"} else f".{part}"
        )
        parent = str(part)
    if detail["type"] == "rule" and detail["ctx"]["field"]:
        path += "." + detail["ctx"]["field"]
    messages = {"missing": "Required value", "extra_forbidden": "unknown field; remove it"}
    return FieldError(path.removeprefix("."), messages.get(detail["type"], detail["msg"]))
