"""Named readers lengthen the waits, are refused sets that they cannot read, and choose the name of Ed25519 keys."""

from datetime import timedelta
from typing import Any

import pytest

from jwks_operator.api.defaults import DEFAULTS
from jwks_operator.api.parse import SpecError, parse_spec
from jwks_operator.api.reader_row import Reader
from jwks_operator.api.reader_table import READERS
from jwks_operator.api.readers import REFUSED_WORDS, default_eddsa_name, find_refused_member, slowest_refresh
from jwks_operator.core.model.policy import FACTS
from jwks_operator.core.model.policy_from_spec import policy_from_spec
from jwks_operator.core.timing.formulas import bounds_of
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass

SIGNING = {"name": "signing", "algorithm": "ES256"}
DEFAULT = DEFAULTS["verifier_refresh"]
STRICT = ("KubeApiserver", "GoJose", "KrakenD")


def parsed(*entries: dict[str, Any], **spec: Any) -> Any:
    return parse_spec({"metadata": {"name": "auth"}, "spec": {"keys": [SIGNING, *entries], **spec}})


def refresh_of(**spec: Any) -> timedelta:
    return policy_from_spec(parsed(**spec)).facts.verifier_refresh


def test_every_reader_has_a_row_with_a_version_and_a_source() -> None:
    assert set(READERS) == set(Reader)
    for row in READERS.values():
        assert row.source.startswith("https://")
        assert row.version
        assert row.fetches


@pytest.mark.parametrize("preset", Reader)
def test_a_preset_fills_what_is_not_stated_and_gives_way_to_what_is(preset: Reader) -> None:
    refresh = READERS[preset].refresh
    facts = policy_from_spec(parsed(timing={"preset": preset.value})).facts
    filled = {} if refresh is None else {"verifier_refresh": refresh}
    assert {name: getattr(facts, name) for name in FACTS if name in DEFAULTS} == {**DEFAULTS, **filled}
    assert refresh_of(timing={"preset": preset.value, "verifierRefresh": "7m"}) == timedelta(minutes=7)


@pytest.mark.parametrize("field", ["preset", "readers"])
@pytest.mark.parametrize("reader", Reader)
def test_the_lead_follows_the_reader(reader: Reader, field: str) -> None:
    def timed(**timing: str) -> Any:
        if field == "preset":
            return parsed(timing={"preset": reader.value, **timing})
        return parsed(readers=[reader.value], timing=timing)

    policy = policy_from_spec(timed())
    lead = bounds_of(policy, policy.rotation, KeyClass.SIGNATURE).lead
    refresh = READERS[reader].refresh
    assert lead == timedelta(minutes=10) + (DEFAULT if refresh is None else refresh)
    minutes = int(lead / timedelta(minutes=1))
    assert timed(lead=f"{minutes}m")
    with pytest.raises(SpecError, match=r"lead .* is shorter than propagation 5m"):
        timed(lead=f"{minutes - 1}m")


@pytest.mark.parametrize(
    ("readers", "refresh"),
    [
        (["SpringSecurity"], "5m"),
        (["SpringSecurity", "Istio", "Envoy"], "20m"),
        (["KubeApiserver", "Istio"], "20m"),
        (["DotNet", "Jwx"], "24h"),
    ],
)
def test_the_slowest_reader_counts(readers: list[str], refresh: str) -> None:
    found = refresh_of(readers=readers)
    assert found == slowest_refresh(map(Reader, readers))
    assert refresh_of(readers=readers, timing={"verifierRefresh": refresh}) == found, "as stated, which is no shorter"
    assert refresh_of(readers=readers, timing={"verifierRefresh": "48h"}) == timedelta(hours=48)


def test_readers_without_a_figure_leave_the_default() -> None:
    assert refresh_of(readers=["KubeApiserver", "GoOidc"]) == DEFAULT
    assert refresh_of(readers=["KubeApiserver"], timing={"verifierRefresh": "0s"}) == timedelta(0)


def test_a_preset_may_be_slower_than_the_readers() -> None:
    assert refresh_of(readers=["PyJWT"], timing={"preset": "DotNet"}) == timedelta(hours=24)


def test_a_stated_refresh_that_is_too_short_for_a_reader_is_refused() -> None:
    with pytest.raises(SpecError, match="verifierRefresh 5m is shorter than 20m of Istio") as refused:
        parsed(readers=["PyJWT", "Istio"], timing={"verifierRefresh": "5m"})
    (error,) = refused.value.errors
    assert error.path == "spec.timing.verifierRefresh"
    assert error.message.endswith("lengthen it, or remove it to have it computed")


@pytest.mark.parametrize(
    "entry",
    [
        {"algorithm": "ML-DSA-65"},
        {"algorithm": "ES256K"},
        {"algorithm": "Ed448"},
        {"algorithm": "ECDH-ES", "crv": "X25519"},
        {"algorithm": "ECDH-ES+A256KW", "crv": "X448"},
    ],
    ids=lambda entry: "-".join(entry.values()),
)
@pytest.mark.parametrize("reader", STRICT)
def test_a_set_that_a_reader_refuses_as_a_whole_is_refused_with_key_and_cure(
    entry: dict[str, str], reader: str
) -> None:
    with pytest.raises(SpecError) as refused:
        parsed({"name": "other", **entry}, readers=["PyJWT", reader])
    (error,) = refused.value.errors
    assert error.path == "spec.readers"
    why = f"{reader} refuses the whole set for the key of other ({entry.get('crv') or entry['algorithm']})"
    assert error.message == f"{why}; publish a document without it (publish.documents), or remove the entry"


@pytest.mark.parametrize("reader", [reader for reader in Reader if not READERS[reader].refuses])
def test_readers_that_skip_what_they_do_not_know_are_no_reason_to_refuse(reader: Reader) -> None:
    assert parsed({"name": "other", "algorithm": "ML-DSA-65"}, readers=[reader.value])


def test_symmetric_keys_are_not_published_and_disturb_nobody() -> None:
    assert parsed({"name": "sessions", "algorithm": "HS256"}, readers=["KubeApiserver", "Tink"])
    symmetric = {name for name, row in ALGORITHMS.items() if row.key_class is KeyClass.SYMMETRIC}
    assert not any(symmetric & {*words} for words in REFUSED_WORDS.values())


@pytest.mark.parametrize(
    ("key", "member"),
    [
        ({"kty": "AKP", "alg": "ML-DSA-44"}, "kty AKP"),
        ({"kty": "OKP", "crv": "X25519"}, "crv X25519"),
        ({"kty": "EC", "crv": "P-256", "alg": "ES256"}, None),
        ({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA"}, None),
    ],
)
def test_the_member_for_which_a_set_is_refused_is_named(key: dict[str, str], member: str | None) -> None:
    assert find_refused_member(Reader.KUBE_APISERVER, key) == member


def test_tink_refuses_any_other_algorithm() -> None:
    assert find_refused_member(Reader.TINK, {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA"}) == "crv Ed25519"
    assert find_refused_member(Reader.TINK, {"kty": "RSA", "alg": "PS256"}) is None


@pytest.mark.parametrize(
    ("readers", "name"),
    [
        ([], "EdDSA"),
        (["Jose"], "Ed25519"),
        (["Jose", "Jwx"], "Ed25519"),
        (["Jose", "GoOidc"], "EdDSA"),
        (["SpringSecurity"], "EdDSA"),
    ],
)
def test_the_newer_name_needs_readers_that_all_know_it(readers: list[str], name: str) -> None:
    assert default_eddsa_name(map(Reader, readers)) == name
