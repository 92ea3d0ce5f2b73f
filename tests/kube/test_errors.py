"""Which answer becomes which error, and what of the answer its text may show."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.status import already_exists, conflict, expired, invalid, not_found, status, terminating
from jwks_operator.kube import errors
from jwks_operator.kube.client import CONFIGMAPS, NAMESPACES, SECRETS, SETS, Object
from jwks_operator.kube.errors import KubeError, RequestTarget, error_for

PUT = RequestTarget("PUT", "secrets", "shop", "auth")
POST = RequestTarget("POST", "secrets", "shop", "auth")

ROWS: list[tuple[str, RequestTarget, int, Object | None, type[KubeError]]] = [
    ("the object is missing", PUT, 404, not_found(SECRETS, "auth").body, errors.Missing),
    ("the namespace is missing", POST, 404, not_found(NAMESPACES, "shop").body, errors.Missing),
    ("another object is missing", PUT, 404, not_found(SECRETS, "other").body, errors.NotServed),
    ("another kind is missing", PUT, 404, not_found(CONFIGMAPS, "auth").body, errors.NotServed),
    ("another namespace is missing", POST, 404, not_found(NAMESPACES, "other").body, errors.NotServed),
    ("nothing is named", PUT, 404, status(404, "NotFound", "the server could not find it"), errors.NotServed),
    ("plain text", PUT, 404, None, errors.NotServed),
    ("a proxy's own JSON", PUT, 404, {"error": "no route"}, errors.NotServed),
    ("a list of the missing", RequestTarget("GET", "secrets", "shop", None), 404, None, errors.NotServed),
    ("stale", PUT, 409, conflict(SECRETS, "auth", "modified").body, errors.Conflict),
    ("there already", POST, 409, already_exists(SECRETS, "auth").body, errors.AlreadyExists),
    ("a conflict without body", PUT, 409, None, errors.Conflict),
    ("too old", PUT, 410, expired("too old").body, errors.Gone),
    ("invalid", PUT, 422, invalid(SECRETS, "auth", [("data", "bad")]).body, errors.Refused),
    ("malformed", PUT, 400, None, errors.Refused),
    ("forbidden", PUT, 403, status(403, "Forbidden", "no"), errors.Refused),
    ("terminating", POST, 403, terminating(SECRETS, "auth", "shop").body, errors.NamespaceTerminating),
    ("too large", PUT, 413, None, errors.Refused),
    ("a method that is not there", PUT, 405, None, errors.Refused),
    ("throttled", PUT, 429, None, errors.Throttled),
    ("credentials not accepted", PUT, 401, None, errors.Unavailable),
    ("a request that took too long", PUT, 408, None, errors.Unavailable),
    ("broken", PUT, 500, status(500, "InternalError", "etcd"), errors.Unavailable),
    ("a bad gateway", PUT, 502, None, errors.Unavailable),
    ("starting", PUT, 503, None, errors.Unavailable),
    ("timed out", PUT, 504, status(504, "Timeout", "slow"), errors.Unavailable),
    ("a redirect", PUT, 302, None, errors.Unavailable),
]


@pytest.mark.parametrize(("asked", "code", "body", "error"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_each_answer_has_its_error(
    asked: RequestTarget, code: int, body: Object | None, error: type[KubeError]
) -> None:
    made = error_for(asked, code, body)
    assert type(made) is error
    assert str(made).startswith(f"{asked}: {code}")


def test_a_missing_namespace_is_told_from_a_missing_object() -> None:
    for body, kind in (
        (not_found(SECRETS, "auth").body, "secrets"),
        (not_found(NAMESPACES, "shop").body, "namespaces"),
    ):
        made = error_for(POST, 404, body)
        assert isinstance(made, errors.Missing)
        assert made.kind == kind


@pytest.mark.parametrize(
    ("header", "details", "seconds"),
    [("7", {}, 7.0), (None, {"retryAfterSeconds": 3}, 3.0), ("7", {"retryAfterSeconds": 3}, 7.0), (None, {}, None),
     ("-1", {}, 0.0), ("Sun, 22 Nov 2026 18:00:00 GMT", {}, None), (None, {"retryAfterSeconds": [1]}, None)],
)  # fmt: skip
def test_patience_is_asked_for_in_seconds(header: str | None, details: Object, seconds: float | None) -> None:
    made = error_for(PUT, 429, status(429, "TooManyRequests", "", details), header)
    assert isinstance(made, errors.Throttled)
    assert made.retry_after == seconds


def test_a_set_is_told_what_is_wrong_with_it() -> None:
    body = invalid(SETS, "auth", [("spec.keys", "Too many")]).body
    text = str(error_for(RequestTarget("PUT", SETS.plural, "shop", "auth"), 422, body))
    assert "spec.keys: Too many" in text


def test_a_long_message_is_cut() -> None:
    text = str(error_for(RequestTarget("PUT", SETS.plural, "shop", "auth"), 422, status(422, "Invalid", "x" * 10_000)))
    assert len(text) < 1200


def test_of_a_secret_only_known_fields_are_named() -> None:
    body = invalid(SECRETS, "auth", [("data[hunter2]", "hunter2"), ("type", "hunter2"), ("hunter2", "x")]).body
    assert str(error_for(PUT, 422, body)) == "PUT secrets shop/auth: 422 Invalid (data, type)"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
# Contains a character that neither our own words nor any name can contain.
PRIVATE = st.text(min_size=1).map(lambda text: f"§{text}§")


@st.composite
def _evil_statuses(draw: st.DrawFn) -> tuple[str, Any]:
    secret = draw(PRIVATE)
    anywhere = (
        st.just(secret) | st.builds("data[{}]".format, st.just(secret)) | st.builds("x {}".format, st.just(secret))
    )
    known = ["Invalid", "NotFound", "AlreadyExists", "Forbidden"]
    cause = st.fixed_dictionaries({}, optional={"reason": anywhere, "message": anywhere, "field": anywhere | JSON})
    details = st.fixed_dictionaries(
        {}, optional={"name": anywhere, "kind": anywhere, "causes": st.lists(cause | JSON, max_size=3) | JSON}
    )
    body = st.fixed_dictionaries(
        {"kind": st.just("Status")},
        optional={
            "reason": st.sampled_from(known) | anywhere | JSON,
            "message": anywhere | JSON,
            "details": details | JSON,
            "data": st.dictionaries(st.text(), anywhere),
        },
    )
    return secret, draw(body)


@given(_evil_statuses(), st.integers(300, 599), st.none() | st.text())
def test_no_word_of_a_secrets_answer_reaches_the_error(
    evil: tuple[str, Any], code: int, retry_after: str | None
) -> None:
    secret, body = evil
    made = error_for(PUT, code, body, retry_after)
    assert secret not in str(made)
    assert secret not in repr(made)
    assert "§" not in repr(made.__dict__)


@given(JSON, st.integers(300, 599), st.none() | st.text())
def test_no_answer_however_odd_is_more_than_an_error(body: Any, code: int, retry_after: str | None) -> None:
    shaped = body if isinstance(body, dict) else {"kind": "Status", "reason": body, "message": body, "details": body}
    assert isinstance(error_for(PUT, code, shaped, retry_after), KubeError)


SECRETLY = "c2VjcmV0LXNlY3JldA"
QUOTA = "exceeded quota: few, requested: secrets=1, used: secrets=10, limited: secrets=10"
RIGHT = 'cannot create resource "secrets" in API group "" in the namespace "shop"'
KNOWN = {
    f'secrets "auth" is forbidden: {QUOTA} {SECRETLY}': (403, f"{QUOTA}; raise the quota"),
    f'secrets is forbidden: User "{SECRETLY}" {RIGHT}': (403, f"{RIGHT}; grant"),
    f'Secret "auth" is invalid: data: Forbidden: field is immutable when `immutable` is set {SECRETLY}': (
        422, "field is immutable when `immutable` is set; delete it"
    ),
    f'admission webhook "keys.example.com" denied the request: no {SECRETLY}': (
        403, 'admission webhook "keys.example.com" denied the request; change what'
    ),
    f'Internal error occurred: failed calling webhook "keys.example.com": {SECRETLY}': (
        500, 'failed calling webhook "keys.example.com"; repair'
    ),
    f"etcdserver: mvcc: database space exceeded {SECRETLY}": (500, "database space exceeded; make room"),
    f"secrets \"auth\" is forbidden: ValidatingAdmissionPolicy 'a' with binding 'b' denied request: {SECRETLY}": (
        422, "ValidatingAdmissionPolicy 'a' with binding 'b' denied request; change"
    ),
    f'admission webhook "{SECRETLY}" denied the request': (403, ""),
    f"exceeded quota: few, requested: {SECRETLY}": (403, ""),
    SECRETLY: (422, ""),
}  # fmt: skip


@pytest.mark.parametrize("message", KNOWN)
def test_a_refusal_of_a_secret_carries_known_words_and_the_cure(message: str) -> None:
    code, words = KNOWN[message]
    said = str(error_for(PUT, code, {"kind": "Status", "reason": "Forbidden", "message": message}))
    assert words in said
    assert words or said == f"PUT secrets shop/auth: {code} Forbidden"
    assert SECRETLY not in said
