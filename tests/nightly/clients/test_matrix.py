"""Every algorithm, in every form, in every library: what docs/algorithms.md says is so, no more and no less."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clients.libraries import LIBRARY_NAMES, REFUSALS, Form, Library, Mounted, NodeLibraries, NodeRefusal, libraries
from clients.limits import SHAPES, Shape, forms_of, works
from clients.matrix import document
from clients.operated import namespace_of
from jwks_operator.keys.algorithms import KeyClass
from jwks_operator.keys.formats import render
from jwks_operator.keys.generate import generate
from jwks_operator.keys.jwk import parse_private, parse_public
from jwks_operator.keys.secret_files import Form as FileForm
from keys.samples import is_misread_by_node_jose

# joserfc warns of EdDSA, which RFC 9864 deprecates; that it is there for old clients is the point.
pytestmark = pytest.mark.filterwarnings("ignore:.*:joserfc.errors.SecurityWarning")

PAYLOAD = "a payload, with an ü"
SIGNING = {shape.name for shape in SHAPES if shape.row.use == "sig"}


@pytest.fixture(scope="module")
def every_library() -> Iterator[dict[str, Library]]:
    with NodeLibraries() as node:
        yield libraries(node)


def mounted(shape: Shape, form: Form) -> Mounted:
    """The key as a service has it that mounts the Secret of the set."""
    return namespace_of(shape).mounted(form)


def published_set(shape: Shape) -> str | None:
    """The set as it stands in the ConfigMap."""
    return namespace_of(shape).jwks(shape)


def there_and_back(user: Library, checker: Library, key: Mounted, jwks: str | None) -> str:
    if key.alg in SIGNING:
        return checker.verify(key, jwks, user.sign(key, PAYLOAD))
    return user.decrypt(key, checker.encrypt(key, jwks, PAYLOAD))


@pytest.mark.parametrize("library", LIBRARY_NAMES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_library_uses_what_the_matrix_says(every_library: dict[str, Library], shape: Shape, library: str) -> None:
    tool, jwks = every_library[library], published_set(shape)
    for form in forms_of(shape):
        key = mounted(shape, form)
        if works(shape, library, form):
            assert there_and_back(tool, tool, key, jwks) == PAYLOAD
        else:
            with pytest.raises(REFUSALS):
                there_and_back(tool, tool, key, jwks)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_secret_has_every_form_and_the_set_what_belongs_to_it(shape: Shape) -> None:
    files, key = namespace_of(shape).files, namespace_of(shape).key
    symmetric = shape.row.key_class is KeyClass.SYMMETRIC
    assert set(files) == {"jwk", "jwks", "kid", "alg"} | (set() if symmetric else {"pem", "tls.crt", "tls.key"})
    assert (files["alg"], key == {}) == (shape.name, symmetric)
    if not symmetric:
        assert files["tls.key"] == files["pem"]
        assert {"x5c", "x5t#S256", "alg", "use", "kid"} <= key.keys()


@pytest.mark.parametrize("library", LIBRARY_NAMES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_what_a_library_reads_and_writes_again_is_the_same_key(
    every_library: dict[str, Library], shape: Shape, library: str
) -> None:
    tool, jwks, named = every_library[library], published_set(shape), {"alg": shape.name}
    ours = parse_private(json.loads(mounted(shape, "JWK").text))
    for form in forms_of(shape):
        key = mounted(shape, form)
        if works(shape, library, form):
            again = {**json.loads(tool.private_jwk(key)), **named, "kid": key.kid}
            assert parse_private(_key_alone(again)) == ours
            if jwks is not None:
                public = json.loads(tool.public_jwk(key, jwks))
                assert parse_public(_key_alone({**public, **named, "kid": key.kid})) == ours[0]


def _key_alone(jwk: dict[str, Any]) -> dict[str, Any]:
    """Without the operations, which some libraries rewrite as they see them."""
    return {name: value for name, value in jwk.items() if name not in ("key_ops", "use")}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_what_one_library_makes_another_opens(every_library: dict[str, Library], shape: Shape) -> None:
    able = [tool for name, tool in every_library.items() if works(shape, name, "JWK")]
    key, jwks = mounted(shape, "JWK"), published_set(shape)
    for user, checker in zip(able, [*able[1:], able[0]], strict=True):
        assert there_and_back(user, checker, key, jwks) == PAYLOAD


@pytest.mark.parametrize("algorithm", ["ES256", "ES384"])
def test_one_key_in_256_is_no_pem_file_to_node_jose(every_library: dict[str, Library], algorithm: str) -> None:
    key = next(found for found in iter(lambda: generate(algorithm), None) if is_misread_by_node_jose(found.public))
    tool = every_library["node-jose"]
    jwk, pem = (render(key.public, key.private, form).decode() for form in (FileForm.JWK, FileForm.PEM))
    assert tool.sign(Mounted(jwk, "JWK", key.kid, algorithm), PAYLOAD)
    with pytest.raises(NodeRefusal):
        tool.sign(Mounted(pem, "PEM", key.kid, algorithm), PAYLOAD)


def test_the_page_about_algorithms_is_up_to_date() -> None:
    page = Path(__file__).parents[3] / "docs" / "algorithms.md"
    assert page.read_text() == document(), "run make generate"
