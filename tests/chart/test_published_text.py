"""What the policy about published ConfigMaps looks for: everything private, and nothing that the API admits."""

import json
import re
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from helmchart import render as chart
from jwks_operator.api.serving_spec import Discovery
from jwks_operator.core.model.policy import Publish
from jwks_operator.core.outputs.serving_documents import compact_json, discovery_document
from jwks_operator.keys.generate import generate
from jwks_operator.keys.public_pem import render_public_pem

PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv")
ADMITTED: TypeAdapter[Any] = TypeAdapter(Discovery)
TEXT = st.text() | st.text(alphabet='\\u0067df"d:, \x7f\n{}')
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def _patterns() -> list[re.Pattern[str]]:
    (policy,) = (
        each
        for each in chart.render_objects()
        if each["kind"] == "ValidatingAdmissionPolicy" and each["metadata"]["name"].endswith("-published")
    )
    found = [re.search(r"matches\('(.*)'\)\)$", each["expression"]) for each in policy["spec"]["validations"]]
    return [re.compile(each[1].replace("\\\\", "\\")) for each in found if each is not None]


PATTERNS = _patterns()


def refused(text: str) -> bool:
    return any(pattern.search(text) for pattern in PATTERNS)


@given(discovery=st.dictionaries(TEXT, JSON, max_size=4))
@example(discovery={"a": "\x7f"})
@example(discovery={"a": "\\u0061"})
@example(discovery={"a": "\\\\u0061 \\\\\\u0064"})
@example(discovery={'x"d': 1})
@example(discovery={"a": '"d":', "b": ',"k": {'})
def test_no_discovery_document_that_the_api_admits_is_refused(discovery: dict[str, Any]) -> None:
    try:
        ADMITTED.validate_python(discovery)
    except ValidationError:
        assume(False)
    text = discovery_document(Publish(issuer="https://a.example.com", discovery=discovery), (), "/keys")
    assert text is not None
    assert not refused(text)


@given(kid=TEXT)
@example(kid="\x7f")
@example(kid="\\u0064")
@example(kid='"d":')
def test_no_kid_is_refused(kid: str) -> None:
    assert not refused('{"keys":[\n' + compact_json({"kty": "EC", "kid": kid}) + "\n]}\n")


@given(
    name=st.sampled_from(PRIVATE),
    escaped=st.lists(st.sampled_from(["", "x", "X"]), min_size=4, max_size=4),
    space=st.text(alphabet=" \t\r\n", max_size=3),
    before=JSON,
)
def test_every_private_member_is_refused_however_it_is_written(
    name: str, escaped: list[str], space: str, before: Any
) -> None:
    spelt = "".join(f"\\u{ord(letter):04{how}}" if how else letter for letter, how in zip(name, escaped, strict=False))
    text = f'{{"a":{json.dumps(before)},"keys":[{{"kty":"EC",{space}"{spelt}"{space}:"c2VjcmV0"}}]}}'
    assert json.loads(text)["keys"][0][name] == "c2VjcmV0"
    assert refused(text)


@pytest.mark.parametrize("name", PRIVATE)
def test_a_private_member_may_be_the_first(name: str) -> None:
    assert refused(json.dumps({"keys": [{name: 1}]}))


@pytest.mark.parametrize("kind", ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"])
def test_a_private_key_in_pem_is_refused_and_a_public_one_is_not(kind: str) -> None:
    assert refused(f"-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n")
    assert refused(f"# kid: x\n-----BEGIN {kind}-----\nAAAA\n")
    key = {**generate("ES256", None).public, "kid": f"-----BEGIN {kind}-----\n-----BEGIN {kind}-----"}
    assert not refused(render_public_pem([key]))
