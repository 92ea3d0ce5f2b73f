"""The table of files of the consumer Secret: every row is written, read and found again, and users are told of it."""

import pytest

from jwks_operator.api.targets_spec import SecretTarget
from jwks_operator.keys.formats import read_file, write_file
from jwks_operator.keys.jwk import parse_private
from jwks_operator.keys.secret_files import ALG, FILES, KID, Form, Format, SecretFile, split_name
from keys.samples import fresh

KEYS = [file for file in FILES if file.form is not Form.TEXT]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.suffix))
def test_a_data_key_is_split_as_it_was_made(file: SecretFile) -> None:
    assert split_name(file.name_for("signing")) == ("signing", file)


@pytest.mark.parametrize("name", ["signing", "signing.jwk.bak", "signing.tls", ".jwk2", "README.md"])
def test_a_data_key_that_is_not_in_the_table_is_no_file(name: str) -> None:
    assert split_name(name)[1] is None


@pytest.mark.parametrize("file", KEYS, ids=lambda file: str(file.suffix))
@pytest.mark.parametrize("algorithm", ["ES256", "ECDH-ES", "HS256"])
def test_a_private_key_is_read_from_a_file_as_it_was_written(file: SecretFile, algorithm: str) -> None:
    key = fresh(algorithm)
    if file.suits(symmetric=not key.public, certified=True, external=False):
        content = write_file(file.form, [(key.public, key.private)])
        (value,) = read_file(file.form, content, key.kid, algorithm)
        assert parse_private(value) == (key.public, key.private)


def test_every_format_asks_for_a_file_and_every_file_is_told_to_users() -> None:
    told = SecretTarget.model_fields["formats"].description or ""
    assert {file.format for file in FILES} - {None} == set(Format)
    for file in set(FILES) - {KID, ALG}:
        assert f"<entry>.{file.suffix}" in told
