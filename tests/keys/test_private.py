import copy
import dataclasses
import inspect
import json
import logging
import pickle
import pprint
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from jwks_operator.keys.generate import generate
from jwks_operator.keys.key_errors import JwkError
from jwks_operator.keys.members import canonical_json
from jwks_operator.keys.private import PrivateJwk
from keys.samples import EACH_KEY_TYPE, fresh, private_windows


@dataclass(frozen=True)
class Holder:
    """A class as the other rooms have them: a private key among its fields."""

    name: str
    private: PrivateJwk


def traceback_with_locals(private: PrivateJwk) -> str:
    holder = Holder("signing", private)
    shown = traceback.TracebackException.from_exception(failure_with(holder), capture_locals=True)
    return "".join(shown.format())


def failure_with(holder: Holder) -> KeyError:
    nobody: dict[Holder, str] = {}
    with pytest.raises(KeyError) as caught:
        nobody[holder]
    return caught.value


RENDERINGS: dict[str, Callable[[PrivateJwk], str]] = {
    "repr": repr,
    "str": str,
    "ascii": ascii,
    "f-string": lambda private: f"{private} {private!r} {private!s} {private:>40}",
    "format": "{0} {0!r} {0:20}".format,
    "percent": lambda private: "%s %r" % (private, private),  # noqa: UP031 - the operator is what is tested
    "list": lambda private: str([private, {"key": private}]),
    "pprint": lambda private: pprint.pformat({"key": private}),
    "dataclass": lambda private: repr(Holder("signing", private)),
    "generated key": lambda private: repr(dataclasses.replace(fresh("ES256"), private=private)),
    "exception": lambda private: repr(RuntimeError(private)),
    "traceback": traceback_with_locals,
    "attributes": lambda private: repr(inspect.getmembers(private)),
}


@pytest.mark.parametrize("algorithm", EACH_KEY_TYPE)
@pytest.mark.parametrize("render", RENDERINGS.values(), ids=RENDERINGS.keys())
def test_a_private_key_prints_as_redacted(algorithm: str, render: Callable[[PrivateJwk], str]) -> None:
    private = fresh(algorithm).private
    shown = render(private)
    assert "<redacted>" in shown
    assert not [window for window in private_windows(private.reveal()) if window in shown]


def test_a_private_key_is_logged_as_redacted(caplog: pytest.LogCaptureFixture) -> None:
    private = fresh("ES256").private
    logging.getLogger("any").warning("%s and %r", private, Holder("signing", private))
    assert caplog.messages == ["<redacted> and Holder(name='signing', private=<redacted>)"]


@pytest.mark.parametrize(
    "copier",
    [
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        PrivateJwk.__getstate__,
        json.dumps,
        canonical_json,
        bytes,
        vars,
        dict,
        list,
    ],
    ids=lambda copier: copier.__name__,
)
def test_a_private_key_is_not_copied_or_written_by_accident(copier: Callable[[object], object]) -> None:
    private = fresh("ES256").private
    with pytest.raises(TypeError) as caught:
        copier(private)
    assert not [window for window in private_windows(private.reveal()) if window in str(caught.value)]


def test_a_dataclass_that_holds_one_is_not_flattened_by_accident() -> None:
    with pytest.raises(TypeError, match="neither pickled nor copied"):
        dataclasses.asdict(Holder("signing", fresh("ES256").private))


@pytest.mark.parametrize("algorithm", EACH_KEY_TYPE)
def test_what_the_keyring_stores_comes_back_equal(algorithm: str) -> None:
    private = fresh(algorithm).private
    again = PrivateJwk.from_members(json.loads(json.dumps(private.reveal(), sort_keys=True)))
    assert again == private
    assert hash(again) == hash(private)
    assert again.reveal_json() == private.reveal_json() == canonical_json(private.reveal())
    assert again.kid == fresh(algorithm).kid


def test_different_keys_are_different_even_under_one_kid() -> None:
    private = fresh("ES256").private
    other = generate("ES256").private.reveal()
    assert private != PrivateJwk.from_members(other)
    assert private != PrivateJwk.from_members({**other, "kid": private.kid})
    assert private != private.reveal()


def test_changing_what_was_revealed_does_not_change_the_key() -> None:
    private = fresh("ES256").private
    private.reveal()["d"] = "changed"
    assert private.reveal()["d"] != "changed"


@pytest.mark.parametrize(
    "change",
    [
        {"k": "AA"},
        {"oth": []},
        {"alg": "none"},
        {"kty": "RSA"},
        {"use": "enc"},
        {"key_ops": ["verify"]},
        {"key_ops": ["sign", "verify"]},
        {"d": 5},
        {"d": ""},
        {"kid": None},
    ],
    ids=str,
)
def test_a_keyring_entry_of_another_shape_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(JwkError):
        PrivateJwk.from_members({**fresh("ES256").private.reveal(), **change})


@pytest.mark.parametrize("name", ["kty", "use", "key_ops", "alg", "kid", "crv", "x", "y", "d"])
def test_a_keyring_entry_without_a_member_is_refused(name: str) -> None:
    members = fresh("ES256").private.reveal()
    del members[name]
    with pytest.raises(JwkError, match="missing"):
        PrivateJwk.from_members(members)
