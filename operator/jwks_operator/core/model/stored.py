"""How a class of the record is stored: its fields in camelCase, and whatever a newer version wrote beside them.

A class that inherits from `Stored` needs no line of its own in the codec. Reading is lenient: a member that this
version does not know is kept in `unknown` and written back, one that is missing takes its default.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
    SerializationInfo,
    TypeAdapter,
)
from pydantic_core import CoreSchema, core_schema

from jwks_operator.api.durations import format_duration, parse_sum

Document = dict[str, Any]
T = TypeVar("T")
_NEWS = "\0"
"""Stands for what is not known, between the document and the object; no member is called so."""


def member_of(name: str) -> str:
    """Return the member of a document that holds the field of this name (`import_` is `import`)."""
    head, *rest = name.strip("_").split("_")
    return head + "".join(part.capitalize() for part in rest)


def _read_time(value: object) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError("a time needs a time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time before the year 1 or after 9999") from None


def _write_time(moment: datetime) -> str:
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"


def _read_wait(value: object) -> timedelta:
    return value if isinstance(value, timedelta) else _parsed(_text(value))


_parsed = lru_cache(maxsize=1024)(parse_sum)
_written = lru_cache(maxsize=1024)(format_duration)  # most waits of most sets are the same few


def _report(news: Mapping[str, Any], info: SerializationInfo) -> Mapping[str, Any]:
    """Report to the one who writes that there is something to put back: mostly there is not."""
    if isinstance(info.context, list):
        info.context.append(news)
    return news


def write(adapter: TypeAdapter[T], value: T) -> Document:
    """Return the document of an object that is stored; what is None is left out, what is not known stands as it did."""
    news: list[Any] = []
    document: Document = adapter.dump_python(value, mode="json", by_alias=True, exclude_none=True, context=news)
    return _put_back(document) if news else document


def _put_back(value: Any) -> Any:
    if isinstance(value, list):
        return [_put_back(each) for each in value]
    if not isinstance(value, dict):
        return value
    members = {name: _put_back(each) for name, each in value.items() if name != _NEWS}
    return {**value.get(_NEWS, {}), **members}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")  # noqa: TRY004 - pydantic turns nothing else into an error of the member
    return value


Time = Annotated[datetime, BeforeValidator(_read_time), PlainSerializer(_write_time, when_used="json")]
"""An aware time in UTC; stored as RFC 3339 with microseconds."""
Wait = Annotated[timedelta, BeforeValidator(_read_wait), PlainSerializer(_written, when_used="json")]
"""A length of time, at least 0; stored Go-style and rounded up to milliseconds."""


_News = Annotated[Mapping[str, Any] | None, Field(alias=_NEWS), PlainSerializer(_report, when_used="json")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Base of everything that the record is made of."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(alias_generator=member_of)

    unknown: Annotated[Mapping[str, Any] | None, Field(alias=_NEWS), PlainSerializer(_report, when_used="json")] = (
        field(default=None, compare=False, repr=False)
    )
    """Members that another version wrote: kept and written back, and never a difference."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of the dataclass, which sets aside on reading what it does not know."""
        known = frozenset(member_of(each.name) for each in fields(cls) if each.name != "unknown")

        def set_aside(value: Any) -> Any:
            if not isinstance(value, dict) or value.keys() <= known:
                return value
            news = {name: value[name] for name in value if name not in known}
            return {**{name: value[name] for name in value if name in known}, _NEWS: news}

        # The outer schema takes over the name of the inner one, so that a second use of the class finds it, too.
        inner: Any = dict(handler.resolve_ref_schema(handler(source)))
        name = inner.pop("ref")
        return core_schema.no_info_before_validator_function(set_aside, inner, ref=name)
