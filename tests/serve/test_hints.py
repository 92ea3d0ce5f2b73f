"""`zz-serve.json`: everything is optional, what is there must make sense."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwks_operator.serve.check import SetRefused
from jwks_operator.serve.hints import DEFAULTS, Hints, parse_hints

FULL = {
    "cacheMaxAge": 60,
    "staleWindow": 30,
    "key": "keys.json",
    "mediaType": "application/json",
    "paths": {"jwks": ["/oauth/jwks"]},
    "cors": {"allowOrigins": ["https://app.example.com", "http://localhost:8080"]},
}


def test_every_member_counts() -> None:
    assert parse_hints(json.dumps(FULL).encode()) == Hints(
        cache_max_age=60,
        stale_window=30,
        key="keys.json",
        media_type="application/json",
        jwks_paths=("/oauth/jwks",),
        allow_origins=("https://app.example.com", "http://localhost:8080"),
    )


@pytest.mark.parametrize("raw", [None, b"{}", b'{"paths": {}, "cors": {}}', b'{"ofTomorrow": 1}'])
def test_every_member_may_be_absent_and_the_unknown_is_left_alone(raw: bytes | None) -> None:
    assert parse_hints(raw) == DEFAULTS


def test_cors_can_be_switched_off() -> None:
    assert parse_hints(b'{"cors": {"allowOrigins": []}}').allow_origins == ()


@pytest.mark.parametrize(
    ("member", "value"),
    [
        *(("cacheMaxAge", seconds) for seconds in (-1, "5m", True, 1.5, None, 10**12)),
        ("staleWindow", -1),
        *(("key", name) for name in ("../jwks.json", "", 1, "a/b")),
        *(("mediaType", kind) for kind in ("text/html", "application/json\r\nX: y", None)),
        ("paths", []),
        ("paths", {"jwks": "/a"}),
        ("paths", {"jwks": 1}),
        *(("paths", {"jwks": [path]}) for path in ("a", "/a b", "/a?b", "/../a", "/a\r\nX: y", "/" + "a" * 300)),
        ("paths", {"jwks": ["/a"] * 33}),
        ("cors", ["*"]),
        ("cors", {"allowOrigins": "*"}),
        ("cors", {"allowOrigins": ["https://a\r\nX: y"]}),
    ],
)
def test_what_makes_no_sense_is_refused_rather_than_guessed(member: str, value: object) -> None:
    with pytest.raises(SetRefused, match=r"zz-serve\.json: ") as refused:
        parse_hints(json.dumps({**FULL, member: value}).encode())
    assert "X: y" not in str(refused.value)


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"cacheMaxAge": 1, "cacheMaxAge": 2}'])
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(SetRefused):
        parse_hints(raw)


@given(st.binary(max_size=60))
def test_any_octets_are_hints_or_refused(raw: bytes) -> None:
    with suppress(SetRefused):
        assert parse_hints(raw) == DEFAULTS
