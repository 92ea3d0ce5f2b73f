"""Public keys as PEM files: what OpenSSL reads, and the kid above each."""

import subprocess

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import example, given
from hypothesis import strategies as st

from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass
from jwks_operator.keys.generate import generate
from jwks_operator.keys.material import load_public
from jwks_operator.keys.public_pem import is_public_pem, kid_comment, kids_in_pem, render_public_pem
from jwks_operator.serve.check import check_pem

_MADE = generate("ES256", None)
SHAPES = [
    (row.name, crv)
    for row in ALGORITHMS.values()
    if row.key_class is not KeyClass.SYMMETRIC and row.name not in {"RS384", "RS512", "PS384", "PS512"}
    for crv in (row.curves if len(row.curves) > 1 else (None,))
]


@pytest.mark.parametrize(("algorithm", "crv"), SHAPES)
def test_a_key_of_every_algorithm_is_a_public_key_in_pem(algorithm: str, crv: str | None) -> None:
    bits = 2048 if ALGORITHMS[algorithm].modulus_lengths else None
    key = generate(algorithm, bits, crv)
    text = render_public_pem([key.public])
    assert text.splitlines()[:2] == [f"# kid: {key.kid}", "-----BEGIN PUBLIC KEY-----"]
    assert load_pem_public_key(text.encode()) == load_public(key.public)
    assert check_pem(text.encode()) == 1


def test_openssl_reads_the_first_key_and_skips_the_comment() -> None:
    keys = [generate("ES256", None) for _ in range(2)]
    command = ["openssl", "pkey", "-pubin", "-outform", "DER"]
    read = subprocess.run(
        command, input=render_public_pem(key.public for key in keys).encode(), capture_output=True, check=True
    )
    alone = subprocess.run(command, input=render_public_pem([keys[0].public]).encode(), capture_output=True, check=True)
    assert read.stdout == alone.stdout


def test_keys_stand_one_after_the_other_and_their_kids_are_found() -> None:
    keys = [generate("ES256", None) for _ in range(3)]
    text = render_public_pem(key.public for key in keys)
    assert kids_in_pem(text) == tuple(key.kid for key in keys)
    assert is_public_pem(text)
    assert check_pem(text.encode()) == 3
    assert render_public_pem([]) == ""
    assert check_pem(b"") == 0


@given(kid=st.text(min_size=1, max_size=256))
@example(kid="\x7f")
@example(kid="\n-----BEGIN PRIVATE KEY-----\n")
@example(kid='\\"')
def test_no_kid_leaves_its_comment(kid: str) -> None:
    key = {**_MADE.public, "kid": kid}
    text = render_public_pem([key])
    assert text.splitlines()[0] == kid_comment(kid)
    assert text.count("-----BEGIN") == 1 + kid.count("-----BEGIN")
    assert text.splitlines()[1] == "-----BEGIN PUBLIC KEY-----"
    assert kids_in_pem(text) == (kid,)
    assert check_pem(text.encode()) == 1
