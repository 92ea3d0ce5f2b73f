"""The kinds of text in a spec: each with a size cap, a pattern and a message that names the cure.

CEL rules are priced by the largest value that could reach them, so nothing here is unbounded.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import core_schema

from jwks_operator.api import cron
from jwks_operator.api.admission_rules import VALIDATIONS, Pattern, rule_error
from jwks_operator.api.names import LABEL_MANAGED_BY, NAME_MAX, RESERVED_PREFIX

OBJECT_NAME_MAX = 189
"""Longest name of an object of ours: a copy of it is named `<namespace>.<name>` and may have 253
characters."""
MAP_MAX = 32
"""Most labels or annotations a user may add."""
_LABEL_KEY = "([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_LABEL_VALUE = "([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
_OURS = f"keys of {RESERVED_PREFIX} and {LABEL_MANAGED_BY} belong to the operator; choose another"
_KEY_SYNTAX = "keys must be Kubernetes label keys: an optional DNS prefix and /, then at most 63 of A-Z a-z 0-9 - _ ."

EntryName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=NAME_MAX),
    Pattern(
        "[a-z0-9]([-a-z0-9]*[a-z0-9])?",
        "must be a DNS label: lower-case letters, digits and -, no dots, no - at either end",
    ),
]
ObjectName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=OBJECT_NAME_MAX),
    Pattern(
        "[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
        "must be an object name: lower-case letters, digits, - and ., a letter or digit at both ends",
    ),
]
ServiceName = Annotated[
    str,
    StringConstraints(max_length=63),
    Pattern(
        "[a-z0-9]([-a-z0-9]*[a-z0-9])?",
        "must be the name of a Service: lower-case letters, digits and -, a letter or digit at both ends",
    ),
]
DataKey = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128),
    Pattern(
        "[-_A-Za-z0-9][-._A-Za-z0-9]*",
        "must be a data key: letters, digits, -, _ and ., not starting with a dot",
    ),
]
Moment = Annotated[AwareDatetime, WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 64})]
Kid = Annotated[str, StringConstraints(min_length=1, max_length=256)]
CronExpression = Annotated[
    str,
    StringConstraints(min_length=9, max_length=128),
    Pattern(
        cron.PATTERN,
        "must be a cron expression of five fields (minute 0-59, hour 0-23, day of month 1-31, month 1-12, "
        "day of week 0-7 from Sunday), such as 0 3 1 * *",
    ),
]


class KnownZone(Pattern):
    """A pattern of time zones; the API server also looks the name up in its own database.

    Python does not: the planner looks it up where it needs it, and what was stored once is told as a condition.
    """

    def cel(self) -> str:
        """Return the rule: an unknown zone ends its evaluation, which refuses the object with the rule's message."""
        looked_up = "timestamp('2000-01-01T00:00:00Z').getHours(self) >= 0"
        # Local is a zone to the API server alone: whichever its own machine has.
        return f"!{super().cel()} ? false : self != 'Local' && {looked_up}"


TimeZone = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    KnownZone(
        "[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*",
        "must be an IANA time zone name such as Europe/Berlin or UTC",
    ),
]
LabelKey = Annotated[
    str,
    StringConstraints(min_length=1, max_length=317),
    Pattern(
        _LABEL_KEY, "must be a Kubernetes label key: an optional DNS prefix and /, then at most 63 of A-Z a-z 0-9 - _ ."
    ),
]
LabelValue = Annotated[
    str,
    StringConstraints(max_length=63),
    Pattern(_LABEL_VALUE, "must be a Kubernetes label value: at most 63 of letters, digits, -, _ and ."),
]


@dataclass(frozen=True)
class _OurMap:
    """Annotation of labels and annotations that a user adds to an object of ours, or looks for on other ones."""

    added: bool = True

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, core: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        ours = f"self.all(k, !k.startsWith('{RESERVED_PREFIX}') && k != '{LABEL_MANAGED_BY}')"
        syntax = f"self.all(k, k.matches('^{_LABEL_KEY}$'))"
        rules = [{"rule": ours, "message": _OURS}] if self.added else []
        rules.append({"rule": syntax, "message": _KEY_SYNTAX})
        return {**handler(core), "maxProperties": MAP_MAX, VALIDATIONS: rules}

    def _check(self, entries: dict[str, str]) -> dict[str, str]:
        if self.added and any(key.startswith(RESERVED_PREFIX) or key == LABEL_MANAGED_BY for key in entries):
            raise rule_error(_OURS)
        if not all(re.fullmatch(_LABEL_KEY, key) for key in entries):
            raise rule_error(_KEY_SYNTAX)
        if len(entries) > MAP_MAX:
            raise rule_error(f"must have at most {MAP_MAX} items")
        return entries


Labels = Annotated[dict[str, LabelValue], _OurMap()]
SelectedLabels = Annotated[dict[str, LabelValue], _OurMap(added=False)]
Annotations = Annotated[dict[str, Annotated[str, StringConstraints(max_length=4096)]], _OurMap()]


def _all_different(items: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(items)) < len(items):
        raise rule_error("Duplicate value: name each only once")
    return items


UNIQUE = (AfterValidator(_all_different), Field(json_schema_extra={"x-kubernetes-list-type": "set"}))
"""Annotations of a tuple whose items are all different."""
