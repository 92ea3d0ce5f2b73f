"""The stored form: what is written is read back the same, and what cannot be read is a RecordError."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.history import SIGNING, START, History, span
from jwks_operator.api.spec import JsonWebKeySetSpec
from jwks_operator.core.model import codec
from jwks_operator.core.model.codec import RecordError
from jwks_operator.core.model.policy import FACTS, Facts
from jwks_operator.core.model.policy_from_spec import policy_from_spec
from jwks_operator.core.model.record import (
    Bounds,
    HistoryEntry,
    ImportState,
    KeyRecord,
    Record,
    RecordedEvent,
    Step,
    Tombstone,
)
from jwks_operator.core.transitions.transition_table import State, Transition
from jwks_operator.keys.algorithms import KeyClass

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
WAITS = st.integers(0, 10**13).map(lambda milliseconds: timedelta(milliseconds=milliseconds))
KEYS = st.builds(
    KeyRecord,
    kid=TEXTS,
    entry=TEXTS,
    algorithm=TEXTS,
    key_class=st.sampled_from(KeyClass),
    state=st.sampled_from(State),
    thumbprint=TEXTS,
    public=st.dictionaries(TEXTS, TEXTS, max_size=3),
    has_private=st.booleans(),
    created=TIMES,
    bounds=st.builds(Bounds, WAITS, WAITS),
    published=st.none() | TIMES,
    in_use_since=st.none() | TIMES,
    retired=st.none() | TIMES,
)
HAPPENINGS = st.builds(RecordedEvent, TEXTS, TEXTS, TEXTS, TEXTS)
POLICIES = st.sampled_from(
    (
        SIGNING,
        {**SIGNING, "timing": {"lead": "1000h", "clockSkew": "0s"}, "held": ["k1"], "suspend": True},
        {
            "keys": [
                {"name": "a", "algorithm": "RS256", "rotation": {"schedule": "0 3 * * *", "timeZone": "Europe/Berlin"}}
            ]
        },
    )
).map(lambda written: policy_from_spec(JsonWebKeySetSpec.model_validate(written)))
RECORDS = st.builds(
    Record,
    set_name=TEXTS,
    policy=POLICIES,
    keys=st.lists(KEYS, max_size=3).map(tuple),
    uid=TEXTS,
    step=st.none() | st.builds(Step, st.sampled_from(Transition), st.lists(HAPPENINGS, max_size=2).map(tuple)),
    honoured=st.dictionaries(TEXTS, TIMES, max_size=2),
    longest=st.none() | st.builds(Facts, *(WAITS for _ in FACTS)),
    longest_until=st.none() | TIMES,
    lead_floor=st.dictionaries(st.sampled_from(KeyClass), TIMES, max_size=2),
    lost=st.lists(TEXTS, max_size=2).map(tuple),
    import_states=st.dictionaries(
        TEXTS,
        st.builds(
            ImportState,
            taken=st.lists(TEXTS, max_size=2).map(tuple),
            sources=st.lists(TEXTS, max_size=2).map(tuple),
            followed=st.booleans(),
            lost_to_revocation=st.booleans(),
        ),
        max_size=2,
    ),
    tombstones=st.lists(st.builds(Tombstone, TEXTS, TEXTS, TIMES), max_size=2).map(tuple),
    history=st.lists(st.builds(HistoryEntry, TIMES, HAPPENINGS), max_size=2).map(tuple),
    objects=st.dictionaries(TEXTS, TEXTS, max_size=2),
)


def stored(record: Record) -> Record:
    """Write, read back."""
    rest = json.loads(json.dumps(codec.dump_record(record)))
    keys = tuple(
        codec.load_key(json.loads(json.dumps(codec.dump_key(key))), has_private=key.has_private) for key in record.keys
    )
    return codec.load_record(rest, keys)


@settings(derandomize=True, max_examples=60)
@given(RECORDS)
def test_what_is_written_is_read_back_the_same(record: Record) -> None:
    assert stored(record) == record


@settings(derandomize=True, max_examples=30)
@given(KEYS, st.integers(1, 999), st.integers(1, 999))
def test_waits_finer_than_a_millisecond_are_rounded_up_once(key: KeyRecord, more: int, less: int) -> None:
    exact = Bounds(key.bounds.lead + timedelta(microseconds=more), key.bounds.retention + timedelta(microseconds=less))
    once = codec.load_key(codec.dump_key(replace(key, bounds=exact)), has_private=key.has_private)
    assert once.bounds.lead - exact.lead < timedelta(milliseconds=1)
    assert once.bounds.lead >= exact.lead
    assert once.bounds.retention >= exact.retention
    assert codec.load_key(codec.dump_key(once), has_private=key.has_private) == once


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS | st.sampled_from(("1h", "Active")),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)


def written() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A record in the middle of its life, as it is stored."""
    history = History.of({**SIGNING, "rotation": {"every": "24h"}})
    history.live(START + span("24h"))
    history.pass_()
    record = history.record()
    assert record is not None
    return codec.dump_record(record), [codec.dump_key(key) for key in record.keys]


REST, WRITTEN_KEYS = written()


@st.composite
def spoilt(draw: st.DrawFn, document: dict[str, Any]) -> dict[str, Any]:
    """A document with something anywhere in it replaced or removed."""
    whole: dict[str, Any] = json.loads(json.dumps(document))
    place: Any = whole
    while True:
        names = sorted(place) if isinstance(place, dict) else range(len(place))
        name = draw(st.sampled_from(names))
        inner = place[name]
        if isinstance(inner, (dict, list)) and inner and draw(st.booleans()):
            place = inner
        elif draw(st.booleans()):
            place[name] = draw(JSON)
            return whole
        else:
            del place[name]
            return whole


@settings(derandomize=True, max_examples=150)
@given(spoilt(REST))
def test_a_spoilt_record_is_told_or_can_be_written_again(document: dict[str, Any]) -> None:
    try:
        record = codec.load_record(document, ())
    except RecordError:
        return
    assert stored(record) == record


@settings(derandomize=True, max_examples=150)
@given(spoilt(WRITTEN_KEYS[0]))
def test_a_spoilt_key_is_told_or_can_be_written_again(document: dict[str, Any]) -> None:
    try:
        key = codec.load_key(document, has_private=True)
    except RecordError:
        return
    assert codec.load_key(json.loads(json.dumps(codec.dump_key(key))), has_private=True) == key


@settings(derandomize=True, max_examples=30)
@given(st.dictionaries(TEXTS, JSON, max_size=3))
def test_anything_else_is_no_record(document: dict[str, Any]) -> None:
    for load in (lambda: codec.load_record(document, ()), lambda: codec.load_key(document, has_private=False)):
        with pytest.raises(RecordError):
            load()


@pytest.mark.parametrize("number", [0, 2, "1", None])
def test_another_format_is_refused_by_name(number: object) -> None:
    with pytest.raises(RecordError, match="run the version of jwks-operator that wrote it"):
        codec.load_record({**REST, "format": number}, ())


def test_no_complaint_quotes_what_was_stored() -> None:
    for document in WRITTEN_KEYS:
        with pytest.raises(RecordError) as complaint:
            codec.load_key({**document, "created": "SECRET"}, has_private=True)
        assert "SECRET" not in str(complaint.value)
