"""What octets mean as requests, whichever way they are cut into pieces."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwks_operator.httpd.request import Incoming, Limits, Request

LIMITS = Limits(target=100, headers=400, header_count=10, body=50)
GET = b"GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n"


def read(octets: bytes) -> list[Request]:
    return Incoming(LIMITS).feed(octets)


ONE: dict[str, tuple[bytes, dict[str, Any]]] = {
    "origin form": (GET, {"path": b"/a", "last": False}),
    "absolute form": (b"GET http://h/a?b HTTP/1.1\r\nHost: h\r\n\r\n", {"path": b"/a"}),
    "absolute form without a path": (b"GET http://h HTTP/1.1\r\nHost: h\r\n\r\n", {"path": b"/"}),
    "asterisk form": (b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", {"path": b"*", "method": b"OPTIONS"}),
    "authority form": (b"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", {"method": b"CONNECT", "last": True}),
    "a dot segment stays one": (b"GET /x/../a HTTP/1.1\r\nHost: h\r\n\r\n", {"path": b"/x/../a"}),
    "HTTP/1.0": (b"GET /a HTTP/1.0\r\n\r\n", {"path": b"/a", "last": True}),
    "close": (b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", {"last": True}),
    "an empty line before": (b"\r\n" + GET, {"path": b"/a", "last": False}),
    "lists are joined": (
        b'GET /a HTTP/1.1\r\nHost: h\r\nIf-None-Match: "a"\r\nIF-NONE-MATCH: "b"\r\n\r\n',
        {"headers": {b"host": b"h", b"if-none-match": b'"a", "b"'}},
    ),
    "an empty value": (b"GET /a HTTP/1.1\r\nHost:\r\n\r\n", {"problem": 0, "headers": {b"host": b""}}),
    "a body": (b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", {"method": b"POST", "last": True}),
    "no body": (b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", {"last": False}),
    "chunks and trailers": (
        b"GET /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nOrigin: x\r\n\r\n",
        {"last": True, "problem": 0},
    ),
    "an offer of HTTP/2": (
        b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
        {"path": b"/a", "problem": 0, "last": False},
    ),
    "an expectation is answered at once": (
        b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
        {"problem": 0, "last": True},
    ),
    "another expectation": (b"GET /a HTTP/1.1\r\nHost: h\r\nExpect: tea\r\n\r\n", {"problem": 417}),
    "no host": (b"GET /a HTTP/1.1\r\n\r\n", {"problem": 400}),
    "two hosts": (b"GET /a HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", {"problem": 400}),
    "not HTTP": (b"\x16\x03\x01\x02\x00\x01", {"problem": 400}),
    "HTTP/2 without asking": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {"problem": 400}),
    "an unknown method": (b"BREW /a HTTP/1.1\r\nHost: h\r\n\r\n", {"problem": 400}),
    "another version": (b"GET /a HTTP/2.0\r\nHost: h\r\n\r\n", {"problem": 505}),
    "a space in a name": (b"GET /a HTTP/1.1\r\nHost : h\r\n\r\n", {"problem": 400}),
    "a folded line": (b"GET /a HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", {"problem": 400}),
    "a NUL": (b"GET /a HTTP/1.1\r\nHost: h\0\r\n\r\n", {"problem": 400}),
    "bare line feeds": (b"GET /a HTTP/1.1\nHost: h\n\n", {"problem": 400}),
    "two lengths": (
        b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        {"problem": 400},
    ),
    "a length and chunks": (
        b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        {"problem": 400},
    ),
    "a bad length": (b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", {"problem": 400}),
    "a long target": (b"GET /" + b"a" * 100 + b" HTTP/1.1\r\n", {"problem": 414}),
    "long headers": (b"GET /a HTTP/1.1\r\nHost: h\r\nA: " + b"a" * 400 + b"\r\n\r\n", {"problem": 431}),
    "many headers": (b"GET /a HTTP/1.1\r\nHost: h\r\n" + b"A: b\r\n" * 10 + b"\r\n", {"problem": 431}),
    "a large body": (
        b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 51\r\n\r\n" + b"x" * 51,
        {"problem": 413, "last": True},
    ),
}


@pytest.mark.parametrize(("octets", "expected"), ONE.values(), ids=ONE)
def test_a_request_is_what_the_grammar_says(octets: bytes, expected: dict[str, Any]) -> None:
    [request] = read(octets)
    assert {name: getattr(request, name) for name in expected} == expected


@pytest.mark.parametrize(
    "octets", [b"", b"\r\n", b"GET /a HT", GET[:-1], b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab"]
)
def test_half_a_request_is_none(octets: bytes) -> None:
    assert read(octets) == []


def test_after_a_problem_or_the_last_request_nothing_is_understood() -> None:
    for octets in (b"nonsense\r\n\r\n", b"GET /a HTTP/1.0\r\n\r\n"):
        incoming = Incoming(LIMITS)
        assert len(incoming.feed(octets + GET)) == 1
        assert incoming.ended
        assert incoming.feed(GET) == []


def test_a_header_without_an_end_is_not_collected_for_ever() -> None:
    incoming = Incoming(LIMITS)
    assert incoming.feed(b"GET /a HTTP/1.1\r\nHost: h\r\nA: ") == []
    for _ in range(5):
        assert incoming.feed(b"a" * 100) == []
    [request] = incoming.feed(b"a" * 100)
    assert request.problem == 431


def test_requests_in_one_piece_come_out_in_their_order() -> None:
    requests = read(GET + GET.replace(b"/a", b"/b") + GET.replace(b"/a", b"/c"))
    assert [request.path for request in requests] == [b"/a", b"/b", b"/c"]


def test_a_long_pipeline_is_no_long_header() -> None:
    incoming, pipeline = Incoming(LIMITS), GET * 100
    requests = [*incoming.feed(pipeline[:1501]), *incoming.feed(pipeline[1501:2403]), *incoming.feed(pipeline[2403:])]
    assert [request.problem for request in requests] == [0] * 100


@given(octets=st.sampled_from([octets for octets, _ in ONE.values()]), cuts=st.lists(st.integers(1, 120), max_size=6))
def test_cutting_makes_no_difference(octets: bytes, cuts: list[int]) -> None:
    # A limit may strike a little later when the octets come in one piece; the outcome is the same.
    edges = [0, *sorted({cut for cut in cuts if cut < len(octets)}), len(octets)]
    incoming, found = Incoming(LIMITS), list[Request]()
    for begin, end in pairwise(edges):
        found += incoming.feed(octets[begin:end])
    assert [(one.path, one.problem, one.last) for one in found] == [
        (one.path, one.problem, one.last) for one in read(octets)
    ]


@given(st.lists(st.binary(max_size=80) | st.sampled_from([GET, GET[:9], b"\r\n\r\n", b"Host: h\r\n"]), max_size=6))
def test_any_octets_are_requests_problems_or_nothing_yet(parts: list[bytes]) -> None:
    incoming = Incoming(LIMITS)
    for part in parts:
        for request in incoming.feed(part):
            assert request.problem in {0, 400, 413, 414, 417, 431, 505}
