"""Names that are stored in clusters never change by accident."""

import re

from hypothesis import given
from hypothesis import strategies as st

from jwks_operator.api import names


def test_stored_names_stay_what_they_are() -> None:
    assert names.keyring_name("auth") == "auth-keyring"
    assert names.MANAGED_SELECTOR == "app.kubernetes.io/managed-by=jwks-operator"
    assert names.KEYRING_TYPE == "jwks-operator.dev/keyring"
    assert names.LABEL_SET == "jwks-operator.dev/set"
    assert names.ANNOTATION_ROTATE == "jwks-operator.dev/rotate"
    # SHA-256 of the empty text, as in FIPS 180-4 examples
    assert names.key_data_name("") == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU.json"


@given(st.text(max_size=300))
def test_any_kid_has_a_valid_data_key(kid: str) -> None:
    assert re.fullmatch(r"[-_.a-zA-Z0-9]{1,253}", names.key_data_name(kid))


@given(st.text(max_size=20), st.text(max_size=20))
def test_two_kids_never_share_a_data_key(one: str, other: str) -> None:
    assert (names.key_data_name(one) == names.key_data_name(other)) == (one == other)


def test_a_reference_prints_and_sorts_by_namespace_and_name() -> None:
    refs = [names.SetRef("b", "a"), names.SetRef("a", "b"), names.SetRef("a", "a")]
    assert [str(ref) for ref in sorted(refs)] == ["a/a", "a/b", "b/a"]
