"""Durations as Kubernetes users write them: `720h`, `1h30m`, `90s`, `500ms`.

A subset of Go's `time.ParseDuration`: hours, minutes, seconds, milliseconds, each at most once and in this
order, whole numbers, never negative. The length is capped so that no sum of a few durations leaves the
292 years that CEL's 64 bits of nanoseconds can hold.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import core_schema

from jwks_operator.api.admission_rules import VALIDATIONS, rule_error

PATTERN = "^([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?([0-9]{1,8}ms)?$"
"""For `matches` in CEL and for Python alike; the empty string is excluded beside it."""
MAX_LENGTH = 32
LONGEST = "99999h"
MESSAGE = f"must be a duration such as 90s, 15m, 1h30m or 720h (units h, m, s, ms, in this order; at most {LONGEST})"
_MILLISECOND = timedelta(milliseconds=1)
_LONGEST = timedelta(hours=99_999)
_SUM = re.compile("([0-9]{1,7}h)?([0-9]{1,2}m)?([0-9]{1,2}s)?([0-9]{1,3}ms)?")
_UNITS = ((3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms"))


def parse_duration(text: str) -> timedelta:
    """Return the length of time `text` names; ValueError quotes the text if it names none."""
    match = re.fullmatch(PATTERN, text) if text and len(text) <= MAX_LENGTH else None
    if match is not None and (value := _sum(match)) <= _LONGEST:
        return value
    raise ValueError(f"{text[:MAX_LENGTH]!r} is not a duration: it {MESSAGE}")


def parse_sum(text: str) -> timedelta:
    """Return what `format_duration` wrote: a sum of durations may be longer than each; ValueError otherwise."""
    match = _SUM.fullmatch(text)
    if match is None or not text or len(text) > MAX_LENGTH:
        raise ValueError(f"{text[:MAX_LENGTH]!r} is not a sum of durations")
    return _sum(match)


def _sum(match: re.Match[str]) -> timedelta:
    parts = zip(match.groups("0"), _UNITS, strict=True)
    return sum(int(part.removesuffix(unit)) * factor for part, (factor, unit) in parts) * _MILLISECOND


def format_duration(value: timedelta) -> str:
    """Return the shortest such text, `0s` for nothing; parts of a millisecond are rounded up.

    Raises ValueError for a negative length.
    """
    if value < timedelta(0):
        raise ValueError(f"a duration cannot be negative: {value}")
    rest = -(-value // _MILLISECOND)
    text = ""
    for factor, unit in _UNITS:
        count, rest = divmod(rest, factor)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def cel_is_duration(text: str) -> str:
    """Return CEL that tells whether CEL's `duration()` accepts the string expression `text`."""
    return f"({text} != '' && {text}.matches('{PATTERN}') && duration({text}) <= duration('{LONGEST}'))"


def _read(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    try:
        return parse_duration(value if isinstance(value, str) else "")
    except ValueError:
        raise rule_error(MESSAGE) from None


Duration = Annotated[
    timedelta,
    BeforeValidator(_read),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": MAX_LENGTH,
            VALIDATIONS: [{"rule": cel_is_duration("self"), "message": MESSAGE}],
        }
    ),
]
"""A timedelta in Python, a Go-style string in JSON and in the schema."""


@dataclass(frozen=True)
class AtLeast:
    """Annotation of a Duration: the shortest allowed one (Go-style), and why."""

    minimum: str
    why: str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, core: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler(core)
        rule = f"!{cel_is_duration('self')} || duration(self) >= duration('{self.minimum}')"
        return {**schema, VALIDATIONS: [*schema[VALIDATIONS], {"rule": rule, "message": self._message}]}

    @property
    def _message(self) -> str:
        return f"must be at least {self.minimum}: {self.why}"

    def _check(self, value: timedelta) -> timedelta:
        if value < parse_duration(self.minimum):
            raise rule_error(self._message)
        return value
